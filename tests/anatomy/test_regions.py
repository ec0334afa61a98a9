"""Zones: what points and pixels they hold, and how much of them the field shows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from retquant.anatomy import (
    ETDRS,
    HALVES,
    Anatomy,
    Annulus,
    Disc,
    Scale,
    WholeField,
    eye_axes,
    place,
    visible_area,
    visible_share,
    zone,
)

DISC = Disc(center=(200.0, 200.0), radius_px=30.0)
SIZE = (401, 401)
FIELD = np.ones(SIZE, bool)
SECTORS = ("superior", "nasal", "inferior", "temporal")


def anatomy(eye: str | None = "OD", turn_deg: float = 0.0) -> Anatomy:
    """A right eye's fovea lies to the left of its disc as displayed; `turn_deg` turns both about the frame's middle."""
    side = -1.0 if eye == "OD" else 1.0
    offset = np.array([[0.0, -side * 80.0], [5.0, side * 20.0]])
    angle = np.deg2rad(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    disc, fovea = ((float(r), float(c)) for r, c in offset @ turn.T + 200.0)
    return Anatomy(
        disc=Disc(center=disc, radius_px=15.0),
        fovea=fovea,
        scale=Scale(um_per_px=20.0, source="um_per_px"),
        eye=eye,
    )


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


def test_circles_about_the_fovea_have_radii_of_half_a_millimetre_one_and_a_half_and_three():
    eye = anatomy()
    areas = [visible_area(place(name, eye, FIELD), FIELD) for name in ETDRS]
    radii = np.array([0.0, 25.0, 75.0, 150.0])  # px at 20 um
    assert areas == pytest.approx(np.pi * np.diff(radii**2), rel=1e-3)  # a circle of 25 px


@pytest.mark.parametrize("eye", ["OD", "OS"])
@pytest.mark.parametrize("turn", [0.0, 30.0, 60.0, 90.0, 180.0])
def test_superior_is_up_in_an_upright_picture_of_either_eye_and_turns_with_it(eye, turn):
    found = eye_axes(anatomy(eye, turn))
    upright = eye_axes(anatomy(eye))
    assert found is not None
    assert upright is not None
    assert upright.superior[0] < -0.99
    angle = np.deg2rad(turn)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert found.superior == pytest.approx(tuple(matrix @ upright.superior), abs=1e-12)
    assert found.temporal == pytest.approx(tuple(matrix @ upright.temporal), abs=1e-12)


@pytest.mark.parametrize("eye", ["OD", "OS"])
@pytest.mark.parametrize("name", ["parafovea", "perifovea"])
def test_the_four_quarters_make_up_their_ring_without_overlap(eye, name):
    landmarks = anatomy(eye, 30.0)
    quarters = [place(name, landmarks, FIELD, sector=sector) for sector in SECTORS]
    ring = place(name, landmarks, FIELD)
    window, whole = ring.coverage(SIZE)
    parts = [quarter.coverage(SIZE)[1] for quarter in quarters]
    assert np.sum(parts, axis=0) == pytest.approx(whole, abs=0.26)  # at the sides' meeting with a circle
    assert sum(visible_area(q, FIELD) for q in quarters) == pytest.approx(visible_area(ring, FIELD), rel=1e-3)
    assert [visible_area(q, FIELD) / q.area_px for q in quarters] == pytest.approx([1.0] * 4, rel=5e-3)
    points = np.stack(np.mgrid[window], axis=-1) + 0.0
    assert (np.sum([q.contains(points) for q in quarters], axis=0) == ring.contains(points)).all()


def test_points_and_pixels_of_a_quarter_agree():
    quarter = place("perifovea", anatomy("OS", 60.0), FIELD, sector="nasal")
    window, share = quarter.coverage(SIZE)
    inside = quarter.contains(np.stack(np.mgrid[window], axis=-1) + 0.0)
    assert (inside[share > 0.75]).all()
    assert not inside[share < 0.25].any()


@pytest.mark.parametrize("eye", ["OD", "OS"])
def test_the_temporal_quarter_lies_beyond_the_fovea_as_seen_from_the_disc(eye):
    landmarks = anatomy(eye)
    fovea = np.array(landmarks.fovea)
    away = fovea - np.array(landmarks.disc.center)  # type: ignore[union-attr]
    point = fovea + 50.0 * away / np.hypot(*away)
    inside = [s for s in SECTORS if place("parafovea", landmarks, FIELD, sector=s).contains(point)]
    assert inside == ["temporal"]
    assert place("temporal_half", landmarks, FIELD).contains(point)
    assert not place("nasal_half", landmarks, FIELD).contains(point)


def test_opposite_halves_make_up_the_field_without_overlap():
    landmarks = anatomy("OD", 30.0)
    points = np.stack(np.mgrid[:401, :401], axis=-1) + 0.0
    for one, other in (("superior_half", "inferior_half"), ("nasal_half", "temporal_half")):
        halves = [place(name, landmarks, FIELD) for name in (one, other)]
        assert sum(visible_area(half, FIELD) for half in halves) == pytest.approx(401 * 401)
        assert (halves[0].contains(points) ^ halves[1].contains(points)).all()


def test_the_line_between_halves_belongs_to_one_of_them():
    landmarks = Anatomy(
        disc=Disc(center=(200.0, 300.0), radius_px=15.0),
        fovea=(200.0, 200.0),
        scale=Scale(um_per_px=20.0, source="um_per_px"),
        eye="OD",
    )
    for pair in (("superior_half", "inferior_half"), ("nasal_half", "temporal_half")):
        assert (
            sum(bool(place(name, landmarks, FIELD).contains(np.array([200.0, 200.0]))) for name in pair) == 1
        )


def test_a_half_of_which_the_field_shows_little_is_seen_by_its_share_of_half_the_field():
    landmarks = anatomy("OD")
    narrow = np.zeros(SIZE, bool)
    narrow[:, 150:] = True  # the fovea lies 30 px from this field's temporal edge
    assert visible_share(place("temporal_half", landmarks, narrow), narrow) == pytest.approx(
        2 * 29.5 / 251, abs=0.02
    )
    assert visible_share(place("nasal_half", landmarks, narrow), narrow) == 1.0


@pytest.mark.parametrize("name", [*ETDRS, *HALVES])
def test_a_region_whose_landmarks_are_unknown_cannot_be_placed(name):
    unknown = Anatomy(disc=DISC, fovea=None, scale=Scale(um_per_px=20.0, source="um_per_px"), eye="OD")
    with pytest.raises(ValueError, match=name):
        place(name, unknown, FIELD)
