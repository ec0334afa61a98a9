"""Curves of different lengths in packed arrays: even spacing, runs and neighbours without a loop over points.

Shapes: B curves, P points summed over curves, `starts` (B + 1,) as in `VesselGraph`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def pack(curves: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Concatenated points (P, ...) and `starts` (B + 1,)."""
    starts = np.concatenate([[0], np.cumsum([len(curve) for curve in curves])]).astype(np.intp)
    return (np.concatenate(curves) if len(curves) else np.zeros((0, 2))), starts


def middle(values: np.ndarray) -> float:
    """Median of a few finite values; `np.median` costs more in overhead, over thousands of calls an image."""
    ranked = np.sort(values)
    return float(ranked[(len(ranked) - 1) // 2] + ranked[len(ranked) // 2]) / 2


def segment_median(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(B,) median of the finite `values` (P,) >= 0 of each curve; NaN where there is none."""
    if len(starts) < 2:
        return np.zeros(0)
    known = np.isfinite(values)
    above = float(np.max(values, where=known, initial=0.0)) + 1.0
    # one sort for all curves, each in a range of its own, what is unknown last: 0.1 ms where lexsort takes 4
    base = owner(starts) * (above + 1.0)
    ranked = np.sort(np.where(known, values, above) + base) - base
    count = np.add.reduceat(known.astype(np.intp), starts[:-1])
    low = starts[:-1] + np.maximum(count - 1, 0) // 2
    high = np.minimum(starts[:-1] + count // 2, starts[1:] - 1)
    return np.where(count > 0, (ranked[low] + ranked[high]) / 2, np.nan)


def owner(starts: np.ndarray) -> np.ndarray:
    """(P,) curve that each point belongs to."""
    return np.repeat(np.arange(len(starts) - 1), np.diff(starts))


def arc_positions(points: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(P,) pixels along the curve from its first point."""
    if not len(points):
        return np.zeros(0)
    steps = np.zeros(len(points))
    way = points[1:] - points[:-1]
    np.sqrt(np.einsum("ij,ij->i", way, way), out=steps[1:])  # a third of hypot's time
    steps[starts[:-1]] = 0.0
    total = np.cumsum(steps)
    return total - total[starts[:-1]][owner(starts)]


def resample(
    points: np.ndarray,
    starts: np.ndarray,
    channels: np.ndarray,
    *,
    step: np.ndarray,
    fewest: int,
    span: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points evenly spaced along each curve by about `step` (B,) pixels, with `channels` (P, K) carried
    along.

    Each curve keeps both its ends, or is cut to `span` (B, 2) pixels along itself, and has at least `fewest`
    points. Returns points, starts and channels.
    """
    arc = arc_positions(points, starts)
    length = arc[starts[1:] - 1]
    low, high = (np.zeros_like(length), length) if span is None else span.T
    count = np.maximum(np.ceil((high - low) / step).astype(np.intp) + 1, fewest)
    fresh = np.concatenate([[0], np.cumsum(count)]).astype(np.intp)
    index = np.arange(fresh[-1]) - np.repeat(fresh[:-1], count)
    wanted = np.repeat(low, count) + index * np.repeat((high - low) / (count - 1), count)
    # One long axis for all curves: each begins one pixel after the end of the one before.
    offset = np.concatenate([[0.0], np.cumsum(length + 1.0)])[:-1]
    axis, query = arc + offset[owner(starts)], wanted + np.repeat(offset, count)
    values = np.column_stack([points, channels])
    out = np.column_stack([np.interp(query, axis, column) for column in values.T])
    return out[:, :2], fresh, out[:, 2:]
