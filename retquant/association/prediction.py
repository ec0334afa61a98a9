"""Would the biomarkers predict the outcome in people who were not looked at: a check of sanity, not a model for use.

Five folds of people; covariates alone, and covariates with all biomarkers that count as tests, by ridge regression
whose penalty is chosen within the other four folds. Biomarkers enter as the principal components of those other folds,
which changes ridge regression's answer by no more than the variance that is left out, and makes a thousand correlated
columns a hundred. Legend of shapes: n rows, K columns, M biomarkers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from retquant.association.covariates import Terms
from retquant.association.eyes import Rows
from retquant.association.ridge import loss, probabilities, ridge

KINDS = ("binary", "continuous")
FOLDS = 5
MOST_PEOPLE = 4000  # more are sampled: a few seconds on one core
FEWEST = 100  # people, and 20 with and 20 without an event: below it five folds say nothing
FEWEST_EVENTS = 20
SEED = 20240
_INNER = 3
_PENALTIES = np.geomspace(1e-3, 1e2, 6)  # times the rows, of standardised columns
_KEPT = 0.99  # of the variance of biomarkers
_MOST_COMPONENTS = 100
_MOST_MISSING = 0.5  # of the rows; a biomarker that more people lack is left out
_RESAMPLES = 400
_BIN = 20  # rows of a point of the calibration, at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How good predictions are: area under the curve, or the share of variance explained; 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """Rows of like prediction."""

    predicted: float  # mean
    observed: float  # mean outcome
    low: float  # 95 %
    high: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Cross-validated prediction of an outcome."""

    kind: str
    people: int
    sampled_from: int | None = None  # people of whom these were drawn; None where all were taken
    biomarkers: int = 0
    covariates: Score | None = None  # None where there are none
    both: Score | None = None  # with biomarkers
    gain: Score | None = None  # of both over covariates alone, or over chance
    slope: float = (
        math.nan
    )  # of outcomes on predictions with biomarkers; 1 where they are as far apart as outcomes
    calibration: tuple[Calibrated, ...] = ()
    reason: str = ""  # why there is none


def predict(rows: Rows, terms: Terms, biomarkers: Sequence[str], *, kind: str) -> Prediction | None:
    """Cross-validate predictions with and without `biomarkers`; None for kinds of outcome other than `KINDS`."""
    if kind not in KINDS:
        return None
    random = np.random.default_rng(SEED)
    known = np.flatnonzero(~np.isnan(terms.values).any(axis=1))
    people = np.unique(rows.person[known])
    total = len(people)
    if total > MOST_PEOPLE:
        people = np.sort(random.choice(people, MOST_PEOPLE, replace=False))
        known = known[np.isin(rows.person[known], people)]
    y, person = rows.outcome[known], rows.person[known]
    base = Prediction(kind=kind, people=len(people), sampled_from=total if total > len(people) else None)
    is_binary = kind == "binary"
    shortage = _shortage(y, person, is_binary)
    values = rows.biomarkers[list(biomarkers)].to_numpy(dtype=float)[known]
    values = values[:, np.isfinite(values).mean(axis=0) >= 1 - _MOST_MISSING] if len(known) else values
    if shortage or not values.shape[1]:
        return replace(base, reason=shortage or "no biomarker was measured in half of the people")
    folds = folds_of(y, person, FOLDS, random, is_binary=is_binary)
    design = terms.values[known]
    linear = [
        _out_of_fold(y, person, folds, design, chosen, random, is_binary)
        for chosen in (values[:, :0], values)
    ]
    measure = area_under_curve if is_binary else explained
    scores = _scores(y, person, linear, measure, random)
    both = probabilities(linear[1]) if is_binary else linear[1]
    return replace(
        base,
        biomarkers=values.shape[1],
        covariates=scores[0] if design.shape[1] else None,
        both=scores[1],
        gain=scores[2],
        slope=_slope(y, linear[1], is_binary),
        calibration=_calibration(y, both, is_binary),
    )


def folds_of(
    y: np.ndarray, person: np.ndarray, count: int, random: np.random.Generator, *, is_binary: bool
) -> np.ndarray:
    """(n,) fold of each row: a person's rows in one fold, people with the event spread evenly."""
    names, member = np.unique(person, return_inverse=True)
    has_event = np.zeros(len(names))
    if is_binary:
        np.maximum.at(has_event, member, y)
    order = np.lexsort([random.random(len(names)), has_event])
    fold = np.empty(len(names), dtype=int)
    fold[order] = np.arange(len(names)) % count
    return fold[member]


def area_under_curve(y: np.ndarray, predicted: np.ndarray) -> float:
    """Chance that a row with the event is predicted above one without, ties by half (Hanley and McNeil 1982)."""
    from scipy.stats import rankdata

    events = float(y.sum())
    others = len(y) - events
    if not events or not others:
        return math.nan
    return float((rankdata(predicted)[y > 0].sum() - events * (events + 1) / 2) / (events * others))


def explained(y: np.ndarray, predicted: np.ndarray) -> float:
    """1 less the squared error of predictions over that of the mean; below 0 where the mean predicts better."""
    around = float(np.square(y - y.mean()).sum())
    return 1 - float(np.square(y - predicted).sum()) / around if around > 0 else math.nan


def _shortage(y: np.ndarray, person: np.ndarray, is_binary: bool) -> str:
    people = len(np.unique(person))
    if people < FEWEST:
        return f"{people} people are too few to predict in parts: {FEWEST} are needed"
    events = (
        min(len(np.unique(person[y == 1])), len(np.unique(person[y == 0]))) if is_binary else FEWEST_EVENTS
    )
    if events < FEWEST_EVENTS:
        return (
            f"{events} people with, or without, the outcome are too few: {FEWEST_EVENTS} of each are needed"
        )
    return ""


