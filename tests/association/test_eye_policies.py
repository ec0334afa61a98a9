"""Which eye stands for a person, and which visit: each policy against the same done by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from simulated_cohorts import CALIBRE, DENSITY, UNITS, two_eyed_cohort

from retquant.association import Associations, Modelling, associate
from retquant.errors import AssociationError
from retquant.tables.eyes import one_row_a_person

PEOPLE = 80


@pytest.fixture
def images() -> pd.DataFrame:
    images = two_eyed_cohort(PEOPLE, seed=3)
    images["pressure"] = np.repeat(np.random.default_rng(0).normal(size=PEOPLE), 2)
    images.loc[images.index[::7], CALIBRE] = np.nan
    images.attrs["directions"] = {CALIBRE: "higher_is_better", DENSITY: "higher_is_worse"}
    return images


def by_hand(values: pd.Series, images: pd.DataFrame) -> tuple[float, float]:
    """Effect per SD and p of one value a person, least squares with HC3."""
    known = values.dropna()
    pressure = images.groupby("participant_id")["pressure"].first().loc[known.index]
    X = sm.add_constant((known - known.mean()) / known.std())
    fit = sm.OLS(pressure, X).fit(cov_type="HC3", use_t=True)
    return float(fit.params.iloc[1]), float(fit.pvalues.iloc[1])


def row(found: Associations, biomarker: str = CALIBRE) -> pd.Series:
    return found.table.set_index("biomarker").loc[biomarker]


@pytest.mark.parametrize("eyes", ["mean", "worse", "right", "left"])
def test_each_policy_gives_the_fit_of_that_eye(images: pd.DataFrame, eyes: str) -> None:
    found = associate(images, outcome="pressure", eyes=eyes)
    for name, worse in ((CALIBRE, "min"), (DENSITY, "max")):
        per_eye = images.set_index(["participant_id", "eye"])[name].unstack()
        values = {
            "mean": per_eye.mean(axis=1),
            "worse": per_eye.min(axis=1) if worse == "min" else per_eye.max(axis=1),
            "right": per_eye["OD"],
            "left": per_eye["OS"],
        }[eyes]
        effect, p = by_hand(values, images)
        assert row(found, name)["effect"] == pytest.approx(effect, rel=1e-9)
        assert row(found, name)["p"] == pytest.approx(p, rel=1e-6)
    assert found.study.level == "person"
    assert {"mean": "mean of the eyes", "worse": "worse of the eyes"}.get(eyes, eyes) in found.study.eye_rule


def test_a_biomarker_of_which_neither_end_is_bad_has_no_worse_eye_and_the_others_go_on(
    images: pd.DataFrame,
) -> None:
    images.attrs["directions"] = {CALIBRE: "neither", DENSITY: "higher_is_worse"}
    found = associate(images, outcome="pressure", eyes="worse")
    assert row(found, CALIBRE)["reason"] == "no_direction"
    assert row(found, DENSITY)["p"] < 1
    with pytest.raises(AssociationError, match="no worse eye"):
        associate(images, outcome="pressure", eyes="worse", biomarkers=[CALIBRE])


def test_an_eye_at_random_is_the_same_by_the_same_seed_and_has_something_measured(
    images: pd.DataFrame,
) -> None:
    found = [
        associate(images, outcome="pressure", eyes="random", seed=seed, biomarkers=[CALIBRE])
        for seed in (0, 0, 1)
    ]
    effects = [row(one)["effect"] for one in found]
    assert effects[0] == effects[1] != effects[2]
    assert row(found[0])["n_people"] == images.groupby("participant_id")[CALIBRE].count().gt(0).sum()
    assert row(found[0])["n_eyes"] == row(found[0])["n_people"]
    assert "seed 1" in found[2].study.eye_rule
    shares = [
        associate(two_eyed_cohort(200, seed=1).assign(pressure=np.arange(400) // 2), outcome="pressure",
                  eyes="random", seed=seed).study.exclusions[0].ids for seed in range(3)
    ]  # fmt: skip
    left = [sum(int(name[1:]) % 2 == 0 for name in ids) for ids in shares]
    assert all(70 < count < 130 for count in left)  # 100 +- 4 standard deviations


@pytest.mark.parametrize("eyes", ["random", "worse", "mean", "right"])
def test_the_rows_are_those_that_load_biomarkers_would_give(images: pd.DataFrame, eyes: str) -> None:
    images[CALIBRE] = images[CALIBRE].fillna(120.0)
    table = one_row_a_person(images, biomarkers=[CALIBRE], eyes=eyes, directions=images.attrs["directions"])
    effect, _ = by_hand(table.set_index("participant_id")[CALIBRE], images)
    found = associate(images, outcome="pressure", eyes=eyes, biomarkers=[CALIBRE])
    assert row(found)["effect"] == pytest.approx(effect, rel=1e-9)


def test_an_outcome_of_the_eye_can_be_that_of_one_eye_but_not_of_their_mean(images: pd.DataFrame) -> None:
    images["pressure"] = np.random.default_rng(0).normal(size=2 * PEOPLE)
    found = associate(images, outcome="pressure", eyes="right", biomarkers=[CALIBRE])
    right = images[images["eye"] == "OD"].set_index("participant_id")
    assert row(found)["effect"] == pytest.approx(by_hand(right[CALIBRE], right)[0], rel=1e-9)
    for policy, what in (("mean", "a mean of eyes"), ("worse", "the worse eye")):
        with pytest.raises(AssociationError, match=f"{what}.* has no outcome"):
            associate(images, outcome="pressure", eyes=policy)


def test_eyes_that_nobody_has_and_policies_that_do_not_exist_are_refused(images: pd.DataFrame) -> None:
    with pytest.raises(AssociationError, match="the eye policy is 'better'"):
        associate(images, outcome="pressure", eyes="better")
    with pytest.raises(AssociationError, match="no image is known to be of a right eye"):
        associate(images.drop(columns="eye"), outcome="pressure", eyes="right")


def test_a_person_with_three_eyes_keeps_two_of_them_and_is_named(images: pd.DataFrame) -> None:
    third = images.iloc[[0, 8]].assign(image_id=["x1", "x2"], eye="OX", **{CALIBRE: 1e6})
    three = pd.concat([images, third], ignore_index=True)
    three.attrs = dict(images.attrs)
    plain, found = (associate(one, outcome="pressure", biomarkers=[CALIBRE]) for one in (images, three))
    assert row(found)["effect"] == row(plain)["effect"]
    assert "2 people have images of a known eye and others that are neither" in found.study.warnings[0]
    assert found.study.exclusions[0].ids == ("x1", "x2")


def visited(images: pd.DataFrame) -> pd.DataFrame:
    """Three visits a person, a year apart, biomarkers and pressure new at each."""
    parts = []
    for place, day in enumerate(("2018-03-01", "2019-03-01", "2020-03-01")):
        random = np.random.default_rng(place)
        part = images.assign(
            image_id=f"v{place}" + images["image_id"],
            acquired_at=day,
            **{CALIBRE: images[CALIBRE] + 3 * random.normal(size=len(images))},
        )
        part["pressure"] = images["pressure"] + np.repeat(random.normal(size=len(images) // 2), 2)
        parts.append(part)
    together = pd.concat(parts, ignore_index=True)
    together["asked_at"] = "2019-05-01"
    together.attrs = {"units": dict(UNITS)}
    return together


@pytest.mark.parametrize(("visits", "day"), [("first", "2018"), ("last", "2020"), ("nearest", "2019")])
def test_the_visit_that_counts_is_the_one_asked_for(images: pd.DataFrame, visits: str, day: str) -> None:
    every = visited(images)
    near = "asked_at" if visits == "nearest" else None
    found = associate(every, outcome="pressure", visits=visits, near=near, biomarkers=[CALIBRE])
    alone = every[every["acquired_at"].str.startswith(day)]
    alone.attrs = dict(every.attrs)
    expected = associate(alone, outcome="pressure", biomarkers=[CALIBRE])
    assert row(found)["effect"] == row(expected)["effect"]
    assert found.study.exclusions[0].count == 4 * PEOPLE


def test_of_two_visits_as_near_the_earlier_counts_and_images_without_dates_are_counted(
    images: pd.DataFrame,
) -> None:
    every = visited(images)
    every["asked_at"] = "2018-08-30"  # 182 days after the first visit, 183 before the second
    every.loc[every["participant_id"] == "00001", "asked_at"] = None
    found = associate(every, outcome="pressure", visits="nearest", near="asked_at", biomarkers=[CALIBRE])
    assert {name[:2] for one in found.study.exclusions[1:] for name in one.ids} == {"v1", "v2"}
    assert found.study.exclusions[0].count == 6
    assert found.study.n_people == PEOPLE - 1
    assert "median distance 182 days" in found.study.visit_rule
    every["asked_at"] = "soon"
    with pytest.raises(AssociationError, match="'soon' is no date"):
        associate(every, outcome="pressure", visits="nearest", near="asked_at")


def test_all_visits_are_rows_of_one_person(images: pd.DataFrame) -> None:
    every = visited(images)
    found = associate(every, outcome="pressure", visits="all", biomarkers=[CALIBRE])
    assert (found.study.level, found.study.row_unit) == ("visit", "visits")
    per_visit = every.groupby(["participant_id", "acquired_at"])[[CALIBRE, "pressure"]].mean()
    per_visit = per_visit.dropna().reset_index()
    sd = per_visit.groupby("participant_id")[CALIBRE].mean().std()
    X = sm.add_constant((per_visit[CALIBRE] - per_visit[CALIBRE].mean()) / sd)
    groups = pd.factorize(per_visit["participant_id"])[0]
    fit = sm.OLS(per_visit["pressure"], X).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    ours = row(found)[["effect", "standard_error", "p"]].astype(float)
    np.testing.assert_allclose(ours, [fit.params.iloc[1], fit.bse.iloc[1], fit.pvalues.iloc[1]], rtol=1e-6)
    assert found.study.n_people == PEOPLE
    both = associate(every, outcome="pressure", visits="all", eyes="both", biomarkers=[CALIBRE])
    assert both.study.level == "eye at a visit"
    mixed = associate(
        every,
        outcome="pressure",
        visits="all",
        biomarkers=[CALIBRE],
        eyes="mean",
        modelling=Modelling(model="mixed"),
    )
    assert mixed.table["model"][0] == "mixed, random intercept of person"


def test_all_visits_need_visits_and_near_needs_nearest(images: pd.DataFrame) -> None:
    with pytest.raises(AssociationError, match="no image has a visit or a date"):
        associate(images, outcome="pressure", visits="all")
    with pytest.raises(AssociationError, match="belong together"):
        associate(images, outcome="pressure", near="asked_at")
    with pytest.raises(AssociationError, match="the visit policy is 'second'"):
        associate(images, outcome="pressure", visits="second")
