"""From covariates to a design matrix: numbers standardised, texts as indicators, useless ones dropped.

Legend of shapes: n rows, K columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retquant.errors import AssociationError

_MOST_LEVELS = 30  # of a text covariate; beyond it, it is an identifier or free text
ALONE = 1 - 1e-8
"""Leverage of a row that one column exists for."""
_DEPENDENT = 1e-8  # share of a column's length that the columns before it do not explain


@dataclass(frozen=True, eq=False, kw_only=True)
class Terms:
    """Covariates as numbers, before rows with missing values are left out."""

    values: np.ndarray  # (n, K) float, NaN where missing; no intercept
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Design:
    """Intercept and covariates of the rows that one analysis uses."""

    matrix: np.ndarray  # (n, K) full column rank, first column 1
    rows: np.ndarray  # (n,) int, positions among all rows
    dropped: tuple[str, ...]  # constant or collinear among these rows
    alone: int  # rows left out since a covariate's column exists for that row only


def encode(covariates: pd.DataFrame) -> Terms:
    """Turn numbers into z-scores and texts into indicators (the most frequent value is the reference).

    Standardising numbers changes no estimate of a biomarker and keeps Newton steps well conditioned.

    Raises
    ------
    AssociationError
        A text covariate has so many values that it cannot be adjusted for.
    """
    columns: list[np.ndarray] = []
    names: list[str] = []
    notes: list[str] = []
    for name in map(str, covariates.columns):
        column = covariates[name]
        if pd.api.types.is_numeric_dtype(column):
            numbers = column.to_numpy(dtype=float)
            spread = np.nanstd(numbers) if np.isfinite(numbers).any() else 0.0
            if not spread > 0:
                notes.append(f"The covariate {name} is constant or empty and was dropped.")
                continue
            columns.append((numbers - np.nanmean(numbers)) / spread)
            names.append(name)
            continue
        counts = column.value_counts()
        if len(counts) > _MOST_LEVELS:
            raise AssociationError(
                f"it has {len(counts)} different texts among {len(column)} rows",
                where=f"covariate {name}",
                remedy=f"group it into at most {_MOST_LEVELS} values, or leave it out",
            )
        if len(counts) < 2:
            notes.append(f"The covariate {name} is constant or empty and was dropped.")
            continue
        missing = column.isna().to_numpy()
        for level in sorted(counts.index[1:], key=str):
            columns.append(np.where(missing, np.nan, (column == level).to_numpy(dtype=float)))
            names.append(f"{name}={level}")
        notes.append(f"The reference of {name} is {counts.index[0]}.")
    values = np.column_stack(columns) if columns else np.empty((len(covariates), 0))
    return Terms(values=values, names=tuple(names), notes=tuple(notes))


def build_design(terms: Terms, usable: np.ndarray) -> Design:
    """Design matrix of the rows in `usable` (n,) bool without a missing covariate, of full rank.

    A row for which alone a column exists is left out with that column: it is fitted exactly, tells nothing
    about the biomarker and makes the HC3 variance infinite.
    """
    rows = np.flatnonzero(usable & ~np.isnan(terms.values).any(axis=1))
    alone = 0
    while True:
        matrix, kept = _independent(np.column_stack([np.ones(len(rows)), terms.values[rows]]))
        if not len(rows):
            break
        leverage = leverages(matrix)
        if matrix.shape[1] >= len(rows) or not (leverage > ALONE).any():
            break
        alone += int((leverage > ALONE).sum())
        rows = rows[leverage <= ALONE]
    dropped = tuple(name for position, name in enumerate(terms.names, start=1) if position not in kept)
    return Design(matrix=matrix, rows=rows, dropped=dropped, alone=alone)


def leverages(matrix: np.ndarray) -> np.ndarray:
    """How far each row of a design (n, k) decides its own fit, from 0 to 1: the diagonal of the hat matrix."""
    return np.square(np.linalg.qr(matrix)[0]).sum(axis=1)


def unexplained(column: np.ndarray, matrix: np.ndarray) -> float:
    """Share of `column`'s length that the columns of `matrix` leave over: 0 where it is collinear."""
    length = np.linalg.norm(column)
    if length == 0:
        return 0.0
    basis = np.linalg.qr(matrix)[0]
    return float(np.linalg.norm(column - basis @ (basis.T @ column)) / length)


def _independent(matrix: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """The columns, in their order, that the columns before them do not explain."""
    kept = [0]
    for position in range(1, matrix.shape[1]):
        if len(matrix) and unexplained(matrix[:, position], matrix[:, kept]) > _DEPENDENT:
            kept.append(position)
    return matrix[:, kept], kept
