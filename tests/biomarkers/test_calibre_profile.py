"""The photograph's calibre as columns: beside the mask's, or missing with its reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.shapes import inputs_of
from retquant.biomarkers import BIOMARKERS, DEFINITIONS, MeasureInputs, measure, segment_table, select_columns
from retquant.biomarkers.gates import gates
from retquant.phantoms import photograph, simple_eye, straight_vessel

COLUMNS = [name for name in BIOMARKERS if BIOMARKERS[name].family == "calibre_profile"]


@pytest.fixture(scope="module")
def eye() -> MeasureInputs:
    drawn = simple_eye(4)
    return replace(inputs_of(drawn.shape, is_hard=False), photograph=photograph(drawn, 4))


def test_every_calibre_and_equivalent_has_its_counterpart_from_the_photograph() -> None:
    by_mask = [
        name
        for name, column in BIOMARKERS.items()
        if "cfp" in column.modalities  # an angiogram shows flow, not the blood column
        and (column.family == "equivalents" or column.definition_id == "calibre")
    ]
    assert len(by_mask) == len(COLUMNS)
    for name in by_mask:
        mask = BIOMARKERS[name]
        ours = BIOMARKERS[name.replace(mask.biomarker, f"{mask.biomarker}_profile")]
        assert ours.modalities == ("cfp",)
        for same in ("unit", "needs_scale", "targets", "landmarks", "minimum_visible_share", "direction"):
            assert getattr(ours, same) == getattr(mask, same), name
        assert (
            gates("cfp")[ours.definition_id] == gates("cfp")["calibre_profile"]
        )  # what the width itself needs


def test_the_photograph_and_the_true_mask_agree_on_an_eye(eye: MeasureInputs) -> None:
    names = ["vein_calibre_mean_fov", "vein_calibre_p90_zone_c", "vessel_calibre_length_weighted_fov"]
    names += [
        "crae_knudtson_zone_c",
        "crae_hubbard_zone_c",
        "crve_knudtson_n4_zone_c",
        "avr_knudtson_n4_zone_c",
    ]
    ours = [name.replace(word := BIOMARKERS[name].biomarker, f"{word}_profile") for name in names]
    found = measure(eye, names + ours)
    for mask, profile in zip(names, ours, strict=True):
        assert found[profile].value == pytest.approx(found[mask].value, rel=0.04), profile


def test_without_a_photograph_each_is_missing_and_says_so(eye: MeasureInputs) -> None:
    found = measure(replace(eye, photograph=None), COLUMNS)
    assert {value.reason for value in found.values()} == {"no_photograph", "no_fovea"}
    assert {found[name].reason for name in COLUMNS if "half" not in name} == {"no_photograph"}


def test_a_mask_without_vessels_has_too_few_of_them(eye: MeasureInputs) -> None:
    blank = straight_vessel(length=0.5, size=(640, 640))
    empty = replace(inputs_of(blank, is_hard=True), photograph=np.full((640, 640, 3), 90, np.uint8))
    assert measure(empty, ["artery_calibre_profile_mean_fov"])["artery_calibre_profile_mean_fov"].reason == (
        "too_few_vessels"
    )


def test_an_angiogram_has_none(eye: MeasureInputs) -> None:
    assert not [name for name in select_columns(["*"], modality="octa") if "_profile" in name]
    assert not replace(eye, modality="octa").profiled


def test_each_segment_has_both_widths(eye: MeasureInputs) -> None:
    rows = segment_table(eye)
    both = np.isfinite(rows["calibre_px"]) & (rows["calibre_px"] >= 3)
    assert np.isfinite(rows["calibre_profile_px"][both]).mean() > 0.95
    scale = eye.anatomy.scale.um_per_px
    assert rows["calibre_profile_um"][both] == pytest.approx(
        rows["calibre_profile_px"][both] * scale, nan_ok=True
    )
    assert np.isnan(segment_table(replace(eye, photograph=None))["calibre_profile_px"]).all()


def test_the_definitions_say_where_the_edges_lie() -> None:
    assert "half heights" in DEFINITIONS["calibre_profile"].sentence
    assert DEFINITIONS["avr_hubbard_profile"].needs_scale == "nominal"
