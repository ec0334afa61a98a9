"""CRAE, CRVE and AVR: the pairing by hand, the choice of vessels on spokes and forks about a disc."""

from __future__ import annotations

import math

import numpy as np
import pytest

from retquant.anatomy import Scale
from retquant.biomarkers import measure
from retquant.biomarkers.equivalents import crossing_calibres, pair_up
from retquant.biomarkers.workspace import Workspace
from retquant.phantoms import Ellipse, Shape, Tube, spokes

ROTATIONS = [0.0, 30.0, 60.0, 90.0]
SIX = [9.0, 12.0, 14.0, 15.0, 17.0, 20.0]
CENTER = np.array([349.5, 349.5])
RADIUS = 60.0
FRAME = {"size": (700, 700), "disc_radius": RADIUS}


def value(inputs, name: str) -> float:
    return measure(inputs, [name])[name].value


def at(row: float, column: float) -> np.ndarray:
    """A point by its distance from the disc's centre, pixels."""
    return CENTER + np.array([row, column])


def spoke(turn_deg: float, *, inner: float = 1.0, outer: float = 5.3, width: float = 16.0) -> Tube:
    """A straight tube from `inner` to `outer` disc radii."""
    direction = np.array([-np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))])
    return Tube(points=CENTER + np.outer([inner * RADIUS, outer * RADIUS], direction), diameter=width)


def about_disc(*arteries: Tube) -> Shape:
    disc = Ellipse(center=(349.5, 349.5), semi_axes=(RADIUS, RADIUS))
    return Shape(name="about_disc", size=(700, 700), tubes={"artery": arteries}, disc=disc)


def test_the_widest_is_paired_with_the_narrowest_and_the_middle_is_carried():
    def knudtson(narrow: float, wide: float) -> float:
        return 0.88 * math.hypot(narrow, wide)

    first = sorted([knudtson(9, 20), knudtson(12, 17), knudtson(14, 15)])
    second = sorted([first[1], knudtson(first[0], first[2])])
    assert pair_up(np.array(SIX), knudtson) == pytest.approx(knudtson(second[0], second[1]))


def test_the_narrower_branch_comes_first_in_an_asymmetric_formula():
    assert pair_up(np.array([20.0, 9.0]), lambda narrow, wide: 100 * narrow + wide) == 920.0


@pytest.mark.parametrize("angle", ROTATIONS)
@pytest.mark.parametrize("region", ["zone_b", "zone_c"])
def test_six_equal_spokes_give_the_closed_form(inputs_of, angle, region):
    inputs = inputs_of(spokes(**FRAME).rotated(angle))
    assert value(inputs, f"crae_knudtson_{region}") == pytest.approx(1.7484299 * 16 * 5, rel=1e-7)
    assert value(inputs, f"crve_knudtson_{region}") == pytest.approx(2.1376108 * 24 * 5, rel=1e-7)
    assert value(inputs, f"avr_knudtson_{region}") == pytest.approx(
        1.7484299 * 16 / (2.1376108 * 24), rel=1e-7
    )
    assert value(inputs, f"crae_hubbard_{region}") == pytest.approx(154.915, abs=5e-4)
    assert value(inputs, f"crve_hubbard_{region}") == pytest.approx(231.446, abs=5e-4)
    assert value(inputs, f"avr_hubbard_{region}") == pytest.approx(154.915 / 231.446, rel=1e-5)


def test_of_eight_unequal_vessels_the_six_widest_count(inputs_of):
    shape = spokes(artery_widths=[*SIX, 5.0, 7.0], **FRAME)
    assert value(inputs_of(shape), "crae_knudtson_zone_b") == pytest.approx(
        value(inputs_of(spokes(artery_widths=SIX, **FRAME)), "crae_knudtson_zone_b")
    )
    assert value(inputs_of(shape), "crae_knudtson_zone_b") == pytest.approx(shape.truth["crae_knudtson_um"])


