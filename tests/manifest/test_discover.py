"""A folder of images becomes a manifest that can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from retquant.errors import ConfigError, ManifestError
from retquant.manifest import Manifest, read_manifest
from retquant.manifest.discover import Discovery, discover, write_manifest


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def written(found: Discovery, path: Path) -> Manifest:
    write_manifest(found, path)
    return read_manifest(path)


def test_a_written_pattern_tells_people_and_eyes(tmp_path: Path) -> None:
    fill(
        tmp_path,
        "a/P01_R.jpg",
        "a/P01_left.JPG",
        "b/P_02_od.png",
        "b/noeye.png",
        "notes.txt",
        ".hidden_R.png",
    )
    found = discover(tmp_path, pattern="{participant_id}_{eye}.jpg")
    assert (found.n_images, found.n_people, found.n_eyes) == (4, 2, 3)
    assert found.not_understood == ("b/noeye.png",)
    manifest = written(found, tmp_path / "manifest.csv")
    assert [(r.participant_id, r.eye) for r in manifest.records] == [
        ("P01", "OS"),
        ("P01", "OD"),
        (None, None),
        ("P_02", "OD"),
    ]


def test_a_pattern_may_read_folders_skip_parts_and_fill_any_column(tmp_path: Path) -> None:
    fill(tmp_path, "Leeds/0007/2020_OD_xyz.png", "Hull/0008/2021_OS_q.png")
    found = discover(tmp_path, pattern="{site}/{participant_id}/{wave}_{eye}_{}")
    manifest = written(found, tmp_path / "manifest.csv")
    assert manifest.participants.select(["participant_id", "eye", "site", "wave"]).to_pylist() == [
        {"participant_id": "0008", "eye": "OS", "site": "Hull", "wave": 2021},
        {"participant_id": "0007", "eye": "OD", "site": "Leeds", "wave": 2020},
    ]


def test_uk_biobank_names_tell_person_eye_and_visit(tmp_path: Path) -> None:
    fill(
        tmp_path,
        "1000012_21015_0_0.png",
        "1000012_21016_0_0.png",
        "1000012_21016_1_0.png",
        "1000012_21016_1_1.png",
    )
    found = discover(tmp_path)
    assert (found.pattern, found.n_images, found.n_people, found.n_eyes) == ("ukb", 4, 1, 2)
    manifest = written(found, tmp_path / "manifest.csv")
    assert [(r.eye, r.visit) for r in manifest.records] == [
        ("OS", "0"),
        ("OD", "0"),
        ("OD", "1"),
        ("OD", "1"),
    ]


def test_a_ready_pattern_is_taken_only_where_it_understands_nine_in_ten(tmp_path: Path) -> None:
    fill(tmp_path, *(f"{n}_left.jpg" for n in range(1, 10)), "x.jpg")
    assert discover(tmp_path).pattern == "odir"
    fill(tmp_path, "y.jpg")
    found = discover(tmp_path)
    assert (found.pattern, found.n_images, found.n_people) == ("plain", 11, 0)
    assert len(found.not_understood) == 11
    assert discover(tmp_path, pattern="odir").n_people == 9


def test_rows_are_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    fill(tmp_path, "10_left.jpg", "2_left.jpg", "1_left.jpg")
    assert [row["image"] for row in discover(tmp_path).rows] == ["1_left.jpg", "2_left.jpg", "10_left.jpg"]


def test_paths_are_relative_where_the_manifest_lies_above_and_absolute_elsewhere(tmp_path: Path) -> None:
    fill(tmp_path, "cohort/images/1_left.jpg")
    (tmp_path / "elsewhere").mkdir()
    found = discover(tmp_path / "cohort" / "images")
    write_manifest(found, tmp_path / "cohort" / "manifest.csv")
    assert "\nimages/1_left.jpg," in (tmp_path / "cohort" / "manifest.csv").read_text()
    for place in ("cohort/manifest.csv", "elsewhere/manifest.csv"):
        manifest = written(found, tmp_path / place)
        assert manifest.records[0].image == (tmp_path / "cohort" / "images" / "1_left.jpg").resolve()


def test_awkward_names_are_written_so_that_they_are_read_again(tmp_path: Path) -> None:
    names = [
        "=1+1.png",
        "-2.png",
        "a, b.png",
        'quo"te.png',
        "é ü.png",
        "back\\slash.png",
        " blank.png",
        "#1.png",
    ]
    fill(tmp_path, *names)
    manifest = written(discover(tmp_path), tmp_path / "manifest.csv")
    assert {record.image.name for record in manifest.records} == set(names)
    assert all(record.image.exists() for record in manifest.records)
    text = (tmp_path / "manifest.csv").read_text()
    assert not [line for line in text.splitlines() if line.lstrip('"')[0] in "=+-@"]


def test_names_that_no_manifest_can_hold_are_told(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "line\nbreak.png")
    found = discover(tmp_path)
    assert found.n_images == 1
    assert "line\nbreak.png" in found.not_understood


def test_a_linked_file_is_written_by_the_users_own_word(tmp_path: Path) -> None:
    fill(tmp_path, "store/1.png", "cohort/2.png")
    (tmp_path / "cohort" / "1.png").symlink_to(tmp_path / "store" / "1.png")
    manifest = written(discover(tmp_path / "cohort"), tmp_path / "cohort" / "manifest.csv")
    assert {record.image.parent.name for record in manifest.records} == {"store", "cohort"}


def test_results_of_a_run_are_no_images(tmp_path: Path) -> None:
    from retquant.cohort.record import RUN_RECORD

    fill(tmp_path, "1.png", "manifest/overlays/1.png", f"manifest/{RUN_RECORD}")
    assert discover(tmp_path).n_images == 1


@pytest.mark.parametrize(
    "pattern", ["drve", "{}", "{eye}_{eye}", "{image}", "{participant_id", "{vessel_mask}", "{a b}"]
)
def test_a_pattern_that_cannot_be_is_refused(tmp_path: Path, pattern: str) -> None:
    fill(tmp_path, "a.png")
    with pytest.raises(ConfigError, match="pattern"):
        discover(tmp_path, pattern=pattern)


def test_a_folder_without_images_is_said(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no images"):
        discover(tmp_path)
    with pytest.raises(ManifestError, match="no such folder"):
        discover(tmp_path / "x")


def test_drive_is_understood(shared_data: Path, tmp_path: Path) -> None:
    found = discover(shared_data / "fundus" / "DRIVE")
    assert (found.pattern, found.n_images, found.n_people, found.not_understood) == ("drive", 40, 40, ())
    manifest = written(found, tmp_path / "manifest.csv")
    assert {record.image.suffix for record in manifest.records} == {".tif"}
    assert all(record.masks["fov"].exists() for record in manifest.records)
    assert {record.image_id for record in manifest.records} >= {"01_test", "21_training"}


def test_a_part_of_drive_is_understood_too(shared_data: Path) -> None:
    found = discover(shared_data / "fundus" / "DRIVE" / "test")
    assert (found.pattern, found.n_images) == ("drive", 20)
    assert discover(shared_data / "fundus" / "DRIVE" / "test" / "images").n_people == 20


def test_idrid_is_understood_and_names_no_people(shared_data: Path, tmp_path: Path) -> None:
    found = discover(shared_data / "fundus" / "IDRiD_cohort")
    assert (found.pattern, found.n_images, found.n_people, found.not_understood) == ("idrid", 60, 0, ())
    assert len(written(found, tmp_path / "manifest.csv").records) == 60
    assert discover(shared_data / "fundus" / "IDRiD_lesions").n_images == 14


def test_odir_is_understood(shared_data: Path, tmp_path: Path) -> None:
    found = discover(shared_data / "fundus" / "ODIR_256")
    assert (found.pattern, found.n_images, found.n_people, found.n_eyes) == ("odir", 2302, 1200, 2302)
    manifest = written(found, tmp_path / "manifest.csv")
    assert len(manifest.records) == 2302
    assert len({record.participant_id for record in manifest.records}) == 1200


def test_labels_of_odir_and_idrid_are_manifests(shared_data: Path) -> None:
    manifest = read_manifest(shared_data / "fundus" / "ODIR_256" / "labels.csv")
    assert len(manifest.records) == 2302
    assert manifest.covariates == ("age", "sex", "keywords", *"NDGCAHMO")
    manifest = read_manifest(shared_data / "fundus" / "IDRiD_cohort" / "labels.csv")
    assert manifest.records[0].fovea_xy == (1914.0, 1617.0)
