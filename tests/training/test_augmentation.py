"""Random tiles: truth stays on its image, stitched parts too, and the glance shows the same eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retquant.training.augmentation import random_tile, stitch
from retquant.training.datasets import Example
from retquant.training.recipe import AugmentationRecipe
from retquant.training.working_example import WorkingExample

SIZE = 192


def dotted(seed: int, *, shade: int = 90, shrink: int = 3) -> WorkingExample:
    """A grey field with bright round dots, which are the only target."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:SIZE, :SIZE]
    dots = np.zeros((SIZE, SIZE), bool)
    for row, col in rng.uniform(30, SIZE - 30, (6, 2)):
        dots |= np.hypot(rows - row, cols - col) < 8
    image = np.where(dots[..., None], 220, shade).astype(np.uint8).repeat(3, axis=-1)
    part = slice(shrink // 2, None, shrink)
    small = image[part, part]
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
        glance_truth=truth[part, part],
        glance_valid=valid[part, part],
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


@pytest.mark.parametrize("shrink", [3, 4])
@pytest.mark.parametrize("seed", range(6))
def test_the_corner_says_where_in_the_glance_the_tile_lies(seed: int, shrink: int) -> None:
    tile = random_tile(dotted(2, shrink=shrink), 96, np.random.default_rng(seed))
    side = 96 // shrink
    x, y = (round(float(v) / shrink) for v in tile.corner)
    seen = tile.glance_truth[y : y + side, x : x + side, 0]
    coarse = tile.truth[..., 0].reshape(side, shrink, side, shrink).mean(axis=(1, 3))
    # edges differ by the rounding of the corner to whole glance pixels; areas agree
    assert np.abs(seen[2:-2, 2:-2] - coarse[2:-2, 2:-2]).mean() < 0.06


@pytest.mark.parametrize("seed", range(8))
def test_under_quarter_turns_pixels_stay_what_they_are(seed: int) -> None:
    options = AugmentationRecipe(geometry="quarter_turns", light=0)
    tile = random_tile(dotted(1), 96, np.random.default_rng(seed), options=options)
    assert set(np.rint(np.unique(tile.image) * 255)) <= {90, 220}
    assert set(np.unique(tile.truth)) <= {0, 1}
    assert np.array_equal(np.rint(tile.image * 255)[..., 0] == 220, tile.truth[..., 0] == 1)
    # the glance, too, in which an edge may fall on either side of the sampled pixel
    assert ((tile.glance[..., 0] > 0.6) != (tile.glance_truth[..., 0] > 0.5)).mean() < 0.01


def test_quarter_turns_show_all_eight_sides_of_an_image() -> None:
    options = AugmentationRecipe(geometry="quarter_turns", light=0)
    example = dotted(1)
    tiles = {
        random_tile(example, SIZE, np.random.default_rng(s), options=options).truth.tobytes()
        for s in range(60)
    }
    assert len(tiles) == 8


def test_less_light_changes_an_image_less() -> None:
    def change(light: float) -> float:
        options = AugmentationRecipe(geometry="quarter_turns", light=light)
        tiles = [random_tile(dotted(1), SIZE, np.random.default_rng(s), options=options) for s in range(20)]
        return float(
            np.mean([np.abs(t.image - np.where(t.truth > 0.5, 220, 90) / 255).mean() for t in tiles])
        )

    assert change(0) < 1e-6 < change(0.5) < 0.75 * change(1)


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
