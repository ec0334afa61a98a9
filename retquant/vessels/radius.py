"""How far the pixels of a skeleton lie inside their vessel, without a distance map of the whole frame."""

from __future__ import annotations

import cv2
import numpy as np

from retquant.kernels import kernel

_FARTHEST = 64
"""Pixels up to which a search round a pixel costs less than the map; no vessel is so wide, but a full mask is."""


def radii_at(inside: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(K,) pixels from each of the pixels of `inside` (bordered, see `thinning`) to the vessel's edge.

    Half a pixel is taken off the exact Euclidean distance, which runs to the centre of the nearest background pixel.
    What lies beyond the frame counts as background.
    """
    squared = np.empty(len(rows), np.int64)
    if _search(inside, rows, columns, _FARTHEST, squared):
        distance = np.sqrt(squared)
    else:
        distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[rows, columns]
    return np.maximum(distance.astype(float) - 0.5, 0.0)


@kernel
def _search(inside, rows, columns, farthest, squared):  # type: ignore[no-untyped-def]
    """Fill `squared` with the squared distance to the nearest 0, ring by ring; False if one is too far."""
    for k in range(len(rows)):
        row, column = rows[k], columns[k]
        best, reach = 1 << 60, 1
        if not inside[row, column]:
            best = 0
        while best > reach * reach:  # nothing nearer than the ring: it lies within the frame and its border
            if reach > farthest:
                return False
            for along in range(-reach, reach + 1):
                away = reach * reach + along * along
                if away < best and not (
                    inside[row - reach, column + along]
                    and inside[row + reach, column + along]
                    and inside[row + along, column - reach]
                    and inside[row + along, column + reach]
                ):
                    best = away
            reach += 1
        squared[k] = best
    return True
