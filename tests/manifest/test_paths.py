"""Where a manifest may reach: its own folder, unless told otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from retquant.errors import ManifestError
from retquant.manifest import Manifest, read_manifest


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Folder `cohort` with images, beside a folder `elsewhere`."""
    (tmp_path / "cohort" / "images").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    for place in ("cohort/images/in.png", "elsewhere/out.png"):
        (tmp_path / place).write_bytes(b"x")
    return tmp_path.resolve() / "cohort"


def read(cohort: Path, *cells: str, column: str = "image", **options: object) -> Manifest:
    path = cohort / "cohort.csv"
    if column == "image":
        path.write_text("image\n" + "".join(f"{cell}\n" for cell in cells))
    else:
        path.write_text(f"image,{column}\n" + "".join(f"{n}.png,{cell}\n" for n, cell in enumerate(cells)))
    return read_manifest(path, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("column", ["image", "vessel_mask", "slab_2"])
@pytest.mark.parametrize(
    "cell", ["../elsewhere/out.png", "images/../../elsewhere/out.png", "..\\elsewhere\\out.png", ".."]
)
def test_a_relative_path_stays_in_the_manifests_folder(cohort: Path, column: str, cell: str) -> None:
    with pytest.raises(ManifestError, match="--allow-outside") as caught:
        read(cohort, cell, column=column)
    assert [(fault.row, fault.column, fault.value) for fault in caught.value.faults] == [(2, column, cell)]


def test_allow_outside_lets_it_leave(cohort: Path) -> None:
    manifest = read(cohort, "../elsewhere/out.png", allow_outside=True)
    assert manifest.records[0].image == cohort.parent / "elsewhere" / "out.png"


def test_an_absolute_path_is_the_users_own_word(cohort: Path) -> None:
    place = cohort.parent / "elsewhere" / "out.png"
    assert read(cohort, str(place)).records[0].image == place


@pytest.mark.parametrize("crowd", [0, 150])
def test_links_are_followed_before_they_are_judged(cohort: Path, crowd: int) -> None:
    (cohort / "images" / "link.png").symlink_to(cohort.parent / "elsewhere" / "out.png")
    (cohort / "images" / "near.png").symlink_to(cohort / "images" / "in.png")
    (cohort / "far").symlink_to(cohort.parent / "elsewhere")
    others = [f"images/{n}.png" for n in range(crowd)] + [f"far/{n}.png" for n in range(crowd)]
    with pytest.raises(ManifestError) as caught:
        read(cohort, "images/link.png", "far/out.png", *others)
    assert len(caught.value.faults) == 2 + crowd
    assert {fault.value for fault in caught.value.faults} >= {"images/link.png", "far/out.png"}
    manifest = read(cohort, "images/near.png", *others[:crowd])
    assert manifest.records[0].image == cohort / "images" / "in.png"
    assert manifest.records[0].image_id == "near"
    allowed = read(cohort, "images/link.png", *others, allow_outside=True)
    assert allowed.records[0].image == cohort.parent / "elsewhere" / "out.png"


def test_a_root_confines_absolute_paths_too(cohort: Path) -> None:
    with pytest.raises(ManifestError, match="--root"):
        read(cohort, str(cohort.parent / "elsewhere" / "out.png"), root=cohort)
    with pytest.raises(ManifestError, match="--root"):
        read(cohort, "../elsewhere/out.png", root=cohort, allow_outside=True)
    with pytest.raises(ManifestError, match="--allow-outside"):
        read(cohort, "../elsewhere/out.png", root=cohort.parent)
    assert read(cohort, "images/in.png", root=cohort.parent)


def test_a_folder_whose_name_begins_alike_is_outside(cohort: Path) -> None:
    (cohort.parent / "cohort2").mkdir()
    with pytest.raises(ManifestError, match="--allow-outside"):
        read(cohort, "../cohort2/a.png")


def test_a_manifest_named_relatively_has_a_folder_too(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cohort / "cohort.csv").write_text("image\nimages/in.png\n")
    monkeypatch.chdir(cohort)
    assert read_manifest("cohort.csv").records[0].image == cohort / "images" / "in.png"


@pytest.mark.parametrize("crowd", [0, 150])
def test_files_beside_the_manifest_and_at_the_top_of_the_disk_are_told_apart(
    cohort: Path, crowd: int
) -> None:
    manifest = read(cohort, "a.png", "/a.png", *(f"{n}.png" for n in range(crowd)))
    assert [record.image for record in manifest.records[:2]] == [cohort / "a.png", Path("/a.png")]
