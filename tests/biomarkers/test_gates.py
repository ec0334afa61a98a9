"""What a biomarker needs of a picture."""

from __future__ import annotations

import tomllib

import numpy as np
import pandas as pd
import pytest

from retquant.biomarkers import BIOMARKERS, DEFINITIONS, gates
from retquant.tables.fitness import quality_columns, without_unfit

SHARP = {"vessel_sharpness": 2.0, "noise": 0.1}


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = {"cfp": {"calibre": SHARP, "area_density": {}}, "octa": {"area_density": {"defocus": 0.4}}}
    monkeypatch.setattr(gates, "gates", lambda modality: fitted[modality])


@pytest.mark.parametrize("modality", ["cfp", "octa"])
def test_the_shipped_gates_name_definitions_and_measures_that_exist(modality: str) -> None:
    shipped = gates.gates(modality)
    assert shipped, "no gate is fitted"
    assert set(shipped) <= {d.id for d in DEFINITIONS.values() if modality in d.modalities}
    assert {name for gate in shipped.values() for name in gate} <= {m.name for m in gates.MEASURES[modality]}
    asked = {f"quality_{measure.name}" for measure in gates.MEASURES[modality]}
    assert asked <= set(quality_columns())
    assert all(modality in BIOMARKERS[name].modalities for name in asked)


@pytest.mark.usefixtures("fitted")
def test_a_picture_is_fit_where_it_meets_every_line_of_the_gate() -> None:
    assert gates.is_fit("calibre", {"vessel_sharpness": 2.0, "noise": 0.1}, "cfp")
    assert not gates.is_fit("calibre", {"vessel_sharpness": 1.9, "noise": 0.1}, "cfp")
    assert not gates.is_fit("calibre", {"vessel_sharpness": 2.5, "noise": 0.2}, "cfp")


@pytest.mark.usefixtures("fitted")
def test_a_measure_that_is_missing_meets_no_gate() -> None:
    assert not gates.is_fit("calibre", {"noise": 0.0}, "cfp")
    assert not gates.is_fit("calibre", {"vessel_sharpness": float("nan"), "noise": 0.0}, "cfp")


@pytest.mark.usefixtures("fitted")
def test_what_asks_for_nothing_takes_any_picture() -> None:
    assert gates.is_fit("area_density", {}, "cfp")
    assert gates.is_fit("never fitted", {}, "cfp")


def test_the_file_reads_back_what_was_fitted_and_keeps_the_other_modality() -> None:
    read = tomllib.loads(gates.with_gates("octa", {"faz_area": {"defocus": 0.123456}, "area_density": {}}))
    assert read["octa"] == {"faz_area": {"defocus": 0.123}, "area_density": {}}
    assert read["cfp"] == {name: dict(gate) for name, gate in gates.gates("cfp").items()}


@pytest.mark.usefixtures("fitted")
def test_gating_a_table_empties_unfit_values_alone_and_counts_them() -> None:
    table = pd.DataFrame(
        {"image_id": ["a", "b"], "vein_calibre_median_fov": [90.0, 80.0], "vein_area_density_fov": 0.1}
    )
    quality = pd.DataFrame({"quality_vessel_sharpness": [2.5, 1.0], "quality_noise": 0.0})
    names = ["vein_calibre_median_fov", "vein_area_density_fov"]
    gated, taken = without_unfit(
        table,
        quality,
        definitions=dict(zip(names, ("calibre", "area_density"), strict=True)),
        names=names,
        modalities=np.array(["cfp", "cfp"]),
    )
    assert taken == {"vein_calibre_median_fov": 1}
    assert gated["vein_calibre_median_fov"].isna().tolist() == [False, True]
    assert gated["vein_area_density_fov"].notna().all()
    assert table["vein_calibre_median_fov"].notna().all()


@pytest.mark.usefixtures("fitted")
def test_an_angiogram_meets_the_gates_of_angiograms_alone() -> None:
    name = "artery_area_density_field"
    table = pd.DataFrame({"image_id": ["sharp", "blurred", "photograph"], name: 0.1})
    quality = pd.DataFrame(
        {"quality_vessel_sharpness": [np.nan, np.nan, 0.5], "quality_defocus": [0.3, 0.5, np.nan]}
    )
    gated, taken = without_unfit(
        table,
        quality,
        definitions={name: "area_density"},
        names=[name],
        modalities=np.array(["octa", "octa", "cfp"]),
    )
    assert taken == {name: 1}
    assert gated[name].isna().tolist() == [False, True, False]
