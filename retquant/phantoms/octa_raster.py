"""Draws ten thousand thin vessels at once: the coverage of `render_coverage`, many short pieces to an array operation.

N pieces of vessel are drawn in groups that fit the same window of K by K pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from retquant.phantoms.coverage import half_plane_share

_REACH_PX = 0.75  # a pixel's corner lies 0.71 px from its centre; beyond that an edge cannot touch it
_WINDOWS = (3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
_AT_ONCE = 1 << 18  # pixels; the arrays of one group stay in the cache


def draw_pieces(
    starts: np.ndarray,
    stops: np.ndarray,
    radii: np.ndarray,
    size: tuple[int, int],
    *,
    values: np.ndarray | None = None,
) -> np.ndarray:
    """(H, W) float32 share of each pixel that the pieces cover, or the largest of share times value.

    `starts` and `stops` are (N, 2) and `radii` (N,) in pixels, (row, col) with centres at integers.
    """
    image = np.zeros(size[0] * size[1], dtype=np.float32)
    for group, corner, window in _groups(starts, stops, radii, size):
        base, start, run = corner[group], starts[group], stops[group] - starts[group]
        length = np.maximum(np.hypot(*run.T), 1e-9)
        unit = (run / length[:, None]).astype(np.float32)
        local = (base - start).astype(np.float32)
        steps = np.arange(window, dtype=np.float32)
        rows = (local[:, 0, None] + steps)[:, :, None]
        cols = (local[:, 1, None] + steps)[:, None, :]
        along_row, along_col = rows * unit[:, 0, None, None], cols * unit[:, 1, None, None]
        along = np.clip(along_row + along_col, 0, length[:, None, None].astype(np.float32))
        off_row, off_col = rows - along * unit[:, 0, None, None], cols - along * unit[:, 1, None, None]
        away = off_row * off_row + off_col * off_col
        radius = radii[group].astype(np.float32)
        at = np.flatnonzero(away.reshape(len(group), -1) < (radius[:, None] + _REACH_PX) ** 2)
        piece, cell = np.divmod(at, window * window)
        row, col = base[piece, 0] + cell // window, base[piece, 1] + cell % window
        is_inside = (row >= 0) & (row < size[0]) & (col >= 0) & (col < size[1])
        at, piece, row, col = at[is_inside], piece[is_inside], row[is_inside], col[is_inside]
        off = np.sqrt(away.ravel()[at])
        share = np.ones(len(at), dtype=np.float32)
        near = np.flatnonzero(off > radius[piece] - _REACH_PX)
        share[near] = _thin_share(
            off[near],
            radius[piece[near]],
            off_row.ravel()[at[near]],
            off_col.ravel()[at[near]],
            unit[piece[near]],
        )
        if values is not None:
            share *= values[group][piece].astype(np.float32)
        np.maximum.at(image, row * size[1] + col, share)
    return image.reshape(size)


def _thin_share(
    off: np.ndarray, radius: np.ndarray, off_row: np.ndarray, off_col: np.ndarray, unit: np.ndarray
) -> np.ndarray:
    """Share of a pixel between the two edges of a vessel whose axis is `off` away; the cap is taken as straight."""
    is_on_axis = off < 1e-3  # there the normal is the piece's own
    safe = np.where(is_on_axis, 1.0, off)
    normal_row = np.where(is_on_axis, unit[:, 1], off_row / safe)
    normal_col = np.where(is_on_axis, -unit[:, 0], off_col / safe)
    near = half_plane_share(radius - off, normal_row, normal_col)
    return np.asarray(near - half_plane_share(-radius - off, normal_row, normal_col), dtype=np.float32)


def _groups(
    starts: np.ndarray, stops: np.ndarray, radii: np.ndarray, size: tuple[int, int]
) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Indices of pieces that share a window's side, the corners of all windows, and that side."""
    reach = (radii + _REACH_PX)[:, None]
    corner = np.ceil(np.minimum(starts, stops) - reach).astype(int)
    last = np.floor(np.maximum(starts, stops) + reach).astype(int)
    is_seen = (last >= 0).all(axis=1) & (corner < np.array(size)).all(axis=1)
    side = (last - corner + 1).max(axis=1)
    if len(side) and side.max() > _WINDOWS[-1]:
        raise ValueError(f"a piece of vessel spans {side.max()} px, more than {_WINDOWS[-1]}")
    rank = np.searchsorted(_WINDOWS, side)
    for number, window in enumerate(_WINDOWS):
        members = np.flatnonzero((rank == number) & is_seen)
        count = max(_AT_ONCE // window**2, 1)
        for first in range(0, len(members), count):
            yield members[first : first + count], corner, window


def shrink(image: np.ndarray, factor: int) -> np.ndarray:
    """(H / factor, W / factor) means over squares of `factor` pixels."""
    height, width = image.shape
    return np.asarray(image.reshape(height // factor, factor, width // factor, factor).mean(axis=(1, 3)))
