"""Penalised regression for prediction: least squares and logistic, each coefficient with its own ridge.

Legend of shapes: n rows, K columns.
"""

from __future__ import annotations

import numpy as np

_STEPS = 50
_DONE = 1e-10  # largest change of a linear predictor
_LARGEST = 30.0  # of a linear predictor, beyond which a probability is 0 or 1 in double precision


def ridge(y: np.ndarray, X: np.ndarray, penalty: np.ndarray, *, is_binary: bool) -> np.ndarray:
    """(K,) coefficients that minimise the loss of y (n,) on X (n, K) plus half of `penalty` (K,) times their squares.

    The loss is half the sum of squares, or the negative log likelihood of y of 0 and 1 (Hoerl and Kennard 1970; le
    Cessie and van Houwelingen 1992). `statsmodels` has the same as `GLM.fit_regularized(L1_wt=0)`, by a general
    optimiser; these Newton steps are what makes nested cross-validation bearable.
    """
    if not is_binary:
        return np.linalg.solve(X.T @ X + np.diag(penalty), X.T @ y)
    beta = np.zeros(X.shape[1])
    linear = X @ beta
    for _ in range(_STEPS):
        probability = probabilities(linear)
        weight = np.maximum(probability * (1 - probability), 1e-10)
        gradient = X.T @ (y - probability) - penalty * beta
        step = np.linalg.solve((X * weight[:, None]).T @ X + np.diag(penalty), gradient)
        moved = X @ step
        scale = min(1.0, 5.0 / max(float(np.abs(moved).max()), 1e-300))  # a full step may overshoot
        beta, linear = beta + scale * step, linear + scale * moved
        if np.abs(moved).max() < _DONE:
            break
    return beta


def probabilities(linear: np.ndarray) -> np.ndarray:
    """(n,) probabilities of linear predictors."""
    return np.asarray(1 / (1 + np.exp(-np.clip(linear, -_LARGEST, _LARGEST))))


def loss(y: np.ndarray, linear: np.ndarray, *, is_binary: bool) -> float:
    """Sum of squares, or negative log likelihood, of linear predictors (n,)."""
    if not is_binary:
        return float(np.square(y - linear).sum())
    return float(np.logaddexp(0.0, linear).sum() - y @ linear)
