"""Where a vessel ends to its left and right: sub-pixel half-height edges of the profile across it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from scipy.spatial import cKDTree

HALF = 127.5 / 255
"""Height of an edge: the same half that makes a pixel foreground, so that calibre and mask agree."""

BLUR_PX = 0.7
"""Gaussian put over the map before it is sampled between pixels.

Coverage of whole pixels is piecewise flat: read linearly, an edge is off by up to 0.09 px. The blur leaves a
straight edge's half height where it is and makes the slope smooth enough to be read to 0.01 px.
"""

MARGIN = 4  # pixels of background round the frame, so that no sample needs a test


@dataclass(frozen=True, eq=False, slots=True)
class EdgeMap:
    """A probability or coverage map made ready for profiles."""

    height: np.ndarray  # (H + 2 margins, W + 2 margins) float32, 0..1, blurred; 0 outside field and frame
    field: np.ndarray  # same shape, bool


def edge_map(probability: np.ndarray, fov: np.ndarray) -> EdgeMap:
    """The map of (H, W) uint8 `probability` inside `fov` (H, W) bool."""
    inside = np.pad(fov, MARGIN)
    height = np.pad(probability, MARGIN).astype(np.float32)
    height *= np.float32(1 / 255)
    height[~inside] = 0
    height = cv2.GaussianBlur(height, (7, 7), BLUR_PX, borderType=cv2.BORDER_CONSTANT)
    return EdgeMap(height, inside)


def border_distance(target: EdgeMap, points: np.ndarray) -> np.ndarray:
    """(P,) pixels from each point to the nearest pixel on the inner border of the field or the frame."""
    field = target.field
    inner = field[1:-1, 1:-1] & field[:-2, 1:-1] & field[2:, 1:-1] & field[1:-1, :-2] & field[1:-1, 2:]
    border = np.argwhere(field[1:-1, 1:-1] & ~inner) + 1 - MARGIN
    if not len(border) or not len(points):
        return np.full(len(points), np.inf)
    return cKDTree(border).query(points)[0]


def edges(target: EdgeMap, points: np.ndarray, normals: np.ndarray, *, limit: np.ndarray) -> np.ndarray:
    """(P, 2) pixels from each point to the edge along its normal and against it.

    NaN where the point itself is not inside a vessel, where no edge comes within `limit` (P,) pixels (the
    normal runs into another vessel), or where the edge is the field's and not the vessel's.
    """
    out = np.full((len(points), 2), np.nan)
    _march(
        target.height,
        target.field,
        np.ascontiguousarray(points, dtype=np.float64) + MARGIN,
        np.ascontiguousarray(normals, dtype=np.float64),
        np.ascontiguousarray(limit, dtype=np.float64),
        out,
    )
    return out


def heights(target: EdgeMap, points: np.ndarray) -> np.ndarray:
    """(P,) height of the map at each point; 0 outside the frame."""
    out = np.zeros(len(points))
    _sample_all(target.height, np.ascontiguousarray(points, dtype=np.float64) + MARGIN, out)
    return out


@njit(nogil=True)
def _sample(image, row, col):  # type: ignore[no-untyped-def]
    rows, cols = image.shape
    if not (0 <= row < rows - 1 and 0 <= col < cols - 1):
        return 0.0
    r, c = int(row), int(col)
    dr, dc = row - r, col - c
    top = image[r, c] * (1 - dc) + image[r, c + 1] * dc
    bottom = image[r + 1, c] * (1 - dc) + image[r + 1, c + 1] * dc
    return top * (1 - dr) + bottom * dr


@njit(nogil=True)
def _sample_all(image, points, out):  # type: ignore[no-untyped-def]
    for p in range(len(points)):
        out[p] = _sample(image, points[p, 0], points[p, 1])


@njit(nogil=True)
def _march(image, field, points, normals, limit, out):  # type: ignore[no-untyped-def]
    step = 0.5
    rows, cols = image.shape
    for p in range(len(points)):
        centre = _sample(image, points[p, 0], points[p, 1])
        if centre < HALF:
            continue
        for side in range(2):
            sign = 1.0 - 2.0 * side
            dr, dc = sign * normals[p, 0], sign * normals[p, 1]
            before, at = centre, 0.0
            while at < limit[p]:
                after = _sample(image, points[p, 0] + (at + step) * dr, points[p, 1] + (at + step) * dc)
                if after < HALF:
                    edge = at + step * (before - HALF) / (before - after)
                    row = int(points[p, 0] + (edge + 1.0) * dr + 0.5)
                    col = int(points[p, 1] + (edge + 1.0) * dc + 0.5)
                    if 0 <= row < rows and 0 <= col < cols and field[row, col]:
                        out[p, side] = edge
                    break
                before = after
                at += step
