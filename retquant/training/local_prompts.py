"""Clicks as a person would make them, for teaching the local mode: the vessel clicked and no other."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

POSITIVE, NEGATIVE = 3, 3  # clicks on the vessel and beside it
MARGIN_PX = 8  # of the background that counts as adjacent
SMALLEST_PX = 20  # of a component worth a click


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LocalPrompt:
    """Clicks in a tile and the mask that they ask for."""

    mask: np.ndarray  # (t, t) bool, the 8-connected component clicked
    points: np.ndarray  # (n, 2) float32 x, y
    labels: np.ndarray  # (n,) int64, 1 on the component, 0 beside it


def local_prompt(vessel: np.ndarray, rng: np.random.Generator) -> LocalPrompt:
    """Click a random 8-connected component of a (t, t) bool mask.

    Positive points lie on the component; negative ones on the background beside it and, where there are any, on other
    vessels. A tile without a vessel is clicked on its background only, and the answer is nothing.
    """
    square = np.ones((3, 3), np.uint8)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(vessel.astype(np.uint8), connectivity=8)
    large = [i for i in range(1, count) if statistics[i, cv2.CC_STAT_AREA] >= SMALLEST_PX]
    if not large:
        beside = _pick(~vessel, POSITIVE + NEGATIVE, rng)
        return LocalPrompt(
            mask=np.zeros_like(vessel), points=beside, labels=np.zeros(POSITIVE + NEGATIVE, np.int64)
        )
    mask = labels == large[rng.integers(len(large))]
    near = cv2.dilate(mask.astype(np.uint8), square, iterations=MARGIN_PX) > 0
    others = vessel & ~mask
    on_others = _pick(others, 1, rng) if others.any() else np.empty((0, 2), np.float32)
    ring = near & ~vessel
    beside = _pick(ring if ring.any() else ~mask, NEGATIVE - len(on_others), rng)
    return LocalPrompt(
        mask=mask,
        points=np.concatenate([_pick(mask, POSITIVE, rng), beside, on_others]),
        labels=np.repeat(np.array([1, 0], np.int64), [POSITIVE, NEGATIVE]),
    )


def _pick(where: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 2) float32 x, y of random pixels; the same one may come twice."""
    rows, cols = np.nonzero(where)
    chosen = rng.integers(len(rows), size=count)
    return np.column_stack([cols[chosen], rows[chosen]]).astype(np.float32)
