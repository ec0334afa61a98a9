"""Who is missing is found where it was planted, and weights take the bias of it away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retquant.association import associate
from retquant.association.selection import WEIGHTED, told, weights_of
from retquant.report.association_page import render_page


def cohort(people: int, seed: int, *, lost_with_age: float) -> pd.DataFrame:
    """The effect of m differs with age: 0.5 over everybody, less in the old, whose pictures are lost."""
    random = np.random.default_rng(seed)
    age = random.normal(0, 1, people)
    m = random.normal(size=people)
    frame = pd.DataFrame(
        {
            "image_id": [f"i{n}" for n in range(people)],
            "participant_id": [f"p{n}" for n in range(people)],
            "eye": "OD",
            "age": 60 + 8 * age,
            "sex": random.choice(["female", "male"], people),
            "m": m,
            "other": random.normal(size=people),
            "pressure": (0.5 - 0.4 * age) * m + random.normal(size=people),
        }
    )
    lost = random.random(people) < 1 / (1 + np.exp(0.5 - lost_with_age * age))
    frame.loc[lost, "m"] = np.nan
    frame.attrs["units"] = {"m": "um", "other": "um"}
    return frame


def test_what_goes_with_missing_is_found_and_what_does_not_is_not() -> None:
    found = associate(cohort(2000, 1, lost_with_age=1.5), outcome="pressure", covariates=["age", "sex"])
    selection = found.selection.set_index("term")
    assert set(selection["biomarker"]) == {"m"}  # nobody lacks the other
    assert selection.loc["age", "odds_ratio"] == pytest.approx(np.exp(1.5), rel=0.2)
    assert selection.loc[selection.index.str.startswith("sex="), "p"].item() > 0.01
    assert selection.loc["the outcome", "p"] > 0.001
    line = told(found.selection)[0]
    assert "age" in line
    assert "sex" not in line
    assert line in render_page(found).replace("&lt;", "<")


def test_weights_bring_the_estimate_back_to_everybody() -> None:
    """Over 40 cohorts: the effect over all people is 0.5; among those measured it is larger."""
    plain, weighted = [], []
    for seed in range(40):
        images = cohort(1000, seed, lost_with_age=1.5)
        found = associate(images, outcome="pressure", covariates=["age"], biomarkers=["m"], robust=1)
        row = found.table.iloc[0]
        again = found.reruns.set_index("variant").loc[WEIGHTED]
        plain.append(row["effect_per_unit"])
        weighted.append(again["effect"] / row["sd"])
    error = np.std(weighted) / 40**0.5
    assert np.mean(plain) > 0.6
    assert abs(np.mean(weighted) - 0.5) < 0.05 + 3 * error
    assert abs(np.mean(weighted) - 0.5) < 0.5 * abs(np.mean(plain) - 0.5)


def test_weights_have_a_mean_of_one_and_none_for_the_missing() -> None:
    random = np.random.default_rng(0)
    design = np.column_stack([np.ones(3000), random.normal(size=3000)])
    missing = random.random(3000) < 1 / (1 + np.exp(1 - design[:, 1]))
    weights = weights_of(missing, design)
    assert (weights[missing] == 0).all()
    assert weights[~missing].mean() == pytest.approx(1, abs=0.03)
    assert weights_of(design[:, 1] > 0, design) is None  # separated: no chance can be told


def test_a_binary_outcome_is_weighted_too_and_few_missing_are_left_alone() -> None:
    images = cohort(1500, 3, lost_with_age=1.0)
    images["ill"] = (images["pressure"] > 0.5).astype(int)
    found = associate(images, outcome="ill", covariates=["age"], biomarkers=["m", "other"], robust=2)
    again = found.reruns.set_index(["biomarker", "variant"])
    assert np.isfinite(again.loc[("m", WEIGHTED), "effect"])
    assert ("other", WEIGHTED) not in again.index
    assert "too few lack it" in render_page(found)
