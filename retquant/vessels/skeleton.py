"""From a mask to a clean one-pixel skeleton and the radius of the vessel at each of its pixels."""

from __future__ import annotations

import cv2
import numpy as np

from retquant.vessels.thinning import skeleton_of


def fill_pinholes(mask: np.ndarray, largest_area_px: float) -> np.ndarray:
    """(H, W) bool: the mask with its enclosed holes of at most `largest_area_px` filled.

    A pinhole splits the skeleton into two strands around it, which would read as a loop.
    """
    if largest_area_px < 1 or not mask.any():
        return mask
    background = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    _, label, stats, _ = cv2.connectedComponentsWithStats(background, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] <= largest_area_px
    small[0] = False  # label 0 is the mask itself
    small[label[0, 0]] = False  # what surrounds the mask is not a hole
    return mask | small[label][1:-1, 1:-1]


def radius_map(mask: np.ndarray) -> np.ndarray:
    """(H, W) float32 pixels from each vessel pixel to the vessel's edge; 0 in the background.

    Half a pixel is taken off the exact Euclidean distance, which runs to the centre of the nearest background
    pixel. What lies beyond the frame counts as background.
    """
    padded = np.pad(mask, 1).view(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    distance -= np.float32(0.5)
    return np.asarray(np.maximum(distance, np.float32(0.0), out=distance)[1:-1, 1:-1])


def thin(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool skeleton of `mask`, one pixel thick.

    Reference: Z. Guo and R. W. Hall, Communications of the ACM 32 (1989) 359-373.
    """
    # a bool array made from a 1-bit image may hold bytes of 255: compare afresh
    clean = np.ascontiguousarray(mask).view(np.uint8) != 0 if mask.dtype == bool else mask > 0
    return skeleton_of(clean)
