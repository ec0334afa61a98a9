"""Pinholes of a mask filled: each would split the skeleton into two strands around it, which read as a loop."""

from __future__ import annotations

import numpy as np

from retquant.kernels import kernel
from retquant.vessels.thinning import bordered


def find_pinholes(mask: np.ndarray, largest_area_px: float) -> np.ndarray:
    """(K, 2) row and column of the pixels in holes of the (H, W) bool mask of at most `largest_area_px`.

    A hole is a part of the background, linked by its pixels' sides, that does not reach the frame. Nothing farther
    from the mask than a pinhole is wide is looked at.
    """
    limit = int(largest_area_px)
    if limit < 1 or not mask.any():
        return np.zeros((0, 2), dtype=np.intp)
    pixels = bordered(mask)
    pixels[[0, -1]] = _OPEN
    pixels[:, 0] = pixels[:, mask.shape[1] + 1 :] = _OPEN
    flat = pixels.ravel()
    found, count = _fill(flat, flat.view(np.uint64), pixels.shape[1], limit)
    return np.stack(np.divmod(found[:count], pixels.shape[1]), axis=1) - 1


_BACKGROUND, _MASK, _OPEN, _LOOKED_AT = range(4)
"""What a pixel is known to be: `_OPEN` leads to the frame or to more than a pinhole."""


@kernel
def _fill(pixels, words, stride, limit):  # type: ignore[no-untyped-def]
    """Flat places of the pixels in small holes and how many; they become mask, as open background becomes `_OPEN`."""
    part = np.empty(limit + 1, np.int64)
    found, count = np.empty(64, np.int64), 0
    for word in range(len(words)):
        if words[word] == 0:
            continue
        for above in range(8 * word, 8 * word + 8):
            first = (
                above + stride
            )  # of each hole the first pixel, row by row, has mask above it and to its left
            if pixels[above] != _MASK or pixels[first] != _BACKGROUND or pixels[first - 1] != _MASK:
                continue
            size = _spread(pixels, first, stride, part, limit)
            if count + size > len(found):
                grown = np.empty(2 * (count + size), np.int64)
                for k in range(count):  # an array's own copying takes a second to compile
                    grown[k] = found[k]
                found = grown
            for k in range(abs(size)):
                pixels[part[k]] = _MASK if size > 0 else _OPEN
            for k in range(size):
                found[count] = part[k]
                count += 1
    return found, count


@kernel
def _spread(pixels, first, stride, part, limit):  # type: ignore[no-untyped-def]
    """Fill `part` with the background linked to `first`; its size, negative where it is not a whole pinhole."""
    pixels[first] = _LOOKED_AT
    part[0] = first
    size, k = 1, 0
    while k < size:
        for step in (1, stride, -1, -stride):
            i = part[k] + step
            if pixels[i] == _OPEN:
                return -size
            if pixels[i] == _BACKGROUND:
                pixels[i] = _LOOKED_AT
                part[size] = i
                size += 1
                if size > limit:
                    return -size
        k += 1
    return size
