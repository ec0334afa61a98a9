"""How far a value lies from the rest of its column, by measures that the far ones do not move."""

from __future__ import annotations

import numpy as np

FAR = 5.0
"""Robust z beyond which a value is called an outlier: in a normal distribution one in two million is."""

_NORMAL = 1.4826  # standard deviations of a normal distribution in its median absolute deviation
_LEAST_SPREAD = 1e-3  # of the median: lesser spreads (shares that are 1 but for rounding) make no outliers


def robust_z(values: np.ndarray) -> np.ndarray | None:
    """(n,) distances from the median in robust standard deviations; None where half of the values or more are equal."""
    median = float(np.median(values))
    spread = _NORMAL * float(np.median(np.abs(values - median)))
    if not spread > 0:
        return None
    return np.asarray((values - median) / max(spread, _LEAST_SPREAD * abs(median)))
