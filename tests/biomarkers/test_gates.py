"""What a biomarker needs of a picture."""

from __future__ import annotations

import tomllib

import pandas as pd
import pytest

from retquant.biomarkers import BIOMARKERS, DEFINITIONS, gates
from retquant.tables.fitness import quality_columns, without_unfit

SHARP = {"vessel_sharpness": 2.0, "noise": 0.1}


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "gates", lambda: {"calibre": SHARP, "area_density": {}})


def test_the_shipped_gates_name_definitions_and_measures_that_exist() -> None:
    shipped = gates.gates()
    assert shipped, "no gate is fitted"
    assert set(shipped) <= set(DEFINITIONS)
    assert {name for gate in shipped.values() for name in gate} <= {m.name for m in gates.MEASURES}
    assert set(quality_columns()) <= set(BIOMARKERS)


@pytest.mark.usefixtures("fitted")
def test_a_picture_is_fit_where_it_meets_every_line_of_the_gate() -> None:
    assert gates.is_fit("calibre", {"vessel_sharpness": 2.0, "noise": 0.1})
    assert not gates.is_fit("calibre", {"vessel_sharpness": 1.9, "noise": 0.1})
    assert not gates.is_fit("calibre", {"vessel_sharpness": 2.5, "noise": 0.2})


@pytest.mark.usefixtures("fitted")
def test_a_measure_that_is_missing_meets_no_gate() -> None:
    assert not gates.is_fit("calibre", {"noise": 0.0})
    assert not gates.is_fit("calibre", {"vessel_sharpness": float("nan"), "noise": 0.0})


@pytest.mark.usefixtures("fitted")
def test_what_asks_for_nothing_takes_any_picture() -> None:
    assert gates.is_fit("area_density", {})
    assert gates.is_fit("never fitted", {})


def test_the_file_reads_back_what_was_fitted() -> None:
    text = gates.as_toml({"calibre": {"vessel_sharpness": 1.23456}, "area_density": {}})
    assert tomllib.loads(text)["gates"] == {"calibre": {"vessel_sharpness": 1.23}, "area_density": {}}


@pytest.mark.usefixtures("fitted")
def test_gating_a_table_empties_unfit_values_alone_and_counts_them() -> None:
    table = pd.DataFrame(
        {"image_id": ["a", "b"], "vein_calibre_median_fov": [90.0, 80.0], "vein_area_density_fov": 0.1}
    )
    quality = pd.DataFrame({"quality_vessel_sharpness": [2.5, 1.0], "quality_noise": 0.0})
    names = ["vein_calibre_median_fov", "vein_area_density_fov"]
    gated, taken = without_unfit(
        table, quality, definitions=dict(zip(names, ("calibre", "area_density"), strict=True)), names=names
    )
    assert taken == {"vein_calibre_median_fov": 1}
    assert gated["vein_calibre_median_fov"].isna().tolist() == [False, True]
    assert gated["vein_area_density_fov"].notna().all()
    assert table["vein_calibre_median_fov"].notna().all()
