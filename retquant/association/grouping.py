"""Columns that part people into groups (sites, strata, what a biomarker may interact with), and their weights."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retquant.association.outcome import clean
from retquant.errors import AssociationError

MOST_GROUPS = 30  # of one column; beyond it, it is an identifier or a measurement
_FEW = 6  # different numbers that are still groups and no measurement


def group_values(column: pd.Series, *, may_measure: bool = False) -> pd.Series:
    """Texts, None where missing; numbers where a column may be a measurement and has more than a few different ones."""
    values = clean(column)
    if pd.api.types.is_numeric_dtype(values):
        if may_measure and values.nunique() > _FEW:
            return values
        values = values.map(lambda number: f"{number:g}", na_action="ignore")
    return values.astype(object).where(values.notna(), None)


def as_groups(values: pd.Series, *, what: str, least: int = 2) -> np.ndarray:
    """(n,) texts, None where missing, of a column that must part people into `least` to MOST_GROUPS groups.

    Raises
    ------
    AssociationError
        It has too few groups or too many.
    """
    count = values.nunique()
    if not least <= count <= MOST_GROUPS:
        raise AssociationError(
            f"it has {count} different value{'s' if count != 1 else ''} among {len(values)} rows",
            where=f"{what} {values.name}",
            remedy=f"give a column that parts people into 2 to {MOST_GROUPS} groups",
        )
    return values.to_numpy(dtype=object)


def read_weights(column: pd.Series, unit: list[pd.Series]) -> np.ndarray:
    """(n,) weights of rows, the mean of their images'.

    Raises
    ------
    AssociationError
        A weight is missing, no number, or less than 0.
    """
    where = f"weights {column.name}"
    values = clean(column)
    if not pd.api.types.is_numeric_dtype(values):
        wrong = values[pd.to_numeric(values, errors="coerce").isna() & values.notna()]
        raise AssociationError(
            f"{wrong.iloc[0]!r} is no weight", where=where, remedy="give weights as numbers above 0"
        )
    for wrong, problem in ((values.isna(), "have none"), (values <= 0, "have one of 0 or less")):
        if wrong.any():
            people = unit[0][wrong].drop_duplicates()
            raise AssociationError(
                f"{int(wrong.sum())} of {len(values)} images {problem}, as those of {people.iloc[0]}",
                where=where,
                remedy="give every person a weight above 0, or leave those without one out of the labels",
            )
    return values.groupby(unit, sort=True).mean().to_numpy(dtype=float)
