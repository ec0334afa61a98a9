"""Least squares of many outcomes on many tested variables, one at a time, each adjusted for one design.

By the theorem of Frisch, Waugh and Lovell a coefficient needs only what the design leaves of the tested variable and
of the outcome: one QR decomposition serves all pairs, and every sum over rows is a matrix product. HC3: MacKinnon and
White, J Econometrics 1985;29:305. Clustered: Liang and Zeger, Biometrika 1986;73:13, times G/(G-1) (n-1)/(n-K) for G
clusters.
"""

from __future__ import annotations

import numpy as np

from retquant.association.engines.screen import Screen

_LEFT = 1e-12  # share of a tested variable's sum of squares that the design must leave over


def least_squares(
    tested: np.ndarray, outcomes: np.ndarray, design: np.ndarray, *, errors: str = "HC3"
) -> Screen:
    """Every tested variable (n, B) against every outcome (n, O), adjusted for design (n, K).

    Parameters
    ----------
    errors : str
        "classical" or "HC3".
    """
    basis, left, ys = _residuals(tested, outcomes, design)
    n, width = design.shape
    freedom = float(n - width - 1)
    xx, effect = _effects(tested, left, ys)
    if errors == "classical":
        rss = np.square(ys).sum(axis=0) - effect**2 * xx[:, None]
        error = np.sqrt(np.maximum(rss, 0) / freedom / xx[:, None])
        return Screen.of(effect, error, freedom=freedom, model="linear")
    if errors != "HC3":
        raise ValueError(f"errors are classical or HC3, not {errors!r}")
    leverage = np.square(basis).sum(axis=1)[:, None] + left**2 / xx
    weight = (left / np.maximum(1 - leverage, 1e-300)) ** 2
    # sum over rows of weight (y - effect x)^2, multiplied out
    meat = (
        weight.T @ ys**2
        - 2 * effect * ((weight * left).T @ ys)
        + effect**2 * (weight * left**2).sum(axis=0)[:, None]
    )
    error = np.sqrt(np.maximum(meat, 0)) / xx[:, None]
    return Screen.of(effect, error, freedom=freedom, model="linear, HC3")


def least_squares_by_cluster(
    tested: np.ndarray, outcomes: np.ndarray, design: np.ndarray, cluster: np.ndarray
) -> Screen:
    """As `least_squares`, where the rows of one cluster (n,) int, as the eyes of a person, go together."""
    order = np.argsort(cluster, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(cluster[order]) != 0])
    _, left, ys = _residuals(tested[order], outcomes[order], design[order])
    n, width = design.shape
    groups = len(starts)
    xx, effect = _effects(tested, left, ys)
    squares = np.add.reduceat(left**2, starts, axis=0)  # (G, B)
    meat = np.empty_like(effect)
    for column, x in enumerate(left.T):
        products = np.add.reduceat(x[:, None] * ys, starts, axis=0)  # (G, O)
        own = squares[:, column]
        slope = effect[column]
        meat[column] = (
            np.einsum("go,go->o", products, products) - 2 * slope * (own @ products) + slope**2 * (own @ own)
        )
    factor = groups / (groups - 1) * (n - 1) / (n - width - 1)
    error = np.sqrt(np.maximum(meat, 0) * factor) / xx[:, None]
    return Screen.of(effect, error, freedom=float(groups - 1), model="linear, clustered by person")


def _residuals(
    tested: np.ndarray, outcomes: np.ndarray, design: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orthonormal basis of the design, and what it leaves of the tested variables and of the outcomes."""
    basis = np.linalg.qr(design)[0]
    return basis, tested - basis @ (basis.T @ tested), outcomes - basis @ (basis.T @ outcomes)


def _effects(tested: np.ndarray, left: np.ndarray, ys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B,) sums of squares left over, NaN where the design determines the variable, and (B, O) coefficients."""
    xx = np.square(left).sum(axis=0)
    xx = np.where(xx > _LEFT * np.square(tested).sum(axis=0), xx, np.nan)
    return xx, (left.T @ ys) / xx[:, None]
