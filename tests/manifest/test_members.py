"""Paths into archives are taken apart by their letters, and obey the rules that paths of files obey."""

from __future__ import annotations

import zipfile
from pathlib import Path, PureWindowsPath

import pytest

from retquant.errors import ManifestError
from retquant.manifest import Manifest, read_manifest
from retquant.manifest.members import as_folder, split_member, tidy


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Folder `cohort`, beside a folder `elsewhere` with an archive."""
    (tmp_path / "cohort").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for place in ("cohort/in.zip", "elsewhere/out.zip"):
        with zipfile.ZipFile(tmp_path / place, "w") as archive:
            archive.writestr("left/1.png", b"x")
    return tmp_path.resolve() / "cohort"


def read(cohort: Path, *cells: str, column: str = "image", **options: object) -> Manifest:
    path = cohort / "cohort.csv"
    if column == "image":
        path.write_text("image\n" + "".join(f"{cell}\n" for cell in cells), encoding="utf-8")
    else:
        path.write_text(f"image,{column}\n" + "".join(f"{n}.png,{cell}\n" for n, cell in enumerate(cells)))
    return read_manifest(path, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("a.zip::b/c.png", ("a.zip", "b/c.png")),
        ("x/A.ZIP::c.png", ("x/A.ZIP", "c.png")),
        ("a.tar.gz::c.png", ("a.tar.gz", "c.png")),
        ("a.tgz::c::d.png", ("a.tgz", "c::d.png")),
        (r"C:\data\a.zip::eye.png", (r"C:\data\a.zip", "eye.png")),
        (r"\\server\share\a.tar::b\eye.png", (r"\\server\share\a.tar", r"b\eye.png")),
        (str(PureWindowsPath(r"C:\data\a.zip::left/eye.png")), (r"C:\data\a.zip", r"left\eye.png")),
        ("a.zip", None),
        ("a.rar::c.png", None),
        ("odd::name.png", None),
        (r"C:\data\eye.png", None),
    ],
)
def test_a_path_is_an_archive_and_a_member_or_a_file(path: str, parts: tuple[str, str] | None) -> None:
    assert split_member(path) == parts


def test_a_members_name_is_the_same_however_it_is_written() -> None:
    for written in ("b/c.png", "./b/c.png", r"b\c.png", "b//c.png", "b/./c.png"):
        assert tidy(written) == "b/c.png"
    assert tidy("a\u0308.png") == tidy("\u00e4.png")  # macOS packs letters and their accents apart
    assert as_folder("x/a.tar.gz::b/c.png") == "x/a/b/c.png"
    assert as_folder("x/c.png") == "x/c.png"


@pytest.mark.parametrize("column", ["image", "vessel_mask", "slab_2"])
def test_an_archive_lies_where_files_may(cohort: Path, column: str) -> None:
    cell = "../elsewhere/out.zip::left/1.png"
    with pytest.raises(ManifestError, match="--allow-outside") as caught:
        read(cohort, cell, column=column)
    assert [(fault.row, fault.column, fault.value) for fault in caught.value.faults] == [(2, column, cell)]
    if column == "image":
        far = cohort.parent / "elsewhere" / "out.zip"
        assert read(cohort, cell, allow_outside=True).records[0].image == Path(f"{far}::left/1.png")
        assert read(cohort, f"{far}::left/1.png").records[0].image == Path(f"{far}::left/1.png")
        with pytest.raises(ManifestError, match="--root"):
            read(cohort, f"{far}::left/1.png", root=cohort)


def test_a_link_to_an_archive_is_followed_before_it_is_judged(cohort: Path) -> None:
    (cohort / "link.zip").symlink_to(cohort.parent / "elsewhere" / "out.zip")
    with pytest.raises(ManifestError, match="--allow-outside"):
        read(cohort, "link.zip::left/1.png")


@pytest.mark.parametrize(
    ("member", "problem"),
    [
        ("../1.png", "leaves the archive"),
        ("left/../../1.png", "leaves the archive"),
        (r"..\1.png", "leaves the archive"),
        ("/etc/passwd", "leaves the archive"),
        (r"C:\1.png", "leaves the archive"),
        ("", "names no file"),
        ("./", "names no file"),
        ("inner.zip::1.png", "an archive within an archive"),
        ("inner.tar.gz", "an archive within an archive"),
        ("left/\x01.png", "control character"),
    ],
)
def test_a_members_name_stays_in_its_archive(cohort: Path, member: str, problem: str) -> None:
    with pytest.raises(ManifestError, match=problem) as caught:
        read(cohort, f"in.zip::{member}", "in.zip::left/1.png")
    assert [fault.row for fault in caught.value.faults] == [2]


def test_a_windows_archive_is_refused_where_there_is_no_windows(cohort: Path) -> None:
    with pytest.raises(ManifestError, match="a path of a Windows machine"):
        read(cohort, r"C:\data\a.zip::eye.png")


def test_ids_come_from_members_names_and_archives_are_their_folders(cohort: Path) -> None:
    manifest = read(
        cohort, "in.zip::left/1.png", "in.zip::right/1.png", "other.zip::left/1.png", "in.zip::2.png"
    )
    assert [record.image_id for record in manifest.records] == ["in_left_1", "right_1", "other_left_1", "2"]
    assert manifest.records[3].image == cohort / "in.zip::2.png"


def test_one_member_twice_is_one_image_too_many_however_it_is_written(cohort: Path) -> None:
    with pytest.raises(ManifestError, match="is the image of row 2 too"):
        read(cohort, "in.zip::left/1.png", r"in.zip::.\left\1.png")


def test_many_rows_of_an_archive_ask_the_disk_once(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    asked: list[str] = []
    real = os.path.realpath
    monkeypatch.setattr(os.path, "realpath", lambda path, **_: asked.append(str(path)) or real(path))
    manifest = read(cohort, *(f"in.zip::{n}.png" for n in range(5000)))
    assert len(manifest.records) == 5000
    assert len([path for path in asked if "in.zip" in path]) == 1
