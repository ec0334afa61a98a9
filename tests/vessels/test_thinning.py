"""Thinning keeps what is connected connected, and leaves lines one pixel thick."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy import ndimage

from retquant.vessels.thinning import skeleton_of

EIGHT, FOUR = np.ones((3, 3)), ndimage.generate_binary_structure(2, 1)


def blobs(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(size=(160, 190)), (0, 0), float(rng.uniform(1.0, 5.0)))
    return np.asarray(noise > np.quantile(noise, rng.uniform(0.3, 0.9)))


def topology(mask: np.ndarray) -> tuple[int, int]:
    """Parts, and regions of the background."""
    return ndimage.label(mask, EIGHT)[1], ndimage.label(~np.pad(mask, 1), FOUR)[1]


@pytest.mark.parametrize("seed", range(12))
def test_parts_and_holes_are_kept(seed: int) -> None:
    mask = blobs(seed)
    skeleton = skeleton_of(mask)
    assert not (skeleton & ~mask).any()
    assert topology(skeleton) == topology(mask)


@pytest.mark.parametrize("seed", range(12))
def test_no_block_of_two_by_two_is_left_but_where_it_holds_a_junction_together(seed: int) -> None:
    skeleton = skeleton_of(blobs(seed))
    block = skeleton[:-1, :-1] & skeleton[1:, :-1] & skeleton[:-1, 1:] & skeleton[1:, 1:]
    for r, c in np.argwhere(block):
        for at in ((r, c), (r + 1, c), (r, c + 1), (r + 1, c + 1)):
            without = skeleton.copy()
            without[at] = False
            assert topology(without) != topology(skeleton)


def test_a_bar_becomes_its_middle_line() -> None:
    mask = np.zeros((40, 120), bool)
    mask[10:19, 10:110] = True
    rows, columns = np.nonzero(skeleton_of(mask))
    assert set(rows) == {14}
    assert columns.min() <= 15
    assert columns.max() >= 104


def test_a_mask_at_the_frame_is_thinned_there_too() -> None:
    mask = np.zeros((30, 30), bool)
    mask[:, :5] = True
    assert skeleton_of(mask).sum() <= 30


def test_nothing_one_pixel_and_a_line_stay_as_they_are() -> None:
    empty = np.zeros((20, 20), bool)
    assert not skeleton_of(empty).any()
    dot = empty.copy()
    dot[5, 5] = True
    assert (skeleton_of(dot) == dot).all()
    line = empty.copy()
    line[3, 2:18] = True
    assert (skeleton_of(line) == line).all()
    full = np.ones((20, 20), bool)
    assert 0 < skeleton_of(full).sum() <= 20
