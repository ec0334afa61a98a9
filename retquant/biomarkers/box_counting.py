"""Box counting by the least cover: for each box size the grid is laid at every offset and the one that needs the
fewest boxes is taken.

Averaging over offsets reads a filled square as 1.90 to 1.94 instead of 2. All offsets are looked at, which is cheap
with 64 pixels to a machine word: 3 ms a mask of 1024 by 1024 pixels, 20 ms at 3504 by 2336.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

BOXES_PER_OCTAVE = 2
_MOST_COMPARED = 100_000  # boxes of all offsets that need equally few; beyond, any of them is taken


def box_sizes(smallest: float, largest: float) -> np.ndarray:
    """Whole box sizes in pixels from `smallest` to `largest`, two an octave."""
    if not smallest <= largest:
        return np.zeros(0, int)
    steps = math.floor(BOXES_PER_OCTAVE * math.log2(largest / smallest) + 1e-9)
    sizes = np.rint(smallest * 2 ** (np.arange(steps + 1) / BOXES_PER_OCTAVE)).astype(int)
    return np.unique(sizes)


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """The least cover at each of K box sizes."""

    sizes: np.ndarray  # (K,) pixels
    masses: tuple[np.ndarray, ...]  # K arrays: mask pixels in each occupied box; none of an empty mask

    @property
    def shares(self) -> list[np.ndarray]:
        """K arrays: each occupied box's share of the mask."""
        return [mass / mass.sum() for mass in self.masses]


def least_cover(mask: np.ndarray, sizes: np.ndarray) -> Cover:
    """Cover a mask (H, W) bool with boxes of each of `sizes` (ascending) at the offset that needs the fewest.

    Of offsets that need equally few the one with the largest sum of squared masses is taken, so that a flip
    changes nothing. An empty mask has no boxes.
    """
    import cv2

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows) or not len(sizes):
        return Cover(np.asarray(sizes), ())
    tight = np.ascontiguousarray(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    total = cv2.integral(tight.view(np.uint8))
    occupancy = _Occupancy(tight, int(sizes[-1]))
    masses = []
    for size in sizes.tolist():
        needed = occupancy.boxes_by_offset(size)
        ties = np.argwhere(needed == needed.min())
        found = _masses(total, size, ties if len(ties) * needed.min() <= _MOST_COMPARED else ties[:1])
        best = found[np.argmax(np.einsum("tij,tij->t", found, found))].ravel()
        masses.append(best[best > 0])
    return Cover(np.asarray(sizes), tuple(masses))


def slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Least-squares slope of y on x and its standard error."""
    offset = x - x.mean()
    spread = offset @ offset
    value = float(offset @ y / spread)
    rest = y - y.mean() - value * offset
    return value, math.sqrt(float(rest @ rest) / (len(x) - 2) / spread)


class _Occupancy:
    """Whether the box that begins at a pixel holds anything, for all pixels, as the box grows.

    One bit a pixel, 64 to a word, in a frame of zeros as wide as the largest box.
    """

    def __init__(self, mask: np.ndarray, largest: int) -> None:
        self._extent = mask.shape
        self._margin = largest
        width = -(-(mask.shape[1] + 2 * largest) // 64) * 64
        frame = np.zeros((mask.shape[0] + 2 * largest, width), bool)
        frame[largest : largest + mask.shape[0], largest : largest + mask.shape[1]] = mask
        self._words = np.packbits(frame, axis=1, bitorder="little").view("<u8")
        self._size = 1

    def boxes_by_offset(self, size: int) -> np.ndarray:
        """(size, size) boxes needed with the grid at each offset; offset (0, 0) begins size - 1 before the mask."""
        self._grow(size)
        first = self._margin - size + 1  # where the first box that reaches the mask begins
        down, across = (-(-(extent + size - 1) // size) for extent in self._extent)
        octets = self._words.view(np.uint8)
        width = octets.shape[1] * 8
        summed = np.zeros((size, max(width, first + across * size)), np.uint8 if down < 256 else np.uint16)
        for top in range(first, first + down * size, size):  # unpacked by strips, which stay in the cache
            strip = np.unpackbits(octets[top : top + size], axis=1, bitorder="little")
            summed[: len(strip), :width] += strip
        window = summed[:, first : first + across * size]
        return window.reshape(size, across, size).sum(axis=1, dtype=np.int64)

    def _grow(self, size: int) -> None:
        while self._size < size:
            step = min(self._size, size - self._size)
            grown = self._words.copy()
            grown[:-step] |= self._words[step:]
            grown |= _shifted(grown, step)
            self._words, self._size = grown, self._size + step


def _shifted(words: np.ndarray, by: int) -> np.ndarray:
    """Rows of bits moved `by` places towards their beginning."""
    whole, part = divmod(by, 64)
    moved = np.zeros_like(words)
    kept = words.shape[1] - whole
    moved[:, :kept] = words[:, whole:] >> np.uint64(part)
    if part:
        moved[:, : kept - 1] |= words[:, whole + 1 :] << np.uint64(64 - part)
    return moved


def _masses(total: np.ndarray, size: int, offsets: np.ndarray) -> np.ndarray:
    """(T, R, C) float, pixels of the mask in each box at each of T offsets, from the mask's integral image."""
    edges = []
    for start, extent in zip(offsets.T, total.shape, strict=True):
        boxes = -(-(extent + size - 2) // size)
        lines = start[:, None] + np.arange(1 - size, boxes * size - size + 2, size)
        edges.append(np.clip(lines, 0, extent - 1))
    corners = total[edges[0][:, :, None], edges[1][:, None, :]].astype(np.float64)
    return np.diff(np.diff(corners, axis=1), axis=2)
