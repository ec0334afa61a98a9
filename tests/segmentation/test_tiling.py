"""Tiles cover everything, and blending what was cut gives it back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from retquant.segmentation.tiling import blend, blend_window, tile_corners, tile_starts


def test_640_pixels_are_three_tiles_of_256_with_an_overlap_of_64() -> None:
    assert tile_starts(640, 256, 64) == [0, 192, 384]


@pytest.mark.parametrize("size", [100, 256, 257, 640, 768, 1000])
def test_tiles_cover_every_pixel_and_overlap_enough(size: int) -> None:
    starts = tile_starts(size, 256, 64)
    assert starts[0] == 0
    assert size <= 256 or starts[-1] == size - 256
    assert all(b - a <= 256 - 64 for a, b in pairwise(starts))


def test_blending_the_tiles_of_an_image_gives_the_image() -> None:
    image = np.random.default_rng(0).random((2, 640, 640)).astype(np.float32)
    corners = tile_corners(640, 256, 64)
    tiles = np.stack([image[:, r : r + 256, c : c + 256] for r, c in corners])
    assert np.abs(blend(tiles, corners, 640) - image).max() < 1e-5


def test_blending_leaves_no_seam_between_tiles_that_disagree() -> None:
    corners = tile_corners(640, 256, 64)
    tiles = np.stack([np.full((1, 256, 256), float(i % 2), np.float32) for i in range(len(corners))])
    steps = np.abs(np.diff(blend(tiles, corners, 640)[0], axis=1))
    assert steps.max() < 0.05


def test_the_window_is_positive_everywhere() -> None:
    assert blend_window(256).min() > 0
