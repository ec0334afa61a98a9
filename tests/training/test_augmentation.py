"""Random tiles: truth stays on its image, stitched parts too, and the glance shows the same eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retquant.training.augmentation import random_tile, stitch
from retquant.training.datasets import Example
from retquant.training.working_example import WorkingExample

SIZE = 192


def dotted(seed: int, *, shade: int = 90) -> WorkingExample:
    """A grey field with bright round dots, which are the only target."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:SIZE, :SIZE]
    dots = np.zeros((SIZE, SIZE), bool)
    for row, col in rng.uniform(30, SIZE - 30, (6, 2)):
        dots |= np.hypot(rows - row, cols - col) < 8
    image = np.where(dots[..., None], 220, shade).astype(np.uint8).repeat(3, axis=-1)
    small = image[1::3, 1::3]
    truth = dots[..., None].astype(np.uint8) * 255
    valid = np.full_like(truth, 255)
    return WorkingExample(
        example=Example(
            dataset="dots", hand="dots", stem=str(seed), person="1", image=Path("x"), fov=None, truth={}
        ),
        image=image,
        glance=np.concatenate([small, small], axis=-1),
        truth=truth,
        valid=valid,
        glance_truth=truth[1::3, 1::3],
        glance_valid=valid[1::3, 1::3],
        field=np.ones((SIZE, SIZE), bool),
    )


def contrast(image: np.ndarray, truth: np.ndarray) -> float:
    """Mean of what is bright minus mean of what is not."""
    inside, outside = truth[..., 0] > 0.9, truth[..., 0] < 0.1
    return float(image[inside].mean() - image[outside].mean())


@pytest.mark.parametrize("seed", range(8))
def test_truth_and_glance_turn_with_the_image(seed: int) -> None:
    tile = random_tile(dotted(1), 96, np.random.default_rng(seed))
    assert tile.image.shape == (96, 96, 3)
    assert tile.glance.shape == (64, 64, 6)
    if (tile.truth > 0.9).sum() > 50:
        # bright dots are 0.5 above their ground; contrast changes by some tens of per cent at most
        assert contrast(tile.image, tile.truth) > 0.2
    assert contrast(tile.glance, tile.glance_truth) > 0.2


@pytest.mark.parametrize("seed", range(6))
def test_the_corner_says_where_in_the_glance_the_tile_lies(seed: int) -> None:
    tile = random_tile(dotted(2), 96, np.random.default_rng(seed))
    x, y = (round(float(v) / 3) for v in tile.corner)
    seen = tile.glance_truth[y : y + 32, x : x + 32, 0]
    coarse = tile.truth[..., 0].reshape(32, 3, 32, 3).mean(axis=(1, 3))
    # edges differ by the rounding of the corner to whole glance pixels; areas agree
    assert np.abs(seen[2:-2, 2:-2] - coarse[2:-2, 2:-2]).mean() < 0.06


def test_tiles_are_drawn_about_small_targets() -> None:
    example = dotted(3)
    hits = [
        random_tile(example, 48, np.random.default_rng(s), focus=(0,)).truth.max() > 0.5 for s in range(20)
    ]
    assert np.mean(hits) > 0.7


def test_what_is_unknown_stays_unknown() -> None:
    example = dotted(4)
    example.valid[:] = 0
    example.glance_valid[:] = 0
    tile = random_tile(example, 96, np.random.default_rng(0))
    assert not tile.valid.any()
    assert not tile.glance_valid.any()


def test_a_stitched_part_brings_its_labels_along() -> None:
    first, second = dotted(5), dotted(6, shade=30)
    mixed = stitch(first, second, np.random.default_rng(1))
    pasted = (mixed.image[..., 0] == 30) | ((mixed.image[..., 0] == 220) & (first.image[..., 0] == 90))
    assert 0.02 < pasted.mean() < 0.3
    bright = mixed.image[..., 0] == 220
    assert np.array_equal(bright, mixed.truth[..., 0] == 255)
    assert np.array_equal(mixed.glance[..., 0] == 220, mixed.glance_truth[..., 0] == 255)
    assert np.array_equal(first.image, dotted(5).image)  # the source is not written to


def test_the_same_stream_gives_the_same_tile() -> None:
    one, other = (random_tile(dotted(7), 64, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one.image, other.image)
    assert np.array_equal(one.glance, other.glance)
