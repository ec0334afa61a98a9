"""Nearly equal pictures are found among any number without comparing all with all."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.hygiene.likeness import ALIKE, FEW, Likeness
from retquant.images.fingerprint import FREQUENCIES, MIRRORED

SPREAD = (1.75 - 0.07 * FREQUENCIES)[None]


def cohort(count: int, *, seed: int = 0) -> np.ndarray:
    """(count, D) int8 fingerprints of different eyes, which share some of what eyes share."""
    draw = np.random.default_rng(seed)
    shared = draw.normal(size=(1, len(FREQUENCIES)))
    return quantised((draw.normal(size=(count, len(FREQUENCIES))) + 0.3 * shared) * SPREAD)


def quantised(numbers: np.ndarray) -> np.ndarray:
    return np.round(numbers / np.abs(numbers).max(axis=1, keepdims=True) * 127).astype(np.int8)


def copies(numbers: np.ndarray, *, noise: float, seed: int = 1) -> np.ndarray:
    draw = np.random.default_rng(seed)
    spread = numbers.std(axis=1, keepdims=True)
    return quantised(numbers + noise * spread * SPREAD * draw.normal(size=numbers.shape))


def found(numbers: np.ndarray) -> dict[tuple[int, int, bool], float]:
    pairs = {}
    for one, other, alike, is_mirrored in Likeness(numbers).pairs():
        for a, b, value in zip(one.tolist(), other.tolist(), alike.tolist(), strict=True):
            pairs[min(a, b), max(a, b), is_mirrored] = value
    return pairs


@pytest.mark.parametrize("count", [300, FEW + 2000])
def test_copies_and_mirrored_copies_are_found_and_nothing_else(count):
    eyes = cohort(count)
    near, flipped = copies(eyes[:40], noise=0.3), copies(eyes[40:80] * MIRRORED, noise=0.3)
    pairs = found(np.concatenate([eyes, near, flipped]))
    expected = {(n, count + n, False) for n in range(40)} | {
        (40 + n, count + 40 + n, True) for n in range(40)
    }
    assert set(pairs) <= expected
    # of many, tables of hashes miss some: at a cosine of 0.95 one of a thousand
    assert len(pairs) >= 79
    assert min(pairs.values()) >= ALIKE


@pytest.mark.parametrize("count", [0, 1, 2])
def test_cohorts_of_hardly_any_picture_are_no_trouble(count):
    assert found(cohort(count)) == {}


def test_two_copies_alone_are_found():
    one = cohort(1)
    assert set(found(np.concatenate([one, copies(one, noise=0.2)]))) == {(0, 1, False)}


def test_a_crowd_of_one_picture_costs_no_square():
    crowd = copies(np.repeat(cohort(1), FEW + 1000, axis=0), noise=0.02)
    compared = sum(len(one) for one, *_ in Likeness(crowd)._candidates())
    assert compared < 32 * 64 * 2 * len(crowd)
