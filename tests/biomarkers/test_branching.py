"""Counts and the geometry of bifurcations, against junctions whose every figure is known."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.biomarkers import measure
from retquant.phantoms import Shape, Tube, binary_tree, murray_junction, y_junction

ROTATIONS = [0.0, 30.0, 60.0, 90.0]
NAMES = {
    "branching_angle_deg": "artery_branching_angle_median_fov",
    "angle_asymmetry_deg": "artery_angle_asymmetry_median_fov",
    "asymmetry_ratio": "artery_asymmetry_ratio_median_fov",
    "area_ratio": "artery_area_ratio_median_fov",
    "optimality_ratio": "artery_optimality_ratio_median_fov",
    "junctional_exponent": "artery_junctional_exponent_median_fov",
    "junctional_deviation": "artery_junctional_deviation_median_fov",
    "branch_points": "artery_branch_points_fov",
    "end_points": "artery_end_points_fov",
    "components": "artery_components_fov",
}


@pytest.mark.parametrize("angle", ROTATIONS)
@pytest.mark.parametrize(
    "shape", [y_junction(), murray_junction(), binary_tree()], ids=["equal Y", "Murray Y", "tree"]
)
def test_a_junction_has_its_closed_form_figures(inputs_of, shape, angle):
    found = measure(inputs_of(shape.rotated(angle)), list(NAMES.values()))
    for truth, name in NAMES.items():
        if truth in shape.truth:
            # calibres are floats and a cube root of rounding noise is 1e-5
            assert found[name].value == pytest.approx(shape.truth[truth], rel=1e-6, abs=2e-5), name


def test_murrays_junction_has_the_figures_of_the_contract(inputs_of):
    found = measure(inputs_of(murray_junction()), list(NAMES.values()))
    assert found[NAMES["junctional_exponent"]].value == pytest.approx(3.0)
    assert found[NAMES["area_ratio"]].value == pytest.approx(1.259921)
    assert found[NAMES["optimality_ratio"]].value == pytest.approx(0.793701)


def test_a_junction_without_an_exponent_is_counted_as_such(inputs_of):
    found = measure(inputs_of(y_junction()), ["artery_junctional_*_fov"])
    assert found["artery_junctional_no_root_fov"].value == 1.0
    assert found["artery_junctional_exponent_median_fov"].reason == "fit_failed"


def test_a_tree_without_junctions_has_no_angle_and_no_branch_point(inputs_of):
    tube = Tube(points=np.array([[50.0, 50.0], [50.0, 450.0]]), diameter=8.0)
    inputs = inputs_of(Shape(name="line", size=(500, 500), tubes={"artery": (tube,)}))
    found = measure(inputs, [*NAMES.values(), "artery_junctional_no_root_fov"])
    assert found["artery_branch_points_fov"].value == 0.0
    assert found["artery_end_points_fov"].value == 2.0
    assert found["artery_branching_angle_median_fov"].reason == "too_few_vessels"
    assert found["artery_junctional_no_root_fov"].reason == "too_few_vessels"


def test_branch_points_are_related_to_area_and_length_in_millimetres(inputs_of):
    shape = binary_tree()
    found = measure(inputs_of(shape), ["artery_branch_point*_fov"])
    area_mm2 = (2048 * 0.005) ** 2
    length_mm = shape.truth["total_length_px"] * 0.005
    assert found["artery_branch_point_density_fov"].value == pytest.approx(7 / area_mm2)
    assert found["artery_branch_points_per_length_fov"].value == pytest.approx(7 / length_mm, rel=1e-6)


def test_parts_that_do_not_touch_are_components(inputs_of):
    tubes = [Tube(points=np.array([[row, 50.0], [row, 450.0]]), diameter=8.0) for row in (50.0, 90.0, 300.0)]
    inputs = inputs_of(Shape(name="lines", size=(500, 500), tubes={"vein": tuple(tubes)}))
    assert measure(inputs, ["vein_components_fov"])["vein_components_fov"].value == 3.0
