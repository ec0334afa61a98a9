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
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.stats import chi2, norm, t
from scipy.stats import f as f_distribution

from retquant.association.covariates import ALONE, leverages
from retquant.association.firth import fit_firth

FEWEST_EVENTS = 5  # people with, and without, the outcome; below this no model says anything
EVENTS_PER_PARAMETER = 10  # Peduzzi 1996; below it maximum likelihood is biased away from the null
FEWEST_CLUSTERS_OVER = 10  # people beyond the number of parameters that a clustered variance needs

REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "all_missing": "the biomarker was measured in none of the rows with outcome and covariates",
        "constant": "the biomarker has one value only",
        "one_person": "it has one value in all people but one, who alone would decide",
        "constant_outcome": "the outcome has one value only among the rows with the biomarker",
        "collinear": "the covariates determine the biomarker",
        "too_few_people": "too few people for the number of parameters",
        "too_few_events": f"fewer than {FEWEST_EVENTS} people with, or without, the outcome",
        "separation": "the outcome is separated perfectly, and there is no penalised model for such rows",
        "no_convergence": "the fit did not converge",
        "no_repeats": "no person (or site) has two rows, so a random intercept has nothing to be told from",
        "too_few_sites": "fewer sites with an estimate than it takes",
        "no_direction": "neither end of the biomarker is known to be bad, so no eye is the worse one",
        "no_logarithm": "it has values of 0 or less, which have no logarithm",
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


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Sample:
    """The rows of one analysis, without the columns that are tested."""

    y: np.ndarray  # (n,) the outcome
    kind: str  # one of `outcome.KINDS`
    person: np.ndarray  # (n,) int, equal for the rows of a person
    is_clustered: bool = False  # a person may have several rows
    follow: np.ndarray | None = None  # (n, 2) entry and exit, of an outcome of kind "survival"
    weights: np.ndarray | None = None  # (n,) of a survey, or inverse probabilities
    site: np.ndarray | None = None  # (n,) int, of a random intercept
    model: str = "auto"  # one of `modelling.MODELS`

    @property
    def clusters(self) -> np.ndarray | None:
        """(n,) people to cluster by; None where a row is a person."""
        return self.person if self.is_clustered else None

    def part(self, chosen: np.ndarray) -> Sample:
        """The rows in `chosen` (n,) bool."""
        return replace(
            self,
            y=self.y[chosen],
            person=self.person[chosen],
            follow=None if self.follow is None else self.follow[chosen],
            weights=None if self.weights is None else self.weights[chosen],
            site=None if self.site is None else self.site[chosen],
        )


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Fitted:
    """Coefficients of the tested columns (T of them, the last of X) with their covariance."""

    model: str
    coefficients: np.ndarray  # (T,)
    covariance: np.ndarray  # (T, T)
    freedom: float = math.inf  # of Student's t; infinite for the normal distribution
    note: str = ""

    @classmethod
    def of(cls, model: str, fit: Any, places: slice, *, freedom: float = math.inf, note: str = "") -> Fitted:
        """What a fit of statsmodels says of the parameters at `places`."""
        covariance = np.asarray(fit.cov_params())[places, places]
        return cls(
            model=model,
            coefficients=np.asarray(fit.params)[places],
            covariance=covariance,
            freedom=freedom,
            note=note,
        )

    def along(self, direction: np.ndarray) -> Estimate:
        """The estimate of a linear combination (T,) of the coefficients."""
        error = math.sqrt(max(0.0, float(direction @ self.covariance @ direction)))
        effect = float(direction @ self.coefficients)
        return wald(self.model, effect, error, freedom=self.freedom, note=self.note)

    def joint_p(self, first: int = 0) -> float:
        """Wald's p that the coefficients from `first` on are all 0: by F, or chi-square where `freedom` is infinite."""
        asked, covariance = self.coefficients[first:], self.covariance[first:, first:]
        try:
            statistic = float(asked @ np.linalg.solve(covariance, asked))
        except np.linalg.LinAlgError:
            return math.nan
        if not statistic >= 0:
            return math.nan
        if math.isinf(self.freedom):
            return float(chi2.sf(statistic, len(asked)))
        return float(f_distribution.sf(statistic / len(asked), len(asked), self.freedom))


def estimate(sample: Sample, X: np.ndarray) -> Estimate:
    """Fit the sample's outcome on X (n, K) and return the estimate of the last column."""
    found = fit_sample(sample, X)
    return found if isinstance(found, Estimate) else found.along(np.ones(1))


