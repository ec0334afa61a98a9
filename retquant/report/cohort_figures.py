"""A column of a cohort in a few numbers: histogram, centiles, and the images that lie far from the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retquant.tables.outliers import FAR, robust_z

WIDTH, HEIGHT = 240.0, 54.0  # pixels of a histogram
MOST_BINS = 30
LISTED = 12  # outliers named a column
_TAIL = 0.005  # share of values at each end that the outermost bars take together


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlier:
    """A value far from the cohort's median."""

    row: int  # of the image in the cohort
    value: float
    z: float  # distance from the median in robust standard deviations


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Bars as one SVG path, in pixels."""

    path: str
    median_x: float
    band: tuple[float, float]  # 5th and 95th centile
    low: float  # value at the left edge; lesser ones are in the first bar
    high: float
    is_cut: bool  # whether values lie beyond the edges


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distribution:
    """What a column's values look like over the cohort."""

    count: int
    median: float
    p05: float
    p95: float
    centiles: np.ndarray  # (101,) values at the 0th to 100th centile
    histogram: Histogram | None  # None where all values are equal
    has_spread: bool  # False where half of the values or more are equal: then nothing is called an outlier
    outliers: tuple[Outlier, ...]  # farthest first
    outlier_rows: np.ndarray  # (k,) int, all of them


def distribution(values: np.ndarray) -> Distribution | None:
    """Describe (n,) values with NaN where there is none; None where there is no value at all."""
    rows = np.flatnonzero(np.isfinite(values))
    if not len(rows):
        return None
    found = values[rows].astype(np.float64)
    ordered = np.sort(found)
    centiles = _at(ordered, np.linspace(0, 1, 101))
    median = float(centiles[50])
    far = np.zeros(0, np.intp)
    outliers: tuple[Outlier, ...] = ()
    z = robust_z(found)
    if z is not None:
        far = np.flatnonzero(np.abs(z) >= FAR)
        far = far[np.argsort(-np.abs(z[far]), kind="stable")]
        outliers = tuple(
            Outlier(row=int(rows[i]), value=float(found[i]), z=float(z[i])) for i in far[:LISTED]
        )
    return Distribution(
        count=len(rows),
        median=median,
        p05=float(centiles[5]),
        p95=float(centiles[95]),
        centiles=centiles,
        histogram=_histogram(ordered, median=median, band=(float(centiles[5]), float(centiles[95]))),
        has_spread=z is not None,
        outliers=outliers,
        outlier_rows=rows[far],
    )


def _histogram(ordered: np.ndarray, *, median: float, band: tuple[float, float]) -> Histogram | None:
    low, high = (float(value) for value in _at(ordered, np.array([_TAIL, 1 - _TAIL])))
    if not high > low:
        low, high = float(ordered[0]), float(ordered[-1])
    if not high > low:
        return None
    bins = min(MOST_BINS, max(5, round(2 * len(ordered) ** 0.5)))  # few images make few bars, not a comb
    edges = np.linspace(low, high, bins + 1)[1:-1]
    counts = np.diff(np.concatenate([[0], np.searchsorted(ordered, edges, side="right"), [len(ordered)]]))
    bars = np.round(HEIGHT * (1 - counts / counts.max()), 1)
    step = round(WIDTH / bins, 3)
    path = "".join(f"V{bar:g}h{step:g}" for bar in bars)

    def x(value: float) -> float:
        return round(WIDTH * min(max((value - low) / (high - low), 0.0), 1.0), 1)

    return Histogram(
        path=f"M0 {HEIGHT:g}{path}V{HEIGHT:g}z",
        median_x=x(median),
        band=(x(band[0]), x(band[1])),
        low=low,
        high=high,
        is_cut=bool(ordered[0] < low or ordered[-1] > high),
    )


def _at(ordered: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Values at these shares of the way through sorted values, between neighbours where they fall there."""
    place = shares * (len(ordered) - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, len(ordered) - 1)
    rest = place - below
    return ordered[below] * (1 - rest) + ordered[above] * rest
