"""The closed-form shapes: geometry, coverage and stated truth agree with each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from retquant import phantoms
from retquant.phantoms import Ellipse, Shape, Tube, ellipse_coverage, render_coverage

SMALL = (512, 512)
CURVES = [
    phantoms.straight_vessel(length=300, size=SMALL),
    phantoms.quarter_circle(radius=150, size=SMALL),
    phantoms.sine_vessel(amplitude=30, period=120, size=SMALL),
]
EVERY = [
    *CURVES,
    phantoms.y_junction(length=120, size=SMALL),
    phantoms.murray_junction(length=120, size=SMALL),
    phantoms.binary_tree(lengths=(100, 80, 60, 40), width=8, size=SMALL),
    phantoms.koch_curve(length=360, width=6, size=SMALL),
    phantoms.spokes(artery_widths=4, vein_widths=6, disc_radius=45, size=SMALL),
    phantoms.crossing(length=300, size=SMALL),
    phantoms.parallel_vessels(width=8, pitch=32, size=SMALL),
]


def total(shape: Shape, structure: str = "vessel") -> float:
    inside = shape.coverage(structure) * shape.coverage("fov")
    return float(inside.sum(dtype=float))


@pytest.mark.parametrize("shape", CURVES, ids=lambda s: s.name)
def test_the_polyline_is_as_long_as_its_closed_form_says(shape: Shape) -> None:
    (tube,) = shape.tubes["artery"]
    assert tube.arc_length == pytest.approx(shape.truth["arc_length_px"], rel=1e-4)
    assert tube.chord_length == pytest.approx(shape.truth["chord_length_px"], rel=1e-9)


@pytest.mark.parametrize("shape", CURVES, ids=lambda s: s.name)
def test_the_stated_curvature_integrals_are_those_of_the_polyline(shape: Shape) -> None:
    (tube,) = shape.tubes["artery"]
    steps = np.diff(tube.points, axis=0)
    turns = np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0])))
    lengths = np.hypot(*steps.T)
    spacing = (lengths[1:] + lengths[:-1]) / 2
    assert np.abs(turns).sum() == pytest.approx(shape.truth["hart2"], rel=1e-2, abs=1e-9)
    assert (turns**2 / spacing).sum() == pytest.approx(shape.truth["hart3"], rel=1e-2, abs=1e-9)
    bends = np.sign(turns[np.abs(turns) > 1e-9])
    assert np.count_nonzero(np.diff(bends)) == shape.truth["inflections"]


@pytest.mark.parametrize("shape", CURVES, ids=lambda s: s.name)
@pytest.mark.parametrize("degrees", [0, 30, 60, 90])
def test_coverage_adds_up_to_the_area_of_the_tube(shape: Shape, degrees: float) -> None:
    width = shape.truth["calibre_px"]
    area = shape.truth["arc_length_px"] * width + math.pi * width**2 / 4  # two half-disc caps
    assert total(shape.rotated(degrees)) == pytest.approx(area, rel=1e-3)


@pytest.mark.parametrize("shape", EVERY, ids=lambda s: s.name)
@pytest.mark.parametrize("degrees", [30, 60, 90])
def test_turning_keeps_the_area(shape: Shape, degrees: float) -> None:
    assert total(shape.rotated(degrees)) == pytest.approx(total(shape), rel=1e-3)


@pytest.mark.parametrize("shape", EVERY, ids=lambda s: s.name)
def test_a_fraction_of_a_pixel_of_shift_keeps_the_area(shape: Shape) -> None:
    if shape.fov is not None or shape.name == "parallel_vessels":
        return
    assert total(shape.shifted((0.37, -0.81))) == pytest.approx(total(shape), rel=1e-3)


@pytest.mark.parametrize("shape", EVERY, ids=lambda s: s.name)
def test_resizing_multiplies_the_area_by_the_square(shape: Shape) -> None:
    half = shape.scaled(0.5)
    assert half.size == (256, 256)
    assert half.um_per_px == 10.0
    assert total(half) * 4 == pytest.approx(total(shape), rel=2e-3)


def test_resizing_converts_each_truth_by_its_unit() -> None:
    shape = phantoms.sine_vessel(size=SMALL, amplitude=30, period=120)
    (tube,) = shape.scaled(2.0).tubes["artery"]
    truth = shape.scaled(2.0).truth
    assert truth["arc_length_px"] == pytest.approx(tube.arc_length, rel=1e-4)
    assert truth["tortuosity_hart1"] == shape.truth["tortuosity_hart1"]
    assert truth["hart3"] == pytest.approx(shape.truth["hart3"] / 2)
    assert truth["hart5"] == pytest.approx(shape.truth["hart5"] / 4)


def test_a_quarter_turn_is_the_same_picture_turned() -> None:
    shape = phantoms.y_junction(length=120, size=SMALL)
    turned = shape.rotated(90).coverage("artery")
    assert np.abs(turned - np.rot90(shape.coverage("artery"))).max() < 1e-4


@pytest.mark.parametrize("offset", [0.0, 0.13, 0.5])
@pytest.mark.parametrize("degrees", [0.0, 17.0, 45.0])
@pytest.mark.parametrize("width", [0.4, 1.0, 2.5, 9.0])
def test_edges_match_brute_force_supersampling(width: float, degrees: float, offset: float) -> None:
    shape = phantoms.straight_vessel(length=400, width=width, size=(24, 24))
    shape = shape.rotated(degrees).shifted((offset, 0.0))
    (tube,) = shape.tubes["artery"]
    start, stop = tube.points
    normal = np.array([-(stop - start)[1], (stop - start)[0]]) / tube.chord_length
    fine = (np.arange(24 * 40) + 0.5) / 40 - 0.5
    away = np.abs((fine[:, None] - start[0]) * normal[0] + (fine[None, :] - start[1]) * normal[1])
    brute = (away <= width / 2).reshape(24, 40, 24, 40).mean(axis=(1, 3))
    assert np.abs(shape.coverage("artery") - brute).max() < 0.03  # one row of 40 sub-pixels


def test_a_tapered_tube_covers_a_frustum_and_two_caps() -> None:
    tube = Tube(points=np.array([[40.0, 20.0], [40.0, 220.0]]), diameter=np.array([6.0, 18.0]))
    area = render_coverage([tube], (80, 256)).sum(dtype=float)
    # The drawn edge is a little outside the frustum's: the nearest axis point is not the widest one.
    assert area == pytest.approx(200 * 12 + math.pi / 8 * (36 + 324), rel=5e-3)


@pytest.mark.parametrize("angle", [0.0, 25.0, 90.0])
def test_an_ellipse_covers_its_area_along_its_axes(angle: float) -> None:
    ellipse = Ellipse(center=(100.3, 90.6), semi_axes=(70.0, 35.0), angle_deg=angle)
    image = ellipse_coverage(ellipse, (200, 200)).astype(float)
    assert image.sum() == pytest.approx(ellipse.area, rel=1e-3)
    rows, cols = np.indices(image.shape)
    along = (rows - 100.3) * math.cos(math.radians(angle)) + (cols - 90.6) * math.sin(math.radians(angle))
    second_moment = (image * along**2).sum() / image.sum()
    assert second_moment == pytest.approx(70.0**2 / 4, rel=2e-3)


def test_shapes_outside_the_frame_draw_nothing_and_do_not_fail() -> None:
    shape = phantoms.y_junction(length=120, size=SMALL).shifted((5000.0, 0.0))
    assert total(shape) == 0.0


def test_the_catalogue_of_closed_forms_is_met() -> None:
    truth = phantoms.quarter_circle().truth
    assert truth["tortuosity_hart1"] == pytest.approx(1.1107207, abs=1e-7)
    assert truth["hart4"] == pytest.approx(1 / 450.56)
    murray = phantoms.murray_junction().truth
    assert murray["area_ratio"] == pytest.approx(1.259921, abs=1e-6)
    assert murray["optimality_ratio"] == pytest.approx(0.793701, abs=1e-6)
    assert murray["junctional_exponent"] == pytest.approx(3)
    tree = phantoms.binary_tree().truth
    assert (tree["branch_points"], tree["end_points"]) == (7, 9)
    assert phantoms.koch_curve().truth["tortuosity_hart1"] == pytest.approx(16 / 9)
    assert phantoms.sierpinski_carpet().truth["fractal_d0"] == pytest.approx(1.892789, abs=1e-6)
    spokes = phantoms.spokes(artery_widths=16, vein_widths=24, um_per_px=5).truth
    assert spokes["crae_knudtson_px"] == pytest.approx(1.7484299 * 16, rel=1e-7)
    assert spokes["crve_knudtson_px"] == pytest.approx(2.1376108 * 24, rel=1e-7)
    assert spokes["crae_hubbard_um"] == pytest.approx(154.915, abs=1e-3)
    assert spokes["crve_hubbard_um"] == pytest.approx(231.446, abs=1e-3)
    faz = phantoms.foveal_zone().truth
    assert faz["faz_circularity"] == pytest.approx(0.84117, abs=1e-5)
    assert faz["faz_acircularity"] == pytest.approx(1.09033, abs=1e-5)


def test_the_tree_has_the_segments_that_its_counts_imply() -> None:
    tubes = phantoms.binary_tree().tubes["artery"]
    ends, counts = np.unique(
        np.concatenate([tube.points[[0, -1]] for tube in tubes]).round(6), axis=0, return_counts=True
    )
    assert len(ends) == 16
    assert (np.count_nonzero(counts == 3), np.count_nonzero(counts == 1)) == (7, 9)


def test_branches_of_the_tree_do_not_touch_but_at_their_junctions() -> None:
    from scipy.ndimage import label

    mask = phantoms.binary_tree().coverage("artery") >= 0.5
    assert label(~mask)[1] == 1  # no hole
    assert label(mask)[1] == 1


@pytest.mark.parametrize("degrees", [0, 30, 60, 90])
def test_density_of_parallel_vessels_is_that_of_the_field(degrees: float) -> None:
    shape = phantoms.parallel_vessels(width=8, pitch=32, size=SMALL).rotated(degrees)
    assert shape.fov is not None
    assert total(shape) / shape.fov.area == pytest.approx(shape.truth["area_density"], rel=1e-3)
    assert shape.truth["area_density"] == pytest.approx(8 / 32, rel=0.01)
    assert shape.truth["length_density_per_px"] == pytest.approx(1 / 32, rel=0.01)


def test_density_of_parallel_vessels_in_the_frame_is_width_over_pitch() -> None:
    shape = phantoms.parallel_vessels(width=8, pitch=32, circular_field=False, size=SMALL)
    assert float(shape.coverage("artery").mean(dtype=float)) == pytest.approx(0.25, rel=1e-5)


def test_the_carpet_is_made_of_whole_pixels_and_keeps_eight_ninths_a_generation() -> None:
    shape = phantoms.sierpinski_carpet(generations=3, side=243, size=(300, 300))
    image = shape.coverage("vessel")
    assert set(np.unique(image)) == {0.0, 1.0}
    assert image.sum() == 243**2 * (8 / 9) ** 3


def test_the_full_image_is_full_at_any_turn() -> None:
    assert phantoms.full_image(size=(64, 64)).rotated(37).coverage("vessel").min() == 1.0


def test_a_structure_that_is_not_drawn_covers_nothing() -> None:
    shape = phantoms.straight_vessel(length=100, size=(200, 200))
    assert shape.coverage("vein").max() == 0
    assert shape.coverage("disc").max() == 0
    assert shape.coverage("fov").min() == 1
    assert np.array_equal(shape.coverage("vessel"), shape.coverage("artery"))
