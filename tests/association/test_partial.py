"""Partial correlations against their closed form, and where they stand in the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr
from simulated_cohorts import CALIBRE, two_eyed_cohort

from retquant.association import associate
from retquant.association.partial import partial_pearson, partial_spearman


def drawn(n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z, e, f = np.random.default_rng(5).normal(size=(3, n))
    return np.exp(z + e), z - 0.5 * e + f, np.column_stack([np.ones(n), z])


def closed_form(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> float:
    xy, xz, yz = (pearsonr(a, b).statistic for a, b in ((x, y), (x, z), (y, z)))
    return float((xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2)))


def test_one_covariate_is_taken_out_by_the_closed_form() -> None:
    x, y, design = drawn()
    assert partial_pearson(x, y, design).r == pytest.approx(closed_form(x, y, design[:, 1]), rel=1e-10)
    ranks = [rankdata(values) for values in (x, y, design[:, 1])]
    assert partial_spearman(x, y, design).r == pytest.approx(closed_form(*ranks), rel=1e-10)


def test_without_covariates_they_are_scipys_with_fishers_interval() -> None:
    x, y, design = drawn()
    ours, theirs = partial_pearson(x, y, design[:, :1]), pearsonr(x, y)
    interval = theirs.confidence_interval()
    assert [ours.r, ours.low, ours.high] == pytest.approx(
        [theirs.statistic, interval.low, interval.high], rel=1e-9
    )
    rho = partial_spearman(x, y, design[:, :1])
    assert rho.r == pytest.approx(spearmanr(x, y).statistic, rel=1e-10)
    assert rho.high - rho.low > ours.high - ours.low or abs(rho.r) > abs(ours.r)


def test_intervals_cover_a_known_partial_correlation_about_95_times_in_100() -> None:
    covered = np.zeros(2)
    for seed in range(400):
        z, e, f = np.random.default_rng(seed).normal(size=(3, 80))
        design = np.column_stack([np.ones(80), z])
        found = (
            partial_pearson(z + e, z + 0.5 * e + f, design),
            partial_spearman(z + e, z + 0.5 * e + f, design),
        )
        truth = 0.5 / np.sqrt(1.25)  # of e with 0.5 e + f
        covered += [found[0].low < truth < found[0].high, found[1].low < truth - 0.03 < found[1].high]
    assert 366 <= covered[0] <= 394  # 380 +- 3.3 standard deviations
    assert covered[1] >= 360


def test_nothing_is_said_of_values_that_the_covariates_determine() -> None:
    x, _, design = drawn()
    assert np.isnan(partial_pearson(x, 2 * design[:, 1] + 1, design).r)
    assert np.isnan(partial_pearson(x[:3], x[:3] ** 2, design[:3]).low)
    same = partial_pearson(x, 3 * x, design)
    assert (same.r, same.low, same.high) == pytest.approx((1, 1, 1))


def test_the_table_has_them_for_continuous_outcomes_of_people_only() -> None:
    images = two_eyed_cohort(80, seed=1)
    random = np.random.default_rng(100)
    images["pressure"] = np.repeat(random.normal(size=80), 2) + images["age"] / 20
    images["acuity"] = random.normal(size=160)
    row = associate(images, outcome="pressure", covariates=["age"], biomarkers=[CALIBRE]).table.iloc[0]
    people = images.groupby("participant_id").mean(numeric_only=True)
    assert row["partial_r"] == pytest.approx(
        closed_form(people[CALIBRE], people["pressure"], people["age"]), rel=1e-9
    )
    ranks = [pd.Series(rankdata(people[name])) for name in (CALIBRE, "pressure", "age")]
    assert row["partial_rho"] == pytest.approx(closed_form(*ranks), rel=1e-9)
    assert row["partial_r_low"] < row["partial_r"] < row["partial_r_high"]
    eyes = associate(images, outcome="acuity", biomarkers=[CALIBRE]).table.iloc[0]
    assert np.isnan(eyes["partial_r"])
