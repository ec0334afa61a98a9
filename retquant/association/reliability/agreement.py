"""Agreement of repeated measurements: intraclass correlation with its interval, within-subject spread, limits.

N subjects by K measurements. Every coefficient is a function of few sums over subjects, so that drawing whole clusters
(people with two eyes) again costs a product of matrices, for all biomarkers at once.

References: Shrout and Fleiss, Psychological Bulletin 1979;86:420; McGraw and Wong, Psychological Methods 1996;1:30
(names and intervals of the coefficients); Bland and Altman, Lancet 1986;327:307 (limits) and BMJ 1996;313:744
(within-subject standard deviation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
SEED = 1
_AT_ONCE = 100  # resamples whose weights are held in memory
_FEWEST = 3  # subjects
_CERTAIN = 0.975  # both sides leave out 2.5 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of one biomarker between K measurements of each subject; intervals of 95 %."""

    n: int  # subjects with all K values
    agreement: float  # ICC(A,1), also called ICC(2,1): a systematic difference counts against it
    low: float
    high: float
    consistency: float  # ICC(C,1), also called ICC(3,1): it does not
    consistency_low: float
    consistency_high: float
    bias: float  # mean of second minus first measurement, over the first's mean
    difference: float  # mean of second minus first, in the biomarker's unit
    limit_low: float  # of agreement, between which 95 % of differences lie
    limit_high: float
    within_sd: float  # standard deviation of repeated measurements of one subject
    minimum_detectable_change: (
        float  # 1.96 sqrt(2) within_sd: what a change must exceed to be more than noise
    )
    noise_ratio: float  # variance within subjects over variance between them


def agreement(ratings: np.ndarray, clusters: np.ndarray | None = None) -> Agreement:
    """Agreement of (N, K) `ratings`; rows with a NaN are left out.

    Intervals are McGraw and Wong's; where `clusters` (N,) tells which subjects belong together (two eyes of a person),
    they are percentiles over whole clusters drawn again. NaN with fewer than three subjects or where no values differ.
    """
    return agreements(ratings[None], clusters)[0]


def agreements(ratings: np.ndarray, clusters: np.ndarray | None = None) -> list[Agreement]:
    """`agreement` of B biomarkers on the same subjects, (B, N, K)."""
    known = np.isfinite(ratings).all(axis=2)
    count = np.maximum(known.sum(axis=1), 1)[:, None, None]
    filled = np.where(known[..., None], ratings, 0.0)
    middle = filled.mean(axis=2, keepdims=True).sum(axis=1, keepdims=True) / count
    sums = _sums(np.where(known[..., None], ratings - middle, 0.0), known)  # (N, B, S)
    whole = sums.sum(axis=0)
    low_high = np.full((len(ratings), 4), np.nan)
    again = None
    if clusters is not None and len(np.unique(clusters[known.any(axis=0)])) >= _FEWEST:
        again = _draw_again(sums, clusters)
    found = []
    for index, table in enumerate(ratings):
        table = table[known[index]]
        if len(table) < _FEWEST or np.ptp(table) == 0:
            found.append(_unknown(len(table)))
            continue
        low_high[index] = _intervals(whole[index]) if again is None else again[index]
        found.append(_describe(table, whole[index], low_high[index]))
    return found


def _unknown(n: int) -> Agreement:
    nan = float("nan")
    names = [name for name in Agreement.__dataclass_fields__ if name != "n"]
    return Agreement(n=n, **dict.fromkeys(names, nan))


def _describe(table: np.ndarray, sums: np.ndarray, interval: np.ndarray) -> Agreement:
    n, k = table.shape
    absolute, consistent, rows, within = (float(value) for value in _coefficients(sums))
    apart = table[:, 1] - table[:, 0]
    first, spread = float(table[:, 0].mean()), float(apart.std(ddof=1))
    mean = float(apart.mean())
    between = max((rows - within) / k, 0.0)
    return Agreement(
        n=n,
        agreement=absolute,
        low=float(interval[0]),
        high=float(interval[1]),
        consistency=consistent,
        consistency_low=float(interval[2]),
        consistency_high=float(interval[3]),
        bias=mean / first if first else float("nan"),
        difference=mean,
        limit_low=mean - 1.96 * spread,
        limit_high=mean + 1.96 * spread,
        within_sd=within**0.5,
        minimum_detectable_change=1.96 * (2 * within) ** 0.5,
        noise_ratio=within / between if between > 0 else float("inf"),
    )


