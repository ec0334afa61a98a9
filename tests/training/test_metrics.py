"""Metrics against direct counting."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.training.metrics import (
    LEVELS,
    Confusion,
    bootstrap_interval,
    centerline_dice,
    connectivity,
    kind_rates,
    level_of,
    line_accuracy,
    thin_sensitivity,
    thresholds,
    vertical_ratio,
)


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


def test_average_precision_is_the_mean_precision_at_each_positive(
    guess: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    probability, truth, valid = guess
    p, t = probability[valid].astype(int), truth[valid]
    # pixels of one probability are taken together
    expected = np.mean([t[p >= level].mean() for level in p[t]])
    found = Confusion.count(probability, truth, valid).average_precision()
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_best_threshold_has_the_greatest_dice(guess: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    counts = Confusion.count(*guess)
    best = counts.at(counts.best_threshold())["dice"]
    assert best == pytest.approx(max(counts.at(level / 255)["dice"] for level in range(1, 256)), abs=1e-12)


def test_curves_pass_through_the_rates_of_each_threshold(
    guess: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    counts = Confusion.count(*guess)
    curves, rates = counts.curves(), counts.at(100 / 255)
    level = int(level_of(100 / 255))
    assert curves["recall"][level] == pytest.approx(rates["sensitivity"])
    assert curves["precision"][level] == pytest.approx(rates["precision"])
    assert curves["false_positive_rate"][level] == pytest.approx(1 - rates["specificity"])


def test_levels_keep_the_order_of_what_is_all_but_certain_and_tell_all_8_bit_probabilities_apart() -> None:
    sure = np.array([0, 1e-6, 1e-5, 1e-4, 0.49999, 0.5, 0.9999, 0.99999, 1])
    assert (np.diff(level_of(sure)) > 0).all()
    assert level_of(np.nextafter(np.float32(0.5), np.float32(0))) < LEVELS // 2 <= level_of(0.5)
    assert (np.diff(level_of(np.arange(256).astype(np.uint8))) > 0).all()
    assert np.array_equal(level_of(thresholds()), np.arange(LEVELS))


def test_rounding_ties_what_the_exact_probability_ranks() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random((200, 200)) < 0.1
    logit = rng.normal(-9, 2, truth.shape) + 3 * truth  # nearly all of it rounds to 0
    exact = 1 / (1 + np.exp(-logit))
    rounded, everywhere = np.round(exact * 255).astype(np.uint8), np.ones_like(truth)
    p, n = exact[truth], exact[~truth][:2000]
    found = Confusion.count(exact, truth, everywhere).auc()
    assert found == pytest.approx((p[:, None] > n).mean(), abs=0.01)
    assert Confusion.count(rounded, truth, everywhere).auc() < found - 0.1


def test_jaccard_follows_from_dice(guess: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    rates = Confusion.count(*guess).at(0.5)
    assert rates["jaccard"] == pytest.approx(rates["dice"] / (2 - rates["dice"]))


def test_thin_sensitivity_asks_after_thin_vessels_only() -> None:
    truth = np.zeros((60, 100), bool)
    truth[10:12, 5:95] = True  # 2 px wide
    truth[30:37, 5:95] = True  # 7 px wide
    wide_only = truth.copy()
    wide_only[:20] = False
    assert thin_sensitivity(truth, truth, widest_px=3) == 1
    assert thin_sensitivity(wide_only, truth, widest_px=3) == 0
    assert thin_sensitivity(truth & ~wide_only, truth, widest_px=3) == 1


def test_connectivity_counts_broken_parts() -> None:
    truth = np.zeros((30, 100), bool)
    truth[10:14, :] = True
    broken = truth.copy()
    broken[:, 20::20] = False
    assert connectivity(truth, truth) == 1
    assert connectivity(broken, truth) == pytest.approx(1 - 4 / 400)


def test_the_interval_of_a_mean_holds_it_and_has_the_width_of_its_standard_error() -> None:
    values = np.random.default_rng(1).normal(0.8, 0.05, 400)
    low, high = bootstrap_interval(values)
    assert low < values.mean() < high
    # 2 x 1.96 standard errors; 2,000 draws leave some per cent of noise
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def two_lines() -> tuple[np.ndarray, np.ndarray]:
    """An artery and a vein, each 90 px long and 5 px wide."""
    artery, vein = np.zeros((60, 100), bool), np.zeros((60, 100), bool)
    artery[10:15, 5:95] = True
    vein[40:45, 5:95] = True
    return artery, vein


def test_line_accuracy_is_the_share_of_found_centre_line_with_the_right_label() -> None:
    artery, vein = two_lines()
    everywhere = np.ones(artery.shape, bool)
    found_artery, found_vein = artery.copy(), vein.copy()
    found_artery[:, 50:] = False  # half of the artery: a quarter is missed …
    found_vein[10:15, 50:70] = True  # … and the rest called vein
    assert line_accuracy(artery, vein, artery, vein, everywhere) == 1
    # skeletons stop two pixels short of their ends
    assert line_accuracy(found_artery, found_vein, artery, vein, everywhere) == pytest.approx(
        43 / 63, abs=0.02
    )
    assert line_accuracy(found_vein, found_artery, vein, artery, everywhere) == 1
    # what both masks claim is not told apart
    assert line_accuracy(artery | vein, artery | vein, artery, vein, everywhere) == 0


def test_line_accuracy_leaves_crossings_and_the_unknown_out() -> None:
    artery, vein = two_lines()
    vein[:, 20:25] = True
    known = np.ones(artery.shape, bool)
    known[:, 60:] = False
    found_artery = artery.copy()
    found_artery[:, 60:] = False
    found_vein = vein.copy()
    found_vein[10:15, 60:] = True
    assert line_accuracy(found_artery, found_vein, artery, vein, known) == 1


def test_rates_of_kinds_count_what_is_drawn_and_found_as_one_kind() -> None:
    artery, vein = two_lines()
    everywhere = np.ones(artery.shape, bool)
    found_artery, found_vein = artery.copy(), vein.copy()
    found_artery[:, 50:] = False
    found_vein[10:15, 80:] = True
    rates = kind_rates(found_artery, found_vein, (artery, vein), everywhere)
    assert rates["sensitivity"] == pytest.approx(45 / 60)
    assert rates["specificity"] == 1
    assert rates["accuracy"] == pytest.approx((45 + 90) / 150)


def test_the_vertical_ratio_is_that_of_the_heights() -> None:
    rows, cols = np.mgrid[:120, :120]
    disc = np.hypot(rows - 60, cols - 60) <= 40
    cup = np.hypot((rows - 60) / 2, cols - 60) <= 10
    assert vertical_ratio(cup, disc) == pytest.approx(41 / 81)
    disc[2:5, 2:5] = True  # a speck is no disc
    assert vertical_ratio(cup, disc) == pytest.approx(41 / 81)
    assert vertical_ratio(np.zeros_like(disc), disc) == 0
    assert np.isnan(vertical_ratio(cup, np.zeros_like(disc)))
