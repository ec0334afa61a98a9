"""Logistic regression of many tested variables on one outcome at a time: score tests, and exact fits from them.

The score test (Rao 1948) needs one fit without the tested variables; its one-step estimate is where Newton's method
would go first.
"""

from __future__ import annotations

import numpy as np

from retquant.association.engines.screen import Screen

_STEPS = 25
_PROMISE = 1e-12  # rise of the log likelihood, a row, that a Newton step still promises
_LARGEST = 30.0  # of a linear predictor; beyond it a probability is 0 or 1 and the outcome separated
_LEFT = 1e-10  # share of a tested variable's weighted sum of squares that the design must leave over


def logistic_score(tested: np.ndarray, outcomes: np.ndarray, design: np.ndarray) -> Screen:
    """Score tests of tested (n, B) for outcomes (n, O) of 0 and 1; the effect is the one-step estimate.

    The standard error is the one under no effect. An outcome whose null model has no maximum gives NaN.
    """
    shape = (tested.shape[1], outcomes.shape[1])
    score, information = np.full(shape, np.nan), np.full(shape, np.nan)
    for column, y in enumerate(outcomes.T):
        probability = _without_effect(y, design)
        if probability is None:
            continue
        weight = probability * (1 - probability)
        weighted = design * weight[:, None]
        cross = weighted.T @ tested  # (K, B)
        own = weight @ tested**2
        left = own - np.einsum("kb,kb->b", cross, np.linalg.solve(weighted.T @ design, cross))
        score[:, column] = tested.T @ (y - probability)
        information[:, column] = np.where(left > _LEFT * own, left, np.nan)
    return Screen.of(
        score / information, 1 / np.sqrt(information), freedom=np.inf, model="logistic, score test"
    )


def logistic(tested: np.ndarray, outcomes: np.ndarray, design: np.ndarray) -> Screen:
    """Maximum likelihood for every pair, with Wald tests; NaN where there is no maximum (separation)."""
    shape = (tested.shape[1], outcomes.shape[1])
    effect, error = np.full(shape, np.nan), np.full(shape, np.nan)
    basis = np.linalg.qr(design)[0] * np.sqrt(len(design))  # well conditioned, and the same model
    left = tested - basis @ (basis.T @ tested) / len(design)
    spreads = np.sqrt(np.square(left).mean(axis=0))
    determined = spreads**2 <= _LEFT * np.square(tested).mean(axis=0)
    for column, y in enumerate(outcomes.T):
        null = fit_logistic(y, basis)
        if null is None:
            continue
        for row in np.flatnonzero(~determined):
            spread = spreads[row]
            whole = np.column_stack([basis, left[:, row] / spread])
            found = _newton(y, whole, np.r_[null, 0.0])
            if found is not None:
                beta, covariance = found
                effect[row, column] = beta[-1] / spread
                error[row, column] = np.sqrt(covariance[-1, -1]) / spread
    return Screen.of(effect, error, freedom=np.inf, model="logistic")


def fit_logistic(y: np.ndarray, design: np.ndarray) -> np.ndarray | None:
    """Coefficients (K,) of the greatest likelihood of y (n,) of 0 and 1; None where there is no greatest one."""
    found = _newton(y, design, np.zeros(design.shape[1]))
    return None if found is None else found[0]


def _without_effect(y: np.ndarray, design: np.ndarray) -> np.ndarray | None:
    """(n,) probabilities by the design alone; None where that model has no maximum."""
    null = fit_logistic(y, design)
    return None if null is None else _probability(design @ null)


def _newton(y: np.ndarray, design: np.ndarray, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Coefficients (K,) and their covariance (K, K) one negligible step before them; None without a maximum."""
    for _ in range(_STEPS):
        linear = design @ beta
        if max(linear.max(initial=0), -linear.min(initial=0)) > _LARGEST:
            return None
        probability = _probability(linear)
        score = design.T @ (y - probability)
        information = (design * (probability * (1 - probability))[:, None]).T @ design
        try:
            step = np.linalg.solve(information, score)
            if score @ step < _PROMISE * len(y):
                covariance = np.linalg.inv(information)
                return (beta + step, covariance) if np.isfinite(step).all() else None
        except np.linalg.LinAlgError:
            return None
        beta = beta + step
    return None


def _probability(linear: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return np.asarray(expit(linear))


def logistic_score_by_cluster(
    tested: np.ndarray, outcomes: np.ndarray, design: np.ndarray, cluster: np.ndarray
) -> Screen:
    """As `logistic_score`, with the score's variance from sums over clusters (n,) int: the generalised score test.

    Boos, Am Stat 1992;46:327. The effect is the one-step estimate with its sandwich standard error.
    """
    order = np.argsort(cluster, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(cluster[order]) != 0])
    tested, outcomes, design = tested[order], outcomes[order], design[order]
    shape = (tested.shape[1], outcomes.shape[1])
    effect, error = np.full(shape, np.nan), np.full(shape, np.nan)
    for column, y in enumerate(outcomes.T):
        probability = _without_effect(y, design)
        if probability is None:
            continue
        weight = probability * (1 - probability)
        weighted = design * weight[:, None]
        left = tested - design @ np.linalg.solve(weighted.T @ design, weighted.T @ tested)
        information = weight @ left**2
        information = np.where(information > _LEFT * (weight @ tested**2), information, np.nan)
        scores = np.add.reduceat(left * (y - probability)[:, None], starts, axis=0)  # (G, B)
        effect[:, column] = scores.sum(axis=0) / information
        error[:, column] = np.sqrt(np.square(scores).sum(axis=0)) / information
    return Screen.of(
        effect, error, freedom=float(len(starts) - 1), model="logistic, score test clustered by person"
    )
