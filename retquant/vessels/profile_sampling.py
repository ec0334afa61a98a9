"""Reads a photograph across its vessels: mean profiles of short stretches, and where neighbours begin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retquant.kernels import kernel
from retquant.vessels.graph import VesselGraph

SAMPLES = 41
GRID = np.linspace(-1.0, 1.0, SAMPLES)

STRETCH_CALIBRES, STRETCH_PX = 3.0, 24.0
"""Length of a stretch, calibres and pixels at the least: noise averages out over it, and width hardly changes."""

BESIDE_CALIBRES, BESIDE_FIELD_SHARE = 0.8, 0.006
"""Background on either side, in calibres plus a share of the field's diameter: blur reaches beyond any mask."""

NARROWEST_PX = 1.5  # a mask's width from which to start, at the least
FEWEST_KNOWN = 0.5  # share of a stretch's points at which the mask's calibre is known


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Profiles:
    """Mean profiles of S stretches, with K samples each."""

    first: np.ndarray  # (S,) int, first point of the stretch
    last: np.ndarray  # (S,) int, the one after its last
    segment: np.ndarray  # (S,) int, which segment it is of
    width: np.ndarray  # (S,) pixels, expected
    reach: np.ndarray  # (S,) pixels from the centre line to the profile's ends
    levels: np.ndarray  # (S, K) grey levels
    weights: np.ndarray  # (S, K) 1 or 0, where the sample is of no use
    edges: np.ndarray  # (S, 2) pixels, where the neighbours before and behind begin; NaN without one
    across: float  # pixels, the field's diameter


def read_profiles(
    graph: VesselGraph,
    green: np.ndarray,
    *,
    fov: np.ndarray,
    occupied: np.ndarray,
    width: np.ndarray,
    longer: float = 1.0,
) -> Profiles:
    """Profiles of all stretches of `graph` at most of whose points the mask's calibre is known.

    `green` (H, W) uint8, `fov` and `occupied` (H, W) bool, the latter where any vessel is; `width` (B,) pixels, how
    wide each segment is expected to be. Stretches are `longer` times as long as usual.
    """
    first, last, segment = _stretches(graph, width, longer)
    known = np.concatenate([[0], np.cumsum(np.isfinite(graph.calibre))])
    kept = known[last] - known[first] >= np.maximum(FEWEST_KNOWN * (last - first), 1)
    first, last, segment = first[kept], last[kept], segment[kept]
    wide = np.maximum(width[segment], NARROWEST_PX)
    rows, columns = np.flatnonzero(fov.any(axis=1)), np.flatnonzero(fov.any(axis=0))
    across = max(np.ptp(rows), np.ptp(columns)) + 1.0 if len(rows) else 0.0
    reach = (0.5 + BESIDE_CALIBRES) * wide + BESIDE_FIELD_SHARE * across
    levels, weights = np.zeros((len(first), SAMPLES)), np.zeros((len(first), SAMPLES))
    edges = np.full((len(first), 2), np.nan)
    _read(
        np.ascontiguousarray(green),
        np.ascontiguousarray(fov),
        np.ascontiguousarray(occupied),
        graph.points,
        graph.tangent,
        np.isfinite(graph.calibre),
        first,
        last,
        wide,
        reach,
        GRID,
        levels,
        weights,
        edges,
    )
    return Profiles(
        first=first,
        last=last,
        segment=segment,
        width=wide,
        reach=reach,
        levels=levels,
        weights=weights,
        edges=edges,
        across=across,
    )


def _stretches(
    graph: VesselGraph, width: np.ndarray, longer: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First point, end and segment of each stretch: every segment in equal parts."""
    points = np.diff(graph.starts)
    spacing = np.maximum(graph.arc_length / np.maximum(points - 1, 1), 1e-6)
    wanted = longer * np.maximum(STRETCH_CALIBRES * width, STRETCH_PX) / spacing
    parts = np.maximum(np.rint(points / wanted), 1).astype(np.intp)
    segment = np.repeat(np.arange(len(graph)), parts)
    number = np.arange(len(segment)) - np.repeat(np.cumsum(parts) - parts, parts)
    begin, length = graph.starts[:-1][segment], points[segment]
    first = begin + number * length // parts[segment]
    return first, begin + (number + 1) * length // parts[segment], segment


@kernel(error_model="numpy")
def _read(  # type: ignore[no-untyped-def]
    green, fov, occupied, points, tangent, known, first, last, width, reach, grid, levels, weights, edges
):
    rows, columns = green.shape
    count = len(grid)
    seen, held = np.zeros(count), np.zeros(count)
    for s in range(len(first)):
        seen[:] = 0.0
        held[:] = 0.0
        used = 0
        for i in range(first[s], last[s]):
            if not known[i]:
                continue
            used += 1
            down, right = -tangent[i, 1] * reach[s], tangent[i, 0] * reach[s]
            for k in range(count):
                row, column = points[i, 0] + grid[k] * down, points[i, 1] + grid[k] * right
                if not (0 <= row < rows - 1 and 0 <= column < columns - 1):
                    continue
                r, c = int(row), int(column)
                if not (fov[r, c] and fov[r, c + 1] and fov[r + 1, c] and fov[r + 1, c + 1]):
                    continue
                dr, dc = row - r, column - c
                top = green[r, c] + (np.float64(green[r, c + 1]) - green[r, c]) * dc
                bottom = green[r + 1, c] + (np.float64(green[r + 1, c + 1]) - green[r + 1, c]) * dc
                levels[s, k] += top + (bottom - top) * dr
                seen[k] += 1
                held[k] += occupied[int(row + 0.5), int(column + 0.5)]
        for k in range(count):
            if seen[k] > 0.7 * used:
                levels[s, k] /= seen[k]
                held[k] /= seen[k]
                weights[s, k] = 1.0
            else:
                levels[s, k] = held[k] = 0.0
        _find_neighbour(grid, reach[s], width[s], held, -1, weights[s], edges[s])
        _find_neighbour(grid, reach[s], width[s], held, 1, weights[s], edges[s])


@kernel(error_model="numpy")
def _find_neighbour(grid, reach, width, held, side, weight, edges):  # type: ignore[no-untyped-def]
    """Where the next vessel begins on one side; what lies beyond its middle is left out."""
    count = len(grid)
    k = count // 2
    while 0 <= k < count and held[k] > 0.5:  # the vessel itself
        k += side
    while 0 <= k < count and held[k] <= 0.5:
        k += side
    if not 0 <= k < count:
        return
    step = (grid[1] - grid[0]) * reach
    begin = abs(grid[k]) * reach - step / 2
    while 0 <= k < count and held[k] > 0.5:
        k += side
    end = begin + width / 2
    if 0 <= k < count:
        end = (begin + abs(grid[k]) * reach - step / 2) / 2
    edges[(side + 1) // 2] = side * begin
    for k in range(count):
        if side * grid[k] * reach > end:
            weight[k] = 0.0
