"""Weighted local means along packed curves, by three running sums: the time does not depend on the window.

Three box averages in a row are a Gaussian to 3 % of its height (P. Kovesi, Digital Image Computing 2010, 120-125).
"""

from __future__ import annotations

import math

import numpy as np

from retquant.kernels import kernel

_PASSES = 3


def local_mean(values: np.ndarray, weight: np.ndarray, starts: np.ndarray, *, sigma: float) -> np.ndarray:
    """(P, ...) weighted mean along each curve, nearly Gaussian with `sigma` points; 0 where nothing has weight."""
    lines = np.ascontiguousarray(values.reshape(len(values), -1).T, dtype=np.float64)
    mean = np.zeros_like(lines)
    if len(values):
        longest = int(np.diff(starts).max())
        _average(lines, np.ascontiguousarray(weight, dtype=np.float64), starts, reaches(sigma), longest, mean)
    return mean.T.reshape(values.shape)


def reaches(sigma: float) -> np.ndarray:
    """(3,) points to either side that each box takes in, such that their variances add up to `sigma` squared."""
    ideal = math.sqrt(12 * sigma**2 / _PASSES + 1)
    lower = math.floor(ideal)
    lower -= 1 - lower % 2  # odd
    small = round((12 * sigma**2 - _PASSES * (lower**2 + 4 * lower + 3)) / (-4 * lower - 4))
    return np.array([(lower - 1) // 2 if k < small else (lower + 1) // 2 for k in range(_PASSES)])


@kernel
def _average(lines, weight, starts, reaches, longest, mean):  # type: ignore[no-untyped-def]
    """Fill `mean` (K, P) from `lines` (K, P) and `weight` (P,), beyond a curve's ends nothing."""
    room, share = room_for(longest, reaches), np.empty(longest)
    for b in range(len(starts) - 1):
        first, last = starts[b], starts[b + 1]
        find_share(weight[first:last], reaches, room, share)
        for k in range(len(lines)):
            average_one(lines[k, first:last], weight[first:last], share, reaches, room, mean[k, first:last])


@kernel
def room_for(longest, reaches):  # type: ignore[no-untyped-def]
    """What `average_one` works in, for curves of up to so many points."""
    margin = reaches[0] + reaches[1] + reaches[2]
    return np.empty(longest + 2 * margin), np.empty(longest + 4 * margin + 1)


@kernel
def find_share(weight, reaches, room, share):  # type: ignore[no-untyped-def]
    """Fill `share`: one over the weight in each point's window, 0 where nothing has weight."""
    line, margin, count = room[0], reaches[0] + reaches[1] + reaches[2], len(weight)
    line[:margin] = 0.0
    line[margin : margin + count] = weight
    line[margin + count : 2 * margin + count] = 0.0
    _boxes(line, room[1], count + 2 * margin, reaches)
    for i in range(count):
        mass = line[margin + i]
        share[i] = 1.0 / mass if mass > 1e-9 else 0.0


@kernel
def average_one(values, weight, share, reaches, room, mean):  # type: ignore[no-untyped-def]
    """Fill `mean` (P,) from `values` (P,) of one curve, whose `share` is known, as `local_mean` does."""
    line, margin, count = room[0], reaches[0] + reaches[1] + reaches[2], len(weight)
    line[:margin] = 0.0
    for i in range(count):
        line[margin + i] = weight[i] * values[i]
    line[margin + count : 2 * margin + count] = 0.0
    _boxes(line, room[1], count + 2 * margin, reaches)
    for i in range(count):
        mean[i] = line[margin + i] * share[i]


@kernel
def _boxes(line, total, size, reaches):  # type: ignore[no-untyped-def]
    """Average `line` in place by a box of each reach in turn; a running `total` makes each but a difference."""
    for reach in reaches:
        width, running = 2 * reach + 1, 0.0
        total[: reach + 1] = 0.0
        for i in range(size):
            running += line[i]
            total[reach + 1 + i] = running
        total[reach + 1 + size : width + size] = running
        for i in range(size):
            line[i] = (total[width + i] - total[i]) / width
