"""Weighted local means along packed curves, by three running sums: the time does not depend on the window.

Three box averages in a row are a Gaussian to 3 % of its height (P. Kovesi, Digital Image Computing 2010, 120-125).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_PASSES = 3


def local_mean(values: np.ndarray, weight: np.ndarray, starts: np.ndarray, *, sigma: float) -> np.ndarray:
    """(P, ...) weighted mean along each curve, nearly Gaussian with `sigma` points; 0 where nothing has weight."""
    columns = np.ascontiguousarray(values.reshape(len(values), -1), dtype=np.float64)
    mean = np.zeros_like(columns)
    if len(columns):
        longest = int(np.diff(starts).max())
        _average(
            columns, np.ascontiguousarray(weight, dtype=np.float64), starts, reaches(sigma), longest, mean
        )
    return mean.reshape(values.shape)


def reaches(sigma: float) -> np.ndarray:
    """(3,) points to either side that each box takes in, such that their variances add up to `sigma` squared."""
    ideal = math.sqrt(12 * sigma**2 / _PASSES + 1)
    lower = math.floor(ideal)
    lower -= 1 - lower % 2  # odd
    small = round((12 * sigma**2 - _PASSES * (lower**2 + 4 * lower + 3)) / (-4 * lower - 4))
    return np.array([(lower - 1) // 2 if k < small else (lower + 1) // 2 for k in range(_PASSES)])


@njit(nogil=True)
def _average(columns, weight, starts, reaches, longest, mean):  # type: ignore[no-untyped-def]
    """Fill `mean` (P, K) from `columns` (P, K) and `weight` (P,), beyond a curve's ends nothing."""
    room = room_for(longest, reaches)
    for b in range(len(starts) - 1):
        first, last = starts[b], starts[b + 1]
        average_one(columns[first:last], weight[first:last], reaches, room, mean[first:last])


@njit(nogil=True)
def room_for(longest, reaches):  # type: ignore[no-untyped-def]
    """What `average_one` works in, for curves of up to so many points."""
    size = longest + 2 * (reaches[0] + reaches[1] + reaches[2])
    return np.empty(size), np.empty(size), np.empty(size)


@njit(nogil=True)
def average_one(columns, weight, reaches, room, mean):  # type: ignore[no-untyped-def]
    """Fill `mean` (K, C), as `local_mean` does for each of its curves."""
    mass, total, spare = room
    margin, count = reaches[0] + reaches[1] + reaches[2], len(columns)
    size = count + 2 * margin
    for i in range(size):
        is_inside = margin <= i < margin + count
        mass[i] = weight[i - margin] if is_inside else 0.0
    _boxes(mass, spare, size, reaches)
    for k in range(columns.shape[1]):
        for i in range(size):
            is_inside = margin <= i < margin + count
            total[i] = columns[i - margin, k] * weight[i - margin] if is_inside else 0.0
        _boxes(total, spare, size, reaches)
        for i in range(count):
            mean[i, k] = total[margin + i] / mass[margin + i] if mass[margin + i] > 1e-9 else 0.0


@njit(nogil=True)
def _boxes(line, spare, size, reaches):  # type: ignore[no-untyped-def]
    """Average `line` in place by a box of each reach in turn."""
    for reach in reaches:
        width = 2.0 * reach + 1.0
        running = 0.0
        for i in range(min(reach, size)):
            running += line[i]
        for i in range(size):
            if i + reach < size:
                running += line[i + reach]
            if i - reach - 1 >= 0:
                running -= line[i - reach - 1]
            spare[i] = running / width
        for i in range(size):
            line[i] = spare[i]
