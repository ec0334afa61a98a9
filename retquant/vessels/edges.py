"""Where a vessel ends to its left and right: sub-pixel half-height edges of the profile across it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from retquant.kernels import kernel

HALF = 127.5 / 255
"""Height of an edge: the same half that makes a pixel foreground, so that calibre and mask agree."""

PLATEAU = 0.9
"""Height of the blurred map in the middle of a vessel of two pixels or more."""

FAINT = 0.15
"""Below this the middle of a supposed vessel is background."""

THIN_PX = 3.0
"""Vessels under this width are measured by area where they have no plateau."""

BLUR_PX = 0.8
"""Gaussian put over the map before it is sampled between pixels.

Coverage of whole pixels is piecewise flat: read linearly, an edge is off by up to 0.09 px. The blur leaves a
straight edge's half height where it is and makes the slope smooth enough to be read to 0.04 px, errors that
cancel over the length of a pixel's step.
"""

_OF_A_BELL = 1.064  # the area under a Gaussian over its height and its width at half of it

_FOOT = 3.0  # pixels beyond a thin vessel's edge, out to where its profile ends

MARGIN = 4  # pixels of background round the frame, so that no sample needs a test


@dataclass(frozen=True, eq=False, slots=True)
class EdgeMap:
    """A probability or coverage map made ready for profiles."""

    height: np.ndarray  # (H + 2 margins, W + 2 margins) float32, 0..1, blurred; 0 outside field and frame
    field: np.ndarray  # same shape, bool
    is_hard: bool = False  # of a one-bit mask, whose edges are stairs


def edge_map(probability: np.ndarray, fov: np.ndarray, *, is_hard: bool = False) -> EdgeMap:
    """The map of (H, W) uint8 `probability` inside `fov` (H, W) bool."""
    margins = (MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_CONSTANT)
    inside = cv2.copyMakeBorder(np.ascontiguousarray(fov).view(np.uint8), *margins, value=0)
    level = cv2.copyMakeBorder(probability * fov, *margins, value=0)
    across = cv2.getGaussianKernel(7, BLUR_PX)
    height = cv2.sepFilter2D(level, cv2.CV_32F, across / 255, across, borderType=cv2.BORDER_CONSTANT)
    return EdgeMap(height, inside.view(bool), is_hard)


def at_field_edge(
    target: EdgeMap, points: np.ndarray, normals: np.ndarray, *, reach: np.ndarray
) -> np.ndarray:
    """(P,) bool: the normal leaves the field or the frame within `reach` (P,) pixels to either side."""
    last = np.array(target.field.shape) - 1
    found = np.zeros(len(points), dtype=bool)
    for side in (-1.0, 1.0):
        pixel = np.rint(points + (side * reach)[:, None] * normals).astype(np.intp) + MARGIN
        pixel = np.clip(pixel, 0, last)
        found |= ~target.field[pixel[:, 0], pixel[:, 1]]
    return found


def is_near_border(target: EdgeMap, points: np.ndarray, *, reach: np.ndarray) -> np.ndarray:
    """(P,) bool: a pixel of the inner border of the field or the frame lies within `reach` (P,) pixels."""
    found = np.zeros(len(points), dtype=bool)
    _find_border(target.field, np.ascontiguousarray(points, dtype=np.float64) + MARGIN, reach, found)
    return found


@kernel
def _find_border(field, points, reach, found):  # type: ignore[no-untyped-def]
    rows, columns = field.shape
    for p in range(len(points)):
        row, column, most = points[p, 0], points[p, 1], reach[p]
        for r in range(max(int(row - most), 1), min(int(row + most) + 2, rows - 1)):
            for c in range(max(int(column - most), 1), min(int(column + most) + 2, columns - 1)):
                is_within = (row - r) ** 2 + (column - c) ** 2 <= most * most
                is_inner = field[r - 1, c] and field[r + 1, c] and field[r, c - 1] and field[r, c + 1]
                if is_within and field[r, c] and not is_inner:
                    found[p] = True


def edges(
    target: EdgeMap,
    points: np.ndarray,
    normals: np.ndarray,
    *,
    limit: np.ndarray,
    is_width_exact: bool = True,
) -> np.ndarray:
    """(P, 3) pixels from each point to the edge along its normal, against it, and across the vessel.

    An edge lies at half height. A vessel of fewer than three pixels without a plateau has its edges at half
    of its own height, and its width is the area under its profile, which no blur changes. NaN where the point
    itself is not inside a vessel, where no edge comes within `limit` (P,) pixels (the normal runs into
    another vessel), or where the edge is the field's and not the vessel's. Without `is_width_exact` that area
    is taken for a bell's: half the time, where only the middle is wanted.
    """
    out = np.full((len(points), 3), np.nan)
    _measure(
        target.height,
        target.field,
        np.ascontiguousarray(points, dtype=np.float64) + MARGIN,
        np.ascontiguousarray(normals, dtype=np.float64),
        np.ascontiguousarray(limit, dtype=np.float64),
        is_width_exact,
        out,
    )
    return out


def heights(target: EdgeMap, points: np.ndarray) -> np.ndarray:
    """(P,) height of the map at each point; 0 outside the frame."""
    out = np.zeros(len(points))
    _sample_all(target.height, np.ascontiguousarray(points, dtype=np.float64) + MARGIN, out)
    return out


@kernel
def _sample(image, row, col):  # type: ignore[no-untyped-def]
    rows, cols = image.shape
    if not (0 <= row < rows - 1 and 0 <= col < cols - 1):
        return 0.0
    r, c = int(row), int(col)
    dr, dc = row - r, col - c
    top = image[r, c] + (image[r, c + 1] - image[r, c]) * dc
    bottom = image[r + 1, c] + (image[r + 1, c + 1] - image[r + 1, c]) * dc
    return top + (bottom - top) * dr


@kernel
def _sample_all(image, points, out):  # type: ignore[no-untyped-def]
    for p in range(len(points)):
        out[p] = _sample(image, points[p, 0], points[p, 1])


@kernel
def _measure(image, field, points, normals, limit, by_area, out):  # type: ignore[no-untyped-def]
    # room for a ray that ends at the limit, and its foot, in quarters of a pixel
    line = np.empty(4 * int(limit.max() + _FOOT + 1) + 16) if len(limit) else np.empty(0)
    flat, size = image.ravel(), image.shape
    for p in range(len(points)):
        row, col, dr, dc = points[p, 0], points[p, 1], normals[p, 0], normals[p, 1]
        centre = _sample(image, row, col)
        there, back = (row, col, dr, dc), (row, col, -dr, -dc)
        left = right = np.nan
        if centre >= HALF:
            left = _edge(flat, size, there, limit[p], HALF, line)
            right = _edge(flat, size, back, limit[p], HALF, line)
        width = left + right
        if FAINT <= centre < PLATEAU and not width >= THIN_PX:
            left = _edge(flat, size, there, limit[p], centre / 2, line)
            right = _edge(flat, size, back, limit[p], centre / 2, line)
            width = _OF_A_BELL * centre * (left + right)
            if by_area:
                width = _area(flat, size, there, left, line) + _area(flat, size, back, right, line)
        if _in_field(field, row, col, dr, dc, left) and _in_field(field, row, col, -dr, -dc, right):
            out[p, 0], out[p, 1], out[p, 2] = left, right, width


@kernel
def _read(flat, size, ray, step, first, count, line):  # type: ignore[no-untyped-def]
    """Fill `count` places of `line`, from `first`, with the map at so many steps along a ray."""
    row, col, dr, dc = ray
    rows, cols = size
    far_row, far_col = row + (first + count) * step * dr, col + (first + count) * step * dc
    if (
        not (min(row, far_row) >= 0 and max(row, far_row) < rows - 1 and 0 <= min(col, far_col) < cols - 1)
        or not max(col, far_col) < cols - 1
    ):
        for k in range(first, first + count):
            line[k] = _sample(flat.reshape(size), row + k * step * dr, col + k * step * dc)
        return
    # all inside: without tests, and without a sign, that of an index from the end, four times as fast
    stride = np.int32(cols)
    for k in range(first, first + count):
        at_row, at_col = row + k * step * dr, col + k * step * dc
        r, c = np.int32(at_row), np.int32(at_col)
        i = r * stride + c
        top_left, top_right = flat[np.uint32(i)], flat[np.uint32(i + 1)]
        bottom_left, bottom_right = flat[np.uint32(i + stride)], flat[np.uint32(i + stride + 1)]
        top = top_left + (top_right - top_left) * (at_col - c)
        bottom = bottom_left + (bottom_right - bottom_left) * (at_col - c)
        line[k] = top + (bottom - top) * (at_row - r)


@kernel
def _edge(flat, size, ray, limit, level, line):  # type: ignore[no-untyped-def]
    """Pixels along a ray to where the map falls below a level; NaN if it does not within the limit."""
    step, block = 0.5, 8
    most = int(np.ceil(limit / step))
    # A disc of half the vessel's radius, which the limit tells, lies inside it: the search begins at its rim.
    begin = int(max(limit - 2.0, 0.0) / (3.0 * step))
    while True:
        k = known = begin
        while k <= most:
            if k == known:
                count = min(block, most + 1 - known)
                _read(flat, size, ray, step, known, count, line)
                known += count
            if line[k] < level:
                break
            k += 1
        if k > most:
            return np.nan
        if k > begin:
            return step * (k - 1 + (line[k - 1] - level) / (line[k - 1] - line[k]))
        if begin == 0:
            return np.nan
        begin = 0  # the rim lies outside: from the point itself


@kernel
def _area(flat, size, ray, edge, line):  # type: ignore[no-untyped-def]
    """Area under one side of a profile, out to its foot or to the valley before another vessel."""
    if not edge >= 0:
        return np.nan
    step, area = 0.25, 0.0
    count = int(np.ceil((edge + _FOOT) / step)) + 1
    _read(flat, size, ray, step, 0, count, line)
    for k in range(count - 1):
        if step * k > edge and line[k + 1] > line[k]:
            break
        area += step * (line[k] + line[k + 1]) / 2
    return area


@kernel
def _in_field(field, row, col, dr, dc, edge):  # type: ignore[no-untyped-def]
    if not edge >= 0:
        return False
    r, c = int(row + (edge + 1.0) * dr + 0.5), int(col + (edge + 1.0) * dc + 0.5)
    return 0 <= r < field.shape[0] and 0 <= c < field.shape[1] and field[r, c]
