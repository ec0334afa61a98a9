"""The disc as a circle, against discs whose area and centre are known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from retquant.anatomy import coverage, find_disc, locate
from retquant.anatomy.patch import largest_patch
from retquant.images.retinal_image import Field
from retquant.manifest.records import ImageRecord
from retquant.phantoms import Ellipse, ellipse_coverage
from retquant.segmentation.segmentation import Segmentation, TargetMask


def target(share: np.ndarray, *, is_hard: bool = False) -> TargetMask:
    return TargetMask(probability=np.rint(share * 255).astype(np.uint8), source="manifest", is_hard=is_hard)


@pytest.mark.parametrize("angle", [0.0, 30.0, 60.0, 90.0])
def test_an_anti_aliased_ellipse_gives_its_centre_and_area_equivalent_radius(angle):
    ellipse = Ellipse(center=(100.3, 120.7), semi_axes=(50.0, 40.0), angle_deg=angle)
    disc = find_disc(target(ellipse_coverage(ellipse, (220, 240))))
    assert disc is not None
    assert disc.center == pytest.approx((100.3, 120.7), abs=0.01)
    assert disc.radius_px == pytest.approx(math.sqrt(50 * 40), rel=1e-3)


def test_the_largest_part_is_the_disc_and_its_holes_are_filled():
    share = np.zeros((100, 100))
    share[20:60, 20:60] = 1.0
    share[35:40, 35:40] = 0.0  # a vessel that was cut out
    share[80:90, 80:90] = 1.0  # something else
    disc = find_disc(target(share, is_hard=True))
    assert disc is not None
    assert disc.center == pytest.approx((39.5, 39.5))
    assert disc.radius_px == pytest.approx(math.sqrt(1600 / math.pi))


def test_an_empty_mask_has_no_disc():
    assert find_disc(target(np.zeros((20, 20)))) is None


def test_background_haze_and_doubt_inside_do_not_change_an_area():
    share = np.full((60, 60), 0.1)
    share[20:40, 20:40] = 0.7
    share[19, 20:40] = 0.25
    # 18 x 18 inside count whole, the rim at its own value, and so does the haze that touches the rim
    inside, rim = 18 * 18, 4 * 19 * 0.7
    touching = 20 * 0.25 + (4 * 21 - 20) * 0.1
    assert coverage(target(share)).sum() == pytest.approx(inside + rim + touching, rel=5e-3)


def test_landmarks_come_from_the_disc_mask_and_from_the_manifest_in_x_and_y():
    disc = ellipse_coverage(Ellipse(center=(60.3, 80.4), semi_axes=(20.0, 20.0)), (150, 150))
    record = ImageRecord(image_id="a", image=Path("a.png"), row=2, eye="OD", fovea_xy=(120.0, 65.0))
    found = locate(
        Segmentation(targets={"disc": target(disc)}),
        record,
        field=Field(center=(75.0, 75.0), diameter_px=150.0),
    )
    assert found.disc is not None
    assert found.fovea == (65.0, 120.0)
    assert found.eye == "OD"
    assert found.scale.source == "disc"
    assert found.scale.um_per_px == pytest.approx(900 / 20, rel=1e-3)


def test_without_masks_and_words_nothing_is_known():
    record = ImageRecord(image_id="a", image=Path("a.png"), row=2)
    found = locate(Segmentation(), record, field=Field(center=(5.0, 5.0), diameter_px=10.0))
    assert (found.disc, found.fovea, found.eye, found.scale.source) == (None, None, None, "unknown")


DISC = Ellipse(center=(120.4, 110.2), semi_axes=(60.0, 54.0), angle_deg=20.0)
SIZE = (260, 240)


@pytest.mark.parametrize("shown", [0.95, 0.8, 0.6])
def test_a_disc_cut_by_the_field_keeps_its_circle(shown):
    fov = np.ones(SIZE, bool)
    fov[:, round(DISC.center[1] - 56 + 112 * shown) :] = False
    share = ellipse_coverage(DISC, SIZE)
    disc = find_disc(target(share * fov), fov)
    assert disc is not None
    assert disc.is_cut
    assert disc.radius_px == pytest.approx(DISC.radius, rel=0.01)
    assert disc.center == pytest.approx(DISC.center, abs=0.6)
    too_small = find_disc(target(share * fov), np.ones(SIZE, bool))  # as long as nobody tells of the field
    assert too_small is not None
    assert too_small.radius_px < 0.995 * DISC.radius


def test_a_disc_cut_by_a_round_field_keeps_its_circle():
    rows, cols = np.mgrid[: SIZE[0], : SIZE[1]]
    fov = np.hypot(rows - 120, cols - 10) < 125
    disc = find_disc(target(ellipse_coverage(DISC, SIZE) * fov), fov)
    assert disc is not None
    assert disc.is_cut
    assert disc.radius_px == pytest.approx(DISC.radius, rel=0.01)


def test_a_disc_cut_by_the_frame_is_known_to_be_so_without_a_field():
    disc = find_disc(target(ellipse_coverage(Ellipse(center=(40.0, 100.0), semi_axes=(60.0, 60.0)), SIZE)))
    assert disc is not None
    assert disc.is_cut
    assert disc.radius_px == pytest.approx(60.0, rel=0.01)
    assert disc.center == pytest.approx((40.0, 100.0), abs=0.5)


def test_a_disc_that_only_touches_the_edge_is_whole():
    share = ellipse_coverage(Ellipse(center=(60.0, 100.0), semi_axes=(60.0, 60.0)), SIZE)
    disc = find_disc(target(share))
    assert disc is not None
    assert not disc.is_cut


def test_of_a_disc_mostly_outside_the_field_nothing_is_known():
    assert (
        find_disc(target(ellipse_coverage(Ellipse(center=(-40.0, 100.0), semi_axes=(60.0, 60.0)), SIZE)))
        is None
    )
    assert find_disc(target(np.ones(SIZE), is_hard=True)) is None


def test_the_outline_of_an_area_meets_its_extents_moments_and_rays():
    patch = largest_patch(target(ellipse_coverage(DISC, SIZE)))
    assert patch is not None
    long, short, angle = patch.axes
    assert (long, short) == pytest.approx((60.0, 54.0), rel=1e-3)
    assert angle == pytest.approx(20.0, abs=0.05)
    turn = np.deg2rad(20.0)
    high = 2 * math.hypot(60 * math.cos(turn), 54 * math.sin(turn))
    assert patch.extent(0) == pytest.approx(high, rel=2e-3)
    rays = np.deg2rad([20.0, 110.0, 200.0, 290.0])
    assert patch.reach(DISC.center, rays) == pytest.approx([60.0, 54.0, 60.0, 54.0], abs=0.1)
    assert patch.reach((DISC.center[0], DISC.center[1] + 200.0), np.array([0.0]))[0] == 0.0  # it misses


def test_the_part_of_an_area_inside_another_may_be_nothing():
    left, right = (
        largest_patch(target(ellipse_coverage(Ellipse(center=(120.0, c), semi_axes=(30.0, 30.0)), SIZE)))
        for c in (60.0, 150.0)
    )
    assert left is not None
    assert right is not None
    assert left.within(right) is None
    assert left.within(left).area_px == pytest.approx(left.area_px)  # type: ignore[union-attr]
