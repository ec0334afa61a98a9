"""Manifests that are wrong: everything is told at once, with row, column, value and remedy."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest

from retquant.errors import ManifestError
from retquant.manifest import Fault, read_manifest


def faults(folder: Path, text: str | bytes, name: str = "cohort.csv", **options: object) -> Sequence[Fault]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ManifestError) as caught:
        read_manifest(path, **options)  # type: ignore[arg-type]
    assert str(path) in str(caught.value)
    assert all(fault.remedy for fault in caught.value.faults)
    return caught.value.faults


def test_all_faults_are_told_at_once_in_order_of_rows(tmp_path: Path) -> None:
    text = (
        "image,image_id,eye,modality,um_per_px,fovea_x,fovea_y\n"
        "a.png,one,XX,cfp,-1,,\n"
        "b.png,one,OD,slo,0,5,\n"
        ",two,OS,octa,abc,,7\n"
    )
    found = faults(tmp_path, text)
    assert [(fault.row, fault.column, fault.value) for fault in found] == [
        (2, "eye", "XX"),
        (2, "um_per_px", "-1"),
        (3, "fovea_y", None),
        (3, "image_id", "one"),
        (3, "modality", "slo"),
        (3, "um_per_px", "0"),
        (4, "fovea_x", None),
        (4, "image", None),
        (4, "um_per_px", "abc"),
    ]


def test_the_message_shows_the_count_and_the_first_twenty(tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text("image,eye\n" + "".join(f"{n}.png,X{n}\n" for n in range(30)))
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    text = str(caught.value)
    assert "30 faults" in text
    assert "X19" in text
    assert "X20" not in text
    assert "10 more" in text
    assert len(caught.value.faults) == 30


def test_the_error_arrives_whole_from_another_process(tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text("image,eye\na.png,X\n")
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    arrived = pickle.loads(pickle.dumps(caught.value))
    assert str(arrived) == str(caught.value)
    assert arrived.faults == caught.value.faults


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "empty"),
        (b"  \n\n", "empty"),
        (b"image,eye\n", "no rows"),
        (b"image,eye\n,\n", "no rows"),
        (b"file,eye\na.png,OD\n", "missing"),
        (b"PK\x03\x04....", "workbook"),
        (b"image\n\x81\x8d.png\n", "not UTF-8 or Windows-1252"),
        (b"image\na\0b.png\n", "no text"),
        (b"\xff\xfea", "utf-16"),
    ],
)
def test_what_is_no_manifest_at_all_is_said_in_a_sentence(tmp_path: Path, text: bytes, words: str) -> None:
    (fault,) = faults(tmp_path, text)
    assert words in fault.problem


def test_a_missing_image_column_names_the_columns_that_there_are(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "path,eye\na.png,OD\n")
    assert (fault.row, fault.column) == (1, "image")
    assert "path, eye" in fault.problem or "eye, path" in fault.problem


def test_a_manifest_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no such file"):
        read_manifest(tmp_path / "cohort.csv")
    with pytest.raises(ManifestError, match="retquant manifest"):
        read_manifest(tmp_path)


def test_a_broken_parquet_file_is_said(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, b"PAR1 and then nothing", "cohort.parquet")
    assert "Parquet" in fault.problem


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        ("um_per_px", ["0.1", "12", "1e1"], ["0", "-3", "x", "inf", "nan5", "1,5", "0x10"]),
        ("fov_mm", ["3", "6.0"], ["0", "-0.1"]),
        ("fov_deg", ["45", "200"], ["0", "-45", "361"]),
        ("axial_length_mm", ["15", "40", "23.55"], ["14.9", "40.1", "-1", "0"]),
        ("corneal_radius_mm", ["5", "12"], ["4.9", "43"]),
        ("spherical_equivalent_d", ["-30", "30", "0", "+1.5"], ["-30.5", "31"]),
    ],
)
def test_numbers_have_limits(tmp_path: Path, column: str, good: list[str], bad: list[str]) -> None:
    rows = "".join(f'{n}.png,"{value}"\n' for n, value in enumerate([*good, *bad]))
    found = faults(tmp_path, f"image,{column}\n{rows}")
    assert [(fault.row, fault.value) for fault in found] == [
        (2 + len(good) + n, value) for n, value in enumerate(bad)
    ]
    assert {fault.column for fault in found} == {column}


@pytest.mark.parametrize(
    "name",
    ["a/b", "a\\b", ".hidden", "..", "x" * 201, "é" * 101, "tab\tin"],
    ids=lambda name: repr(name)[:12],
)
def test_an_image_id_must_be_fit_for_a_file_name(tmp_path: Path, name: str) -> None:
    (fault,) = faults(tmp_path, f'image,image_id\na.png,"{name}"\n')
    assert (fault.row, fault.column, fault.value) == (2, "image_id", name)


def test_a_file_twice_needs_ids(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "image\na.png\nb.png\n./x/../a.png\n")
    assert (fault.row, fault.column) == (4, "image")
    assert "row 2" in fault.problem
    path = tmp_path / "cohort.csv"
    path.write_text("image,image_id\na.png,one\na.png,two\n")
    assert len(read_manifest(path).records) == 2


def test_a_column_twice_is_a_fault_also_in_another_spelling(tmp_path: Path) -> None:
    found = faults(tmp_path, "image,age,Eye,age,eye \na.png,1,OD,2,OD\n")
    assert [(fault.row, fault.column) for fault in found] == [(1, "age"), (1, "eye")]


def test_rows_of_another_length_are_faults_with_their_lines(tmp_path: Path) -> None:
    found = faults(tmp_path, "image,age\na.png,1\n\nb.png\nc.png,2,3\nd.png,4\ne.png,x,\n")
    assert [fault.row for fault in found] == [4, 5, 7]
    assert "1 cell," in found[0].problem
    assert "3 cells" in found[1].problem


def test_rows_keep_their_lines_beside_rows_of_another_length(tmp_path: Path) -> None:
    found = faults(tmp_path, "image,eye\na.png\nb.png,OD\nc.png,XX\n")
    assert [(fault.row, fault.value) for fault in found] == [(2, "a.png"), (4, "XX")]


def test_a_column_without_a_name_is_a_fault_where_it_holds_something(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "image,,age\na.png,x,1\n")
    assert "column 2" in fault.problem


@pytest.mark.parametrize(
    "cell", ["03/04/2020", "2020-13-01", "2020-02-30", "20201301", "yesterday", "2020-01-01T25:00"]
)
def test_dates_are_never_guessed(tmp_path: Path, cell: str) -> None:
    (fault,) = faults(tmp_path, f"image,acquired_at\na.png,{cell}\nb.png,2020-01-31T09:30\n")
    assert (fault.row, fault.column, fault.value) == (2, "acquired_at", cell)


@pytest.mark.parametrize(
    ("column", "hint"),
    [("vesel_mask", "vessel_mask"), ("optic_disc_mask", "disc_mask"), ("lung_mask", "does not end in _mask")],
)
def test_masks_of_an_unknown_target_are_not_passed_over(tmp_path: Path, column: str, hint: str) -> None:
    (fault,) = faults(tmp_path, f"image,{column}\na.png,\nb.png,masks/b.png\n")
    assert (fault.row, fault.column, fault.value) == (1, column, "masks/b.png")
    assert hint in fault.remedy


def test_a_label_may_end_in_mask(tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text("image,wore_mask\na.png,yes\n")
    assert read_manifest(path).covariates == ("wore_mask",)


def test_slabs_count_up_from_two(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "image,slab_2,slab_3\na.png,b.png,c.png\nd.png,,e.png\n")
    assert (fault.row, fault.column) == (3, "slab_2")
    (fault,) = faults(tmp_path, "image,slab_1\na.png,b.png\n")
    assert fault.column == "slab_1"
    (fault,) = faults(tmp_path, "image,slab_2,slab_999999999999\na.png,b.png,c.png\n")
    assert (fault.row, fault.column) == (1, "slab_3")


@pytest.mark.parametrize("cell", ["ftp://example.org/a.png", "file:///data/a.png"])
def test_an_address_of_an_unknown_kind_is_no_file(tmp_path: Path, cell: str) -> None:
    (fault,) = faults(tmp_path, f"image\n{cell}\n")
    assert "address" in fault.problem


@pytest.mark.skipif(os.name == "nt", reason="such paths are right on Windows")
@pytest.mark.parametrize("cell", ["C:\\data\\a.png", "d:/data/a.png", "\\\\server\\share\\a.png"])
def test_a_path_of_a_windows_machine_is_said_elsewhere(tmp_path: Path, cell: str) -> None:
    (fault,) = faults(tmp_path, f"image\n{cell}\n")
    assert "Windows" in fault.problem
