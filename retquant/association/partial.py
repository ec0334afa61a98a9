"""Partial correlations: how a biomarker and an outcome go together when the covariates are taken out of both.

Legend of shapes: n rows, K columns of the design, the first of them 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

_REACH = float(ndtri(0.975))


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """A partial correlation with its 95 % interval; NaN where rows or spread are too few."""

    r: float = math.nan
    low: float = math.nan
    high: float = math.nan


def partial_pearson(x: np.ndarray, y: np.ndarray, design: np.ndarray) -> Correlation:
    """Correlation of what `design` (n, K) leaves of x (n,) and y (n,).

    The interval is Fisher's, arctanh(r) with variance 1 / (n - K - 2) (Fisher, Metron 1924;3:329).
    """
    r = _of_residuals(x, y, design)
    return _interval(r, len(x) - design.shape[1] - 2, inflation=1.0)


def partial_spearman(x: np.ndarray, y: np.ndarray, design: np.ndarray) -> Correlation:
    """Partial correlation of the ranks of x, y and every column of `design`.

    The variance of arctanh(r) is (1 + r² / 2) / (n - K - 2) (Bonett and Wright, Psychometrika 2000;65:23).
    """
    ranks = np.column_stack([np.ones(len(x)), *(rankdata(column) for column in design[:, 1:].T)])
    r = _of_residuals(rankdata(x), rankdata(y), ranks)
    return _interval(r, len(x) - design.shape[1] - 2, inflation=1 + r**2 / 2)


def _of_residuals(x: np.ndarray, y: np.ndarray, design: np.ndarray) -> float:
    both = np.column_stack([x, y]).astype(float)
    left = both - design @ np.linalg.lstsq(design, both, rcond=None)[0]
    lengths = np.linalg.norm(left, axis=0)
    spread = np.linalg.norm(both - both.mean(axis=0), axis=0)
    if not (lengths > 1e-9 * np.maximum(spread, 1e-300)).all():
        return math.nan
    return float(np.clip(left[:, 0] @ left[:, 1] / lengths.prod(), -1.0, 1.0))


def _interval(r: float, freedom: int, *, inflation: float) -> Correlation:
    if math.isnan(r) or freedom < 1:
        return Correlation()
    if abs(r) == 1:
        return Correlation(r=r, low=r, high=r)
    reach = _REACH * math.sqrt(inflation / freedom)
    middle = math.atanh(r)
    return Correlation(r=r, low=math.tanh(middle - reach), high=math.tanh(middle + reach))
