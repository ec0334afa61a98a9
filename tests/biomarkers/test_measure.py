"""What `measure` answers: every column of the modality, each a number or the right reason."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from retquant.anatomy import Disc, Scale
from retquant.biomarkers import BIOMARKERS, MeasureInputs, Measurement, measure, select_columns
from retquant.biomarkers.statistics import Sample
from retquant.errors import ConfigError
from retquant.phantoms import Shape, spokes
from retquant.segmentation.segmentation import Segmentation

SPOKES = spokes(disc_radius=60.0, size=(700, 700))


def empty(inputs_of, **changes) -> MeasureInputs:
    inputs = inputs_of(Shape(name="nothing", size=(400, 400)))
    return dataclasses.replace(inputs, **changes)


def test_every_column_of_the_modality_is_answered_by_a_number_or_a_reason(inputs_of):
    found = measure(inputs_of(SPOKES, draw=True))
    assert list(found) == [name for name, column in BIOMARKERS.items() if "cfp" in column.modalities]
    for name, measurement in found.items():
        assert math.isfinite(measurement.value) or measurement.reason, name


def test_a_structure_that_nobody_supplied_is_missing_as_target_absent(inputs_of):
    found = measure(inputs_of(SPOKES), ["vessel_*"])
    assert {measurement.reason for measurement in found.values()} == {"target_absent"}


def test_an_image_without_any_mask_is_answered_in_full(inputs_of):
    found = measure(empty(inputs_of))
    reasons = {m.reason for name, m in found.items() if not name.startswith("quality")}
    assert reasons == {"target_absent"}
    assert found["quality_score"].reason == "no_photograph"
    assert found["quality_zone_b_visible"].reason == "no_disc"


def test_zones_are_missing_without_a_disc_and_the_field_is_not(inputs_of):
    shape = dataclasses.replace(SPOKES, disc=None)
    found = measure(inputs_of(shape), ["artery_calibre_median_*", "crae_knudtson_zone_b"])
    assert found["artery_calibre_median_zone_b"].reason == "no_disc"
    assert found["crae_knudtson_zone_b"].reason == "no_disc"
    assert found["artery_calibre_median_fov"].value == pytest.approx(80.0)


def test_counts_need_nearly_all_of_a_zone_and_medians_less(inputs_of):
    shape = SPOKES
    fov = np.ones(shape.size, bool)
    fov[:, :210] = False  # cuts the left of zone B
    found = measure(
        inputs_of(shape, fov=fov, draw=True),
        ["quality_zone_b_visible", "artery_end_points_zone_b", "artery_calibre_median_zone_b"],
    )
    assert 0.6 < found["quality_zone_b_visible"].value < 0.95
    assert found["artery_end_points_zone_b"].reason == "region_out_of_bounds"
    assert found["artery_calibre_median_zone_b"].reason is None


def test_a_zone_of_which_too_little_is_seen_gives_nothing(inputs_of):
    disc = Disc(center=(0.0, 0.0), radius_px=60.0)
    found = measure(inputs_of(SPOKES, disc=disc, draw=True), ["*_zone_c", "quality_zone_c_visible"])
    assert found["quality_zone_c_visible"].value == pytest.approx(0.25, abs=2e-3)
    assert found["artery_area_density_zone_c"].reason == "region_out_of_bounds"
    assert found["avr_knudtson_zone_c"].reason == "region_out_of_bounds"


def test_without_a_scale_lengths_go_and_ratios_stay(inputs_of):
    found = measure(
        inputs_of(SPOKES, scale=Scale(um_per_px=None, source="unknown"), draw=True), ["artery_*_fov"]
    )
    for name, measurement in found.items():
        if BIOMARKERS[name].needs_scale != "no":
            assert measurement.reason == "scale_unknown", name
    assert found["artery_tortuosity_hart1_median_fov"].value == pytest.approx(1.0)
    assert found["artery_area_density_fov"].value > 0


def test_an_empty_mask_counts_zero_and_averages_nothing(inputs_of):
    shape = Shape(name="empty", size=(700, 700), tubes=SPOKES.tubes)
    inputs = inputs_of(shape)
    graph = inputs.graphs["artery"]
    nothing = dataclasses.replace(
        graph,
        points=np.zeros((0, 2)),
        starts=np.zeros(1, int),
        tangent=np.zeros((0, 2)),
        curvature=np.zeros(0),
        calibre=np.zeros(0),
        source=np.zeros(0, int),
        target=np.zeros(0, int),
        is_loop=np.zeros(0, bool),
        nodes=dataclasses.replace(
            graph.nodes, position=np.zeros((0, 2)), degree=np.zeros(0, int), kind=np.zeros(0, int)
        ),
    )
    found = measure(dataclasses.replace(inputs, graphs={"artery": nothing}), ["artery_*_fov"])
    zero = {name for name, measurement in found.items() if measurement.value == 0.0}
    assert zero == {
        "artery_area_density_fov",
        "artery_length_density_fov",
        "artery_branch_points_fov",
        "artery_end_points_fov",
        "artery_crossings_fov",
        "artery_components_fov",
        "artery_branch_point_density_fov",
    }
    others = {name for name in found if name not in zero and not BIOMARKERS[name].landmarks}
    assert {found[name].reason for name in others} == {"too_few_vessels"}


def test_quality_is_passed_through_by_its_short_name(inputs_of):
    found = measure(empty(inputs_of, quality={"score": 0.75, "sharpness": math.nan}), ["quality_s*"])
    assert found["quality_score"] == Measurement(value=0.75)
    assert found["quality_sharpness"].reason == "no_photograph"


def test_columns_are_chosen_by_globs_and_an_unknown_one_is_named():
    chosen = select_columns(["crae_*", "vein_calibre_median_fov"], modality="cfp")
    assert "crae_hubbard_zone_c" in chosen
    assert chosen[-1] != "quality_score"
    assert len(chosen) == 13  # three formulas, by mask and by photograph, in two zones, and the calibre
    with pytest.raises(ConfigError, match="crea_knudtson"):
        select_columns(["crea_knudtson_zone_b"], modality="cfp")


def test_what_does_not_apply_to_a_modality_is_not_answered(inputs_of):
    found = measure(empty(inputs_of, modality="octa"))
    assert set(found) == {name for name, column in BIOMARKERS.items() if "octa" in column.modalities}
    assert "artery_calibre_median_fov" not in found


def test_measuring_twice_gives_the_same_and_changes_no_input(inputs_of):
    inputs = inputs_of(SPOKES, draw=True)
    before = {name: graph.curvature.copy() for name, graph in inputs.graphs.items()}
    first, second = measure(inputs), measure(inputs)
    assert {n: m.value for n, m in first.items() if not m.reason} == {
        n: m.value for n, m in second.items() if not m.reason
    }
    for name, graph in inputs.graphs.items():
        assert np.array_equal(graph.curvature, before[name])


def test_each_statistic_is_what_its_name_says():
    values = np.array([3.0, np.nan, 1.0, 2.0, 10.0])
    weights = np.array([1.0, 100.0, 1.0, 1.0, 5.0])
    expected = {"mean": 4.0, "median": 2.5, "min": 1.0, "max": 10.0, "length_weighted": 7.0, "p90": 7.9}
    sample = Sample(values, weights)
    for statistic, value in expected.items():
        assert sample.summary(statistic).value == pytest.approx(value), statistic
    assert sample.summary("std").value == pytest.approx(np.std([3, 1, 2, 10], ddof=1))


def test_one_value_has_a_median_and_no_standard_deviation():
    one = np.array([np.nan, 5.0])
    assert Sample(one, one).summary("median").n == 1
    assert Sample(one, one).summary("std").reason == "too_few_vessels"


def test_segmentation_may_hold_more_than_there_are_graphs_for(inputs_of):
    inputs = inputs_of(SPOKES, draw=True)
    targets = inputs.segmentation.targets
    more = dataclasses.replace(
        inputs, segmentation=Segmentation(targets={**targets, "cup": targets["artery"]})
    )
    assert len(measure(more, ["artery_area_density_fov"])) == 1
