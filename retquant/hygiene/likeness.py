"""Pairs of pictures that are nearly the same, out of any number, without comparing all with all.

Fingerprints are whitened, since pictures of retinas are alike in where the disc and the arcades lie, and of one camera
in its shading: only what is left tells one from another. Then two pictures are as alike as their cosine. Of few, all
are compared; of many, those that agree in some bits of a table of hashes, for several tables [Charikar2002].
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from retquant.images.fingerprint import FREQUENCIES, MIRRORED

ALIKE = 0.80
"""Cosine from which two pictures are taken for one; the nearest of 980,000 pairs of other eyes (ODIR) had 0.76."""

FEW = 4096  # up to so many pictures are compared with all others
TABLES, BITS = 32, 256  # of hashes; signs kept of a picture
SPARED = (
    3  # bits by which a table's key is shorter than the number of pictures asks for: a few share each key
)
CROWD = 64  # pictures that share a key are compared with so many that follow; more are of one camera's dark frames
LOOSEST = (
    80  # signs of BITS in which pictures that are alike may differ: 52 expected at ALIKE, and four deviations
)

_BLOCK = 1 << 14  # pictures at a time
_PRIOR = 500  # pictures that the usual spread of numbers counts for, beside those of the cohort
_LEAST_PRIOR = 0.3  # of its weight however many there are: the faintest patterns are noise
_SAMPLE = 20_000  # pictures that the cohort's spread is taken from
_SEED = 20_261_122


class Likeness:
    """Whitened fingerprints of a cohort.

    Parameters
    ----------
    numbers : (N, D) int8
        Fingerprints as `fingerprint_numbers` gives them; may lie on the disk.
    """

    def __init__(self, numbers: np.ndarray) -> None:
        self._mean, self._whitening = _whitening(numbers)
        self.count = len(numbers)
        size = numbers.shape[1]
        self._plain = np.empty((self.count, size), np.int8)
        self._signs = np.empty((2 * self.count, BITS // 64), np.uint64)  # then those of the mirrored pictures
        for first in range(0, self.count, _BLOCK):
            block = slice(first, min(first + _BLOCK, self.count))
            white = self._whitened(numbers[block])
            self._plain[block] = np.round(white * (127 / np.abs(white).max(axis=1, keepdims=True)))
            self._signs[block] = _packed(white)
            mirrored = slice(self.count + block.start, self.count + block.stop)
            self._signs[mirrored] = _packed(self._whitened(numbers[block] * MIRRORED))
        self._numbers = numbers

    def pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, bool]]:
        """(K,) and (K,) pictures that are alike, (K,) how much, and whether one of them is mirrored.

        A pair may come several times.
        """
        for left, right in self._candidates():
            for start in range(0, len(left), _BLOCK):
                yield from self._judged(left[start : start + _BLOCK], right[start : start + _BLOCK])

    def _judged(
        self, left: np.ndarray, right: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, bool]]:
        """Those of some pairs that are alike; numbers from N on are mirrored pictures."""
        apart = np.bitwise_count(self._signs[left] ^ self._signs[right]).sum(axis=1)
        near = apart <= LOOSEST
        left, right = left[near], right[near]
        for is_mirrored in (False, True):
            chosen = (right >= self.count) == is_mirrored
            if chosen.any():
                one, other = left[chosen], right[chosen] % self.count
                alike = self._cosine(one, other, is_mirrored)
                kept = alike >= ALIKE
                yield one[kept], other[kept], alike[kept], is_mirrored

    def _cosine(self, one: np.ndarray, other: np.ndarray, is_mirrored: bool) -> np.ndarray:
        first = self._plain[one].astype(np.float32)
        if is_mirrored:
            second = self._whitened(self._numbers[other] * MIRRORED)
        else:
            second = self._plain[other].astype(np.float32)
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        return np.asarray((first * second).sum(axis=1) / np.maximum(lengths, 1e-9))

    def _candidates(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs worth a look, the lower picture first; numbers from N on are mirrored pictures."""
        if self.count <= FEW:
            everyone = np.arange(2 * self.count)
            for one in range(self.count):
                others = everyone[one + 1 :][everyone[one + 1 :] % self.count > one]
                yield np.full(len(others), one), others
            return
        draw = np.random.default_rng(_SEED)
        bits = max(8, int(np.ceil(np.log2(self.count))) - SPARED)
        for _ in range(TABLES):
            yield from _sharing(_keys(self._signs, draw.permutation(BITS)[:63]), bits, self.count)

    def _whitened(self, numbers: np.ndarray) -> np.ndarray:
        lengths = np.linalg.norm(numbers.astype(np.float32), axis=1, keepdims=True)
        return np.asarray((numbers / np.maximum(lengths, 1e-9) - self._mean) @ self._whitening)


def _whitening(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(D,) mean and (D, D) matrix that make fingerprints round, turned at random so that every sign counts alike."""
    draw = np.random.default_rng(_SEED)
    count, size = numbers.shape
    chosen = np.sort(draw.permutation(count)[:_SAMPLE])
    sample = numbers[chosen].astype(np.float64)
    sample /= np.maximum(np.linalg.norm(sample, axis=1, keepdims=True), 1e-9)
    # the usual spread, as measured on 1,400 photographs: it stands in where a cohort is small
    usual = (1.75 - 0.07 * FREQUENCIES) / np.sqrt(size)
    mean = sample.sum(axis=0) / (len(sample) + _PRIOR)
    scaled = (sample - mean) / usual
    weight = max(_LEAST_PRIOR, _PRIOR / (len(sample) + _PRIOR))
    covariance = weight * np.eye(size) + (1 - weight) * (scaled.T @ scaled) / max(1, len(sample))
    values, vectors = np.linalg.eigh(covariance)
    turn, _ = np.linalg.qr(draw.normal(size=(size, size)))
    matrix = (vectors / np.sqrt(values)) @ turn / usual[:, None]
    return mean.astype(np.float32), matrix.astype(np.float32)


def _packed(white: np.ndarray) -> np.ndarray:
    """(K, BITS / 64) uint64 of the signs of the first BITS columns."""
    return np.packbits(white[:, :BITS] > 0, axis=1).view(np.uint64)


def _keys(signs: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(K,) uint64 made of some of the signs, the first chosen being the most telling."""
    keys = np.zeros(len(signs), np.uint64)
    for bit in chosen:
        keys <<= np.uint64(1)
        keys |= (signs[:, bit // 64] >> np.uint64(bit % 64)) & np.uint64(1)
    return keys


def _sharing(keys: np.ndarray, bits: int, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs whose keys begin with the same bits, of neighbours in their order; one of them at least is not mirrored."""
    order = np.argsort(keys)
    beginning = keys[order] >> np.uint64(63 - bits)
    for step in range(1, CROWD + 1):
        together = np.flatnonzero(beginning[step:] == beginning[:-step])
        if not len(together):
            return
        one, other = order[together], order[together + step]
        low, high = np.minimum(one, other), np.maximum(one, other)
        kept = (low < count) & (
            high % count != low
        )  # two mirrored pictures are as alike as those they are of
        low, high = low[kept], high[kept]
        turned = (high >= count) & (high % count < low)  # a mirrored picture of the lower number: turn both
        low, high = np.where(turned, high % count, low), np.where(turned, low + count, high)
        yield low, high
