"""From a column of labels to an outcome: its kind, what counts as an event, and what cannot be an outcome."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retquant.errors import AssociationError

KINDS = ("binary", "continuous", "ordinal", "count", "survival")
_EVENT_WORDS = {
    "yes": "no",
    "y": "n",
    "true": "false",
    "t": "f",
    "case": "control",
    "positive": "negative",
    "present": "absent",
    "affected": "unaffected",
    "diseased": "healthy",
    "1": "0",
}
_MOST_LISTED = 12  # columns in a message
_FEW_VALUES = 6  # whole numbers with no more distinct values than this are grades


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """The outcome of every row as a number; NaN where it is not known."""

    values: pd.Series  # float; 0 and 1 where kind is "binary" or "survival"
    kind: str  # one of KINDS
    coding: str  # for people: what 1 and 0 are
    notes: tuple[str, ...] = ()
    exit: pd.Series | None = None  # survival: time of event or censoring
    entry: pd.Series | None = None  # survival: time from which a person is at risk; None: from 0 on


def read_outcome(
    frame: pd.DataFrame,
    outcome: str,
    kind: str = "auto",
    *,
    time: str | None = None,
    entry: str | None = None,
) -> Outcome:
    """Take the outcome out of `frame`, infer its kind unless told, and code it as numbers.

    `outcome` is a column, or `column=value` for that value against all others. Two distinct values make it
    binary (the larger number, or the affirmative word, is the event), few whole numbers ordinal, other numbers
    continuous; a count is one when told. With `time`, the column of follow-up times, it is time to event.

    Raises
    ------
    AssociationError
        There is no such column, it is empty or constant, or its values do not suit the kind.
    """
    if kind not in ("auto", *KINDS):
        raise AssociationError(
            f"the kind of outcome is {kind!r}", remedy=f"choose auto, {', '.join(KINDS[:-1])} or {KINDS[-1]}"
        )
    if time is not None or kind == "survival":
        return _time_to_event(frame, outcome, kind, time, entry)
    if entry is not None:
        raise AssociationError(
            "an entry without a time says nothing", where="entry", remedy="give --time too"
        )
    if outcome not in frame.columns and "=" in outcome:
        column, _, value = (part.strip() for part in outcome.partition("="))
        if column in frame.columns:
            return _one_value(clean(frame[column]), column, value)
    require_columns(frame, [outcome], what="outcome")
    values = clean(frame[outcome])
    distinct = values.dropna().unique()
    if len(distinct) < 2:
        found = f"only the value {_plain(distinct[0])}" if len(distinct) else "no value at all"
        raise AssociationError(
            f"it has {found} among the {len(values)} images that could be used",
            where=f"outcome {outcome}",
            remedy="choose an outcome that differs between people",
        )
    if kind not in ("continuous", "count") and len(distinct) == 2:
        return _two_values(values, outcome, sorted(distinct))
    if not pd.api.types.is_numeric_dtype(values):
        raise AssociationError(
            f"it holds {_listed(values)}, which are texts and no numbers",
            where=f"outcome {outcome}",
            remedy=_remedy(outcome, values),
        )
    if kind == "binary":
        raise AssociationError(
            f"it holds {len(distinct)} different numbers and cannot be binary",
            where=f"outcome {outcome}",
            remedy=_remedy(outcome, values),
        )
    is_whole = bool((np.asarray(distinct, dtype=float) % 1 == 0).all())
    if kind == "count":
        return _count(values.astype(float), outcome, is_whole)
    if kind == "ordinal" or (kind == "auto" and is_whole and len(distinct) <= _FEW_VALUES):
        notes = (
            f"{outcome} has {len(distinct)} different whole numbers and was treated as ordered grades; for a score use "
            f"the kind continuous, for one value against the others the outcome '{outcome}={_plain(max(distinct))}'.",
        )
        return Outcome(
            values=values.astype(float),
            kind="ordinal",
            coding=f"{outcome}, grades {', '.join(_plain(float(v)) for v in sorted(distinct)[:12])}",
            notes=notes if kind == "auto" else (),
        )
    return Outcome(values=values.astype(float), kind="continuous", coding=f"{outcome}, as a number")


def require_columns(frame: pd.DataFrame, names: Iterable[str], *, what: str) -> None:
    """Raise, naming every column that is not there and what it was probably meant to be."""
    absent = [name for name in names if name not in frame.columns]
    if not absent:
        return
    close = [
        match for name in absent for match in difflib.get_close_matches(name, map(str, frame.columns), n=2)
    ]
    measured = frame.attrs.get("units", {})
    known = close or [str(column) for column in frame.columns if column not in measured][:_MOST_LISTED]
    raise AssociationError(
        f"there is no column {', '.join(map(repr, absent))}",
        where=what,
        remedy=f"{'did you mean' if close else 'the columns are'} {', '.join(known)}",
    )


def clean(column: pd.Series) -> pd.Series:
    """The column as float where every value is a number, else as text; infinite and empty are missing."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        numbers = pd.to_numeric(column, errors="coerce").astype("float64")
        return numbers.where(np.isfinite(numbers))
    text = column.astype("string").str.strip()
    text = text.mask(text == "")
    numbers = pd.to_numeric(text, errors="coerce").astype("Float64")
    if numbers.isna().sum() == text.isna().sum():
        plain = numbers.to_numpy(dtype=float, na_value=np.nan)
        return pd.Series(np.where(np.isfinite(plain), plain, np.nan), index=column.index, name=column.name)
    return text.astype(object).where(text.notna(), None)


