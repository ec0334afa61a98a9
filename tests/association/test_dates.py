"""Years at risk from dates: who was at risk, until when, and what is no date."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulated_cohorts import CALIBRE, person_mean, two_eyed_cohort

from retquant.association import associate
from retquant.association.dates import follow_up
from retquant.association.many import associate_plan
from retquant.association.plan import AssociationPlan, PlannedOutcome
from retquant.errors import AssociationError

ROWS = pd.DataFrame(
    [
        ("2015-01-01", "2010-01-01", "2020-01-01"),  # diagnosed in the fifth year
        (None, "2010-01-01", "2020-01-01"),  # never
        ("2009-05-05", "2010-01-01", "2020-01-01"),  # before entry
        ("2010-01-01", "2010-01-01", "2020-01-01"),  # on the day of entry
        ("2021-02-03", "2010-01-01", "2020-01-01"),  # after the end
        ("2015-01-01", None, "2020-01-01"),
        (None, "2010-01-01", " "),
        (None, "2020-01-01", "2010-01-01"),  # ends before it begins
    ],
    columns=["stroke_date", "visit_date", "end_date"],
)
COLUMNS = {"event": "stroke_date", "entry": "visit_date", "end": "end_date"}


def test_each_row_is_at_risk_from_entry_to_its_event_or_the_end() -> None:
    found = follow_up(ROWS, **COLUMNS)
    assert found.event.tolist() == pytest.approx([1, 0, *[np.nan] * 2, 0, *[np.nan] * 3], nan_ok=True)
    ten = (pd.Timestamp("2020-01-01") - pd.Timestamp("2010-01-01")).days / 365.25
    five = (pd.Timestamp("2015-01-01") - pd.Timestamp("2010-01-01")).days / 365.25
    assert found.years.tolist() == pytest.approx([five, ten, *[np.nan] * 2, ten, *[np.nan] * 3], nan_ok=True)
    assert (found.prevalent, found.after) == (2, 1)
    as_dates = ROWS.apply(lambda column: pd.to_datetime(column.str.strip().replace("", None)))
    assert follow_up(as_dates, **COLUMNS).years.equals(found.years)


def test_a_text_that_is_no_date_is_shown() -> None:
    with pytest.raises(
        AssociationError, match=r"(?s)dates, stroke_date: '03/30/2021' is no date.*2021-03-30"
    ):
        follow_up(ROWS.assign(stroke_date="03/30/2021"), **COLUMNS)
    with pytest.raises(AssociationError, match="no column 'strok_date'"):
        follow_up(ROWS, event="strok_date", entry="visit_date", end="end_date")


@pytest.mark.parametrize("where", ["labels", "manifest"])
def test_a_plan_with_dates_is_the_analysis_of_the_years_they_tell(where: str, tmp_path) -> None:
    images = two_eyed_cohort(200, seed=2)
    random = np.random.default_rng(1)
    z = ((person_mean(images, CALIBRE) - 120) / 11.4)[::2].to_numpy()
    days = np.ceil(random.exponential(np.exp(-0.6 * z) * 2000))
    entry = pd.Timestamp("2008-01-01") + pd.to_timedelta(random.integers(0, 700, 200), unit="D")
    people = pd.DataFrame(
        {
            "participant_id": images["participant_id"][::2].to_numpy(),
            "visit_date": entry.strftime("%Y-%m-%d"),
            "stroke_date": (entry + pd.to_timedelta(days, unit="D")).strftime("%Y-%m-%d"),
            "end_date": "2013-01-01",
        }
    )
    told = follow_up(people, **COLUMNS)
    direct = images.merge(people.assign(stroke=told.event, years=told.years), on="participant_id")
    direct.attrs = dict(images.attrs)
    expected = associate(direct, outcome="stroke", time="years", biomarkers=[CALIBRE]).table.iloc[0]
    outcome = {
        "column": "stroke",
        "event_date": "stroke_date",
        "entry_date": "visit_date",
        "end_date": "end_date",
    }
    plan = AssociationPlan(
        name="toy", outcomes=(PlannedOutcome.model_validate(outcome),), biomarkers=(CALIBRE,)
    )
    if where == "labels":
        people.to_csv(tmp_path / "labels.csv", index=False)
        plan = plan.model_copy(update={"labels": tmp_path / "labels.csv"})
        found = associate_plan(images, plan)
    else:
        frame = images.merge(people, on="participant_id")
        frame.attrs = dict(images.attrs)
        found = associate_plan(frame, plan)
    assert found.table.iloc[0]["effect"] == pytest.approx(expected["effect"])
    assert found.table.iloc[0]["kind"] == "survival"
    assert any("Years at risk run from visit_date" in note for note in found.analyses[0].study.notes)


def test_dates_come_together_or_not_at_all() -> None:
    with pytest.raises(ValueError, match="together"):
        PlannedOutcome.model_validate({"column": "x", "event_date": "a"})
    with pytest.raises(ValueError, match="no time beside"):
        PlannedOutcome.model_validate(
            {"column": "x", "event_date": "a", "entry_date": "b", "end_date": "c", "time": "d"}
        )
