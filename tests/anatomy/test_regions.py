"""Zones: what points and pixels they hold, and how much of them the field shows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from retquant.anatomy import Annulus, Disc, WholeField, visible_area, visible_share, zone

DISC = Disc(center=(200.0, 200.0), radius_px=30.0)


def test_zone_b_reaches_from_two_to_three_disc_radii_from_the_centre():
    ring = zone("zone_b", DISC)
    points = np.array([[200.0, 259.0], [200.0, 261.0], [200.0, 289.0], [200.0, 291.0]])
    assert ring.contains(points).tolist() == [False, True, True, False]


def test_zone_c_reaches_to_five_disc_radii():
    ring = zone("zone_c", DISC)
    assert (ring.inner_px, ring.outer_px) == (60.0, 150.0)
    assert ring.area_px == pytest.approx(math.pi * (150**2 - 60**2))


def test_a_ring_inside_the_field_is_seen_whole():
    fov = np.ones((401, 401), bool)
    ring = zone("zone_c", DISC)
    assert visible_share(ring, fov) == pytest.approx(1.0, abs=2e-4)
    assert visible_area(ring, fov) == pytest.approx(ring.area_px, rel=2e-4)


def test_a_ring_about_a_point_on_the_frame_edge_is_seen_by_half():
    fov = np.ones((401, 401), bool)
    ring = zone("zone_b", Disc(center=(200.0, -0.5), radius_px=30.0))
    assert visible_share(ring, fov) == pytest.approx(0.5, abs=1e-3)


def test_a_ring_cut_by_a_round_field_is_seen_as_far_as_the_field_goes():
    rows, columns = np.mgrid[:401, :401]
    fov = np.hypot(rows - 200, columns - 200) <= 100
    ring = zone("zone_c", DISC)
    assert visible_share(ring, fov) == pytest.approx((100**2 - 60**2) / (150**2 - 60**2), rel=5e-3)


def test_a_ring_outside_the_frame_is_not_seen():
    ring = Annulus(center=(-500.0, -500.0), inner_px=20.0, outer_px=40.0)
    assert visible_share(ring, np.ones((50, 60), bool)) == 0.0


def test_the_whole_field_holds_the_pixels_of_the_field_and_no_point_off_the_frame():
    fov = np.zeros((10, 10), bool)
    fov[2:5, 2:5] = True
    field = WholeField(fov=fov)
    assert field.area_px == 9
    assert field.contains(np.array([[2.4, 4.4], [5.2, 3.0], [-3.0, 3.0], [3.0, 40.0]])).tolist() == [
        True,
        False,
        False,
        False,
    ]