def _count(values: pd.Series, outcome: str, is_whole: bool) -> Outcome:
    if not is_whole or values.min() < 0:
        raise AssociationError(
            f"it holds {_plain(values.min())} to {_plain(values.max())}, and counts are whole numbers from 0",
            where=f"outcome {outcome}",
            remedy="choose the kind continuous",
        )
    return Outcome(values=values, kind="count", coding=f"{outcome}, a count")


def _time_to_event(
    frame: pd.DataFrame, outcome: str, kind: str, time: str | None, entry: str | None
) -> Outcome:
    if kind not in ("auto", "survival") or time is None:
        raise AssociationError(
            "time to event needs both the event's column as outcome and --time, the column of follow-up times",
            where=f"outcome {outcome}",
            remedy="give --outcome EVENT --time YEARS, and --entry AGE where people come under risk later",
        )
    event = read_outcome(frame, outcome, "binary")
    columns = [time] if entry is None else [time, entry]
    require_columns(frame, columns, what="follow-up")
    times = {}
    for name in columns:
        values = clean(frame[name])
        if not pd.api.types.is_numeric_dtype(values):
            raise AssociationError(
                f"it holds {_listed(values)}, which are no numbers",
                where=f"follow-up {name}",
                remedy="give times as numbers, in years or days",
            )
        times[name] = values
    start = times[entry] if entry is not None else pd.Series(0.0, index=frame.index)
    known = (times[time] > start) & (start >= 0)  # NaN is neither
    wrong = int((times[time].notna() & start.notna() & event.values.notna() & ~known).sum())
    notes = event.notes
    if wrong:
        notes = (
            *notes,
            f"{wrong} images with no time at risk (follow-up ends before it begins) were left out.",
        )
    return Outcome(
        values=event.values.where(known),
        kind="survival",
        coding=f"{event.coding}; time {time}" + (f", at risk from {entry} on" if entry else ""),
        notes=notes,
        exit=times[time].where(known),
        entry=None if entry is None else start.where(known),
    )


def _one_value(values: pd.Series, column: str, value: str) -> Outcome:
    as_text = values.map(_plain, na_action="ignore")
    if not (as_text == value).any():
        raise AssociationError(
            f"no row has the value {value!r}; there are {_listed(values)}",
            where=f"outcome {column}={value}",
            remedy="choose one of them",
        )
    coded = (as_text == value).astype(float).where(values.notna())
    if coded.min() == 1:
        raise AssociationError(
            f"every row has the value {value!r}",
            where=f"outcome {column}={value}",
            remedy="choose an outcome that differs between people",
        )
    return Outcome(
        values=coded, kind="binary", coding=f"event: {column} is {value}; reference: any other known value"
    )


def _two_values(values: pd.Series, outcome: str, pair: list) -> Outcome:
    reference, event = pair
    words = [_plain(value).casefold() for value in pair]
    known = pd.api.types.is_numeric_dtype(values)
    for first, second in ((0, 1), (1, 0)):
        if _EVENT_WORDS.get(words[first]) == words[second]:
            event, reference, known = pair[first], pair[second], True
    coding = f"event: {outcome} is {_plain(event)}; reference: {_plain(reference)}"
    note = (
        f"'{_plain(event)}' was taken as the event because it comes last in the alphabet; "
        f"for the other way round use the outcome '{outcome}={_plain(reference)}'."
    )
    coded = (values == event).astype(float).where(values.notna())
    return Outcome(values=coded, kind="binary", coding=coding, notes=() if known else (note,))


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _listed(values: pd.Series, limit: int = 6) -> str:
    counts = values.value_counts()
    shown = ", ".join(f"{_plain(value)!r} ({count})" for value, count in counts.head(limit).items())
    return shown + (f" and {len(counts) - limit} more" if len(counts) > limit else "")


def _remedy(outcome: str, values: pd.Series) -> str:
    rarest = _plain(values.value_counts().index[-1])
    return (
        f"for one value against all others use the outcome '{outcome}={rarest}', or code its order as numbers"
    )
