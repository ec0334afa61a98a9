"""Time to event: proportional hazards (Cox, JRSS B 1972;34:187), ties by Efron's rule.

Other causes that end follow-up count as censoring: the hazard ratio is cause-specific. Legend of shapes: n rows, K
columns; the first column of X is 1, the last the biomarker.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from retquant.association.models import Estimate, Fitted, few_events, refused

_RUNAWAY = 15.0  # of a log hazard ratio per standard deviation: the likelihood has no maximum


def hazard_fit(
    event: np.ndarray, X: np.ndarray, follow: np.ndarray, person: np.ndarray | None = None
) -> Any | None:
    """statsmodels' results (K - 1 coefficients), or None where the model has no fit; shapes as `fit_hazard`."""
    from statsmodels.duration.hazard_regression import PHReg

    entry = follow[:, 0] if follow[:, 0].any() else None
    model = PHReg(follow[:, 1], X[:, 1:], status=event.astype(int), entry=entry, ties="efron")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is read from the fit
        try:
            return model.fit(disp=0) if person is None else model.fit(disp=0, groups=person)
        except (np.linalg.LinAlgError, ValueError):
            return None


def fit_hazard(
    event: np.ndarray,
    X: np.ndarray,
    follow: np.ndarray,
    person: np.ndarray | None,
    per_parameter: float,
    tested: int,
) -> Fitted | Estimate:
    """Log hazard ratios; event (n,) of 0 and 1, follow (n, 2) entry and exit, `person` (n,) ids where rows are eyes."""
    fit = hazard_fit(event, X, follow, person)
    if fit is None:
        return refused("no_convergence")
    model_name = "Cox" if person is None else "Cox, clustered by person"
    note = few_events(per_parameter, "hazard ratio")
    found = Fitted.of(model_name, fit, slice(-tested, None), note=note)
    if not np.isfinite(found.covariance).all() or np.abs(found.coefficients).max() > _RUNAWAY:
        return refused("separation")
    return found
