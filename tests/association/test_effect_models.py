"""Estimates against direct calls of statsmodels, planted effects, and refusals with a reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from simulated_cohorts import CALIBRE, DENSITY, UNITS, person_mean, two_eyed_cohort

from retquant.association import associate
from retquant.association.multiplicity import false_discovery_rates


def by_person(images: pd.DataFrame) -> pd.DataFrame:
    people = images.groupby("participant_id")[[CALIBRE, "age", "outcome"]].mean()
    people["male"] = (images.groupby("participant_id")["sex"].first() == "male").astype(float)
    people["z"] = (people[CALIBRE] - people[CALIBRE].mean()) / people[CALIBRE].std()
    return people


def with_outcome(images: pd.DataFrame, *, log_odds: float | None = None, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    z = (person_mean(images, CALIBRE) - 120) / 11.4
    noise = np.repeat(random.normal(size=len(images) // 2), 2)
    images["outcome"] = 0.5 * z + 0.03 * images["age"] + noise
    if log_odds is not None:
        chance = 1 / (1 + np.exp(1.0 - log_odds * z))
        images["outcome"] = (np.repeat(random.random(len(images) // 2), 2) < chance).astype(float)
    return images


def test_a_continuous_outcome_agrees_with_least_squares_with_hc3_errors() -> None:
    images = with_outcome(two_eyed_cohort(80, seed=1))
    row = associate(images, outcome="outcome", covariates=["age", "sex"], biomarkers=[CALIBRE]).table.iloc[0]
    people = by_person(images)
    fit = sm.OLS(people["outcome"], sm.add_constant(people[["age", "male", "z"]])).fit(
        cov_type="HC3", use_t=True
    )
    expected = [fit.params["z"], fit.bse["z"], *fit.conf_int().loc["z"], fit.pvalues["z"]]
    np.testing.assert_allclose(
        row[["effect", "standard_error", "ci_low", "ci_high", "p"]].astype(float), expected, rtol=1e-6
    )
    assert row["model"] == "linear, HC3"
    assert row["effect_per_unit"] * row["sd"] == pytest.approx(row["effect"])


def test_a_binary_outcome_agrees_with_logistic_regression() -> None:
    images = with_outcome(two_eyed_cohort(300, seed=2), log_odds=0.7)
    row = associate(images, outcome="outcome", covariates=["age", "sex"], biomarkers=[CALIBRE]).table.iloc[0]
    people = by_person(images)
    fit = sm.Logit(people["outcome"], sm.add_constant(people[["age", "male", "z"]])).fit(disp=0)
    expected = [fit.params["z"], fit.bse["z"], *fit.conf_int().loc["z"], fit.pvalues["z"]]
    np.testing.assert_allclose(
        row[["effect", "standard_error", "ci_low", "ci_high", "p"]].astype(float), expected, rtol=1e-6
    )
    assert row["ratio"] == pytest.approx(np.exp(row["effect"]))
    assert row["n_events"] == people["outcome"].sum()


def test_eyes_agree_with_cluster_robust_fits() -> None:
    images = two_eyed_cohort(150, seed=3)
    random = np.random.default_rng(3)
    sd = images.groupby("participant_id")[CALIBRE].mean().std()
    X = sm.add_constant((images[CALIBRE] - images[CALIBRE].mean()) / sd)
    groups = {"groups": pd.factorize(images["participant_id"])[0]}
    images["acuity"] = 0.02 * images[CALIBRE] + random.normal(size=300)
    row = associate(images, outcome="acuity", biomarkers=[CALIBRE]).table.iloc[0]
    fit = sm.OLS(images["acuity"], X).fit(cov_type="cluster", cov_kwds=groups, use_t=True)
    expected = [fit.params.iloc[1], fit.bse.iloc[1], *fit.conf_int().iloc[1], fit.pvalues.iloc[1]]
    np.testing.assert_allclose(
        row[["effect", "standard_error", "ci_low", "ci_high", "p"]].astype(float), expected, rtol=1e-6
    )
    images["drusen"] = random.integers(0, 2, 300)
    row = associate(images, outcome="drusen", biomarkers=[CALIBRE]).table.iloc[0]
    fit = sm.Logit(images["drusen"], X).fit(disp=0, cov_type="cluster", cov_kwds=groups)
    np.testing.assert_allclose(
        [row["effect"], row["standard_error"]], [fit.params.iloc[1], fit.bse.iloc[1]], rtol=1e-6
    )


def test_planted_effects_are_recovered_and_a_null_biomarker_is_not() -> None:
    images = with_outcome(two_eyed_cohort(3000, seed=4), log_odds=0.7)
    table = associate(images, outcome="outcome", covariates=["age"]).table.set_index("biomarker")
    assert table.loc[CALIBRE, "ci_low"] < 0.7 < table.loc[CALIBRE, "ci_high"]
    assert table.loc[CALIBRE, "q"] < 1e-6
    assert table.loc[DENSITY, "p"] > 0.01
    images = with_outcome(images)
    table = associate(images, outcome="outcome", covariates=["age"]).table.set_index("biomarker")
    assert table.loc[CALIBRE, "ci_low"] < 0.5 < table.loc[CALIBRE, "ci_high"]


def test_intervals_of_the_planted_odds_ratio_cover_it_about_95_times_in_100() -> None:
    covered = 0
    for seed in range(200):
        images = with_outcome(two_eyed_cohort(120, seed=seed), log_odds=0.6, seed=seed)
        row = associate(images, outcome="outcome", biomarkers=[CALIBRE]).table.iloc[0]
        factor = row["sd"] / 11.4
        covered += row["ci_low"] <= 0.6 * factor <= row["ci_high"]
    assert 180 <= covered <= 199


def test_separation_gives_firths_estimate_and_says_so() -> None:
    images = two_eyed_cohort(120, seed=5)
    images["outcome"] = (person_mean(images, CALIBRE) > 120).astype(int)
    row = associate(images, outcome="outcome", biomarkers=[CALIBRE]).table.iloc[0]
    assert row["model"] == "logistic, Firth"
    assert "separation" in row["note"]
    assert np.isfinite(row[["effect", "ci_low", "ci_high", "p"]].astype(float)).all()


def test_few_events_give_firths_estimate_and_very_few_are_refused() -> None:
    images = two_eyed_cohort(100, seed=6)
    images["outcome"] = np.repeat(np.arange(100) < 8, 2)
    row = associate(images, outcome="outcome", biomarkers=[CALIBRE]).table.iloc[0]
    assert (row["model"], row["n_events"]) == ("logistic, Firth", 8)
    assert "8.0 events per parameter" in row["note"]
    images["outcome"] = np.repeat(np.arange(100) < 4, 2)
    row = associate(images, outcome="outcome", biomarkers=[CALIBRE]).table.iloc[0]
    assert row["reason"] == "too_few_events"
    assert np.isnan(row["p"])


def test_separated_eyes_are_refused_with_a_reason() -> None:
    images = two_eyed_cohort(120, seed=7, correlation=0.1)
    images["outcome"] = (images[CALIBRE] > 120).astype(int)
    row = associate(images, outcome="outcome", biomarkers=[CALIBRE]).table.iloc[0]
    assert row["reason"] == "separation"


def test_a_constant_an_empty_and_a_collinear_biomarker_are_refused_and_the_others_go_on() -> None:
    images = with_outcome(two_eyed_cohort(60, seed=8))
    images["constant"], images["empty"], images["copy_of_age"] = 3.14, np.nan, images["age"] * 2 + 1
    images["infinite"] = images[DENSITY].where(images.index > 3, np.inf)
    images.attrs["units"] = {**UNITS, "constant": "1", "empty": "1", "copy_of_age": "1", "infinite": "1"}
    table = associate(images, outcome="outcome", covariates=["age"]).table.set_index("biomarker")
    reasons = table.loc[["constant", "empty", "copy_of_age"], "reason"]
    assert list(reasons) == ["constant", "all_missing", "collinear"]
    assert table.loc[[CALIBRE, DENSITY, "infinite"], "p"].notna().all()
    assert table.loc["infinite", "n_people"] == 58
    assert table.loc[["constant", "empty", "copy_of_age"], ["effect", "p", "q"]].isna().all(axis=None)


def test_derived_values_and_picture_quality_are_reported_but_not_counted_as_tests() -> None:
    images = with_outcome(two_eyed_cohort(60, seed=9))
    images["derived"], images["quality_sharpness"] = images[DENSITY] ** 2, images["age"] + images[DENSITY]
    images.attrs.update(
        units={**UNITS, "derived": "1", "quality_sharpness": "1"}, derived_from={"derived": DENSITY}
    )
    result = associate(images, outcome="outcome")
    table = result.table.set_index("biomarker")
    assert list(table.loc[[CALIBRE, DENSITY, "derived", "quality_sharpness"], "role"]) == [
        "biomarker",
        "biomarker",
        "derived",
        "quality",
    ]
    assert table.loc[["derived", "quality_sharpness"], "p"].notna().all()
    assert table.loc[["derived", "quality_sharpness"], "q"].isna().all()
    assert result.n_tests == 2


def test_false_discovery_rates_follow_benjamini_and_hochberg() -> None:
    p = pd.Series([0.01, 0.04, 0.03, np.nan, 0.001])
    q = false_discovery_rates(p, pd.Series([True, True, True, True, False]))
    np.testing.assert_allclose(q, [0.03, 0.04, 0.04, np.nan, np.nan])
