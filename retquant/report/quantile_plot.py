"""Are p-values as small as chance makes them, or smaller throughout: quantiles against those of no association."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retquant.report.axes import Axis

WIDTH, HEIGHT = 420, 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 408.0, 12.0, 276.0
_LEAST_P = 1e-300
_FEWEST = 10  # p-values that a plot shows
_MIDDLE = 0.45493642311957  # median of chi-square of one degree of freedom


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantilePlot:
    """Everything the template draws, in pixels."""

    dots: tuple[tuple[float, float, str], ...]  # x, y, biomarker
    band: str  # path: 95 % of each rank, were tests independent
    ideal: tuple[float, float, float, float]  # x1, y1, x2, y2
    across: Axis
    up: Axis
    inflation: float  # median chi-square over that of no association: 1 where most biomarkers go with nothing
    width: int = WIDTH
    height: int = HEIGHT


def quantile_plot(table: pd.DataFrame) -> QuantilePlot | None:
    """The plot of all biomarkers that count as tests; None below ten."""
    from scipy.stats import beta, chi2

    shown = table[(table["role"] == "biomarker") & table["p"].notna()].sort_values("p", kind="stable")
    if len(shown) < _FEWEST:
        return None
    p = np.clip(shown["p"].to_numpy(dtype=float), _LEAST_P, 1.0)
    rank = np.arange(1, len(p) + 1)
    expected, observed = -np.log10((rank - 0.5) / len(p)), -np.log10(p)
    lower, upper = (-np.log10(beta.ppf(q, rank, len(p) + 1 - rank)) for q in (0.975, 0.025))
    across = Axis(low=0.0, high=1.05 * float(expected[0]), start=_LEFT, end=_RIGHT)
    up = Axis(low=0.0, high=1.05 * max(float(observed[0]), float(upper[0])), start=_BOTTOM, end=_TOP)
    x = [across.position(value) for value in expected.tolist()]
    there = [f"{left:g} {up.position(value):g}" for left, value in zip(x, upper.tolist(), strict=True)]
    back = [f"{left:g} {up.position(value):g}" for left, value in zip(x, lower.tolist(), strict=True)]
    end = min(across.high, up.high)
    return QuantilePlot(
        dots=tuple(
            (left, up.position(value), str(name))
            for left, value, name in zip(x, observed.tolist(), shown["biomarker"], strict=True)
        ),
        band="M" + "L".join([*there, *back[::-1]]) + "z",
        ideal=(across.position(0), up.position(0), across.position(end), up.position(end)),
        across=across,
        up=up,
        inflation=float(np.median(chi2.isf(p, 1))) / _MIDDLE,
    )
