"""One biomarker against one outcome: the model that suits the data, its estimate, or why there is none.

Continuous outcomes: least squares, with HC3 standard errors (MacKinnon and White 1985), or clustered by
person where a row is an eye. Binary outcomes: logistic regression; with few events a parameter, or under
separation, Firth's (see `firth`). Other outcomes: see `graded_models` and `time_models`. Legend of shapes: n rows, K
columns; the biomarker is the last column of X.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.stats import norm, t

from retquant.association.firth import fit_firth

FEWEST_EVENTS = 5  # people with, and without, the outcome; below this no model says anything
EVENTS_PER_PARAMETER = 10  # Peduzzi 1996; below it maximum likelihood is biased away from the null
FEWEST_CLUSTERS_OVER = 10  # people beyond the number of parameters that a clustered variance needs

REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "all_missing": "the biomarker was measured in none of the rows with outcome and covariates",
        "constant": "the biomarker has one value only",
        "collinear": "the covariates determine the biomarker",
        "too_few_people": "too few people for the number of parameters",
        "too_few_events": f"fewer than {FEWEST_EVENTS} people with, or without, the outcome",
        "separation": "the outcome is separated perfectly, and there is no penalised model for such rows",
        "no_convergence": "the fit did not converge",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The biomarker's coefficient (log odds ratio, or difference in the outcome) per unit of its column."""

    model: str = ""
    effect: float = math.nan
    standard_error: float = math.nan
    ci_low: float = math.nan  # 95 %
    ci_high: float = math.nan
    p: float = math.nan
    reason: str | None = None  # key of REFUSALS where there is no estimate
    note: str = ""


def refused(reason: str) -> Estimate:
    """No estimate, and why."""
    return Estimate(reason=reason, note=REFUSALS[reason])


def estimate(
    y: np.ndarray,
    X: np.ndarray,
    *,
    kind: str,
    person: np.ndarray,
    clustered: bool,
    follow: np.ndarray | None = None,
) -> Estimate:
    """Fit outcome y (n,) on X (n, K) and return the estimate of the last column.

    Parameters
    ----------
    kind : str
        One of `outcome.KINDS`.
    person : np.ndarray
        (n,) int, equal for the two eyes of a person.
    clustered : bool
        True where a row is an eye.
    follow : np.ndarray, optional
        (n, 2) entry and exit, of an outcome of kind "survival".
    """
    people = len(np.unique(person))
    if people < X.shape[1] + (FEWEST_CLUSTERS_OVER if clustered else 3):
        return refused("too_few_people")
    if kind == "continuous":
        return _least_squares(y, X, person if clustered else None)
    if kind in ("ordinal", "count"):
        from retquant.association.graded_models import estimate_count, estimate_ordinal

        return (estimate_ordinal if kind == "ordinal" else estimate_count)(
            y, X, person if clustered else None
        )
    with_event, without = len(np.unique(person[y == 1])), len(np.unique(person[y == 0]))
    events = with_event if kind == "survival" else min(with_event, without)
    if events < FEWEST_EVENTS:
        return refused("too_few_events")
    per_parameter = events / (X.shape[1] - 1)
    if kind == "survival":
        from retquant.association.time_models import estimate_hazard

        assert follow is not None  # every time to event has its times
        return estimate_hazard(y, X, follow, person if clustered else None, per_parameter)
    if clustered:
        return _logistic_by_person(y, X, person, per_parameter)
    if per_parameter < EVENTS_PER_PARAMETER:
        return _firth(y, X, f"{per_parameter:.1f} events per parameter")
    fitted = _maximum_likelihood(y, X)
    if fitted is None:
        return _firth(y, X, "separation")
    return wald("logistic", fitted[0], fitted[1], freedom=math.inf)


def _least_squares(y: np.ndarray, X: np.ndarray, person: np.ndarray | None) -> Estimate:
    from statsmodels.regression.linear_model import OLS

    model = OLS(y, X)
    if person is None:
        fit = model.fit(cov_type="HC3", use_t=True)
        return wald("linear, HC3", fit.params[-1], fit.bse[-1], freedom=len(y) - X.shape[1])
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": person}, use_t=True)
    people = len(np.unique(person))
    return wald("linear, clustered by person", fit.params[-1], fit.bse[-1], freedom=people - 1)


def _maximum_likelihood(
    y: np.ndarray, X: np.ndarray, person: np.ndarray | None = None
) -> tuple[float, float] | None:
    """Coefficient and standard error of the last column; None under separation, where no maximum exists."""
    from statsmodels.discrete.discrete_model import Logit
    from statsmodels.tools.sm_exceptions import PerfectSeparationError

    kind = {} if person is None else {"cov_type": "cluster", "cov_kwds": {"groups": person}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is read from the fit below
        try:
            fit = Logit(y, X).fit(disp=0, maxiter=35, warn_convergence=False, **kind)
        except (np.linalg.LinAlgError, PerfectSeparationError):
            return None
    if not fit.mle_retvals["converged"] or not np.isfinite(fit.bse).all():
        return None
    return float(fit.params[-1]), float(fit.bse[-1])


def _logistic_by_person(y: np.ndarray, X: np.ndarray, person: np.ndarray, per_parameter: float) -> Estimate:
    fitted = _maximum_likelihood(y, X, person)
    if fitted is None:
        return refused("separation")
    note = ""
    if per_parameter < EVENTS_PER_PARAMETER:
        note = f"{per_parameter:.1f} events per parameter: the odds ratio may be too far from 1"
    people = len(np.unique(person))
    return wald("logistic, clustered by person", *fitted, freedom=people - X.shape[1], note=note)


def _firth(y: np.ndarray, X: np.ndarray, why: str) -> Estimate:
    try:
        fit = fit_firth(y, X, tested=X.shape[1] - 1)
    except (ArithmeticError, np.linalg.LinAlgError):
        return refused("no_convergence")
    return Estimate(
        model="logistic, Firth",
        effect=float(fit.coefficients[-1]),
        standard_error=float(fit.standard_errors[-1]),
        ci_low=fit.ci[0],
        ci_high=fit.ci[1],
        p=fit.p,
        note=f"penalised likelihood because of {why}",
    )


def wald(model: str, effect: float, error: float, *, freedom: float, note: str = "") -> Estimate:
    """Interval and p of a coefficient by Student's t with `freedom` degrees, the normal distribution if infinite."""
    if not (np.isfinite(effect) and np.isfinite(error) and error > 0):
        return refused("no_convergence")
    reference = t(freedom) if math.isfinite(freedom) else norm
    reach = float(reference.ppf(0.975)) * error
    return Estimate(
        model=model,
        effect=float(effect),
        standard_error=float(error),
        ci_low=float(effect - reach),
        ci_high=float(effect + reach),
        p=float(2 * reference.sf(abs(effect / error))),
        note=note,
    )
