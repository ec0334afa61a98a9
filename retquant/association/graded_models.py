"""Grades and counts: proportional odds (McCullagh 1980), and Poisson or negative binomial regression.

A count whose spread exceeds Poisson's is negative binomial; where that fit fails, Poisson with robust errors. With
two eyes a person, errors are clustered by person. Legend of shapes: n rows, K columns; the first column of X is 1, the
last the biomarker.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from retquant.association.models import EVENTS_PER_PARAMETER, FEWEST_EVENTS, Estimate, Fitted, refused

_OVERDISPERSED = 1.25  # Pearson's chi-square over its degrees of freedom
_STEPS = 200


def fit_ordinal(y: np.ndarray, X: np.ndarray, person: np.ndarray | None, tested: int) -> Fitted | Estimate:
    """Log odds ratios of a higher grade; y (n,) holds grades of any numbers, `person` (n,) ids where rows are eyes."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    grades, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(grades) < 2 or len(y) - counts.max() < FEWEST_EVENTS:
        return refused("too_few_events")
    fit = _fitted(OrderedModel(codes, X[:, 1:], distr="logit"), person, method="bfgs")
    if fit is None:
        return refused("no_convergence")
    width = X.shape[1] - 1  # the thresholds between grades come after the columns
    few = (len(y) - counts.max()) / (X.shape[1] - 1)
    return Fitted.of(
        "proportional odds" + _clustered(person),
        fit,
        slice(width - tested, width),
        freedom=_freedom(person),
        note=_note(few, "people outside the commonest grade"),
    )


def fit_count(y: np.ndarray, X: np.ndarray, person: np.ndarray | None, tested: int) -> Fitted | Estimate:
    """Log rate ratios; y (n,) holds whole numbers of 0 or more."""
    from statsmodels.discrete.discrete_model import NegativeBinomial, Poisson

    if np.count_nonzero(y) < FEWEST_EVENTS or np.ptp(y) == 0:
        return refused("too_few_events")
    width = X.shape[1]
    places = slice(width - tested, width)
    plain = _fitted(Poisson(y, X), person, method="newton")
    if plain is None:
        return refused("no_convergence")
    mean = plain.predict()
    dispersion = float(np.sum((y - mean) ** 2 / mean) / max(1, len(y) - X.shape[1]))
    if person is not None or dispersion <= _OVERDISPERSED:
        return Fitted.of("Poisson" + _clustered(person), plain, places, freedom=_freedom(person))
    broad = _fitted(NegativeBinomial(y, X), None, method="bfgs", start_params=np.r_[plain.params, 0.1])
    note = f"variance {dispersion:.1f} times Poisson's"
    if broad is not None:
        return Fitted.of("negative binomial", broad, places, note=note)
    robust = _fitted(Poisson(y, X), None, method="newton", cov_type="HC0")
    if robust is None:
        return refused("no_convergence")
    return Fitted.of("Poisson, robust", robust, places, note=note)


def _fitted(model: Any, person: np.ndarray | None, **options: Any) -> Any | None:
    """The fit, clustered where `person` is given; None where there is no maximum."""
    if person is not None:
        options |= {"cov_type": "cluster", "cov_kwds": {"groups": person}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is read from the fit below
        try:
            fit = model.fit(disp=0, maxiter=_STEPS, **options)
        except (np.linalg.LinAlgError, ValueError, FloatingPointError):
            return None
        if not fit.mle_retvals["converged"] or not np.isfinite(fit.bse).all():
            return None
    return fit


def _freedom(person: np.ndarray | None) -> float:
    return math.inf if person is None else float(len(np.unique(person)) - 1)


def _clustered(person: np.ndarray | None) -> str:
    return "" if person is None else ", clustered by person"


def _note(per_parameter: float, what: str) -> str:
    if per_parameter >= EVENTS_PER_PARAMETER:
        return ""
    return f"{per_parameter:.1f} {what} per parameter: the ratio may be too far from 1"