def fit_sample(sample: Sample, X: np.ndarray, *, tested: int = 1) -> Fitted | Estimate:
    """Fit the sample's outcome on X (n, K), whose last `tested` columns are asked about.

    An `Estimate` comes back where there is none, with its reason, and of Firth's regression, whose interval is that of
    the profile likelihood and which tests one column only.
    """
    y, kind = sample.y, sample.kind
    people = len(np.unique(sample.person))
    if people < X.shape[1] + (FEWEST_CLUSTERS_OVER if sample.is_clustered else 3):
        return refused("too_few_people")
    events = _events(sample)
    if events < FEWEST_EVENTS:
        return refused("too_few_events")
    per_parameter = events / (X.shape[1] - 1)
    if sample.model in ("mixed", "gee") or sample.site is not None or sample.weights is not None:
        from retquant.association.repeated_models import fit_gee, fit_mixed
        from retquant.association.weighted_models import fit_weighted

        if sample.weights is not None:
            return fit_weighted(sample, X, tested, per_parameter)
        if sample.model == "gee":
            return fit_gee(sample, X, tested, per_parameter)
        return fit_mixed(sample, X, tested)
    if kind == "continuous":
        return _least_squares(y, X, sample.clusters, tested)
    if kind in ("ordinal", "count"):
        from retquant.association.graded_models import fit_count, fit_ordinal

        return (fit_ordinal if kind == "ordinal" else fit_count)(y, X, sample.clusters, tested)
    if kind == "survival":
        from retquant.association.time_models import fit_hazard

        assert sample.follow is not None  # every time to event has its times
        return fit_hazard(y, X, sample.follow, sample.clusters, per_parameter, tested)
    if sample.is_clustered:
        return _logistic_by_person(y, X, sample.person, per_parameter, tested)
    if per_parameter < EVENTS_PER_PARAMETER:
        return _firth(y, X, tested, f"{per_parameter:.1f} events per parameter")
    fitted = _maximum_likelihood(y, X)
    if fitted is None:
        return _firth(y, X, tested, "separation")
    return Fitted.of("logistic", fitted, slice(-tested, None))


def few_events(per_parameter: float, ratio: str) -> str:
    """What to know of a ratio that rests on few events; empty where they are enough."""
    if per_parameter >= EVENTS_PER_PARAMETER:
        return ""
    return f"{per_parameter:.1f} events per parameter: the {ratio} may be too far from 1"


def _events(sample: Sample) -> float:
    """People with the event, or without it where these are fewer; infinite where the outcome is no event."""
    if sample.kind not in ("binary", "survival"):
        return math.inf
    y, person = sample.y, sample.person
    with_event, without = len(np.unique(person[y == 1])), len(np.unique(person[y == 0]))
    return with_event if sample.kind == "survival" else min(with_event, without)


def _least_squares(y: np.ndarray, X: np.ndarray, person: np.ndarray | None, tested: int) -> Fitted | Estimate:
    from statsmodels.regression.linear_model import OLS

    model, places = OLS(y, X), slice(-tested, None)
    if person is None:
        if leverages(X).max() > ALONE:  # fitted exactly, so that HC3 divides by nothing
            return refused("one_person")
        fit = model.fit(cov_type="HC3", use_t=True)
        return Fitted.of("linear, HC3", fit, places, freedom=len(y) - X.shape[1])
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": person}, use_t=True)
    return Fitted.of("linear, clustered by person", fit, places, freedom=len(np.unique(person)) - 1)


def _maximum_likelihood(y: np.ndarray, X: np.ndarray, person: np.ndarray | None = None) -> Any | None:
    """The logistic fit; None under separation, where no maximum exists."""
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
    return fit


def _logistic_by_person(
    y: np.ndarray, X: np.ndarray, person: np.ndarray, per_parameter: float, tested: int
) -> Fitted | Estimate:
    fitted = _maximum_likelihood(y, X, person)
    if fitted is None:
        return refused("separation")
    return Fitted.of(
        "logistic, clustered by person",
        fitted,
        slice(-tested, None),
        freedom=len(np.unique(person)) - X.shape[1],
        note=few_events(per_parameter, "odds ratio"),
    )


def _firth(y: np.ndarray, X: np.ndarray, tested: int, why: str) -> Estimate:
    if tested > 1:
        return refused("too_few_events")
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
