"""Firth's logistic regression against closed forms and a general optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from retquant.association.firth import fit_firth


def two_by_two(a: int, b: int, c: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Cases and controls among the exposed (a, b) and the unexposed (c, d)."""
    exposed = np.repeat([1.0, 1.0, 0.0, 0.0], [a, b, c, d])
    return np.repeat([1.0, 0.0, 1.0, 0.0], [a, b, c, d]), np.column_stack([np.ones(a + b + c + d), exposed])


@pytest.mark.parametrize("cells", [(5, 7, 3, 12), (6, 0, 4, 11), (9, 0, 0, 9)])
def test_a_two_by_two_table_gives_the_odds_ratio_with_one_half_added_to_each_cell(
    cells: tuple[int, ...],
) -> None:
    y, X = two_by_two(*cells)
    a, b, c, d = np.asarray(cells) + 0.5
    fit = fit_firth(y, X, tested=1)
    np.testing.assert_allclose(fit.coefficients, [np.log(c / d), np.log(a * d / (b * c))], atol=1e-6)
    np.testing.assert_allclose(fit.standard_errors[1] ** 2, _variance(cells, fit.coefficients), rtol=1e-6)


def _variance(cells: tuple[int, ...], beta: np.ndarray) -> float:
    p0, p1 = 1 / (1 + np.exp(-beta[0])), 1 / (1 + np.exp(-beta.sum()))
    return float(1 / ((cells[2] + cells[3]) * p0 * (1 - p0)) + 1 / ((cells[0] + cells[1]) * p1 * (1 - p1)))


def penalised(beta: np.ndarray, y: np.ndarray, X: np.ndarray) -> float:
    linear = X @ beta
    p = 1 / (1 + np.exp(-linear))
    information = (X * (p * (1 - p))[:, None]).T @ X
    return float(y @ linear - np.logaddexp(0, linear).sum() + 0.5 * np.linalg.slogdet(information)[1])


def test_the_maximum_the_test_and_the_interval_agree_with_a_general_optimiser() -> None:
    random = np.random.default_rng(3)
    X = np.column_stack([np.ones(60), random.normal(size=(60, 3))])
    y = (random.random(60) < 1 / (1 + np.exp(1 - 1.2 * X[:, 1]))).astype(float)
    fit = fit_firth(y, X, tested=1)
    best = minimize(lambda b: -penalised(b, y, X), np.zeros(4), tol=1e-12)
    np.testing.assert_allclose(fit.coefficients, best.x, atol=2e-5)

    def profile(value: float) -> float:
        return -minimize(lambda b: -penalised(np.insert(b, 1, value), y, X), np.zeros(3), tol=1e-12).fun

    for end in fit.ci:
        assert 2 * (-best.fun - profile(end)) == pytest.approx(3.841458820694124, abs=1e-5)
    from scipy.stats import chi2

    assert fit.p == pytest.approx(chi2.sf(2 * (-best.fun - profile(0.0)), 1), rel=1e-5)


def test_a_perfectly_separated_covariate_keeps_every_estimate_finite() -> None:
    values = np.linspace(-1, 1, 40)
    fit = fit_firth((values > 0).astype(float), np.column_stack([np.ones(40), values]), tested=1)
    assert np.isfinite([*fit.coefficients, *fit.standard_errors, *fit.ci, fit.p]).all()
    assert fit.p < 1e-6
    assert fit.ci[0] > 0


def test_an_interval_is_found_where_the_profile_has_more_than_one_top() -> None:
    # twelve people; from the far side of the ridge, the way back to the estimate ends on a lower top
    X = np.array(
        [
            (1, -0.641, 0, -0.330),
            (1, 1.227, 0, 1.429),
            (1, -0.311, 0, -0.964),
            (1, 1.557, 0, -1.620),
            (1, -0.531, 1, 0.022),
            (1, -0.971, 1, -0.608),
            (1, -0.641, 0, 1.123),
            (1, -0.861, 1, 1.193),
            (1, 1.557, 0, -0.859),
            (1, -1.191, 1, -0.721),
            (1, -0.311, 1, 0.878),
            (1, 1.117, 1, 0.458),
        ]
    )
    y = np.array([1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 0, 0], dtype=float)
    fit = fit_firth(y, X, tested=3)
    top = penalised(fit.coefficients, y, X)
    starts = np.random.default_rng(0).normal(0, 2, (12, 3))

    def profile(value: float) -> float:
        found = [
            minimize(lambda b: -penalised(np.insert(b, 3, value), y, X), s, tol=1e-12).fun for s in starts
        ]
        return -float(min(found))

    assert fit.ci[0] < fit.coefficients[3] < fit.ci[1]
    for end in fit.ci:
        assert 2 * (top - profile(end)) == pytest.approx(3.841458820694124, abs=1e-3)
