"""How much of each pixel a target covers: sub-pixel areas from anti-aliased or probability maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # types only: the stages' packages bring heavy libraries along
    from retquant.segmentation.segmentation import TargetMask


def coverage(target: TargetMask) -> np.ndarray:
    """Share of each pixel that the target covers.

    Pixels that touch the mask's edge keep their own value; inside it is 1 and outside 0, so that neither haze
    in the background nor doubt in the middle of a vessel changes an area.

    Returns
    -------
    np.ndarray
        (H, W) float32 in [0, 1]; its sum is the target's area in pixels.
    """
    mask = target.mask
    return mask.astype(np.float32) if target.is_hard else soft_edge(mask.view(np.uint8), target.probability)


def soft_edge(bits: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """(H, W) float32: `bits` (H, W) uint8 of 0 and 1, pixels that touch its edge by their 8-bit probability."""
    import cv2

    neighbourhood = np.ones((3, 3), np.uint8)
    edge = cv2.dilate(bits, neighbourhood) != cv2.erode(bits, neighbourhood)
    share = bits.astype(np.float32)
    share[edge] = probability[edge].astype(np.float32) / 255.0
    return share
