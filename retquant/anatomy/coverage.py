"""How much of each pixel a target covers: sub-pixel areas from anti-aliased or probability maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # types only: the stages' packages bring heavy libraries along
    from retquant.segmentation.segmentation import TargetMask

FULL = 255
"""Level of a pixel that is covered as a whole."""


def coverage(target: TargetMask) -> np.ndarray:
    """Share of each pixel that the target covers.

    Pixels that touch the mask's edge keep their own value; inside it is 1 and outside 0, so that neither haze
    in the background nor doubt in the middle of a vessel changes an area.

    Returns
    -------
    np.ndarray
        (H, W) float32 in [0, 1]; its sum is the target's area in pixels.
    """
    return as_share(coverage_levels(target))


def coverage_levels(target: TargetMask) -> np.ndarray:
    """The same as (H, W) uint8 in parts of `FULL`, which takes a quarter of the memory."""
    bits = target.mask.view(np.uint8)
    return bits * np.uint8(FULL) if target.is_hard else _soft_levels(bits, target.probability)


def soft_edge(bits: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """(H, W) float32: `bits` (H, W) uint8 of 0 and 1, pixels that touch its edge by their 8-bit probability."""
    return as_share(_soft_levels(bits, probability))


def _soft_levels(bits: np.ndarray, probability: np.ndarray) -> np.ndarray:
    import cv2

    neighbourhood = np.ones((3, 3), np.uint8)
    near, inside = cv2.dilate(bits, neighbourhood), cv2.erode(bits, neighbourhood)
    levels = np.minimum(probability, np.multiply(near, FULL, out=near), out=near)
    return np.maximum(levels, np.multiply(inside, FULL, out=inside), out=inside)


def as_share(levels: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1] of levels (H, W) uint8."""
    return np.divide(levels, np.float32(FULL), dtype=np.float32)
