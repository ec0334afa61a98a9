"""Table 1: who has the outcome and who has not, covariate by covariate, before any model.

Standardised differences do not grow with the size of a study as p-values do; beyond 0.1 they are usually called
noteworthy (Austin, Statistics in Medicine 2009;28:3083).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from retquant.association.eyes import Rows
from retquant.association.study import ROW_UNITS

_MOST_GRADES = 6  # an ordinal outcome with more is cut in thirds


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """A number within one group; NaN where nobody has it."""

    mean: float
    sd: float
    median: float
    lower: float  # quartile
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Characteristic:
    """One covariate. Cells are in the order of the groups, everybody first."""

    name: str
    known: tuple[int, ...]  # rows with a value
    missing: tuple[int, ...]
    numbers: tuple[Numbers, ...] = ()  # of a number
    levels: tuple[tuple[str, tuple[int, ...]], ...] = ()  # of a text: level -> rows
    difference: float = float("nan")  # standardised; the largest between two groups


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOne:
    """Characteristics by outcome."""

    unit: str  # what is counted: one of the plurals of study.ROW_UNITS
    groups: tuple[tuple[str, int], ...]  # label, rows; everybody first
    rows: tuple[Characteristic, ...]


def table_one(rows: Rows, described: pd.DataFrame, *, kind: str, outcome: str) -> TableOne:
    """Describe the rows of an analysis by outcome: with and without it, by grade, or by thirds of a number.

    `described` has the rows of `rows.covariates` and the columns to describe, numbers or texts.
    """
    labels, member = groups_of(rows.outcome, kind=kind, outcome=outcome)
    masks = [np.ones(len(rows.outcome), dtype=bool), *(member == place for place in range(len(labels)))]
    counted = rows.eyes.max(axis=1).rename("eyes with a picture")
    columns = [described[name] for name in described.columns]
    if rows.level == "person":
        columns.append(counted.astype(float))
    return TableOne(
        unit=ROW_UNITS[rows.level],
        groups=tuple((label, int(mask.sum())) for label, mask in zip(("All", *labels), masks, strict=True)),
        rows=tuple(_characteristic(column, masks) for column in columns),
    )


def groups_of(values: np.ndarray, *, kind: str, outcome: str) -> tuple[list[str], np.ndarray]:
    """Labels of the groups of an outcome, and each row's place (n,) among them.

    Thirds of a number are cut at its tertiles; where many values are equal they can be unequal in size.
    """
    distinct = np.unique(values)
    if kind in ("binary", "survival"):
        return [f"without {outcome}", f"with {outcome}"], values.astype(int)
    if len(distinct) <= _MOST_GRADES:
        return [f"{outcome} {value:g}" for value in distinct], np.searchsorted(distinct, values)
    low, high = np.quantile(values, [1 / 3, 2 / 3])
    member = np.searchsorted([low, high], values, side="left")
    places, member = np.unique(member, return_inverse=True)
    spans = [values[member == place] for place in range(len(places))]
    return [f"{outcome} {span.min():.4g} to {span.max():.4g}" for span in spans], member


def standardised_difference(first: np.ndarray, second: np.ndarray) -> float:
    """Difference of two groups' means over the root of their mean variance; (n,) numbers, or (n, L) shares of levels.

    Of L levels the distance of Mahalanobis between their shares, one level left out (Yang and Dalton, SAS Global Forum
    2012, 335). NaN where neither group varies, and where a group has fewer than two values.
    """
    if len(first) < 2 or len(second) < 2:
        return float("nan")
    if first.ndim == 1:
        variance = (first.var(ddof=1) + second.var(ddof=1)) / 2
        apart = abs(first.mean() - second.mean())
        return float(apart / np.sqrt(variance)) if variance > 0 else (0.0 if apart == 0 else float("nan"))
    shares = [group[:, 1:].mean(axis=0) for group in (first, second)]
    spread = sum(np.diag(share) - np.outer(share, share) for share in shares) / 2
    apart = shares[0] - shares[1]
    return float(np.sqrt(max(apart @ np.linalg.pinv(spread, hermitian=True) @ apart, 0.0)))


def _characteristic(column: pd.Series, masks: Sequence[np.ndarray]) -> Characteristic:
    present = column.notna().to_numpy()
    known = tuple(int((mask & present).sum()) for mask in masks)
    missing = tuple(int((mask & ~present).sum()) for mask in masks)
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > 2:
        values = column.to_numpy(dtype=float)
        parts = [values[mask & present] for mask in masks]
        return Characteristic(
            name=str(column.name),
            known=known,
            missing=missing,
            numbers=tuple(_numbers(part) for part in parts),
            difference=_largest(parts[1:]),
        )
    text = column.map(lambda value: f"{value:g}" if isinstance(value, float) else str(value))
    levels = sorted(text[present].unique())
    is_level = np.column_stack([(text == level).to_numpy() for level in levels]) if levels else None
    if is_level is None:
        return Characteristic(name=str(column.name), known=known, missing=missing)
    return Characteristic(
        name=str(column.name),
        known=known,
        missing=missing,
        levels=tuple(
            (level, tuple(int((mask & present & is_level[:, place]).sum()) for mask in masks))
            for place, level in enumerate(levels)
        ),
        difference=_largest([is_level[mask & present].astype(float) for mask in masks[1:]]),
    )


def _numbers(values: np.ndarray) -> Numbers:
    if not len(values):
        return Numbers(**dict.fromkeys(("mean", "sd", "median", "lower", "upper"), float("nan")))
    lower, median, upper = (float(value) for value in np.quantile(values, [0.25, 0.5, 0.75]))
    sd = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return Numbers(mean=float(values.mean()), sd=sd, median=median, lower=lower, upper=upper)


def _largest(parts: Sequence[np.ndarray]) -> float:
    found = [standardised_difference(a, b) for a, b in combinations(parts, 2)]
    known = [value for value in found if np.isfinite(value)]
    return max(known) if known else float("nan")
