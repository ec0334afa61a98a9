"""How many boxes a grid needs at each of its offsets, 64 offsets at a time.

Whether the box that begins at a pixel holds anything is one bit, 64 to a word. What an offset needs is the sum of
those bits over the grid's boxes. Numbers are kept bit by bit too, in *planes*: plane p holds bit p of 64 numbers to
a word, so that one addition of words adds to 64 offsets.
"""

from __future__ import annotations

import numpy as np

from retquant.kernels import kernel


class Occupancy:
    """Whether the box that begins at a pixel holds anything of a mask (H, W) bool, for all pixels, as the box grows.

    The words begin as far above and to the left of the mask as the largest box is wide.
    """

    def __init__(self, mask: np.ndarray, largest: int) -> None:
        self._extent = mask.shape
        before = -(-largest // 64)
        self._margin = largest, 64 * before
        octets = np.packbits(mask, axis=1, bitorder="little")
        # the last row stays empty, for boxes that hold nothing further down
        self._words = np.zeros((largest + len(octets) + 1, before + octets.shape[1] // 8 + 1), "<u8")
        self._words.view(np.uint8)[largest:-1, 8 * before : 8 * before + octets.shape[1]] = octets
        self._size = 1

    def fewest(self, size: int) -> tuple[int, np.ndarray]:
        """The fewest boxes of `size` that any offset needs, and the offsets (T, 2) that need no more, row by row.

        Offset (0, 0) begins size - 1 before the mask. Sizes are asked for in ascending order.
        """
        words = self._words
        while self._size < size:
            step = min(self._size, size - self._size)
            _grow(words, step, np.zeros(words.shape[1] + step // 64 + 2, np.uint64))
            self._size += step
        down, across = (-(-(extent + size - 1) // size) for extent in self._extent)
        # where the first box that reaches the mask begins
        first = [margin - size + 1 for margin in self._margin]
        planes = np.zeros((32, (first[1] + 2 * across * size) // 64 + 3), np.uint64)
        needed = np.empty(size, np.int64)
        which = np.empty((size, -(-size // 64)), "<u8")
        _fewest(words, *first, size, down, across, planes, needed, which)
        least = np.flatnonzero(needed == needed.min())
        bits = np.unpackbits(which[least].view(np.uint8), axis=1, bitorder="little")
        row, column = np.nonzero(bits)
        return int(needed.min()), np.column_stack([least[row], column])


@kernel
def _grow(words, step, line):  # type: ignore[no-untyped-def]
    """Boxes larger by `step` rows and columns: each takes in the box `step` further down, and then to the right.

    `line` is a row of zeros with room for a step beyond the last word.
    """
    beside, beyond, part = line[step // 64 :], line[step // 64 + 1 :], np.uint64(step % 64)
    for r in range(words.shape[0]):
        row, below = words[r], words[r + step if r + step < words.shape[0] else -1]
        for c in range(len(row)):
            line[c] = row[c] | below[c]
        for c in range(len(row)):
            row[c] = line[c] | _moved(beside[c], beyond[c], part)


@kernel
def _shift(line, by, count, out):  # type: ignore[no-untyped-def]
    """The first `count` words of a row of bits moved `by` places towards its beginning."""
    near, far, part = line[by // 64 :], line[by // 64 + 1 :], np.uint64(by % 64)
    for w in range(count):
        out[w] = _moved(near[w], far[w], part)


@kernel
def _moved(word, after, part):  # type: ignore[no-untyped-def]
    """A word moved by `part` < 64 places towards its beginning; its end is filled from the word after it."""
    # that one in two steps, since no word can be moved by 64 in one
    return (word >> part) | ((after << np.uint64(1)) << (np.uint64(63) - part))


@kernel
def _fewest(words, row, column, size, down, across, planes, needed, which):  # type: ignore[no-untyped-def]
    """Of each row of offsets the fewest boxes, and in `which` a bit for each offset that needs no more.

    `planes` (32, ...) is room to work in, with words of zero beyond those of a row for a row of boxes.
    """
    half = 1
    while 2 * half < across:
        half *= 2
    moved = np.empty_like(planes[0])
    for top in range(size):
        depth = _add_rows(words, row + top, size, down, planes)
        reach = half
        while reach:  # the first `reach` boxes take in as many after them
            _add_moved(planes, depth, reach * size, (column + reach * size) // 64 + 1, moved)
            depth += 1
            reach //= 2
        needed[top] = _lowest(planes, depth, column, size, moved, which[top])


@kernel
def _add_rows(words, first, step, count, planes):  # type: ignore[no-untyped-def]
    """Fill planes with the sum of every `step`-th row of bits, four at a time, and return how many planes it takes."""
    columns = words.shape[1]
    last = words.shape[0] - 1  # which holds nothing
    ones, twos, carry = planes[0], planes[1], planes[-1]
    depth = 2
    for w in range(columns):
        ones[w] = twos[w] = 0
    for i in range(0, count, 4):
        r = first + i * step
        a, b = words[min(r, last)], words[min(r + step, last)]
        c, d = words[min(r + 2 * step, last)], words[min(r + 3 * step, last)]
        for w in range(columns):
            half = ones[w] ^ a[w]
            two = (ones[w] & a[w]) | (half & b[w])
            one = half ^ b[w]
            half = one ^ c[w]
            more = (one & c[w]) | (half & d[w])
            ones[w] = half ^ d[w]
            half = twos[w] ^ two
            carry[w] = (twos[w] & two) | (half & more)
            twos[w] = half ^ more
        if (i + 4) >> depth:
            for w in range(columns):
                planes[depth, w] = 0
            depth += 1
        for p in range(2, depth):
            plane = planes[p]
            for w in range(columns):
                both = plane[w] & carry[w]
                plane[w] ^= carry[w]
                carry[w] = both
    return depth


@kernel
def _add_moved(planes, depth, by, count, moved):  # type: ignore[no-untyped-def]
    """Add to the first numbers, `count` words of them, those `by` places further; the sum takes one plane more."""
    carry = planes[depth]
    for w in range(len(carry)):
        carry[w] = 0
    for p in range(depth):
        plane = planes[p]
        _shift(plane, by, count, moved)
        for w in range(count):
            half = plane[w] ^ moved[w]
            both = (plane[w] & moved[w]) | (half & carry[w])
            plane[w] = half ^ carry[w]
            carry[w] = both


@kernel
def _lowest(planes, depth, first, size, line, which):  # type: ignore[no-untyped-def]
    """The least of `size` numbers from `first` on; `which` gets a bit for each that is no more."""
    for v in range(len(which)):
        which[v] = ~np.uint64(0)
    if size % 64:
        which[-1] >>= np.uint64(64 - size % 64)
    lowest = 0
    for p in range(depth - 1, -1, -1):
        _shift(planes[p], first, len(which), line)
        found = np.uint64(0)
        for v in range(len(which)):
            found |= which[v] & ~line[v]
        if found:
            for v in range(len(which)):
                which[v] &= ~line[v]
        else:
            lowest += 1 << p
    return lowest
