"""Time to event: proportional hazards (Cox, JRSS B 1972;34:187), ties by Efron's rule.

Other causes that end follow-up count as censoring: the hazard ratio is cause-specific. Legend of shapes: n rows, K
columns; the first column of X is 1, the last the biomarker.
"""

from __future__ import annotations

import math
import warnings

import numpy as np

from retquant.association.models import EVENTS_PER_PARAMETER, Estimate, refused, wald

_RUNAWAY = 15.0  # of a log hazard ratio per standard deviation: the likelihood has no maximum


def estimate_hazard(
    event: np.ndarray, X: np.ndarray, follow: np.ndarray, person: np.ndarray | None, per_parameter: float
) -> Estimate:
    """Log hazard ratio; event (n,) of 0 and 1, follow (n, 2) entry and exit, `person` (n,) ids where rows are eyes."""
    from statsmodels.duration.hazard_regression import PHReg

    entry = follow[:, 0] if follow[:, 0].any() else None
    model = PHReg(follow[:, 1], X[:, 1:], status=event.astype(int), entry=entry, ties="efron")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is read from the fit below
        try:
            fit = model.fit(disp=0) if person is None else model.fit(disp=0, groups=person)
        except (np.linalg.LinAlgError, ValueError):
            return refused("no_convergence")
    effect, error = float(fit.params[-1]), float(fit.bse[-1])
    if not np.isfinite(error) or abs(effect) > _RUNAWAY:
        return refused("separation")
    note = ""
    if per_parameter < EVENTS_PER_PARAMETER:
        note = f"{per_parameter:.1f} events per parameter: the hazard ratio may be too far from 1"
    model_name = "Cox" if person is None else "Cox, clustered by person"
    return wald(model_name, effect, error, freedom=math.inf, note=note)