def _out_of_fold(
    y: np.ndarray,
    person: np.ndarray,
    folds: np.ndarray,
    covariates: np.ndarray,
    values: np.ndarray,
    random: np.random.Generator,
    is_binary: bool,
) -> np.ndarray:
    """(n,) linear predictors, each from a model that saw neither the row nor its person."""
    out = np.empty(len(y))
    for fold in range(FOLDS):
        train, test = folds != fold, folds == fold
        components = _components(values[train])
        X = np.column_stack([np.ones(len(y)), covariates, components(values)])
        free = 1 + covariates.shape[1]  # the intercept and the covariates are not penalised
        weight = np.r_[np.zeros(free), np.full(X.shape[1] - free, float(train.sum()))]
        weight[1:free] = 1e-6 * train.sum()  # but collinear or separating ones are held
        penalty = weight
        if X.shape[1] > free:
            inner = folds_of(y[train], person[train], _INNER, random, is_binary=is_binary)
            penalty = _chosen(y[train], X[train], weight, free, inner, is_binary)
        out[test] = X[test] @ ridge(y[train], X[train], penalty, is_binary=is_binary)
    return out


def _components(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """What turns biomarkers (n, M) into the components of these rows; missing values become these rows' means."""
    if not values.shape[1]:
        return lambda other: np.empty((len(other), 0))
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    center = np.where(known, values, 0.0).sum(axis=0) / count
    filled = np.where(known, values - center, 0.0)
    spread = np.sqrt(np.square(filled).sum(axis=0) / count)
    varies = spread > 1e-12 * np.maximum(np.abs(center), 1e-300)
    scaled = filled[:, varies] / spread[varies]
    sizes, axes = np.linalg.eigh(scaled.T @ scaled)
    sizes, axes = sizes[::-1], axes[:, ::-1]
    kept = int(np.searchsorted(np.cumsum(sizes), _KEPT * sizes.sum())) + 1
    axes = axes[:, : min(kept, _MOST_COMPONENTS)]

    def turned(other: np.ndarray) -> np.ndarray:
        shifted = np.where(np.isfinite(other), other - center, 0.0)
        return np.asarray(shifted[:, varies] / spread[varies] @ axes)

    return turned


def _chosen(
    y: np.ndarray, X: np.ndarray, weight: np.ndarray, free: int, inner: np.ndarray, is_binary: bool
) -> np.ndarray:
    """The penalty of least loss in rows that the fit did not see."""
    losses = []
    for strength in _PENALTIES:
        penalty = np.r_[weight[:free], strength * weight[free:]]
        lost = 0.0
        for fold in range(_INNER):
            train, test = inner != fold, inner == fold
            beta = ridge(y[train], X[train], penalty * train.mean(), is_binary=is_binary)
            lost += loss(y[test], X[test] @ beta, is_binary=is_binary)
        losses.append(lost)
    best = _PENALTIES[int(np.argmin(losses))]
    return np.r_[weight[:free], best * weight[free:]]


def _scores(
    y: np.ndarray,
    person: np.ndarray,
    linear: Sequence[np.ndarray],
    measure: Callable[[np.ndarray, np.ndarray], float],
    random: np.random.Generator,
) -> list[Score]:
    """Scores of covariates alone, of both, and the difference, with percentiles over people drawn again."""
    names, member = np.unique(person, return_inverse=True)
    order = np.argsort(member, kind="stable")
    rows_of = np.split(order, np.cumsum(np.bincount(member))[:-1])
    drawn = np.empty((_RESAMPLES, 2))
    for again in range(_RESAMPLES):
        chosen = np.concatenate([rows_of[place] for place in random.integers(len(names), size=len(names))])
        drawn[again] = [measure(y[chosen], one[chosen]) for one in linear]
    values = [measure(y, one) for one in linear]
    found = []
    for value, resampled in (
        (values[0], drawn[:, 0]),
        (values[1], drawn[:, 1]),
        (values[1] - values[0], drawn[:, 1] - drawn[:, 0]),
    ):
        low, high = np.nanpercentile(resampled, [2.5, 97.5])
        found.append(Score(value=value, low=float(low), high=float(high)))
    return found


def _slope(y: np.ndarray, linear: np.ndarray, is_binary: bool) -> float:
    """Slope of the outcome on the linear predictor (Cox 1958)."""
    if linear.std() == 0:
        return math.nan
    X = np.column_stack([np.ones(len(y)), linear])
    return float(ridge(y, X, np.full(2, 1e-9), is_binary=is_binary)[1])


def _calibration(y: np.ndarray, predicted: np.ndarray, is_binary: bool) -> tuple[Calibrated, ...]:
    """Tenths of the rows by prediction, fewer and larger parts of few rows."""
    from statsmodels.stats.proportion import proportion_confint

    parts = np.array_split(np.argsort(predicted, kind="stable"), max(2, min(10, len(y) // _BIN)))
    points = []
    for part in parts:
        observed, n = float(y[part].mean()), len(part)
        if is_binary:
            low, high = proportion_confint(y[part].sum(), n, method="wilson")
        else:
            reach = 1.96 * float(y[part].std(ddof=1)) / math.sqrt(n)
            low, high = observed - reach, observed + reach
        points.append(
            Calibrated(
                predicted=float(predicted[part].mean()),
                observed=observed,
                low=float(low),
                high=float(high),
                rows=n,
            )
        )
    return tuple(points)
