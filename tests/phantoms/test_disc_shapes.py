"""The disc and arcade phantoms hold what they say, and ellipses are drawn wherever their centre lies."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.phantoms import Ellipse, ellipse_coverage, parabolic_arcades, tilted_disc
from retquant.phantoms.truth.disc import disc_figures, rim_width


@pytest.mark.parametrize("center", [(40.0, 50.0), (40.0, 50.5), (40.3, 50.7)])
def test_an_ellipse_is_drawn_also_where_its_centre_is_a_pixels_own(center):
    ellipse = Ellipse(center=center, semi_axes=(20.0, 12.0), angle_deg=25.0)
    share = ellipse_coverage(ellipse, (80, 100))
    assert np.isfinite(share).all()
    assert share[40, 50] == 1.0
    assert share.sum(dtype=float) == pytest.approx(ellipse.area, rel=1e-3)


@pytest.mark.parametrize("eye", ["OD", "OS"])
@pytest.mark.parametrize("turn", [0.0, 30.0, 60.0, 90.0])
def test_rim_width_is_what_a_fine_raster_shows_along_each_ray(eye, turn):
    shape = tilted_disc(eye).rotated(turn)
    assert shape.disc is not None
    assert shape.cup is not None
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    along = np.arange(0.0, 130.0, 0.005)[:, None]
    points = np.array(shape.disc.center) + along[..., None] * np.column_stack(
        [np.cos(angles), np.sin(angles)]
    )

    def inside(ellipse: Ellipse) -> np.ndarray:
        turned = np.deg2rad(ellipse.angle_deg)
        row, col = np.moveaxis(points - ellipse.center, -1, 0)
        first = row * np.cos(turned) + col * np.sin(turned)
        second = col * np.cos(turned) - row * np.sin(turned)
        return np.hypot(first / ellipse.semi_axes[0], second / ellipse.semi_axes[1]) <= 1

    counted = (inside(shape.disc).sum(axis=0) - inside(shape.cup).sum(axis=0)) * 0.005
    assert rim_width(shape.disc, shape.cup, angles) == pytest.approx(counted, abs=0.02)


def test_a_ray_that_misses_the_cup_counts_whole():
    disc = Ellipse(center=(0.0, 0.0), semi_axes=(50.0, 50.0))
    cup = Ellipse(center=(0.0, 30.0), semi_axes=(10.0, 10.0))
    widths = rim_width(disc, cup, np.deg2rad([0.0, 90.0, 180.0, 270.0]))
    assert widths == pytest.approx([50.0, 10.0, 50.0, 50.0])


def test_the_two_eyes_are_mirror_images():
    right, left = tilted_disc("OD"), tilted_disc("OS")
    for name in ("disc", "cup"):
        assert np.allclose(right.coverage(name), left.coverage(name)[:, ::-1], atol=1e-5)
    one, two = (disc_figures(s, e, mm_per_px=0.01) for s, e in ((right, "OD"), (left, "OS")))
    assert one == pytest.approx(two)
    assert one["disc_torsion"] == pytest.approx(12.0)


def test_the_truth_of_the_disc_is_that_of_its_ellipses():
    shape = tilted_disc()
    figures = disc_figures(shape, "OD", mm_per_px=0.001)
    assert figures["disc_area"] == pytest.approx(shape.truth["disc_area_px2"] * 1e-6)
    assert figures["disc_fovea_distance"] == pytest.approx(shape.truth["disc_fovea_distance_px"] * 1e-3)
    assert figures["rim_area"] == pytest.approx(shape.truth["rim_area_px2"] * 1e-6)


def test_the_arcades_lie_on_their_parabola():
    shape = parabolic_arcades("OS")
    assert shape.disc is not None
    assert shape.fovea is not None
    axis = np.subtract(shape.fovea, shape.disc.center)
    along = axis / np.hypot(*axis)
    for tube in shape.tubes["vein"]:
        local = (tube.points - shape.disc.center) @ np.column_stack([along, (-along[1], along[0])])
        focal = shape.truth["vein_arcade_parabola_a_px"]
        assert local[:, 1] ** 2 == pytest.approx(4 * focal * local[:, 0], rel=1e-9)
