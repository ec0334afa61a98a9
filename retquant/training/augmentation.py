"""Random tiles of the training images: turned, mirrored, scaled, and with other light, contrast and noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from retquant.training.datasets import WorkingExample

SCALE_RANGE = (0.8, 1.25)
CONTRAST_SPREAD = 0.2  # of the logarithm of contrast, one a channel
BRIGHTNESS_SPREAD = 0.03
NOISE_MAX = 0.02
BLUR_MAX = 0.8  # sigma, pixels


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One training tile of side t with T targets."""

    image: np.ndarray  # (t, t, 3) float32 in [0, 1]
    truth: np.ndarray  # (t, t, T)
    valid: np.ndarray  # (t, t, T)


def random_tile(example: WorkingExample, side: int, rng: np.random.Generator) -> Tile:
    """A tile about a random point of the field, under a random similarity and photometric change."""
    matrix = _random_similarity(example, side, rng)
    image = _warp(example.image, matrix, side, 0.5)
    truth = _warp(example.truth, matrix, side, 0.0)
    valid = (_warp(example.valid, matrix, side, 0.0) > 0.99).astype(np.float32)
    return Tile(_photometric(image, rng), truth, valid)


def _random_similarity(example: WorkingExample, side: int, rng: np.random.Generator) -> np.ndarray:
    """(2, 3) map from the example's (x, y) to the tile's."""
    rows, cols = np.nonzero(example.valid.max(axis=-1))
    pick = rng.integers(len(rows))
    scale = np.exp(rng.uniform(*np.log(SCALE_RANGE)))
    angle = rng.uniform(0, 2 * np.pi)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if rng.random() < 0.5:
        turn = turn @ np.diag([-1.0, 1.0])
    # the picked point lands in the middle half of the tile, so that borders of the field are seen, but not only them
    target = side / 2 + rng.uniform(-side / 4, side / 4, size=2)
    offset = target - turn @ np.array([cols[pick], rows[pick]])
    return np.column_stack([turn, offset])


def _warp(array: np.ndarray, matrix: np.ndarray, side: int, border: float) -> np.ndarray:
    warped = cv2.warpAffine(
        array, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=(border, border, border, border)
    )
    return warped if warped.ndim == 3 else warped[..., None]


def _photometric(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    common = rng.normal(0, CONTRAST_SPREAD)
    gain = np.exp(common + rng.normal(0, CONTRAST_SPREAD / 2, size=3))
    changed = 0.5 + (image - 0.5) * gain + rng.normal(0, BRIGHTNESS_SPREAD, size=3)
    if rng.random() < 0.3:
        changed = cv2.GaussianBlur(changed, (0, 0), rng.uniform(0.2, BLUR_MAX))
    changed = changed + rng.normal(0, rng.uniform(0, NOISE_MAX), size=image.shape)
    return np.clip(changed, 0, 1).astype(np.float32)
