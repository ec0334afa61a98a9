"""Time to event from dates, as biobanks give them: of diagnosis, of entry into the study, of the end of follow-up."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from retquant.association.outcome import require_columns
from retquant.errors import AssociationError

_DAYS = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What follows from the dates of a table."""

    event: (
        pd.Series
    )  # 1 where the diagnosis came between entry and end, 0 where it did not; missing where unknown
    years: pd.Series  # from entry to the event or the end
    prevalent: int  # rows with the diagnosis on or before entry: left out
    after: int  # rows with a diagnosis after the end of follow-up: taken as without


def follow_up(frame: pd.DataFrame, *, event: str, entry: str, end: str) -> FollowUp:
    """Years at risk and events from three columns of dates (ISO, as 2021-03-30, or of pandas).

    A row without a diagnosis is followed until `end`. Who had the diagnosis on or before entry was never at risk and is
    left out, as is a row without entry or end.

    Raises
    ------
    AssociationError
        A column is not there, or holds something that is no date.
    """
    require_columns(frame, (event, entry, end), what="dates")
    diagnosed, entered, ended = (read_dates(frame[name], name) for name in (event, entry, end))
    known = entered.notna() & ended.notna() & (ended > entered)
    prevalent = known & (diagnosed <= entered)
    late = known & (diagnosed > ended)
    known &= ~prevalent
    came = known & diagnosed.notna() & ~late
    stop = diagnosed.where(came, ended)
    years = (stop - entered).dt.total_seconds() / 86_400 / _DAYS
    return FollowUp(
        event=came.astype(float).where(known),
        years=years.where(known),
        prevalent=int(prevalent.sum()),
        after=int(late.sum()),
    )


def read_dates(column: pd.Series, name: str) -> pd.Series:
    """Dates of a column, NaT where there is none.

    Raises
    ------
    AssociationError
        A value is no date.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.dt.tz_localize(None)
    text = column.astype("string").str.strip()
    text = text.mask(text == "")
    read = pd.to_datetime(text, errors="coerce", format="ISO8601")
    wrong = text[read.isna() & text.notna()]
    if len(wrong):
        raise AssociationError(
            f"{wrong.iloc[0]!r} is no date, and {len(wrong) - 1} more are none",
            where=f"dates, {name}",
            remedy="write dates as 2021-03-30",
        )
    return read.dt.tz_localize(None)
