"""Rows that count more or less: weights of a survey, or of one over the chance of being measured.

Estimates solve the weighted likelihood equations and their variance is the sandwich (Binder, Int Stat Rev 1983;51:279),
which stays right where weights are no frequencies. Legend of shapes: n rows, K columns, T of them tested.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from retquant.association.models import Estimate, Fitted, Sample, few_events, refused
from retquant.association.repeated_models import family_of


def fit_weighted(sample: Sample, X: np.ndarray, tested: int, per_parameter: float) -> Fitted | Estimate:
    """Linear, logistic or Poisson regression with the sample's weights; errors HC3 or HC1, or clustered by person."""
    from statsmodels.genmod.generalized_linear_model import GLM
    from statsmodels.regression.linear_model import WLS

    name, family = family_of(sample.kind)
    weights = sample.weights
    assert weights is not None  # whoever calls has seen them
    robust = "HC3" if sample.kind == "continuous" else "HC1"
    errors: dict[str, Any] = {"cov_type": robust}
    freedom = float(len(sample.y) - X.shape[1]) if sample.kind == "continuous" else np.inf
    if sample.is_clustered:
        errors = {"cov_type": "cluster", "cov_kwds": {"groups": sample.person}}
        freedom = float(len(np.unique(sample.person)) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is read from the fit below
        try:
            if sample.kind == "continuous":
                fit = WLS(sample.y, X, weights=weights).fit(use_t=True, **errors)
            else:
                fit = GLM(sample.y, X, family=family, var_weights=weights).fit(**errors)
        except (np.linalg.LinAlgError, ValueError):
            return refused("no_convergence")
        is_known = getattr(fit, "converged", True) and np.isfinite(fit.bse).all()
    if not is_known:
        return refused("separation" if sample.kind == "binary" else "no_convergence")
    if sample.kind == "binary" and not 1e-9 < fit.mu.min() <= fit.mu.max() < 1 - 1e-9:
        return refused("separation")
    note = few_events(per_parameter, "odds ratio") if sample.kind == "binary" else ""
    clustered = ", clustered by person" if sample.is_clustered else ""
    return Fitted.of(f"{name}, weighted{clustered}", fit, slice(-tested, None), freedom=freedom, note=note)