def test_five_vessels_are_too_few_for_six_but_enough_for_four(inputs_of):
    found = measure(inputs_of(spokes(artery_widths=SIX[:5], **FRAME)), ["crae_*_zone_b", "avr_*_zone_b"])
    assert found["crae_knudtson_zone_b"].reason == "too_few_vessels"
    assert found["avr_knudtson_zone_b"].reason == "too_few_vessels"
    assert found["crae_knudtson_n4_zone_b"].n == 5


def test_hubbard_is_missing_under_an_assumed_scale_and_knudtson_is_not(inputs_of):
    inputs = inputs_of(spokes(**FRAME), scale=Scale(um_per_px=5.0, source="disc"))
    found = measure(inputs, ["crae_*_zone_b", "avr_*_zone_b"])
    assert found["crae_hubbard_zone_b"].reason == "scale_assumed"
    assert found["avr_hubbard_zone_b"].reason == "scale_assumed"
    assert found["crae_knudtson_zone_b"].reason is None


def test_without_a_scale_the_ratio_stays_and_the_widths_go(inputs_of):
    found = measure(
        inputs_of(spokes(**FRAME), scale=Scale(um_per_px=None, source="unknown")),
        ["crae_*_zone_b", "avr_*_zone_b"],
    )
    assert found["crae_knudtson_zone_b"].reason == "scale_unknown"
    assert found["avr_hubbard_zone_b"].reason == "scale_unknown"
    assert found["avr_knudtson_zone_b"].value == pytest.approx(1.7484299 * 16 / (2.1376108 * 24))


def test_a_vessel_that_branches_inside_the_zone_counts_once_by_its_trunk(inputs_of):
    fork = at(-2.5 * RADIUS, 0.0)
    tubes = (
        Tube(points=np.array([at(-RADIUS, 0.0), fork]), diameter=20.0),
        Tube(points=np.array([fork, at(-5 * RADIUS, -RADIUS)]), diameter=15.0),
        Tube(points=np.array([fork, at(-5 * RADIUS, RADIUS)]), diameter=14.0),
        spoke(120.0, width=10.0),
    )
    view = Workspace(inputs_of(about_disc(*tubes))).view("artery", "zone_b")
    assert crossing_calibres(view).tolist() == [20.0, 10.0]


def test_a_vessel_that_ends_inside_the_zone_does_not_cross_it(inputs_of):
    tubes = (spoke(0.0), spoke(90.0, outer=2.6), spoke(180.0, inner=2.4))
    view = Workspace(inputs_of(about_disc(*tubes))).view("artery", "zone_b")
    assert crossing_calibres(view).tolist() == [16.0]


def test_a_vessel_that_only_touches_the_zone_from_outside_or_inside_does_not_count(inputs_of):
    inside = CENTER + np.array([[-1.5 * RADIUS, -1.9 * RADIUS], [-1.5 * RADIUS, 1.9 * RADIUS]])
    view = Workspace(inputs_of(about_disc(spoke(0.0), Tube(points=inside, diameter=16.0)))).view(
        "artery", "zone_b"
    )
    assert len(crossing_calibres(view)) == 1


def test_two_vessels_that_cross_each_other_in_the_zone_count_as_two(inputs_of):
    middle = at(-2.5 * RADIUS, 0.0)
    reach = np.array([[RADIUS, 0.3 * RADIUS], [-RADIUS, -0.3 * RADIUS]])
    ends = [middle + reach[0], middle + reach[1], middle + reach[0] * [1, -1], middle + reach[1] * [1, -1]]
    tubes = [
        Tube(points=np.array([end, middle]), diameter=w)
        for end, w in zip(ends, (20.0, 20.0, 12.0, 12.0), strict=True)
    ]
    view = Workspace(inputs_of(about_disc(*tubes))).view("artery", "zone_b")
    assert sorted(crossing_calibres(view).tolist()) == [12.0, 20.0]
