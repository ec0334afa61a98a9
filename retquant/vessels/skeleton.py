"""From a mask to a clean one-pixel skeleton and the radius of the vessel at each of its pixels."""

from __future__ import annotations

import cv2
import numpy as np
from skimage.morphology import skeletonize


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
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    return np.maximum(distance - np.float32(0.5), np.float32(0.0))


def thin(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool skeleton of `mask` by Zhang's thinning, without 2x2 blocks.

    Reference: T. Y. Zhang and C. Y. Suen, Communications of the ACM 27 (1984) 236-239.
    """
    # A bool array made from a 1-bit image may hold bytes of 255, which crash the thinning: compare afresh.
    clean = np.ascontiguousarray(mask).view(np.uint8) != 0 if mask.dtype == bool else mask > 0
    if not clean.any():
        return np.zeros(mask.shape, dtype=bool)
    # One ring of background, for thinning leaves the frame's own edge pixels as they are.
    skeleton = skeletonize(np.pad(clean, 1))
    return _without_blocks(skeleton)[1:-1, 1:-1]


def _without_blocks(skeleton: np.ndarray) -> np.ndarray:
    """Delete pixels of 2x2 blocks wherever that leaves the neighbourhood connected (zhang leaves a few)."""
    skeleton = skeleton.copy()
    block = skeleton[:-1, :-1] & skeleton[1:, :-1] & skeleton[:-1, 1:] & skeleton[1:, 1:]
    for row, col in np.argwhere(block):  # a handful of places in an image
        for r, c in ((row, col), (row, col + 1), (row + 1, col), (row + 1, col + 1)):
            if skeleton[row : row + 2, col : col + 2].all() and _is_simple(
                skeleton[r - 1 : r + 2, c - 1 : c + 2]
            ):
                skeleton[r, c] = False
    return skeleton


_RING = ([0, 0, 0, 1, 2, 2, 2, 1], [0, 1, 2, 2, 2, 1, 0, 0])


def _is_simple(window: np.ndarray) -> bool:
    """Whether the middle of a 3x3 window can go without cutting or joining anything (Yokoi number 1)."""
    ring = window[_RING].astype(int)
    edge = (1, 3, 5, 7)  # of the ring, which begins at a corner
    background = 1 - ring
    crossings = sum(
        background[k] - background[k] * background[(k + 1) % 8] * background[(k + 2) % 8] for k in edge
    )
    return bool(crossings == 1 and ring.sum() > 1)
