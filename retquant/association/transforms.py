"""Transformations of a biomarker's distribution before it is modelled, and the values that each can be done to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from retquant.errors import AssociationError

_BLOM = 3 / 8
_WINSOR = 0.01  # share of values at each end that are pulled in


def standardise(values: np.ndarray) -> np.ndarray:
    """(n,) z-scores; all missing where the values do not differ."""
    spread = np.nanstd(values, ddof=1) if np.isfinite(values).sum() > 1 else 0.0
    return (values - np.nanmean(values)) / spread if spread > 0 else np.full(len(values), np.nan)


def logarithm(values: np.ndarray) -> np.ndarray:
    """(n,) natural logarithms.

    Raises
    ------
    AssociationError
        A value is 0 or less.
    """
    if (values[np.isfinite(values)] <= 0).any():
        raise AssociationError(
            f"{int((values <= 0).sum())} values are 0 or less and have no logarithm",
            remedy="choose rank or zscore",
        )
    return np.asarray(np.log(values))


def rank_normal(values: np.ndarray) -> np.ndarray:
    """(n,) normal scores of ranks, Blom's (r - 3/8) / (n + 1/4); ties share the mean of their ranks (Blom 1958)."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    known = np.isfinite(values)
    scores = np.full(len(values), np.nan)
    count = int(known.sum())
    if count:
        scores[known] = ndtri((rankdata(values[known]) - _BLOM) / (count + 1 - 2 * _BLOM))
    return scores


def winsorise(values: np.ndarray) -> np.ndarray:
    """(n,) with the lowest and the highest 1 % pulled in to those quantiles."""
    known = values[np.isfinite(values)]
    if not len(known):
        return values.copy()
    low, high = np.quantile(known, [_WINSOR, 1 - _WINSOR])
    return np.clip(values, low, high)


TRANSFORMS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType(
    {
        "none": lambda values: values.copy(),
        "zscore": standardise,
        "log": logarithm,
        "rank": rank_normal,
        "winsor": winsorise,
    }
)
"""Name -> transformation of the (n,) values of one biomarker; missing values stay missing."""


def transformed(values: np.ndarray, name: str, *, column: str = "") -> np.ndarray:
    """`values` (n,) under the transformation `name`.

    Raises
    ------
    AssociationError
        There is no such transformation, or it cannot be done to these values.
    """
    if name not in TRANSFORMS:
        raise AssociationError(
            f"there is no transformation {name!r}", remedy=f"choose {', '.join(TRANSFORMS)}"
        )
    try:
        return TRANSFORMS[name](np.asarray(values, dtype=float))
    except AssociationError as error:
        raise AssociationError(error.problem, where=column, remedy=error.remedy) from None


def transformed_columns(values: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[str]]:
    """The columns of `values` under the transformation `name`, and those that it cannot be done to, which are empty."""
    if name == "none":
        return values, []
    columns: dict[str, np.ndarray] = {}
    impossible = []
    for column in map(str, values.columns):
        plain = values[column].to_numpy(dtype=float)
        plain = np.where(np.isfinite(plain), plain, np.nan)
        if np.isnan(plain).all():
            columns[column] = plain
            continue
        try:
            columns[column] = transformed(plain, name, column=column)
        except AssociationError:
            columns[column] = np.full(len(plain), np.nan)
            impossible.append(column)
    return pd.DataFrame(columns, index=values.index), impossible
