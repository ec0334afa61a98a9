"""What a box holds wherever it can stand on a raster, without an array of all boxes."""

from __future__ import annotations

import math

import numpy as np

from retquant.kernels import kernel


def box_lacunarity(cells: np.ndarray, room: np.ndarray, side: int) -> float:
    """Mean of squared mass over the squared mean of mass of a box of `side` x `side` cells at each place with room.

    `cells` (H, W) float32; `room` (H - side + 1, W - side + 1) uint8, 1 where a box may have its first cell. NaN where
    no box has room, or none holds anything.
    """
    count = np.count_nonzero(room)
    total, squares = _sums(cells, room, side) if count else (0.0, 0.0)
    # rounding must not take it below that of boxes which all hold as much
    return max(1.0, count * squares / total**2) if total > 0 else math.nan


@kernel(fastmath={"reassoc"})  # sums in any order, so that several boxes are added at a time
def _sums(cells, room, side):  # type: ignore[no-untyped-def]
    """Sum of the boxes' masses, and of their squares."""
    line, mass = np.empty(cells.shape[1], np.float32), np.empty(room.shape[1], np.float32)
    total = squares = 0.0
    for r in range(room.shape[0]):
        for c in range(len(line)):
            line[c] = cells[r, c]
        for k in range(1, side):
            for c in range(len(line)):
                line[c] += cells[r + k, c]
        for c in range(len(mass)):
            mass[c] = line[c]
        for k in range(1, side):
            for c in range(len(mass)):
                mass[c] += line[c + k]
        for c in range(len(mass)):
            held = np.float64(mass[c] * room[r, c])
            total += held
            squares += held * held
    return total, squares
