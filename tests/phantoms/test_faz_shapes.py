"""Avascular zones and capillary grids: outline, coverage and stated truth agree with each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from retquant import phantoms
from retquant.phantoms import HarmonicOutline, Polygon, Shape, polygon_coverage

SMALL = (256, 256)
TURNS = [0, 30, 60, 90]
ZONES = [
    phantoms.harmonic_zone(radius=70, amplitudes=(), size=SMALL),
    phantoms.harmonic_zone(radius=70, size=SMALL),
    phantoms.foveal_zone(semi_axes=(80, 40), size=SMALL),
]


def names(shape: Shape) -> str:
    return f"{shape.name}-{shape.truth['faz_circularity']:.3f}"


@pytest.mark.parametrize("shape", ZONES, ids=names)
@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.37, -0.81)])
def test_coverage_adds_up_to_the_area_at_any_turn_and_offset(
    shape: Shape, degrees: float, offset: tuple[float, float]
) -> None:
    drawn = shape.rotated(degrees).shifted(offset).coverage("faz")
    # A polygon is drawn exactly; an ellipse is straight within a pixel.
    bar = 1e-6 if isinstance(shape.faz, Polygon) else 1e-4
    assert drawn.sum(dtype=float) == pytest.approx(shape.truth["faz_area_px2"], rel=bar)


@pytest.mark.parametrize("shape", ZONES, ids=names)
def test_resizing_converts_area_and_perimeter(shape: Shape) -> None:
    double = shape.scaled(2.0)
    assert double.truth["faz_area_px2"] == pytest.approx(4 * shape.truth["faz_area_px2"])
    assert double.truth["faz_perimeter_px"] == pytest.approx(2 * shape.truth["faz_perimeter_px"])
    assert double.truth["faz_circularity"] == shape.truth["faz_circularity"]
    assert double.coverage("faz").sum(dtype=float) == pytest.approx(double.truth["faz_area_px2"], rel=1e-4)


def test_a_circle_of_many_corners_has_the_circles_figures() -> None:
    truth = phantoms.harmonic_zone(radius=250, amplitudes=()).truth
    # 1,440 corners: the perimeter falls short by (pi / 1440)^2 / 6, the area by four times as much.
    assert truth["faz_area_px2"] == pytest.approx(math.pi * 250**2, rel=4e-6)
    assert truth["faz_perimeter_px"] == pytest.approx(2 * math.pi * 250, rel=1e-6)
    for ratio in ("circularity", "acircularity", "axis_ratio", "roundness", "solidity"):
        assert truth[f"faz_{ratio}"] == pytest.approx(1.0, abs=4e-6)
    assert truth["faz_equivalent_diameter_px"] == pytest.approx(500, rel=2e-6)
    assert truth["faz_max_inscribed_diameter_px"] == pytest.approx(500, rel=3e-6)


def test_a_polygon_on_an_ellipse_has_the_ellipses_figures() -> None:
    turn = np.linspace(0, 2 * np.pi, 1500, endpoint=False)
    ellipse = np.column_stack([300 * np.cos(turn), 150 * np.sin(turn)]) @ _turn(25)
    truth = phantoms.polygonal_zone(Polygon(points=ellipse + 1023.5)).truth
    known = phantoms.foveal_zone(semi_axes=(300, 150)).truth
    for key, value in truth.items():
        assert value == pytest.approx(known[key], rel=1e-5), key
    assert truth["faz_circularity"] == pytest.approx(0.84117, abs=1e-5)
    assert truth["faz_acircularity"] == pytest.approx(1.09033, abs=1e-5)


def test_the_area_of_a_harmonic_outline_has_a_closed_form() -> None:
    amplitudes = (0.10, 0.06, 0.04, 0.03, 0.02)
    truth = phantoms.harmonic_zone(radius=250, amplitudes=amplitudes).truth
    closed = math.pi * 250**2 * (1 + sum(a**2 for a in amplitudes) / 2)
    assert truth["faz_area_px2"] == pytest.approx(closed, rel=2e-5)
    assert truth["faz_solidity"] < 1


@pytest.mark.parametrize("reverse", [False, True])
def test_a_polygons_coverage_matches_brute_force(reverse: bool) -> None:
    outline = HarmonicOutline(center=(9.3, 10.6), radius=6.0, amplitudes=(0.3, 0.2), phases=(0.4, 2.0))
    corners = outline.polygon(11).points[:: -1 if reverse else 1]
    fine = (np.arange(20 * 64) + 0.5) / 64 - 0.5
    rows, cols = np.meshgrid(fine, fine, indexing="ij")
    inside = np.zeros(rows.shape, dtype=bool)  # even-odd rule
    for (r1, c1), (r2, c2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        between = (r1 > rows) != (r2 > rows)
        inside ^= between & (cols < c1 + (rows - r1) / (r2 - r1) * (c2 - c1))
    brute = inside.reshape(20, 64, 20, 64).mean(axis=(1, 3))
    drawn = polygon_coverage(Polygon(points=corners), (20, 20))
    assert np.abs(drawn - brute).max() < 2 / 64  # a row of the fine grid and the corner's own error


def test_a_polygon_that_leaves_the_frame_is_cut_there() -> None:
    square = Polygon(points=np.array([[-5.0, -5.0], [-5.0, 3.25], [3.5, 3.25], [3.5, -5.0]]))
    drawn = polygon_coverage(square, (8, 8))
    assert drawn.sum(dtype=float) == pytest.approx(4.0 * 3.75)
    assert drawn[0, 0] == 1
    assert drawn[1, 3] == pytest.approx(0.75)
    assert polygon_coverage(Polygon(points=square.points + 50), (8, 8)).sum() == 0
    assert polygon_coverage(Polygon(points=square.points - 50), (8, 8)).sum() == 0


def test_an_outline_knows_what_lies_inside_it() -> None:
    outline = HarmonicOutline(center=(1.5, 1.4), radius=0.3, amplitudes=(0.2,), phases=(0.0,))
    corner = np.array([[1.5 + 0.355, 1.4], [1.5, 1.4 + 0.25], [1.5, 1.4 + 0.23], [3.0, 3.0]])
    assert outline.contains(corner).tolist() == [True, False, True, False]
    assert outline.contains(corner, margin=0.02).tolist() == [True, True, True, False]


@pytest.mark.parametrize("degrees", [0, 90])
@pytest.mark.parametrize("crossed", [False, True])
def test_a_capillary_grid_covers_its_area_density(degrees: float, crossed: bool) -> None:
    shape = phantoms.capillary_grid(width=6.0, pitch=32.0, is_crossed=crossed, size=SMALL)
    drawn = shape.rotated(degrees).coverage("capillary")
    expected = 1 - (26 / 32) ** 2 if crossed else 6 / 32
    assert shape.truth["area_density"] == pytest.approx(expected)
    assert drawn.mean(dtype=float) == pytest.approx(expected, rel=1e-4)
    assert shape.truth["length_density_per_px"] == pytest.approx((2 if crossed else 1) / 32)
    if not crossed:
        assert shape.truth["intercapillary_distance_px"] == 26.0


def test_the_largest_circle_in_a_polygon_is_that_of_a_triangle_and_of_an_oblong() -> None:
    triangle = Polygon(points=np.array([[0.0, 0.0], [0.0, 4.0], [3.0, 0.0]]))
    assert triangle.max_inscribed_diameter == pytest.approx(2.0, abs=1e-5)  # sides 3, 4, 5
    oblong = Polygon(points=np.array([[0.0, 0.0], [0.0, 9.0], [3.0, 9.0], [3.0, 0.0]]))
    assert oblong.max_inscribed_diameter == pytest.approx(3.0, abs=1e-5)
    assert oblong.feret == pytest.approx(math.hypot(9, 3))
    assert oblong.axis_ratio == pytest.approx(1 / 3)
    assert oblong.center == pytest.approx((1.5, 4.5))


def _turn(degrees: float) -> np.ndarray:
    angle = math.radians(degrees)
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
