"""Box-counting dimensions of sets whose dimension is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from retquant.biomarkers import measure
from retquant.biomarkers.fractal import box_sizes, least_cover, slope
from retquant.phantoms import Shape, Tube, filled_square, full_image, koch_curve, sierpinski_carpet

QUARTERS = [0.0, 90.0]
POWERS_OF_TWO = 2 ** np.arange(3, 9)


def dimensions(mask: np.ndarray, sizes: np.ndarray) -> list[float]:
    cover = least_cover(mask, sizes)
    return [slope(np.log(cover.sizes), moments)[0] for moments in cover.moments]


@pytest.mark.parametrize("angle", QUARTERS)
def test_a_filled_square_has_dimension_two(angle):
    mask = filled_square(side=1024.0).rotated(angle).coverage("vessel") >= 0.5
    assert dimensions(mask, POWERS_OF_TWO) == pytest.approx([2.0, 2.0, 2.0], abs=1e-9)


def test_a_square_that_begins_anywhere_is_covered_by_as_few_boxes():
    mask = np.zeros((700, 700), bool)
    mask[37 : 37 + 512, 91 : 91 + 512] = True
    counts = np.exp(-least_cover(mask, POWERS_OF_TWO).moments[0])
    assert counts == pytest.approx((512 / POWERS_OF_TWO) ** 2)


def test_a_full_image_has_dimension_two():
    mask = full_image(size=(1024, 1024)).coverage("vessel") >= 0.5
    assert dimensions(mask, POWERS_OF_TWO) == pytest.approx([2.0, 2.0, 2.0], abs=1e-9)


@pytest.mark.parametrize("angle", QUARTERS)
def test_a_line_has_dimension_one(angle):
    mask = np.zeros((1100, 1100), bool)
    mask[500:504, 30 : 30 + 1024] = True
    turned = np.rot90(mask) if angle else mask
    assert dimensions(turned, POWERS_OF_TWO) == pytest.approx([1.0, 1.0, 1.0], abs=1e-9)


@pytest.mark.parametrize("angle", QUARTERS)
def test_a_sierpinski_carpet_has_its_dimension_by_boxes_in_powers_of_three(angle):
    mask = sierpinski_carpet().rotated(angle).coverage("vessel") >= 0.5
    found = dimensions(mask, 3 ** np.arange(1, 6))
    assert found == pytest.approx([math.log(8) / math.log(3)] * 3, rel=1e-6)


@pytest.mark.parametrize("angle", QUARTERS)
def test_a_koch_curve_has_its_dimension_within_the_bar(angle):
    mask = koch_curve(generations=6, width=1.5).rotated(angle).coverage("artery") >= 0.5
    d0 = dimensions(mask, 3 ** np.arange(2, 6))[0]
    # the least cover gains more from its offsets the larger the box: 3.8 % of the 5 % that the bar allows
    assert d0 == pytest.approx(math.log(4) / math.log(3), rel=0.05)


def test_a_flip_and_a_quarter_turn_need_as_many_boxes():
    random = np.random.default_rng(3)
    mask = random.random((240, 310)) < 0.02
    sizes = box_sizes(4.0, 60.0)
    counts = least_cover(mask, sizes).moments[0]
    for other in (mask[::-1], mask[:, ::-1], np.rot90(mask)):
        assert least_cover(other, sizes).moments[0] == pytest.approx(counts)


def test_the_least_cover_is_no_more_than_any_offset_needs():
    random = np.random.default_rng(5)
    mask = random.random((50, 60)) < 0.05
    for size in (3, 5, 8):
        needed = []
        for row in range(size):
            for column in range(size):
                padded = np.pad(mask, ((row, 2 * size), (column, 2 * size)))
                boxes = {(r // size, c // size) for r, c in zip(*np.nonzero(padded), strict=True)}
                needed.append(len(boxes))
        assert np.exp(-least_cover(mask, np.array([size])).moments[0, 0]) == pytest.approx(min(needed))


def test_the_slope_has_the_standard_error_of_least_squares():
    x, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.1, 0.9, 2.1, 2.9])
    # by hand: slope 0.96, residuals 0.04 -0.12 0.12 -0.04, sum of squares 0.032, / 2 / 5
    assert slope(x, y) == pytest.approx((0.96, math.sqrt(0.032 / 2 / 5)))


def test_box_sizes_go_from_two_calibres_to_an_eighth_of_the_field_two_an_octave():
    assert box_sizes(32.0, 256.0).tolist() == [32, 45, 64, 91, 128, 181, 256]
    assert box_sizes(32.0, 20.0).tolist() == []


def test_a_vessel_tree_has_a_dimension_with_its_standard_error(inputs_of):
    lines = [Tube(points=np.array([[row, 5.0], [row, 1000.0]]), diameter=6.0) for row in range(25, 1000, 50)]
    found = measure(
        inputs_of(Shape(name="s", size=(1010, 1010), tubes={"vein": tuple(lines)}), draw=True),
        ["vein_fractal_*"],
    )
    assert 1.0 < found["vein_fractal_d0_fov"].value < 2.0
    assert found["vein_fractal_d0_fov"].standard_error > 0
    assert found["vein_fractal_d0_fov"].n == 7


def test_too_few_box_sizes_and_no_vessels_give_a_reason(inputs_of):
    wide = Tube(points=np.array([[250.0, 20.0], [250.0, 480.0]]), diameter=40.0)
    inputs = inputs_of(Shape(name="wide", size=(500, 500), tubes={"vein": (wide,)}), draw=True)
    assert measure(inputs, ["vein_fractal_d0_fov"])["vein_fractal_d0_fov"].reason == "resolution_too_low"
