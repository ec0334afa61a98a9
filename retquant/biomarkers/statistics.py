"""From many values an image (one a segment, one a bifurcation) to one number."""

from __future__ import annotations

import math

import numpy as np

from retquant.biomarkers.measurement import Measurement, missing


def summarise(values: np.ndarray, statistic: str, *, weights: np.ndarray) -> Measurement:
    """One statistic of the values that count.

    Parameters
    ----------
    values : (N,) float
        NaN where one does not count.
    statistic : str
        A word of the grammar: mean, median, std, min, max, p10, p90, p95, length_weighted.
    weights : (N,) float
        Lengths, for `length_weighted`.

    Returns
    -------
    Measurement
        Missing with `too_few_vessels` where too few values count: two for `std`, else one. Missing with
        `fit_failed` where the statistic is infinite.
    """
    counts = ~np.isnan(values)
    kept = values[counts]
    if len(kept) < (2 if statistic == "std" else 1):
        return missing("too_few_vessels")
    value = _statistic(kept, statistic, weights[counts])
    if not math.isfinite(value):
        return missing("fit_failed")
    return Measurement(value=value, n=len(kept))


def _statistic(values: np.ndarray, statistic: str, weights: np.ndarray) -> float:
    match statistic:
        case "mean":
            return float(np.mean(values))
        case "median":
            return float(np.median(values))
        case "std":
            return float(np.std(values, ddof=1))
        case "min":
            return float(np.min(values))
        case "max":
            return float(np.max(values))
        case "p10" | "p90" | "p95":
            return float(np.percentile(values, int(statistic[1:])))
        case "length_weighted":
            return float(np.average(values, weights=weights))
    raise ValueError(f"{statistic!r} is no statistic")
