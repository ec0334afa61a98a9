"""Hazards that are proportional, and those that are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from simulated_cohorts import CALIBRE
from statsmodels.duration.hazard_regression import PHReg

from retquant.association import associate
from retquant.association.models import Sample
from retquant.association.proportional import p_proportional
from retquant.report.association_page import render_page


def followed(n: int, late: float, seed: int) -> tuple[Sample, np.ndarray, np.ndarray]:
    """People whose log hazard ratio is 0.6 for three years and `late` after; some enter later, some leave early."""
    generator = np.random.default_rng(seed)
    tested, age = generator.normal(size=(2, n))
    early, after = np.exp(0.6 * tested + 0.3 * age) / 4, np.exp(late * tested + 0.3 * age) / 4
    need = generator.exponential(size=n)  # of cumulative hazard
    event_at = np.where(need < 3 * early, need / early, 3 + (need - 3 * early) / after)
    entry, end = generator.uniform(0, 0.5, n), generator.uniform(2, 9, n)
    stays = event_at > entry
    follow = np.column_stack([entry, np.minimum(event_at, end)])[stays]
    sample = Sample(
        y=(event_at <= end)[stays].astype(float),
        kind="survival",
        person=np.arange(stays.sum()),
        follow=follow,
    )
    return sample, np.column_stack([np.ones(stays.sum()), age[stays]]), tested[stays]


def by_definition(sample: Sample, X: np.ndarray) -> float:
    """The test from risk sets, event by event (no two at one time)."""
    entry, exit_ = sample.follow.T
    fit = PHReg(exit_, X, status=sample.y.astype(int), entry=entry, ties="efron").fit(disp=0)
    weight = np.exp(X @ fit.params)
    times, residuals = [], []
    for row in np.flatnonzero(sample.y):
        at_risk = (entry < exit_[row]) & (exit_ >= exit_[row])
        times.append(exit_[row])
        residuals.append(X[row] - np.average(X[at_risk], axis=0, weights=weight[at_risk]))
    rank = np.argsort(np.argsort(times)) - (len(times) - 1) / 2
    scaled = len(times) * np.array(residuals) @ fit.cov_params()[:, -1]
    return float(chi2.sf((rank @ scaled) ** 2 / (len(times) * fit.cov_params()[-1, -1] * rank @ rank), 1))


@pytest.mark.parametrize("late", [0.6, 0.2])
def test_it_is_the_test_of_scaled_schoenfeld_residuals(late: float) -> None:
    sample, matrix, tested = followed(400, late, seed=3)
    expected = by_definition(sample, np.column_stack([matrix[:, 1:], tested]))
    assert p_proportional(sample, matrix, tested) == pytest.approx(expected, rel=1e-6)


def test_a_ratio_that_turns_round_is_found_and_one_that_stays_is_not() -> None:
    assert p_proportional(*followed(1500, -0.6, seed=4)) < 1e-6
    alarms = [p_proportional(*followed(150, 0.6, seed=seed)) < 0.05 for seed in range(120)]
    assert np.mean(alarms) <= 0.11  # 5 % and three standard errors


def test_the_table_has_it_and_the_page_says_when_the_ratio_changes() -> None:
    sample, _, tested = followed(1500, -0.6, seed=4)
    assert sample.follow is not None
    ids = [f"P{i}" for i in range(len(tested))]
    images = pd.DataFrame({"image_id": ids, "participant_id": ids, "eye": "OD", CALIBRE: 120 + 12 * tested})
    images["ill"], images["years"] = sample.y.astype(bool), sample.follow[:, 1]
    found = associate(images, outcome="ill", time="years", biomarkers=[CALIBRE])
    assert found.table["p_proportional"][0] < 1e-6
    assert "the ratio changes with time" in render_page(found)
    found = associate(images, outcome="ill", biomarkers=[CALIBRE])
    assert found.table["p_proportional"].isna().all()


def test_where_it_cannot_be_told_there_is_no_p() -> None:
    sample, matrix, tested = followed(100, 0.6, seed=5)
    two_eyes = Sample(
        **{name: getattr(sample, name) for name in ("y", "kind", "person", "follow")}, is_clustered=True
    )
    assert np.isnan(p_proportional(two_eyes, matrix, tested))
    yes_or_no = Sample(y=sample.y, kind="binary", person=sample.person)
    assert np.isnan(p_proportional(yes_or_no, matrix, tested))
    no_event = Sample(y=0 * sample.y, kind="survival", person=sample.person, follow=sample.follow)
    assert np.isnan(p_proportional(no_event, matrix, tested))
