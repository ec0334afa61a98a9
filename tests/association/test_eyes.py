"""Two eyes of a person are never two people."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress
from simulated_cohorts import CALIBRE, UNITS, person_mean, two_eyed_cohort

from retquant.association import associate
from retquant.errors import AssociationError


def only_row(images: pd.DataFrame, **settings: object) -> pd.Series:
    return associate(images, biomarkers=[CALIBRE], **settings).table.iloc[0]  # type: ignore[arg-type]


def rejections(simulations: int, people: int) -> tuple[float, float]:
    """Share of null cohorts called significant: by person, and naively by eye."""
    ours = naive = 0
    for seed in range(simulations):
        images = two_eyed_cohort(people, seed=seed)
        pressure = np.random.default_rng(10_000 + seed).normal(size=people)
        images["pressure"] = np.repeat(pressure, 2)
        ours += only_row(images, outcome="pressure")["p"] < 0.05
        naive += linregress(images[CALIBRE], images["pressure"]).pvalue < 0.05
    return ours / simulations, naive / simulations


def test_under_the_null_five_percent_are_called_significant_where_eyes_as_people_give_twice_that() -> None:
    ours, naive = rejections(400, people=40)
    assert 0.025 <= ours <= 0.08  # 0.05 +- 2.6 standard errors of 400 simulations
    assert naive >= 0.10  # correlation 0.8 between eyes: the variance is 1.8 times what the naive fit thinks


def test_an_outcome_of_the_eye_keeps_five_percent_although_the_eyes_of_a_person_resemble_each_other() -> None:
    significant = 0
    for seed in range(300):
        images = two_eyed_cohort(40, seed=seed)
        random = np.random.default_rng(20_000 + seed)
        images["acuity"] = np.repeat(random.normal(size=40), 2) + 0.4 * random.normal(size=80)
        significant += only_row(images, outcome="acuity")["p"] < 0.05
    assert 0.02 <= significant / 300 <= 0.085


def test_a_person_level_outcome_gives_one_row_a_person_and_the_mean_of_the_eyes() -> None:
    images = two_eyed_cohort(50, seed=1)
    images["pressure"] = person_mean(images, CALIBRE) * 2.0 + np.repeat(
        np.random.default_rng(0).normal(size=50), 2
    )
    result = associate(images, outcome="pressure")
    row = result.table.set_index("biomarker").loc[CALIBRE]
    assert (result.study.level, row["n_people"], row["n_eyes"]) == ("person", 50, 100)
    assert row["sd"] == pytest.approx(images.groupby("participant_id")[CALIBRE].mean().std())
    assert row["effect_per_unit"] == pytest.approx(2.0, abs=0.1)


def test_people_with_one_gradable_eye_enter_with_that_eye() -> None:
    images = two_eyed_cohort(50, seed=2)
    images["pressure"] = np.repeat(np.random.default_rng(0).normal(size=50), 2)
    images.loc[images.index[::4], CALIBRE] = np.nan
    images = images.drop(index=images.index[3])
    row = only_row(images, outcome="pressure")
    assert (row["n_people"], row["n_eyes"]) == (50, 74)


def test_an_outcome_that_differs_between_eyes_is_analysed_by_eye_and_says_so() -> None:
    images = two_eyed_cohort(60, seed=3)
    images["acuity"] = images[CALIBRE] * 0.5 + np.random.default_rng(0).normal(size=120)
    result = associate(images, outcome="acuity", biomarkers=[CALIBRE])
    row = result.table.iloc[0]
    assert result.study.level == "eye"
    assert "clustered by person" in row["model"]
    assert (row["n_people"], row["n_eyes"]) == (60, 120)
    assert "differs between the eyes of 60 people" in result.study.eye_rule
    with pytest.raises(AssociationError, match="mean of eyes has no outcome"):
        associate(images, outcome="acuity", eyes="person")


def test_a_few_discordant_eyes_are_pointed_out_as_possible_slips() -> None:
    images = two_eyed_cohort(100, seed=4)
    images["diabetes"] = np.repeat(np.random.default_rng(0).integers(0, 2, 100), 2)
    images.loc[0, "diabetes"] = 1 - images.loc[0, "diabetes"]
    result = associate(images, outcome="diabetes")
    assert any("only 1 of 100 people" in warning for warning in result.study.warnings)


def test_images_without_a_participant_are_people_of_their_own_with_a_warning() -> None:
    images = two_eyed_cohort(40, seed=5).drop(columns="participant_id")
    images["pressure"] = np.random.default_rng(0).normal(size=80)
    result = associate(images, outcome="pressure", biomarkers=[CALIBRE])
    assert result.table.loc[0, "n_people"] == 80
    assert "80 of 80 images have no participant_id" in result.study.warnings[0]


def test_the_first_visit_counts_and_photographs_of_one_eye_are_averaged() -> None:
    images = two_eyed_cohort(30, seed=6)
    images["pressure"] = np.repeat(np.random.default_rng(0).normal(size=30), 2)
    images["visit"] = "visit 2"
    later = images.assign(image_id="l" + images["image_id"], visit="visit 10", **{CALIBRE: 1e6})
    again = images.assign(image_id="a" + images["image_id"], **{CALIBRE: images[CALIBRE] + 4})
    both = pd.concat([images, later, again], ignore_index=True)
    both.attrs["units"] = UNITS
    result = associate(both, outcome="pressure", biomarkers=[CALIBRE])
    shifted = images.assign(**{CALIBRE: images[CALIBRE] + 2})
    shifted.attrs["units"] = UNITS
    alone = only_row(shifted, outcome="pressure")
    assert result.table.loc[0, "effect"] == pytest.approx(alone["effect"], rel=1e-12)
    assert result.table.loc[0, "n_eyes"] == 60
    assert "first visit" in result.study.visit_rule
    assert [e.count for e in result.study.exclusions if "later visits" in e.what] == [60]


def test_a_patient_seen_at_three_visits_is_one_person_at_the_earliest_date() -> None:
    images = two_eyed_cohort(30, seed=7)
    images["pressure"] = np.repeat(np.random.default_rng(0).normal(size=30), 2)
    dates = ["2019-03-01", "2018-12-31", "2020-01-01"]
    visits = [images.assign(image_id=f"{d}" + images["image_id"], acquired_at=d) for d in dates]
    every = pd.concat(visits, ignore_index=True)
    every.attrs["units"] = UNITS
    result = associate(every, outcome="pressure", biomarkers=[CALIBRE])
    assert result.study.n_people == 30
    assert {i[:10] for e in result.study.exclusions for i in e.ids} == {"2019-03-01", "2020-01-01"}
