"""How far measured values may lie from true ones: bias, limits of agreement, and a picture of both.

Reference: J. M. Bland and D. G. Altman, Lancet 327 (1986) 307-310. The limits are bias ± 1.96 standard deviations of
the differences, measured less true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WIDE = 1.96  # standard deviations, which hold 95 % of a normal distribution

Pairs = np.ndarray
"""(N, 2) measured and true values of one biomarker; NaN where nothing was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Agreement of one biomarker with its truth, in its own unit; NaN where too few values are known."""

    n: int  # pairs in which it was measured
    missing: int  # pairs in which it was not
    truth: float  # mean
    bias: float  # mean difference
    low: float  # 95 % limits of agreement
    high: float
    median_error: float  # median of |measured / true - 1|, where the truth is not 0
    slope: float  # of measured over true values, by least squares
    r_squared: float


def limits(pairs: Pairs) -> Limits:
    """Agreement of (N, 2) measured and true values."""
    known = pairs[np.isfinite(pairs).all(axis=1)]
    found, truth = known.T
    off = found - truth
    spread = off.std(ddof=1) if len(off) > 1 else np.nan
    bias = off.mean() if len(off) else np.nan
    some = truth != 0
    slope = r_squared = np.nan
    if len(known) > 2 and np.ptp(truth) > 0:
        slope = np.polyfit(truth, found, 1)[0]
        if np.ptp(found) > 0:
            r_squared = np.corrcoef(found, truth)[0, 1] ** 2
    return Limits(
        n=len(known),
        missing=len(pairs) - len(known),
        truth=float(truth.mean()) if len(known) else np.nan,
        bias=float(bias),
        low=float(bias - WIDE * spread),
        high=float(bias + WIDE * spread),
        median_error=float(np.median(np.abs(off[some] / truth[some]))) if some.any() else np.nan,
        slope=float(slope),
        r_squared=float(r_squared),
    )


def plot(panels: Mapping[tuple[str, str], Pairs], file: Path, *, title: str, unit: str) -> None:
    """Write a Bland-Altman plot, one panel a (row, column) of names: difference over mean, bias and limits as lines.

    Each panel has its own scale of differences, since they differ by orders of magnitude between them.
    """
    from matplotlib.figure import Figure

    rows, columns = (list(dict.fromkeys(key[axis] for key in panels)) for axis in (0, 1))
    figure = Figure(figsize=(4.6 * len(columns), 3.2 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), len(columns), squeeze=False)
    for (row, column), pairs in panels.items():
        _draw(axes[rows.index(row), columns.index(column)], pairs, title=f"{row}\n{column}", unit=unit)
    for at, axis in np.ndenumerate(axes):
        if (rows[at[0]], columns[at[1]]) not in panels:
            axis.set_axis_off()
    figure.suptitle(title)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=80)


def _draw(axis: Any, pairs: Pairs, *, title: str, unit: str) -> None:
    known = pairs[np.isfinite(pairs).all(axis=1)]
    found, agreed = known.T, limits(pairs)
    suffix = "" if unit == "1" else f", {unit}"
    axis.scatter(found.mean(axis=0), found[0] - found[1], s=9, color="#1f5fbf", alpha=0.7, linewidths=0)
    for value, style in _lines(agreed):
        axis.axhline(value, color="#b03a2e", linestyle=style, linewidth=1)
    axis.axhline(0, color="#999999", linewidth=0.6)
    axis.set_title(f"{title} (n = {agreed.n})", fontsize=9)
    axis.set_xlabel(f"mean of measured and true{suffix}", fontsize=8)
    axis.set_ylabel(f"measured - true{suffix}", fontsize=8)
    axis.tick_params(labelsize=7)


def _lines(agreed: Limits) -> Sequence[tuple[float, str]]:
    known = [(agreed.bias, "-"), (agreed.low, "--"), (agreed.high, "--")]
    return [(value, style) for value, style in known if np.isfinite(value)]
