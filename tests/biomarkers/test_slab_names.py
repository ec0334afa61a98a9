"""Columns of one slab: made from the registry's on demand, by names that read back in one way."""

from __future__ import annotations

from pathlib import Path

import pytest

from retquant.biomarkers import BIOMARKERS, find_column, parse, run_columns, select_columns, slab_columns
from retquant.biomarkers.columns import expand
from retquant.biomarkers.grammar import SLABS
from retquant.biomarkers.registry import DEFINITIONS
from retquant.biomarkers.slabs import SLAB_TEXT, is_per_slab, slabs_in_use, split_slab, with_slab
from retquant.errors import ConfigError
from retquant.manifest.records import ImageRecord

SHARED = "artery_area_density_fovea"  # photographs have it, too


def test_a_column_of_a_slab_is_the_same_quantity_under_a_name_that_ends_in_it() -> None:
    of_eye, of_slab = BIOMARKERS["capillary_area_density_parafovea_nasal"], "dvc"
    found = with_slab(of_eye, of_slab)
    assert found.name == "capillary_area_density_parafovea_nasal_dvc"
    assert (found.definition_id, found.version, found.unit) == (
        of_eye.definition_id,
        of_eye.version,
        of_eye.unit,
    )
    assert "slab dvc, deep vascular complex." in found.definition
    assert found.definition.startswith(of_eye.definition.removesuffix("."))


def test_every_name_with_a_slab_reads_back_and_is_found() -> None:
    columns = list(slab_columns())
    assert len({column.name for column in columns}) == len(columns)
    for column in columns:
        read = parse(column.name)
        assert (str(read), read.slab) == (column.name, column.slab)
        assert (read.structure, read.biomarker, read.statistic, read.region, read.sector) == (
            column.structure,
            column.biomarker,
            column.statistic,
            column.region,
            column.sector,
        )
        assert find_column(column.name) == column
        assert column.name not in BIOMARKERS
    assert set(SLAB_TEXT) == set(SLABS)


def test_the_scan_s_own_columns_have_no_slab() -> None:
    for column in BIOMARKERS.values():
        if column.structure in ("faz", "quality") or "octa" not in column.modalities:
            assert not is_per_slab(column)
            with pytest.raises(ValueError, match="no slab to be measured in"):
                with_slab(column, "svc")
        else:
            assert is_per_slab(column)


@pytest.mark.parametrize(
    "name",
    [
        "faz_area_svc",
        "quality_sharpness_dvc",
        "vessel_area_density_fov_svc",
        "capillary_area_density_field_choroid",
        "capillary_area_density_field_svc_dvc",
        "capillary_area_density_field_svc__se",
        "svc",
        "_svc",
        "",
    ],
)
def test_other_names_are_no_columns(name: str) -> None:
    assert find_column(name) is None
    assert split_slab(name) == (name, None)


def test_a_slab_outside_the_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="'choroid' is not among svc"):
        with_slab(BIOMARKERS["capillary_area_density_field"], "choroid")


def test_what_is_a_function_of_another_column_is_one_of_the_same_slab_s() -> None:
    derived = [column for column in slab_columns(["icp"]) if column.derived_from]
    assert derived
    for column in derived:
        source = find_column(column.derived_from or "")
        assert source is not None
        assert source.slab == "icp"


def test_finding_columns_leaves_the_registry_as_it_is() -> None:
    before = list(BIOMARKERS)
    assert before == [column.name for d in DEFINITIONS.values() for column in expand(d)]
    list(slab_columns())
    assert list(BIOMARKERS) == before


def test_without_slabs_a_run_has_the_registry_s_columns_in_its_order() -> None:
    for modalities in (("cfp",), ("octa",), ("octa", "cfp")):
        columns = run_columns(("*",), modalities=modalities)
        assert columns == [c for c in BIOMARKERS.values() if set(modalities) & set(c.modalities)]


def test_a_run_with_slabs_has_each_column_once_a_slab_and_photographs_theirs_without() -> None:
    slabs = ("svc", "dvc")
    columns = {column.name: column for column in run_columns(("*",), modalities={"octa", "cfp"}, slabs=slabs)}
    for name, column in BIOMARKERS.items():
        in_slabs = {f"{name}_{slab}" for slab in SLABS} & set(columns)
        if is_per_slab(column):
            assert in_slabs == {f"{name}_svc", f"{name}_dvc"}
            assert (name in columns) == ("cfp" in column.modalities)
        else:
            assert not in_slabs
            assert columns[name] == column
    assert columns[SHARED].modalities == ("cfp",)
    assert columns[f"{SHARED}_svc"].modalities == ("octa",)
    order = [(list(BIOMARKERS).index(split_slab(name)[0]), split_slab(name)[1]) for name in columns]
    assert order == sorted(order, key=lambda place: (place[0], SLABS.index(place[1]) if place[1] else -1))
    of_scans = run_columns(("*",), modalities={"octa"}, slabs=slabs)
    assert SHARED not in {column.name for column in of_scans}
    assert [c.name for c in of_scans] == select_columns(("*",), modality="octa", slabs=slabs)


def test_a_glob_takes_all_slabs_or_names_one() -> None:
    def chosen(pattern: str, modality: str = "octa") -> list[str]:
        return select_columns([pattern], modality=modality, slabs=("svc", "dvc"))

    density = "capillary_area_density_field"
    assert chosen(density) == chosen("capillary_area_density_fie*") == [f"{density}_svc", f"{density}_dvc"]
    assert chosen(f"{density}_dvc") == [f"{density}_dvc"]
    assert {split_slab(name)[1] for name in chosen("*_dvc")} == {"dvc"}
    assert chosen("*_dvc", "cfp") == []
    assert chosen(SHARED, "cfp") == [SHARED]
    with pytest.raises(ConfigError, match=r"'\*_icp'"):
        chosen("*_icp")


def test_slabs_of_a_run_are_those_that_angiograms_name_in_the_vocabulary_s_order() -> None:
    def record(modality: str, *names: str) -> ImageRecord:
        return ImageRecord(image_id="a", image=Path("/a"), row=2, modality=modality, slab_names=names)

    records = [record("octa", "opl_bm", "svc"), record("octa"), record("cfp", "full"), record("octa", "icp")]
    assert slabs_in_use(records) == ("svc", "icp", "opl_bm")
    assert slabs_in_use(records[1:3]) == ()
