"""Means over parts of pixels that are known."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.biomarkers.resampling import resample


def test_a_whole_number_of_pixels_gives_their_mean():
    levels = np.random.default_rng(1).integers(0, 256, (12, 20), dtype=np.uint8)
    expected = levels.reshape(4, 3, 5, 4).mean(axis=(1, 3)) / 255
    assert resample(levels, (4, 5), 255) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shape", [(7, 11), (90, 100), (1, 1), (91, 137)])
def test_what_is_left_of_a_pixel_counts_for_the_next(shape):
    levels = np.random.default_rng(2).integers(0, 256, (91, 137), dtype=np.uint8)
    small = resample(levels, shape, 255)
    # nothing is lost: each old pixel counts as much as any other
    assert small.mean(dtype=float) == pytest.approx(levels.mean() / 255, rel=1e-6)
    assert small.dtype == np.float32
    assert small.shape == shape


def test_a_part_of_a_picture_is_resampled_as_a_picture():
    levels = np.random.default_rng(3).integers(0, 256, (40, 60), dtype=np.uint8)
    part = levels[3:33, 5:50]
    assert np.array_equal(resample(part, (13, 17), 255), resample(part.copy(), (13, 17), 255))


def test_a_full_map_stays_full():
    assert resample(np.full((100, 77), 255, np.uint8), (43, 31), 255) == pytest.approx(1.0, abs=1e-6)


def test_a_ramp_stays_a_ramp_when_it_is_enlarged():
    levels = np.tile(np.arange(0, 200, 10, dtype=np.uint8), (15, 1))
    large = resample(levels, (30, 40), 1, enlarge=True)
    # middles of new pixels lie a quarter of an old one to either side; beyond the outermost middles nothing is known
    expected = np.clip((np.arange(40) + 0.5) / 2 - 0.5, 0, 19) * 10
    assert large == pytest.approx(np.tile(expected, (30, 1)), abs=1e-4)
    assert resample(levels.T, (40, 30), 1, enlarge=True) == pytest.approx(large.T, abs=1e-4)
