"""Curves of least squares under a penalty on their third differences, solved one after another without overhead.

Each curve's normal equations have seven bands; they are factored as L D L' and the solution is refined once, since
the penalty spans twelve orders of magnitude.

Reference: P. H. C. Eilers, Analytical Chemistry 75 (2003) 3631-3636.
"""

from __future__ import annotations

import numpy as np
from numba import njit


def solve_penalised(
    data: np.ndarray, weight: np.ndarray, penalty: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """(P, 2) curves that minimise weight |curve - data|^2 + penalty |third difference|^2, each by itself.

    `weight` (P,) > 0; `penalty` (P,) belongs to the third difference that begins at its point.
    """
    curve = np.empty((len(data), 2))
    if len(data):
        longest = int(np.diff(starts).max())
        _solve_all(
            np.ascontiguousarray(data, dtype=np.float64),
            weight.astype(float),
            penalty,
            starts,
            longest,
            curve,
        )
    return curve


@njit(nogil=True)
def _solve_all(data, weight, penalty, starts, longest, curve):  # type: ignore[no-untyped-def]
    room = room_for(longest)
    for b in range(len(starts) - 1):
        first, last = starts[b], starts[b + 1]
        solve_one(data[first:last], weight[first:last], penalty[first:last], room, curve[first:last])


@njit(nogil=True)
def room_for(longest):  # type: ignore[no-untyped-def]
    """What `solve_one` works in, for curves of up to so many points."""
    return np.empty((4, longest)), np.empty((4, longest)), np.empty(longest), np.empty(longest)


@njit(nogil=True)
def solve_one(data, weight, penalty, room, curve):  # type: ignore[no-untyped-def]
    """Fill `curve` (K, 2), as `solve_penalised` does for each of its curves."""
    band, factor, found, rest = room
    count = len(data)
    _fill(band, weight, penalty, count)
    _factorise(band, factor, count)
    for axis in range(2):
        for i in range(count):
            rest[i] = weight[i] * data[i, axis]
        _substitute(factor, rest, count)
        for i in range(count):
            found[i] = rest[i]
        for i in range(count):
            rest[i] = weight[i] * data[i, axis] - _row(band, found, i, count)
        _substitute(factor, rest, count)
        for i in range(count):
            curve[i, axis] = found[i] + rest[i]


@njit(nogil=True)
def _fill(band, weight, penalty, count):  # type: ignore[no-untyped-def]
    """The matrix's diagonal and its first three upper bands."""
    for i in range(count):
        band[0, i] = weight[i]
        band[1, i] = band[2, i] = band[3, i] = 0.0
    for i in range(count - 3):  # the third difference -1, 3, -3, 1
        p = penalty[i]
        band[0, i] += p
        band[0, i + 1] += 9 * p
        band[0, i + 2] += 9 * p
        band[0, i + 3] += p
        band[1, i] -= 3 * p
        band[1, i + 1] -= 9 * p
        band[1, i + 2] -= 3 * p
        band[2, i] += 3 * p
        band[2, i + 1] += 3 * p
        band[3, i] -= p


@njit(nogil=True)
def _factorise(band, factor, count):  # type: ignore[no-untyped-def]
    """`factor`: D, and the three bands of L."""
    for i in range(count):
        d, one, two = band[0, i], band[1, i], band[2, i]
        if i >= 1:
            d -= factor[1, i - 1] ** 2 * factor[0, i - 1]
            one -= factor[2, i - 1] * factor[1, i - 1] * factor[0, i - 1]
            two -= factor[3, i - 1] * factor[1, i - 1] * factor[0, i - 1]
        if i >= 2:
            d -= factor[2, i - 2] ** 2 * factor[0, i - 2]
            one -= factor[3, i - 2] * factor[2, i - 2] * factor[0, i - 2]
        if i >= 3:
            d -= factor[3, i - 3] ** 2 * factor[0, i - 3]
        factor[0, i], factor[1, i], factor[2, i], factor[3, i] = d, one / d, two / d, band[3, i] / d


@njit(nogil=True)
def _substitute(factor, x, count):  # type: ignore[no-untyped-def]
    for i in range(count):
        for lag in range(1, min(i, 3) + 1):
            x[i] -= factor[lag, i - lag] * x[i - lag]
    for i in range(count - 1, -1, -1):
        x[i] /= factor[0, i]
        for lag in range(1, min(count - 1 - i, 3) + 1):
            x[i] -= factor[lag, i] * x[i + lag]


@njit(nogil=True)
def _row(band, x, i, count):  # type: ignore[no-untyped-def]
    """One entry of the matrix times `x`."""
    total = band[0, i] * x[i]
    for lag in range(1, 4):
        if i >= lag:
            total += band[lag, i - lag] * x[i - lag]
        if i + lag < count:
            total += band[lag, i] * x[i + lag]
    return total
