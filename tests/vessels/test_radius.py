"""Radii searched for round each pixel are those of the distance map."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from retquant.vessels.radius import radii_at
from retquant.vessels.thinning import bordered


@pytest.mark.parametrize("seed", range(20))
def test_the_radius_is_the_distance_to_the_nearest_background_less_half_a_pixel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.random((80, 110)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), float(rng.uniform(0.5, 9)))
    inside = bordered(noise > np.quantile(noise, rng.uniform(0.05, 0.9)))
    rows, columns = np.nonzero(inside)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[rows, columns]
    np.testing.assert_allclose(radii_at(inside, rows, columns), distance - 0.5, atol=1e-4)


def test_the_frame_is_the_edge_of_a_full_mask_be_it_small_or_large() -> None:
    for side in (9, 201):
        inside = bordered(np.ones((side, side), bool))
        middle = np.array([side // 2 + 1])
        assert radii_at(inside, middle, middle) == pytest.approx(side / 2)
