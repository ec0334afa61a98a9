"""Clicks for the local mode: on the vessel, beside it, and what they ask for."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.training.local_prompts import MARGIN_PX, NEGATIVE, POSITIVE, local_prompt


def two_vessels() -> np.ndarray:
    mask = np.zeros((64, 64), bool)
    mask[10:14] = True
    for i in range(20):  # a diagonal whose pixels touch at corners only
        mask[30 + i, 10 + i : 13 + i] = True
    return mask


@pytest.mark.parametrize("seed", range(10))
def test_positive_clicks_lie_on_one_component_and_negative_ones_elsewhere(seed: int) -> None:
    vessel = two_vessels()
    prompt = local_prompt(vessel, np.random.default_rng(seed))
    assert prompt.labels.tolist() == [1] * POSITIVE + [0] * NEGATIVE
    cols, rows = prompt.points.astype(int).T
    assert prompt.mask[rows[:POSITIVE], cols[:POSITIVE]].all()
    assert not prompt.mask[rows[POSITIVE:], cols[POSITIVE:]].any()
    assert prompt.mask.sum() in (4 * 64, 60)  # a diagonal is one component
    away = [
        np.abs(np.argwhere(prompt.mask) - [r, c]).max(axis=1).min() for r, c in zip(rows, cols, strict=True)
    ]
    beside = ~vessel[rows, cols]
    assert all(a <= MARGIN_PX for a, b in zip(away, beside, strict=True) if b)
    assert vessel[rows[-1], cols[-1]]  # one negative click is on the other vessel


def test_a_tile_without_vessels_asks_for_nothing() -> None:
    prompt = local_prompt(np.zeros((32, 32), bool), np.random.default_rng(0))
    assert not prompt.mask.any()
    assert not prompt.labels.any()