def _sums(ratings: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(N, B, 3 + K) what each subject adds: itself, its squares, the square of its sum, its K values."""
    parts = [known.astype(float), np.square(ratings).sum(axis=2), np.square(ratings.sum(axis=2))]
    stacked = np.concatenate([np.stack(parts, axis=-1), ratings], axis=-1)
    return np.ascontiguousarray(stacked.transpose(1, 0, 2))


def _mean_squares(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Between subjects, between measurements, residual, and within subjects, from (…, 3 + K) sums."""
    n, squares, of_sums, columns = sums[..., 0], sums[..., 1], sums[..., 2], sums[..., 3:]
    k = columns.shape[-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        shared = columns.sum(axis=-1) ** 2 / (n * k)
        rows = of_sums / k - shared
        across = np.square(columns).sum(axis=-1) / n - shared
        rest = np.maximum(squares - shared - rows - across, 0.0)
        return (
            rows / (n - 1),
            across / (k - 1),
            rest / ((n - 1) * (k - 1)),
            (across + rest) / (n * (k - 1)),
        )


def _coefficients(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """ICC(A,1), ICC(C,1), mean square between subjects, variance within them."""
    n, k = sums[..., 0], sums.shape[-1] - 3
    rows, columns, rest, within = _mean_squares(sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        absolute = (rows - rest) / (rows + (k - 1) * rest + k * (columns - rest) / n)
        return absolute, (rows - rest) / (rows + (k - 1) * rest), rows, within


def _intervals(sums: np.ndarray) -> np.ndarray:
    """(4,) McGraw and Wong's bounds of ICC(A,1), by Satterthwaite's degrees of freedom, and of ICC(C,1)."""
    from scipy.stats import f

    n, k = float(sums[0]), len(sums) - 3
    rows, columns, rest, _ = (float(square) for square in _mean_squares(sums))
    if rest == 0:
        return np.array([1.0 if columns == 0 else np.nan] * 2 + [1.0, 1.0])
    absolute = float(_coefficients(sums)[0])
    a, b = k * absolute / (n * (1 - absolute)), 1 + k * absolute * (n - 1) / (n * (1 - absolute))
    freedom = (a * columns + b * rest) ** 2 / (
        (a * columns) ** 2 / (k - 1) + (b * rest) ** 2 / ((n - 1) * (k - 1))
    )
    above, below = f.ppf(_CERTAIN, n - 1, freedom), f.ppf(_CERTAIN, freedom, n - 1)
    shared = k * columns + (k * n - k - n) * rest
    errors = (n - 1) * (k - 1)
    lower, upper = (
        rows / rest / f.ppf(_CERTAIN, n - 1, errors),
        rows / rest * f.ppf(_CERTAIN, errors, n - 1),
    )
    return np.array(
        [
            n * (rows - above * rest) / (above * shared + n * rows),
            n * (below * rows - rest) / (shared + n * below * rows),
            (lower - 1) / (lower + k - 1),
            (upper - 1) / (upper + k - 1),
        ]
    )


def _draw_again(sums: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """(B, 4) percentile bounds of both coefficients over whole clusters drawn with replacement."""
    names, member = np.unique(clusters, return_inverse=True)
    shape = sums.shape[1:]
    per_cluster = np.zeros((len(names), shape[0] * shape[1]))
    np.add.at(per_cluster, member, sums.reshape(len(sums), -1))
    random = np.random.default_rng(SEED)
    values = []
    for first in range(0, RESAMPLES, _AT_ONCE):
        count = min(_AT_ONCE, RESAMPLES - first)
        drawn = random.integers(len(names), size=(count, len(names)))
        weights = np.stack([np.bincount(row, minlength=len(names)) for row in drawn]).astype(float)
        absolute, consistent, _, _ = _coefficients((weights @ per_cluster).reshape(count, *shape))
        values.append(np.stack([absolute, consistent], axis=-1))
    drawn_values = np.concatenate(values)  # (R, B, 2)
    drawn_values[~np.isfinite(drawn_values)] = np.nan
    bounds = np.full((shape[0], 4), np.nan)
    has_any = np.isfinite(drawn_values).any(axis=0).all(axis=-1)
    bounds[has_any] = (
        np.nanpercentile(drawn_values[:, has_any], [2.5, 97.5], axis=0)
        .transpose(1, 2, 0)
        .reshape(int(has_any.sum()), 4)
    )
    return bounds
