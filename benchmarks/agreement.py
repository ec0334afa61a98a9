"""Intraclass correlation of two observers, with a confidence interval.

One value for each subject and observer, from the mean squares of a two-way table.

References: P. E. Shrout and J. L. Fleiss, Psychological Bulletin 86 (1979) 420-428;
K. O. McGraw and S. P. Wong, Psychological Methods 1 (1996) 30-46.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of one biomarker between observers."""

    n: int  # subjects with a value from every observer
    agreement: float  # ICC(2,1): a systematic difference between observers counts against it
    low: float  # 95 % interval of `agreement`
    high: float
    consistency: float  # ICC(3,1): it does not
    bias: float  # mean of second minus first observer, over the first's mean


def agreement(ratings: np.ndarray, clusters: np.ndarray | None = None) -> Agreement:
    """Agreement of (N, K) `ratings`, N subjects by K observers; rows with a NaN are left out.

    The interval is McGraw and Wong's; where `clusters` (N,) tells which subjects belong together (two eyes of
    a child), it is a percentile interval of whole clusters drawn again. NaN with fewer than three subjects
    or where no two values differ.
    """
    known = np.isfinite(ratings).all(axis=1)
    ratings = ratings[known]
    n = len(ratings)
    if n < 3 or np.ptp(ratings) == 0:
        nan = float("nan")
        return Agreement(n=n, agreement=nan, low=nan, high=nan, consistency=nan, bias=nan)
    absolute, consistent = _coefficients(ratings[None])
    if clusters is None:
        low, high = _interval(ratings)
    else:
        low, high = _interval_by_cluster(ratings, clusters[known])
    first = ratings[:, 0].mean()
    return Agreement(
        n=n,
        agreement=float(absolute[0]),
        low=low,
        high=high,
        consistency=float(consistent[0]),
        bias=float((ratings[:, 1] - ratings[:, 0]).mean() / first) if first else float("nan"),
    )


def _mean_squares(ratings: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Between subjects, between observers and residual, of (R, N, K) tables."""
    n, k = ratings.shape[1:]
    whole = ratings.mean(axis=(1, 2), keepdims=True)
    subject, observer = ratings.mean(axis=2, keepdims=True), ratings.mean(axis=1, keepdims=True)
    rows = k * ((subject - whole) ** 2).sum(axis=(1, 2)) / (n - 1)
    columns = n * ((observer - whole) ** 2).sum(axis=(1, 2)) / (k - 1)
    rest = ((ratings - subject - observer + whole) ** 2).sum(axis=(1, 2)) / ((n - 1) * (k - 1))
    return rows, columns, rest


def _coefficients(ratings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ICC(2,1) and ICC(3,1) of (R, N, K) tables."""
    n, k = ratings.shape[1:]
    rows, columns, rest = _mean_squares(ratings)
    with np.errstate(invalid="ignore", divide="ignore"):
        absolute = (rows - rest) / (rows + (k - 1) * rest + k * (columns - rest) / n)
        return absolute, (rows - rest) / (rows + (k - 1) * rest)


def _interval(ratings: np.ndarray) -> tuple[float, float]:
    """95 % interval of ICC(2,1) by Satterthwaite's degrees of freedom."""
    from scipy.stats import f

    n, k = ratings.shape
    rows, columns, rest = (float(square[0]) for square in _mean_squares(ratings[None]))
    if rest == 0 and columns == 0:
        return 1.0, 1.0
    icc = (rows - rest) / (rows + (k - 1) * rest + k * (columns - rest) / n)
    a, b = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (a * columns + b * rest) ** 2 / (
        (a * columns) ** 2 / (k - 1) + (b * rest) ** 2 / ((n - 1) * (k - 1))
    )
    above, below = f.ppf(0.975, n - 1, freedom), f.ppf(0.975, freedom, n - 1)
    shared = k * columns + (k * n - k - n) * rest
    low = n * (rows - above * rest) / (above * shared + n * rows)
    high = n * (below * rows - rest) / (shared + n * below * rows)
    return float(low), float(high)


def _interval_by_cluster(ratings: np.ndarray, clusters: np.ndarray) -> tuple[float, float]:
    names = np.unique(clusters)
    members = [np.flatnonzero(clusters == name) for name in names]
    drawn = np.random.default_rng(SEED).integers(len(names), size=(RESAMPLES, len(names)))
    found = [_coefficients(ratings[np.concatenate([members[i] for i in row])][None])[0] for row in drawn]
    values = np.concatenate(found)
    values = values[np.isfinite(values)]
    return (
        (float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5)))
        if len(values)
        else (np.nan,) * 2
    )
