"""Prediction by people: ridge equals statsmodels, planted signal is found, and none is found where there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from retquant.association import associate
from retquant.association.prediction import (
    FOLDS,
    MOST_PEOPLE,
    Prediction,
    area_under_curve,
    explained,
    folds_of,
)
from retquant.association.ridge import loss, probabilities, ridge

MARKERS = [f"marker_{place}" for place in range(30)]


def cohort(people: int, *, effect: float, seed: int = 0) -> pd.DataFrame:
    """Both eyes nearly alike; the outcome follows age and, by `effect`, three markers."""
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), 2)
    markers = random.normal(size=(people, len(MARKERS))) + random.normal(size=(people, 1))
    age = random.normal(size=people)
    frame = pd.DataFrame(
        markers[person] + 0.05 * random.normal(size=(2 * people, len(MARKERS))), columns=MARKERS
    )
    frame["image_id"] = [f"i{n}" for n in range(2 * people)]
    frame["participant_id"] = [f"p{n}" for n in person]
    frame["eye"] = ["OD", "OS"] * people
    frame["age"] = age[person]
    linear = 0.5 * age + effect * markers[:, :3].sum(axis=1)
    frame["pressure"] = (linear + random.normal(size=people))[person]
    frame["diabetes"] = (random.random(people) < probabilities(linear)).astype(int)[person]
    frame.attrs["units"] = dict.fromkeys(MARKERS, "um")
    return frame


def predicted(images: pd.DataFrame, outcome: str, **options: object) -> Prediction:
    found = associate(images, outcome=outcome, covariates=["age"], predicts=True, **options)
    assert found.closer is not None
    assert found.closer.prediction is not None
    return found.closer.prediction


@pytest.mark.parametrize("is_binary", [True, False])
def test_ridge_equals_statsmodels(is_binary: bool) -> None:
    random = np.random.default_rng(2)
    X = np.column_stack([np.ones(150), random.normal(size=(150, 4))])
    linear = X @ [0.3, 1, -1, 0, 2]
    y = (
        (random.random(150) < probabilities(linear)).astype(float)
        if is_binary
        else linear + random.normal(size=150)
    )
    penalty = np.array([0.0, 0.0, 3.0, 3.0, 8.0])
    # statsmodels divides the likelihood by n, and then the penalty too
    if is_binary:
        model, options = sm.GLM(y, X, family=sm.families.Binomial()), {"opt_method": "newton-cg"}
    else:
        model, options = sm.OLS(y, X), {}
    wanted = model.fit_regularized(alpha=penalty / len(y), L1_wt=0, **options)
    found = ridge(y, X, penalty, is_binary=is_binary)
    assert found == pytest.approx(wanted.params, abs=1e-6)
    gradient = X.T @ (y - (probabilities(X @ found) if is_binary else X @ found)) - penalty * found
    assert gradient == pytest.approx(np.zeros(5), abs=1e-8)


def test_losses_and_scores_are_their_definitions() -> None:
    random = np.random.default_rng(3)
    y, linear = (random.random(60) < 0.4).astype(float), random.normal(size=60).round(1)
    chance = probabilities(linear)
    assert loss(y, linear, is_binary=True) == pytest.approx(
        -np.log(np.where(y == 1, chance, 1 - chance)).sum()
    )
    pairs = linear[y == 1][:, None] - linear[y == 0][None, :]
    assert area_under_curve(y, linear) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    assert explained(y, np.full(60, y.mean())) == pytest.approx(0)
    assert explained(y, y) == 1


def test_folds_keep_people_whole_and_spread_events() -> None:
    random = np.random.default_rng(4)
    person = np.repeat(np.arange(200), 2)
    y = np.repeat((np.arange(200) < 33).astype(float), 2)
    folds = folds_of(y, person, FOLDS, random, is_binary=True)
    assert (folds[::2] == folds[1::2]).all()
    events = [int(y[folds == fold].sum()) // 2 for fold in range(FOLDS)]
    assert max(events) - min(events) <= 1
    assert sum(events) == 33


@pytest.mark.parametrize("outcome", ["diabetes", "pressure"])
def test_planted_signal_is_gained_and_predictions_are_calibrated(outcome: str) -> None:
    found = predicted(cohort(600, effect=0.6), outcome)
    assert (found.people, found.biomarkers, found.sampled_from) == (600, 30, None)
    assert found.covariates is not None
    assert found.both is not None
    assert found.gain is not None
    assert found.gain.low > 0.1
    assert found.gain.value == pytest.approx(found.both.value - found.covariates.value)
    assert found.covariates.low < found.covariates.value < found.covariates.high
    assert 0.7 < found.slope < 1.3
    assert sum(point.rows for point in found.calibration) == 600
    inside = [point.low <= point.predicted <= point.high for point in found.calibration]
    assert np.mean(inside) >= 0.7


def test_where_nothing_is_to_be_found_nothing_is_gained_even_from_second_eyes() -> None:
    """A model that saw one eye of a person would know the other: folds of eyes would predict chance perfectly."""
    images = cohort(300, effect=0.0)
    random = np.random.default_rng(5)
    images["coin"] = np.repeat(random.integers(0, 2, 300), 2)
    found = predicted(images, "coin", eyes="both")
    assert found.both is not None
    assert found.gain is not None
    assert 0.38 < found.both.value < 0.62
    assert found.gain.low < 0.05


def test_a_large_study_is_sampled_by_people_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retquant.association.prediction.MOST_PEOPLE", 250)
    found = predicted(cohort(400, effect=0.6), "pressure")
    assert (found.people, found.sampled_from) == (250, 400)
    assert MOST_PEOPLE == 4000


def test_too_few_and_other_outcomes_are_told() -> None:
    small = predicted(cohort(90, effect=0.6), "pressure")
    assert small.reason == "90 people are too few to predict in parts: 100 are needed"
    assert small.both is None
    images = cohort(300, effect=0.0)
    images["rare"] = (images["participant_id"].isin([f"p{n}" for n in range(9)])).astype(int)
    assert predicted(images, "rare").reason.startswith("9 people with, or without, the outcome")
    images["grade"] = np.repeat(np.arange(300) % 4, 2)
    found = associate(images, outcome="grade", predicts=True)
    assert found.closer is not None
    assert found.closer.prediction is None
