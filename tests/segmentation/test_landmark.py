"""Places read from heat maps."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.segmentation.landmark import landmark_of


def bell(x: float, y: float, peak: float) -> np.ndarray:
    rows, cols = np.mgrid[:80, :100]
    return peak * np.exp(-((rows - y) ** 2 + (cols - x) ** 2) / (2 * 6.0**2))


@pytest.mark.parametrize(("x", "y"), [(40.0, 30.0), (51.3, 44.7)])
def test_the_centre_of_a_bell_is_found_between_pixels(x: float, y: float) -> None:
    spot = landmark_of(np.rint(bell(x, y, 200)).astype(np.uint8))
    assert spot is not None
    # the spot's border is whole pixels: a tenth of a pixel remains
    assert (spot.x, spot.y) == pytest.approx((x, y), abs=0.1)
    assert spot.confidence == pytest.approx(200 / 255, abs=0.01)


def test_a_second_cooler_bell_does_not_pull() -> None:
    both = np.rint(bell(25, 20, 220) + bell(80, 60, 150)).astype(np.uint8)
    spot = landmark_of(both)
    assert spot is not None
    assert (spot.x, spot.y) == pytest.approx((25, 20), abs=0.1)


def test_an_empty_map_has_no_landmark() -> None:
    assert landmark_of(np.zeros((8, 8), np.uint8)) is None
