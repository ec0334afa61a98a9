"""Grades, counts and times to event: estimates of statsmodels through the whole analysis, and refusals by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from simulated_cohorts import CALIBRE, person_mean, two_eyed_cohort
from statsmodels.miscmodels.ordinal_model import OrderedModel

from retquant.association import associate
from retquant.association.outcome import read_outcome
from retquant.errors import AssociationError
from retquant.report.association_page import render_page

PEOPLE = 400


@pytest.fixture(scope="module")
def images() -> pd.DataFrame:
    images = two_eyed_cohort(PEOPLE, seed=3)
    random = np.random.default_rng(5)
    z = ((person_mean(images, CALIBRE) - 120) / 11.4)[::2].to_numpy()
    latent = 0.6 * z + random.logistic(size=PEOPLE)
    years = random.exponential(np.exp(-0.5 * z) * 10)
    stop = random.uniform(2, 12, PEOPLE)
    entry = random.uniform(40, 60, PEOPLE)
    per_person = {
        "grade": np.digitize(latent, [-0.5, 1.0, 2.5]),
        "visits": random.poisson(np.exp(0.3 * z + 0.5)),
        "falls": random.negative_binomial(1, 1 / (1 + np.exp(0.3 * z + 0.5))),
        "stroke": years < stop,
        "years": np.round(np.minimum(years, stop), 1) + 0.1,
        "age_in": entry,
    }
    for name, values in per_person.items():
        images[name] = np.repeat(values, 2)
    images["age_out"] = images["age_in"] + images["years"]
    return images


def people_of(images: pd.DataFrame) -> pd.DataFrame:
    people = images.groupby("participant_id")[
        [CALIBRE, "age", "grade", "visits", "falls", "stroke", "years", "age_in", "age_out"]
    ].mean()
    people["z"] = (people[CALIBRE] - people[CALIBRE].mean()) / people[CALIBRE].std()
    people["age"] = (people["age"] - people["age"].mean()) / people["age"].std(ddof=0)
    return people


def row_of(images: pd.DataFrame, **asked: object) -> pd.Series:
    return associate(images, covariates=["age"], biomarkers=[CALIBRE], **asked).table.iloc[0]


def test_grades_agree_with_proportional_odds(images) -> None:
    row, people = row_of(images, outcome="grade"), people_of(images)
    fit = OrderedModel(
        people["grade"].astype(int).to_numpy(), people[["age", "z"]].to_numpy(), distr="logit"
    ).fit(method="newton", disp=0)
    assert row["kind"] == "ordinal"
    assert row["model"] == "proportional odds"
    assert [row["effect"], row["standard_error"]] == pytest.approx([fit.params[1], fit.bse[1]], rel=1e-3)
    assert row["ratio"] == pytest.approx(np.exp(row["effect"]))
    assert row["ci_low"] < 0.6 < row["ci_high"]
    assert pd.isna(row["n_events"])


def test_counts_agree_with_poisson_and_broad_ones_with_the_negative_binomial(images) -> None:
    people = people_of(images)
    X = sm.add_constant(people[["age", "z"]]).to_numpy()
    row = row_of(images, outcome="visits", kind="count")
    fit = sm.Poisson(people["visits"].to_numpy(), X).fit(disp=0)
    assert row["model"] == "Poisson"
    assert [row["effect"], row["standard_error"]] == pytest.approx([fit.params[2], fit.bse[2]], rel=1e-6)
    row = row_of(images, outcome="falls", kind="count")
    broad = sm.NegativeBinomial(people["falls"].to_numpy(), X).fit(disp=0, method="newton", maxiter=200)
    assert row["model"] == "negative binomial"
    assert "times Poisson's" in row["note"]
    assert [row["effect"], row["standard_error"]] == pytest.approx([broad.params[2], broad.bse[2]], rel=2e-3)


@pytest.mark.parametrize(("time", "entry"), [("years", None), ("age_out", "age_in")])
def test_times_to_event_agree_with_cox(images, time: str, entry: str | None) -> None:
    row, people = row_of(images, outcome="stroke", time=time, entry=entry), people_of(images)
    model = sm.PHReg(
        people[time].to_numpy(),
        people[["age", "z"]].to_numpy(),
        status=people["stroke"].astype(int).to_numpy(),
        entry=None if entry is None else people[entry].to_numpy(),
        ties="efron",
    )
    fit = model.fit(disp=0)
    assert (row["kind"], row["model"]) == ("survival", "Cox")
    assert [row["effect"], row["standard_error"]] == pytest.approx([fit.params[1], fit.bse[1]], rel=1e-5)
    assert row["n_events"] == people["stroke"].sum()
    assert row["ci_low"] < 0.5 < row["ci_high"]


def test_eyes_with_outcomes_of_their_own_are_clustered_by_person(images) -> None:
    random = np.random.default_rng(8)
    own = images.assign(
        grade=np.digitize(0.4 * (images[CALIBRE] - 120) / 12 + random.logistic(size=len(images)), [0, 1.5]),
        drusen=random.poisson(np.exp(0.4 * (images[CALIBRE] - 120) / 12)),
    )
    for outcome, kind, model in (("grade", "auto", "proportional odds"), ("drusen", "count", "Poisson")):
        row = row_of(own, outcome=outcome, kind=kind)
        assert row["model"] == f"{model}, clustered by person"
        assert row["ci_low"] < 0.4 < row["ci_high"]
    own["years"] = random.exponential(np.exp(-0.4 * (own[CALIBRE] - 120) / 12)) + 0.01
    own["progressed"] = random.random(len(own)) < 0.7
    row = row_of(own, outcome="progressed", time="years")
    assert row["model"] == "Cox, clustered by person"


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ({"outcome": "grade"}, "Odds ratio"),
        ({"outcome": "visits", "kind": "count"}, "Rate ratio"),
        ({"outcome": "stroke", "time": "years"}, "Hazard ratio"),
    ],
    ids=["grades", "counts", "times"],
)
def test_the_page_names_the_ratio_of_the_kind(images, asked: dict[str, str], title: str) -> None:
    page = render_page(associate(images, covariates=["age"], biomarkers=[CALIBRE], **asked))
    assert f"{title} (95 % CI)" in page
    assert ("Events" in page) == ("time" in asked)


def test_a_follow_up_that_ends_before_it_begins_is_left_out_and_counted(images) -> None:
    wrong = images.copy()
    wrong.loc[wrong["participant_id"] == "00000", "years"] = 0.0
    found = associate(wrong, outcome="stroke", time="years", biomarkers=[CALIBRE])
    assert found.study.n_people == PEOPLE - 1
    assert any("2 images with no time at risk" in note for note in found.study.notes)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"outcome": "stroke", "kind": "survival"}, "needs both"),
        ({"outcome": "stroke", "entry": "age_in"}, "entry without a time"),
        ({"outcome": "stroke", "time": "sex"}, "which are no numbers"),
        ({"outcome": "age", "kind": "count"}, "counts are whole numbers"),
        ({"outcome": "age", "time": "years"}, "cannot be binary"),
        ({"outcome": "stroke", "kind": "odds"}, "ordinal, count or survival"),
        ({"outcome": "stroke", "time": "year"}, "no column 'year'"),
    ],
)
def test_what_a_kind_cannot_be_is_refused_by_name(images, asked: dict[str, str], message: str) -> None:
    with pytest.raises(AssociationError, match=message):
        associate(images, biomarkers=[CALIBRE], **asked)


def test_a_follow_up_column_is_no_covariate_and_no_biomarker(images) -> None:
    with pytest.raises(AssociationError, match="both outcome and covariate"):
        associate(images, outcome="stroke", time="years", covariates=["years"], biomarkers=[CALIBRE])
    images = images.copy()
    images.attrs["units"] = {CALIBRE: "um", "years": "a"}
    found = associate(images, outcome="stroke", time="years")
    assert "years" not in set(found.table["biomarker"])


def test_few_events_and_a_runaway_hazard_are_refused() -> None:
    images = two_eyed_cohort(60, seed=1)
    order = person_mean(images, CALIBRE).rank().to_numpy()
    images["years"], images["died"] = (
        200 - order,
        order > 10,
    )  # whoever is widest dies first, without exception
    row = row_of(images, outcome="died", time="years")
    assert row["reason"] in ("separation", "no_convergence")
    images["died"] = images["participant_id"] == "00003"
    assert row_of(images, outcome="died", time="years")["reason"] == "too_few_events"
    images["grade"] = np.where(images["participant_id"] < "00003", 1, 0) + (
        images["participant_id"] == "00001"
    )
    assert read_outcome(images, "grade").kind == "ordinal"
    assert row_of(images, outcome="grade")["reason"] == "too_few_events"
