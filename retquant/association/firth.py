"""Logistic regression that stays finite under separation and is nearly unbiased with few events.

Firth, Biometrika 1993;80:27 (the penalty); Heinze and Schemper, Statistics in Medicine 2002;21:2409 (its use
under separation, with tests and intervals from the profile of the penalised likelihood, as here).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2

_STEPS = 200
_TOLERANCE = 1e-8
_HALVINGS = 30
_SUFFICIENT = 0.25  # of the gain that the slope promises; less lets steps swing across a narrow ridge
_GAIN = 1e-13  # of the log likelihood that a Newton step still promises
_WIDENINGS = 25  # 1.5 to this power is 25,000 standard errors
_LONGEST_STEP = (
    5.0  # on the scale of the coefficients; longer Newton steps overshoot where the likelihood is flat
)


@dataclass(frozen=True, eq=False, kw_only=True)
class FirthFit:
    """Estimates of one penalised fit; the interval and the p-value are the tested coefficient's."""

    coefficients: np.ndarray  # (K,)
    standard_errors: np.ndarray  # (K,) from the penalised fit's information
    ci: tuple[float, float]  # 95 %, profile penalised likelihood
    p: float  # penalised likelihood ratio


def fit_firth(y: np.ndarray, X: np.ndarray, *, tested: int) -> FirthFit:
    """Fit y (n,) of 0 and 1 on X (n, K), intercept included, and test column `tested`.

    Raises
    ------
    ArithmeticError
        The penalised likelihood's maximum was not found.
    """
    best, top = _maximise(y, X, fixed=None, start=np.zeros(X.shape[1]))
    others = np.arange(X.shape[1]) != tested
    at_zero = np.where(others, best, 0.0)
    _, null = _maximise(y, X, fixed=tested, start=at_zero)
    errors = np.sqrt(np.diag(np.linalg.inv(_information(X, best)[0])))
    cutoff = top - chi2.ppf(0.95, 1) / 2

    p = float(chi2.sf(max(0.0, 2 * (top - null)), 1))
    low, high = (
        _profile_end(y, X, best, tested, cutoff, direction * errors[tested]) for direction in (-1.0, 1.0)
    )
    return FirthFit(coefficients=best, standard_errors=errors, ci=(low, high), p=p)


def _profile_end(
    y: np.ndarray, X: np.ndarray, best: np.ndarray, tested: int, cutoff: float, step: float
) -> float:
    """Where the profile falls to `cutoff`: a walk from the maximum in growing steps, then root finding."""
    others = np.arange(X.shape[1]) != tested
    found: dict[float, tuple[np.ndarray, float]] = {}  # value -> coefficients there, height above the cutoff

    def above(value: float) -> float:
        # searched again from elsewhere, a point may end on a lower top, on the wrong side of 0
        if value in found:
            return found[value][1]
        # the other coefficients start where the likelihood's ridge leads from the nearest point that is known:
        # under separation they grow along
        nearest = found[min(found, key=lambda known: abs(known - value))][0] if found else best
        information = _information(X, nearest)[0]
        slope = np.linalg.solve(information[np.ix_(others, others)], information[others, tested])
        start = nearest.copy()
        start[others] -= slope * (value - nearest[tested])
        start[tested] = value
        coefficients, height = _maximise(y, X, fixed=tested, start=start)
        found[value] = coefficients, height - cutoff
        return height - cutoff

    inside, outside = float(best[tested]), float(best[tested] + step)
    above(inside)
    for _ in range(_WIDENINGS):
        if above(outside) < 0:
            return float(brentq(above, inside, outside, xtol=1e-7 * abs(step)))
        inside, outside = outside, outside + 1.5 * (outside - inside)
    raise ArithmeticError("the penalised likelihood has no finite interval")


def _information(X: np.ndarray, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fisher information (K, K), probabilities (n,) and their variances (n,)."""
    probability = 1 / (1 + np.exp(-np.clip(X @ beta, -35, 35)))
    variance = probability * (1 - probability)
    return (X * variance[:, None]).T @ X, probability, variance


def _penalised(y: np.ndarray, X: np.ndarray, beta: np.ndarray) -> float:
    linear = X @ beta
    sign, logdet = np.linalg.slogdet(_information(X, beta)[0])
    return float(y @ linear - np.logaddexp(0, linear).sum() + 0.5 * logdet) if sign > 0 else -np.inf


def _maximise(
    y: np.ndarray, X: np.ndarray, *, fixed: int | None, start: np.ndarray
) -> tuple[np.ndarray, float]:
    """Newton steps on the modified score X'(y - p + h (1/2 - p)), halved until the likelihood rises."""
    free = np.arange(X.shape[1]) != (-1 if fixed is None else fixed)
    beta, current = start.astype(float), _penalised(y, X, start)
    for _ in range(_STEPS):
        information, probability, variance = _information(X, beta)
        leverage = variance * np.einsum("ij,ji->i", X, np.linalg.solve(information, X.T))
        score = X[:, free].T @ (y - probability + leverage * (0.5 - probability))
        step = np.zeros_like(beta)
        step[free] = np.linalg.solve(information[np.ix_(free, free)], score)
        step *= min(1.0, _LONGEST_STEP / max(np.abs(step).max(), 1e-300))
        rounding = 1e-15 * np.abs(X @ beta).sum()  # of the likelihood; gains below it are noise
        if np.abs(step).max() < _TOLERANCE or score @ step[free] < max(_GAIN, rounding):
            return beta, current
        for _ in range(_HALVINGS):
            trial = _penalised(y, X, beta + step)
            if trial >= current + _SUFFICIENT * (score @ step[free]):
                break
            step /= 2
        else:
            return beta, current  # no step rises above rounding: this is the maximum
        beta, current = beta + step, trial
    raise ArithmeticError("the penalised likelihood's maximum was not found")
