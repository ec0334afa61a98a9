"""How much of a mask each box of a grid holds, from the mask's integral image."""

from __future__ import annotations

import numpy as np

from retquant.kernels import kernel


def uneven_masses(total: np.ndarray, size: int, offsets: np.ndarray) -> np.ndarray:
    """(K,) pixels of a mask (H, W) in each occupied box, at that of the offsets with the largest sum of squares.

    `total` (H + 1, W + 1) int32 is the integral image; offset (0, 0) of `offsets` (T, 2) begins size - 1 before the
    mask. Of offsets with equal sums it is the first.
    """
    masses = np.empty(((total.shape[0] - 2) // size + 2) * ((total.shape[1] - 2) // size + 2))
    return masses[: _most_uneven(total, size, offsets, masses)]


@kernel
def _most_uneven(total, size, offsets, masses):  # type: ignore[no-untyped-def]
    """Fill `masses` and return how many they are."""
    most, best = -1, 0
    if len(offsets) > 1:
        for t in range(len(offsets)):
            squares = _fill(total, size, offsets[t, 0], offsets[t, 1], masses)[1]
            if squares > most:
                most, best = squares, t
    return _fill(total, size, offsets[best, 0], offsets[best, 1], masses)[0]


@kernel
def _fill(total, size, down, across, masses):  # type: ignore[no-untyped-def]
    """How many boxes hold something, and the sum of their squares."""
    height, width = total.shape[0] - 1, total.shape[1] - 1
    count, squares = 0, 0
    for top in range(down - size + 1, height, size):
        above, below = total[max(top, 0)], total[min(top + size, height)]
        for left in range(across - size + 1, width, size):
            first, last = max(left, 0), min(left + size, width)
            mass = (below[last] - below[first]) - (above[last] - above[first])
            if mass > 0:
                masses[count] = mass
                count += 1
                squares += mass * mass
    return count, squares
