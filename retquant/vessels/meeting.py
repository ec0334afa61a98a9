"""Where the arms of a junction meet, and the centre lines led there.

Thinning puts a junction where the largest disc fits, which for narrow angles lies far downstream of where the axes
meet. Shapes: B lines, P points summed over lines, N nodes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from retquant.kernels import kernel
from retquant.vessels.centerline import FEWEST_POINTS, Lines, near_crossings, near_nodes, spacing
from retquant.vessels.packing import owner, resample
from retquant.vessels.trace import Strand

_FEWEST = 3  # points that give a direction
_STRETCH_CALIBRES = 2.0
_LEAST_SPREAD = 0.03  # of the arms' directions, per arm: below it they are too parallel to meet
_FARTHEST_RADII = 2.5


def meeting_points(
    lines: Lines, ends: np.ndarray, *, position: np.ndarray, radius: np.ndarray, degree: np.ndarray
) -> np.ndarray:
    """(N, 2) point nearest, in least squares, to the straight lines through the arms' first clear stretches.

    `ends` (B, 2) are the lines' nodes, whose skeleton has its `position` (N, 2), `radius` (N,) and `degree` (N,). A
    node keeps its position where fewer than three arms meet, where they are too parallel to meet, and where they meet
    farther off than two and a half radii.
    """
    reach = np.maximum((_STRETCH_CALIBRES * lines.calibre / lines.step).astype(np.intp), 4)
    arms = np.full((len(ends), 2, 4), np.nan)
    _fit_arms(lines.points, lines.starts, lines.blind, reach, arms)
    row, column, along_row, along_column = arms.reshape(-1, 4).T
    node = ends.reshape(-1)
    used = np.isfinite(row) & (degree[node] > 2)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(node[used], values[used], minlength=len(position))

    # normal equations of two unknowns a node
    rows, both, columns = (
        total(1 - along_row**2),
        -total(along_row * along_column),
        total(1 - along_column**2),
    )
    right_row = total((1 - along_row**2) * row - along_row * along_column * column)
    right_column = total((1 - along_column**2) * column - along_row * along_column * row)
    count = total(np.ones(len(node)))
    least = (rows + columns) / 2 - np.hypot((rows - columns) / 2, both)  # the lesser eigenvalue
    meet = (count >= 2) & (least >= _LEAST_SPREAD * count)
    scale = np.where(meet, rows * columns - both**2, 1.0)
    point = (
        np.column_stack([columns * right_row - both * right_column, rows * right_column - both * right_row])
        / scale[:, None]
    )
    meet &= np.hypot(*(point - position).T) <= _FARTHEST_RADII * radius + 1.0
    return np.where(meet[:, None], point, position)


@kernel
def _fit_arms(points, starts, blind, reach, arms):  # type: ignore[no-untyped-def]
    """Fill `arms` (B, 2, 4): middle and unit direction of the first clear stretch from either end, if long enough."""
    for b in range(len(starts) - 1):
        size = starts[b + 1] - starts[b]
        for end in range(2):
            first, way = (starts[b], 1) if end == 0 else (starts[b + 1] - 1, -1)
            clear = 0
            while clear < size and blind[first + way * clear]:
                clear += 1
            count = min(reach[b], size - clear)
            if count < _FEWEST:
                continue
            row, column, along_row, along_column = 0.0, 0.0, 0.0, 0.0
            for k in range(count):
                i = first + way * (clear + k)
                place = 2 * k / (count - 1) - 1  # from -1 to 1: these add up to nothing
                row += points[i, 0] / count
                column += points[i, 1] / count
                along_row += place * points[i, 0]
                along_column += place * points[i, 1]
            norm = math.sqrt(along_row**2 + along_column**2)
            if norm > 0:
                arms[b, end, 0], arms[b, end, 1] = row, column
                arms[b, end, 2], arms[b, end, 3] = along_row / norm, along_column / norm


def led_to_nodes(
    lines: Lines,
    strands: Sequence[Strand],
    ends: np.ndarray,
    *,
    skeleton_nodes: np.ndarray,
    nodes: np.ndarray,
    radius: np.ndarray,
) -> Lines:
    """The lines cut back to where they are clear of a junction, then led straight to where its arms meet."""
    keep = np.empty((len(ends), 2), dtype=np.intp)
    _clear_of_nodes(lines.points, lines.starts, lines.blind, lines.is_free, nodes[ends], keep)
    led = ~lines.is_free
    count = keep[:, 1] - keep[:, 0] + led.sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(count)]).astype(np.intp)
    which = owner(starts)
    place = np.arange(starts[-1]) - starts[which] - led[which, 0] + keep[which, 0]
    source = lines.starts[which] + np.clip(place, keep[which, 0], keep[which, 1] - 1)
    points, thickness = lines.points[source], lines.radius[source]
    for end, at in ((0, starts[:-1]), (1, starts[1:] - 1)):
        here = led[:, end]
        points[at[here]] = nodes[ends[here, end]]
        outermost = lines.starts[1:] - 1 if end else lines.starts[:-1]
        thickness[at[here]] = lines.radius[outermost[here]]
    points, starts, channel = resample(
        points, starts, thickness[:, None], step=lines.step, fewest=FEWEST_POINTS
    )
    reach = np.where(lines.is_free, -1.0, radius[ends])
    between = (skeleton_nodes + nodes) / 2
    blind = near_crossings(points, starts, strands)
    for centers in (skeleton_nodes, nodes, between):
        blind |= near_nodes(points, starts, centers[ends], reach)
    return replace(
        lines,
        points=points,
        starts=starts,
        radius=channel[:, 0],
        step=spacing(points, starts),
        blind=blind,
        beyond=np.zeros(len(points), dtype=bool),
    )


@kernel
def _clear_of_nodes(points, starts, blind, is_free, nodes, keep):  # type: ignore[no-untyped-def]
    """Fill `keep` (B, 2) with which points of each line stay, from and up to; `nodes` (B, 2, 2) at either end."""
    most = 2
    for b in range(len(starts) - 1):
        most = max(most, starts[b + 1] - starts[b] + 2)
    line, unseen = np.empty((most, 2)), np.empty(most, np.bool_)
    for b in range(len(starts) - 1):
        start, high = starts[b], starts[b + 1] - starts[b]
        low = 0
        if not is_free[b, 1]:
            for k in range(high):
                i = start + high - 1 - k
                line[k, 0], line[k, 1], unseen[k] = points[i, 0], points[i, 1], blind[i]
            high -= _cut(line, unseen, high, nodes[b, 1, 0], nodes[b, 1, 1])
        if not is_free[b, 0]:
            size = high
            for k in range(high):
                line[k, 0], line[k, 1], unseen[k] = (
                    points[start + k, 0],
                    points[start + k, 1],
                    blind[start + k],
                )
            if not is_free[b, 1]:  # led to its node already
                line[high, 0], line[high, 1], unseen[high] = nodes[b, 1, 0], nodes[b, 1, 1], True
                size += 1
            low = _cut(line, unseen, size, nodes[b, 0, 0], nodes[b, 0, 1])
        keep[b, 0], keep[b, 1] = low, high


@kernel
def _cut(line, unseen, size, row, column):  # type: ignore[no-untyped-def]
    """How many points go at the line's beginning, one at least: up to where it is clear and does not overshoot."""
    last = size - 1
    clear = 0
    while clear < last and unseen[clear]:
        clear += 1
    clear = min(max(clear, 1), last)
    far = min(clear + 4, last)
    along_row, along_column = line[clear, 0] - line[far, 0], line[clear, 1] - line[far, 1]
    while clear < last - 1 and (
        (row - line[clear, 0]) * along_row + (column - line[clear, 1]) * along_column <= 0
    ):
        clear += 1
    return clear
