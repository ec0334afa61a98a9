"""Is the hazard ratio the same all along: Schoenfeld residuals against time (Grambsch and Therneau 1994)."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import chi2, rankdata

from retquant.association.models import Sample
from retquant.association.time_models import hazard_fit


def p_proportional(sample: Sample, matrix: np.ndarray, tested: np.ndarray) -> float:
    """p that the hazard ratio of `tested` (n,) is the same at every rank of time, given the covariates in `matrix`.

    NaN for other outcomes than time to event, for rows that share people (whose residuals hang together), and where
    the model does not fit.

    Parameters
    ----------
    matrix : (n, K)
        Intercept and covariates.
    """
    if sample.follow is None or sample.is_clustered or sample.y.sum() < 2:
        return math.nan
    fit = hazard_fit(sample.y, np.column_stack([matrix, tested]), sample.follow)
    if fit is None:
        return math.nan
    residuals, covariance = fit.schoenfeld_residuals, fit.cov_params()
    known = (sample.y == 1) & np.isfinite(residuals).all(axis=1)
    if not np.isfinite(covariance).all():
        return math.nan
    residuals = residuals[known]
    time = rankdata(sample.follow[known, 1])
    time = time - time.mean()
    drift = len(time) * (covariance[-1] @ (residuals.T @ time))  # of scaled residuals, of the last column
    spread = len(time) * covariance[-1, -1] * (time @ time)
    return float(chi2.sf(drift**2 / spread, 1)) if spread > 0 else math.nan
