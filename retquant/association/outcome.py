"""From a column of labels to an outcome: its kind, what counts as an event, and what cannot be an outcome."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retquant.errors import AssociationError

KINDS = ("binary", "continuous")
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
_FEW_VALUES = 6  # a numeric outcome with no more distinct values than this looks like a grade


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """The outcome of every row as a number; NaN where it is not known."""

    values: pd.Series  # float; 0 and 1 where kind is "binary"
    kind: str
    coding: str  # for people: what 1 and 0 are
    notes: tuple[str, ...] = ()


def read_outcome(frame: pd.DataFrame, outcome: str, kind: str = "auto") -> Outcome:
    """Take the outcome out of `frame`, infer its kind unless told, and code it as numbers.

    `outcome` is a column, or `column=value` for that value against all others. Two distinct values make it
    binary (the larger number, or the affirmative word, is the event), more numbers make it continuous.

    Raises
    ------
    AssociationError
        There is no such column, it is empty or constant, or it holds more than two texts.
    """
    if kind not in ("auto", *KINDS):
        raise AssociationError(f"the kind of outcome is {kind!r}", remedy="choose auto, binary or continuous")
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
    if kind != "continuous" and len(distinct) == 2:
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
    notes: tuple[str, ...] = ()
    if len(distinct) <= _FEW_VALUES and kind == "auto":
        notes = (
            f"{outcome} has {len(distinct)} different numbers and was treated as a continuous score; "
            f"for one value against the others use the outcome '{outcome}={_plain(max(distinct))}'.",
        )
    return Outcome(
        values=values.astype(float), kind="continuous", coding=f"{outcome}, as a number", notes=notes
    )


def require_columns(frame: pd.DataFrame, names: Iterable[str], *, what: str) -> None:
    """Raise, naming every column that is not there and what it was probably meant to be."""
    absent = [name for name in names if name not in frame.columns]
    if not absent:
        return
    close = [
        match for name in absent for match in difflib.get_close_matches(name, map(str, frame.columns), n=2)
    ]
    known = close or [str(column) for column in frame.columns[:30]]
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
