"""Bland and Altman's plot: the difference of two measurements of a subject against their mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retquant.report.axes import Axis, axis_over

WIDTH, HEIGHT = 360, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 348.0, 14.0, 200.0
_MOST = 400  # points of a plot; more look the same and weigh more


@dataclass(frozen=True, slots=True, kw_only=True)
class BlandAltman:
    """Everything the template draws, in pixels."""

    biomarker: str
    unit: str
    points: tuple[tuple[float, float], ...]
    shown: int  # of `pairs`
    pairs: int
    across: Axis
    up: Axis
    lines: tuple[tuple[float, str, float], ...]  # y, class of the line, value


def bland_altman(
    biomarker: str, first: np.ndarray, second: np.ndarray, *, unit: str, limits: tuple[float, float, float]
) -> BlandAltman | None:
    """The plot of (N,) pairs with lower limit, mean and upper limit of the differences; None below three pairs."""
    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() < 3 or not np.isfinite(limits).all():
        return None
    mean, apart = (first[known] + second[known]) / 2, second[known] - first[known]
    pairs = len(mean)
    if pairs > _MOST:
        chosen = np.sort(np.random.default_rng(pairs).choice(pairs, _MOST, replace=False))
        mean, apart = mean[chosen], apart[chosen]
    across = axis_over(mean.tolist(), start=_LEFT, end=_RIGHT, include=float(np.median(mean)))
    up = axis_over([*apart.tolist(), *limits], start=_BOTTOM, end=_TOP, include=0.0)
    return BlandAltman(
        biomarker=biomarker,
        unit="" if unit == "1" else unit,
        points=tuple(
            (across.position(x), up.position(y)) for x, y in zip(mean.tolist(), apart.tolist(), strict=True)
        ),
        shown=len(mean),
        pairs=pairs,
        across=across,
        up=up,
        lines=tuple(
            (up.position(value), kind, value)
            for value, kind in zip(limits, ("guide", "null", "guide"), strict=True)
        ),
    )
