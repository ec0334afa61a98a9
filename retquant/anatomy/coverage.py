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
    solid = target.mask.view(np.uint8) * np.uint8(FULL)
    return solid if target.is_hard else _soft_levels(solid, target.probability)


def soft_edge(bits: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """(H, W) float32: `bits` (H, W) uint8 of 0 and 1, pixels that touch its edge by their 8-bit probability."""
    return as_share(_soft_levels(bits * np.uint8(FULL), probability))


def _soft_levels(solid: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """`solid` (H, W) of 0 and `FULL`, pixels that touch its edge by their probability."""
    import cv2

    neighbourhood = np.ones((3, 3), np.uint8)
    near, inside = cv2.dilate(solid, neighbourhood), cv2.erode(solid, neighbourhood)
    return np.maximum(np.minimum(probability, near, out=near), inside, out=inside)


def as_share(levels: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1] of levels (H, W) uint8."""
    return np.divide(levels, np.float32(FULL), dtype=np.float32)
