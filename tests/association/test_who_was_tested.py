"""The diagram of who was tested adds up, and Table 1 has the figures that pandas and closed forms have."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from retquant.association import associate
from retquant.association.closer_look import CloserLook
from retquant.association.flow import Step
from retquant.association.table_one import groups_of, standardised_difference
from tests.association.simulated_cohorts import CALIBRE, two_eyed_cohort

PEOPLE = 200


@pytest.fixture
def images() -> pd.DataFrame:
    frame = two_eyed_cohort(PEOPLE, seed=3)
    frame["diabetes"] = np.where(frame["age"] > 62, 1.0, 0.0)
    frame.loc[frame["participant_id"] < "00010", "diabetes"] = np.nan
    frame.loc[frame["participant_id"].between("00010", "00015"), "age"] = np.nan
    frame.loc[40:60, CALIBRE] = np.nan
    return frame


def looked(images: pd.DataFrame, outcome: str, **options: object) -> CloserLook:
    closer = associate(images, outcome=outcome, **options).closer
    assert closer is not None
    return closer


def added_up(steps: tuple[Step, ...]) -> None:
    """Each step of one unit less what it leaves out is the next; of models the least and the most."""
    for step, after in pairwise(steps):
        if step.what.split()[0] != after.what.split()[0]:
            continue  # images become people
        lost = sum(one.count for one in step.left_out)
        assert step.count - lost == after.count, (step, after)
        if after.least is not None:
            assert step.count - (step.left_out[0].most or 0) == after.least


@pytest.mark.parametrize("eyes", ["auto", "eye"])
def test_every_step_less_what_it_leaves_out_is_the_next(images: pd.DataFrame, eyes: str) -> None:
    again = images.assign(image_id="again" + images["image_id"], visit="2")
    both = pd.concat([images.assign(visit="1"), again], ignore_index=True)
    both.attrs = images.attrs | {"failed": 7, "grades": {"good": 500, "reject": 300}}
    labels = images[["participant_id", "diabetes"]].drop_duplicates().iloc[:-5]
    steps = looked(
        both.drop(columns="diabetes"), "diabetes", labels=labels, covariates=["age", "sex"], eyes=eyes
    ).flow
    added_up(steps)
    assert [(step.count, step.what) for step in steps[:3]] == [
        (807, "images in the run"),
        (800, "images measured"),
        (370, "images of people with a known outcome"),
    ]
    assert steps[1].detail == "500 good, 300 reject"
    lost = {one.what: one.count for one in steps[1].left_out}
    assert lost["images of later visits"] == 390
    assert lost["images without a matching label row"] == 20
    whose, several = ("people", 1) if eyes == "auto" else ("eyes", 2)
    assert (steps[3].what, steps[3].count) == (f"{whose} with a known outcome", 185 * several)
    assert steps[3].left_out[0].count == 6 * several


def test_models_that_differ_in_people_show_the_span(images: pd.DataFrame) -> None:
    steps = looked(images, "diabetes", covariates=["age"]).flow
    last = steps[-1]
    assert last.what == "people in the models"
    assert last.least is not None
    assert last.count == 184  # 190 with an outcome, 6 of them without an age
    assert 184 - last.least == images.loc[40:60].groupby("participant_id").size().eq(2).sum()


def test_numbers_of_table_one_are_those_of_pandas(images: pd.DataFrame) -> None:
    table = looked(images, "diabetes", covariates=["age", "sex"]).table_one
    people = images.groupby("participant_id").first().dropna(subset="diabetes")
    assert table.groups == (
        ("All", 190),
        ("without diabetes", int((people["diabetes"] == 0).sum())),
        ("with diabetes", int((people["diabetes"] == 1).sum())),
    )
    age, sex = table.rows[:2]
    parts = [people, people[people["diabetes"] == 0], people[people["diabetes"] == 1]]
    for cell, part in zip(age.numbers, parts, strict=True):
        wanted = part["age"].describe()
        found = (cell.mean, cell.sd, cell.lower, cell.median, cell.upper)
        assert found == pytest.approx(tuple(wanted[["mean", "std", "25%", "50%", "75%"]]))
    assert age.missing[0] == 6
    counts = people.groupby(["sex", "diabetes"]).size()
    assert dict(sex.levels)["female"] == (
        int((people["sex"] == "female").sum()),
        counts["female", 0.0],
        counts["female", 1.0],
    )


def test_standardised_differences_are_the_closed_forms() -> None:
    first, second = np.array([1.0, 2.0, 3.0]), np.array([3.0, 5.0, 7.0])
    assert standardised_difference(first, second) == pytest.approx(3 / np.sqrt((1 + 4) / 2))
    p, q = 0.3, 0.6
    shares = [
        np.repeat([[1.0, 0.0], [0.0, 1.0]], [1000 - int(1000 * s), int(1000 * s)], axis=0) for s in (p, q)
    ]
    wanted = abs(p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    assert standardised_difference(*shares) == pytest.approx(wanted)
    # three levels: Mahalanobis' distance does not depend on which level is left out
    random = np.random.default_rng(0)
    groups = [np.eye(3)[random.choice(3, 400, p=share)] for share in ([0.5, 0.3, 0.2], [0.2, 0.3, 0.5])]
    turned = [group[:, [2, 0, 1]] for group in groups]
    assert standardised_difference(*groups) == pytest.approx(standardised_difference(*turned))
    assert np.isnan(standardised_difference(np.array([1.0]), second))


def test_a_number_is_cut_in_thirds_and_few_grades_are_kept() -> None:
    labels, member = groups_of(np.arange(9.0), kind="continuous", outcome="pressure")
    assert labels == ["pressure 0 to 2", "pressure 3 to 5", "pressure 6 to 8"]
    assert np.bincount(member).tolist() == [3, 3, 3]
    labels, member = groups_of(np.array([0.0, 2, 1, 2]), kind="ordinal", outcome="grade")
    assert (labels, member.tolist()) == (["grade 0", "grade 1", "grade 2"], [0, 2, 1, 2])
    # most values are 0: two groups are left, and none is empty
    labels, member = groups_of(np.r_[np.zeros(80), np.arange(1.0, 21)], kind="count", outcome="falls")
    assert labels == ["falls 0 to 0", "falls 1 to 20"]
    assert np.bincount(member).tolist() == [80, 20]


def test_age_and_sex_are_described_where_they_are_known_covariates_or_not(images: pd.DataFrame) -> None:
    later = images.assign(image_id="again" + images["image_id"], visit="2", age=images["age"] + 10)
    both = pd.concat([images.assign(visit="1"), later], ignore_index=True)
    both["device"] = [f"camera {n}" for n in range(len(both))]  # too many to describe anybody
    both.attrs = images.attrs
    table = looked(both, "diabetes", covariates=["sex"]).table_one
    assert [row.name for row in table.rows] == ["sex", "age", "eyes with a picture"]
    people = images.groupby("participant_id").first().dropna(subset="diabetes")
    age = table.rows[1]
    assert age.numbers[0].mean == pytest.approx(people["age"].mean())  # at the first visit, as all else
    assert age.missing[0] == 6
    by_age = looked(images, "age", eyes="both").table_one
    assert [row.name for row in by_age.rows] == ["sex"]  # an outcome is none of its own characteristics
    assert sum(count for _, counts in by_age.rows[0].levels for count in counts[:1]) == by_age.groups[0][1]
