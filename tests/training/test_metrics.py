"""Metrics against direct counting."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.training.metrics import Confusion, centerline_dice


@pytest.fixture
def guess() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.random((60, 60)) < 0.2
    probability = np.clip(120 * truth + rng.normal(80, 50, (60, 60)), 0, 255).astype(np.uint8)
    return probability, truth, rng.random((60, 60)) < 0.8


def test_auc_is_the_share_of_pairs_in_the_right_order(
    guess: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    probability, truth, valid = guess
    p, n = (probability[valid & side].astype(int) for side in (truth, ~truth))
    pairs = (p[:, None] > n[None]).mean() + 0.5 * (p[:, None] == n[None]).mean()
    assert Confusion.count(probability, truth, valid).auc() == pytest.approx(pairs, abs=1e-12)


def test_dice_and_rates_are_those_of_the_mask(guess: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    probability, truth, valid = guess
    found, drawn = (probability >= 128)[valid], truth[valid]
    at_half = Confusion.count(probability, truth, valid).at(0.5)
    assert at_half["dice"] == pytest.approx(2 * (found & drawn).sum() / (found.sum() + drawn.sum()))
    assert at_half["sensitivity"] == pytest.approx(found[drawn].mean())
    assert at_half["specificity"] == pytest.approx((~found)[~drawn].mean())
    assert at_half["accuracy"] == pytest.approx((found == drawn).mean())


def test_pooling_two_halves_is_counting_the_whole(guess: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    probability, truth, valid = guess
    halves = [Confusion.count(probability[s], truth[s], valid[s]) for s in (slice(0, 30), slice(30, 60))]
    assert (halves[0] + halves[1]).auc() == Confusion.count(probability, truth, valid).auc()


def test_no_vessel_drawn_gives_no_number() -> None:
    empty = np.zeros((8, 8), bool)
    counts = Confusion.count(np.zeros((8, 8), np.uint8), empty, ~empty)
    assert np.isnan(counts.auc())
    assert np.isnan(counts.at(0.5)["sensitivity"])


def test_centerline_dice_is_one_for_the_same_mask_and_falls_with_a_missing_branch() -> None:
    truth = np.zeros((60, 60), bool)
    truth[28:33, 5:55] = True
    truth[5:30, 28:33] = True
    trunk = truth.copy()
    trunk[:28] = False
    assert centerline_dice(truth, truth) == 1
    assert 0.7 < centerline_dice(trunk, truth) < 0.95
