"""Overlapping tiles over the working frame, blended back with a smooth window."""

from __future__ import annotations

import numpy as np


def tile_starts(size: int, tile: int, overlap: int) -> list[int]:
    """First pixel of each tile along a side: even steps that overlap at least `overlap` and cover the side."""
    if size <= tile:
        return [0]
    count = int(np.ceil((size - overlap) / (tile - overlap)))
    return [round(i * (size - tile) / (count - 1)) for i in range(count)]


def tile_corners(size: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """(row, col) of each tile's first pixel, over a square of `size` pixels."""
    starts = tile_starts(size, tile, overlap)
    return [(row, col) for row in starts for col in starts]


def blend_window(tile: int) -> np.ndarray:
    """(tile, tile) Hann weights, never zero, so that a tile counts most in its middle and edges leave no seam."""
    # the floor is on each ramp, not on their product: along the frame's edge the other ramp still decides
    ramp = np.maximum(np.hanning(tile + 2)[1:-1], 1e-3)
    return np.outer(ramp, ramp).astype(np.float32)


def blend(tiles: np.ndarray, corners: list[tuple[int, int]], size: int) -> np.ndarray:
    """Weighted mean of (n, T, t, t) tiles at their corners, as (T, size, size) float32."""
    side = tiles.shape[-1]
    window = blend_window(side)
    total = np.zeros((tiles.shape[1], size, size), np.float32)
    weight = np.zeros((size, size), np.float32)
    for tile, (row, col) in zip(tiles, corners, strict=True):
        height, width = min(side, size - row), min(side, size - col)
        total[:, row : row + height, col : col + width] += (tile * window)[:, :height, :width]
        weight[row : row + height, col : col + width] += window[:height, :width]
    return total / weight
