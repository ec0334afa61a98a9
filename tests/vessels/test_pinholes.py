"""Pinholes are those that labelling the whole background finds."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy import ndimage

from retquant.vessels.pinholes import find_pinholes


def by_labels(mask: np.ndarray, largest: float) -> np.ndarray:
    """The same by labelling every part of the background."""
    label, count = ndimage.label(np.pad(~mask, 1, constant_values=True))
    size = np.bincount(label.ravel(), minlength=count + 1)
    small = (size <= largest) & (np.arange(count + 1) > 0) & (np.arange(count + 1) != label[0, 0])
    return np.argwhere(small[label][1:-1, 1:-1])


@pytest.mark.parametrize("seed", range(40))
def test_the_pixels_found_are_those_of_small_parts_of_the_background(seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.random((60, int(rng.integers(3, 90)))).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), float(rng.uniform(0.3, 3)))
    mask = noise > np.quantile(noise, rng.uniform(0.1, 0.9))
    largest = float(rng.uniform(1, 60))
    found = find_pinholes(mask, largest)
    np.testing.assert_array_equal(found[np.lexsort(found.T[::-1])], by_labels(mask, largest))


def test_a_bay_that_opens_to_the_frame_is_no_hole() -> None:
    mask = np.ones((9, 9), bool)
    mask[0:3, 4] = False
    assert not len(find_pinholes(mask, 50))
    mask[0, 4] = True
    assert len(find_pinholes(mask, 50)) == 2


def test_a_hole_larger_than_the_limit_stays() -> None:
    mask = np.ones((9, 9), bool)
    mask[3:6, 3:6] = False
    assert not len(find_pinholes(mask, 8.9))
    assert len(find_pinholes(mask, 9)) == 9


@pytest.mark.parametrize("value", [False, True])
def test_an_empty_and_a_full_mask_have_none(value: bool) -> None:
    assert find_pinholes(np.full((5, 7), value), 10).shape == (0, 2)
