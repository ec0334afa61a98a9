"""A map of 8 bits on another raster, without the map in floats between.

The map in floats of an image of eight million pixels takes longer to be given its memory than to be averaged.
"""

from __future__ import annotations

import numpy as np

from retquant.kernels import kernel


def resample(levels: np.ndarray, shape: tuple[int, int], full: int, *, enlarge: bool = False) -> np.ndarray:
    """(h, w) float32 of levels (H, W) uint8, in parts of `full`.

    A new pixel is the mean of the H / h x W / w old ones under it or, where the map is to be enlarged, read straight
    between the middles of old pixels.
    """
    shares = _between if enlarge else _under
    (rows, down), (columns, across) = (shares(*sizes) for sizes in zip(levels.shape, shape, strict=True))
    out = np.empty(shape, np.float32)
    _average(levels, rows, down / np.float32(full), columns, across, out)
    return out


def _under(size: int, new: int) -> tuple[np.ndarray, np.ndarray]:
    """(new,) first old pixel under each new one, and (K, new) share of the new one in each old one from there."""
    edges = np.arange(new + 1) * (size / new)
    first = np.minimum(edges[:-1].astype(np.uint32), size - 1)
    begin = first + np.arange(int(np.ceil(size / new)) + 1)[:, None]
    inside = np.minimum(edges[1:], begin + 1) - np.maximum(edges[:-1], begin)
    share = np.where(begin < size, np.maximum(inside, 0.0), 0.0)
    return first, (share / share.sum(axis=0)).astype(np.float32)


def _between(size: int, new: int) -> tuple[np.ndarray, np.ndarray]:
    """(new,) old pixel whose middle comes before each new one's, and (2, new) weight of it and of the next."""
    middle = np.clip((np.arange(new) + 0.5) * (size / new) - 0.5, 0, size - 1)
    first = middle.astype(np.uint32)
    share = middle - first
    return first, np.stack([1 - share, share]).astype(np.float32)


@kernel
def _average(levels, rows, down, columns, across, out):  # type: ignore[no-untyped-def]
    # a row's mean of the old rows under it, with room for shares of nothing beyond the last column
    line = np.empty(levels.shape[1] + len(across), np.float32)
    for r in range(len(out)):
        line[:] = 0.0
        for k in range(len(down)):
            weight = down[k, r]
            if weight > 0.0:
                old = levels[rows[r] + k]
                for c in range(len(old)):
                    line[c] += weight * np.float32(old[c])
        for c in range(out.shape[1]):
            first = columns[c]
            out[r, c] = across[0, c] * line[first] + across[1, c] * line[first + 1]
        for k in range(2, len(across)):
            for c in range(out.shape[1]):
                out[r, c] += across[k, c] * line[columns[c] + k]
