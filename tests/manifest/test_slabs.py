"""Slabs of a scan in a manifest: files of their own or planes of one file, named by a closed list of words."""

from __future__ import annotations

from pathlib import Path

import pytest

from retquant.biomarkers.grammar import SLABS as SLABS_OF_COLUMNS
from retquant.errors import ManifestError
from retquant.manifest import read_manifest
from retquant.manifest.columns import SLABS
from retquant.manifest.faults import Fault
from retquant.manifest.records import ImageRecord


def records(tmp_path: Path, text: str) -> tuple[ImageRecord, ...]:
    (tmp_path / "m.csv").write_text(text, encoding="utf-8")
    return read_manifest(tmp_path / "m.csv").records


def faults(tmp_path: Path, text: str) -> tuple[Fault, ...]:
    with pytest.raises(ManifestError) as caught:
        records(tmp_path, text)
    return caught.value.faults


def test_names_without_files_are_those_of_planes_in_the_image(tmp_path: Path) -> None:
    first, second = records(
        tmp_path,
        "image,modality,slab_1_name,slab_2_name,slab_3_name\n"
        "a.tif,octa,Full,ILM-OPL,opl bm\nb.tif,octa,superficial,deep,\n",
    )
    assert first.slab_names == ("full", "ilm_opl", "opl_bm")
    assert second.slab_names == ("svc", "dvc")
    assert first.slabs == ()


def test_names_beside_files_are_as_many_as_the_row_has_files(tmp_path: Path) -> None:
    both, one = records(
        tmp_path,
        "image,modality,slab_2,slab_1_name,slab_2_name\na.png,octa,b.png,svc,dvc\nc.png,octa,,svc,dvc\n",
    )
    assert both.slab_names == ("svc", "dvc")
    assert one.slab_names == ("svc",)


def test_a_slabs_name_is_one_of_the_words_that_columns_have(tmp_path: Path) -> None:
    assert set(SLABS.values()) == set(SLABS_OF_COLUMNS)
    (fault,) = faults(tmp_path, "image,slab_1_name\na.png,choroid\n")
    assert (fault.row, fault.column, fault.value) == (2, "slab_1_name", "choroid")
    assert "svc, icp, dvc, full, ilm_opl, opl_bm" in fault.remedy


def test_two_slabs_of_a_scan_have_two_names(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "image,slab_1_name,slab_2_name\na.png,deep,dvc\n")
    assert (fault.column, fault.value) == ("slab_2_name", "dvc")


def test_of_planes_in_one_file_all_are_named_or_none(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "image,slab_1_name,slab_2_name\na.tif,,dvc\nb.tif,svc,\n")
    assert (fault.row, fault.column) == (2, "slab_1_name")


def test_a_column_of_an_absurd_number_is_one_fault(tmp_path: Path) -> None:
    found = faults(tmp_path, "image,slab_999999999_name\na.tif,dvc\n")
    assert [fault.column for fault in found] == ["slab_999999999_name"]


def test_where_slabs_of_one_angiogram_are_named_those_of_all_are(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        "image,modality,slab_2,slab_1_name,slab_2_name\n"
        "a.png,octa,b.png,svc,dvc\nc.png,octa,d.png,,dvc\ne.png,octa,f.png,svc,\ng.png,octa,,,\nh.png,cfp,,,\n",
    )
    assert [(fault.row, fault.column) for fault in found] == [
        (3, "slab_1_name"),
        (4, "slab_2_name"),
        (5, "slab_1_name"),
    ]
    assert "Name the slabs of all angiograms, or of none" in found[0].remedy


def test_a_scan_whose_planes_are_unnamed_is_told_once(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "image,modality,slab_1_name,slab_2_name\na.tif,octa,svc,dvc\nb.tif,octa,,\n")
    assert (fault.row, fault.column) == (3, "slab_1_name")
    (fault,) = faults(tmp_path, "image,modality,slab_1_name\na.tif,octa,svc\nb.tif,octa,choroid\n")
    assert fault.problem == "is no slab"


def test_slabs_may_all_be_unnamed_and_names_of_photographs_ask_for_none(tmp_path: Path) -> None:
    first, second = records(
        tmp_path, "image,modality,slab_2,slab_1_name\na.png,octa,b.png,\nc.png,cfp,,svc\n"
    )
    assert (first.slab_names, len(first.slabs)) == ((), 1)
    assert second.modality == "cfp"
