"""Linear mixed models with a random intercept for each person: both eyes count, and never as two people.

The likelihood depends on one ratio of variances. Sums of products over rows, and those over people by how many eyes
they have, are all that it takes, so that a candidate ratio costs one solve of the size of the design. The ratio of each
outcome is estimated once, without the tested variables (restricted maximum likelihood), as genome-wide mixed models do
(Kang et al., Nat Genet 2010;42:348: the shortcut that takes the ratio under the null); `statsmodels.MixedLM` estimates
it in every model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from retquant.association.engines.screen import Screen

_LOG_RATIOS = (-15.0, 20.0)  # bounds of the logarithm of between- over within-person variance
_LEFT = 1e-12


@dataclass(frozen=True, eq=False, kw_only=True)
class MixedScreen:
    """The estimates, with the variances of each outcome under no effect."""

    screen: Screen
    ratio: np.ndarray  # (O,) variance between people over variance within


def random_intercept(
    tested: np.ndarray, outcomes: np.ndarray, design: np.ndarray, person: np.ndarray
) -> MixedScreen:
    """Each tested variable (n, B) against each outcome (n, O), adjusted for design (n, K); `person` (n,) int."""
    products = _Products.of(np.column_stack([design, tested, outcomes]), person)
    width, variables = design.shape[1], tested.shape[1]
    n = len(design)
    shape = (variables, outcomes.shape[1])
    effect, error, ratios = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape[1], np.nan)
    known, asked = slice(0, width), slice(width, width + variables)
    for column in range(shape[1]):
        at = width + variables + column
        ratio = _ratio(products, width, at, n)
        ratios[column] = ratio
        moments = products.weighted(ratio)
        solved = np.linalg.solve(moments[known, known], moments[known, :])
        left = moments - moments[:, known] @ solved  # what the design leaves of every product
        xx = np.diag(left)[asked]
        xx = np.where(xx > _LEFT * np.diag(moments)[asked], xx, np.nan)
        xy, yy = left[asked, at], left[at, at]
        effect[:, column] = xy / xx
        within = (yy - xy**2 / xx) / (n - width - 1)
        error[:, column] = np.sqrt(np.maximum(within, 0) / xx)
    return MixedScreen(
        screen=Screen.of(effect, error, freedom=np.inf, model="mixed, variance ratio under no effect"),
        ratio=ratios,
    )


def variance_ratio(y: np.ndarray, design: np.ndarray, person: np.ndarray) -> float:
    """Variance between people over variance within, of greatest restricted likelihood: y (n,) given design (n, K)."""
    products = _Products.of(np.column_stack([design, y]), person)
    return _ratio(products, design.shape[1], design.shape[1], len(design))


@dataclass(frozen=True, eq=False, kw_only=True)
class _Products:
    """Z'Z over rows, and over people by their number of rows: sums of m mean mean'."""

    total: np.ndarray  # (P, P)
    between: dict[int, np.ndarray]  # rows a person -> (P, P)
    people: dict[int, int]  # rows a person -> how many people

    @classmethod
    def of(cls, columns: np.ndarray, person: np.ndarray) -> _Products:
        order = np.argsort(person, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(person[order]) != 0])
        sizes = np.diff(np.r_[starts, len(person)])
        sums = np.add.reduceat(columns[order], starts, axis=0)
        between, people = {}, {}
        for size in np.unique(sizes).tolist():
            chosen = sums[sizes == size]
            between[size] = chosen.T @ chosen / size
            people[size] = len(chosen)
        return cls(total=columns.T @ columns, between=between, people=people)

    def weighted(self, ratio: float) -> np.ndarray:
        """(P, P) Z' V^-1 Z, V in units of the variance within people."""
        shrunk = sum(size * ratio / (1 + size * ratio) * found for size, found in self.between.items())
        return np.asarray(self.total - shrunk)

    def log_determinant(self, ratio: float) -> float:
        """Of V in the same units."""
        return float(sum(count * np.log1p(size * ratio) for size, count in self.people.items()))


def _ratio(products: _Products, width: int, at: int, n: int) -> float:
    """The ratio of variances of greatest restricted likelihood, of the outcome in column `at`, given the design."""
    chosen = np.r_[np.arange(width), at]
    small = _Products(
        total=products.total[np.ix_(chosen, chosen)],
        between={size: found[np.ix_(chosen, chosen)] for size, found in products.between.items()},
        people=products.people,
    )

    def deviance(log_ratio: float) -> float:
        ratio = float(np.exp(log_ratio))
        moments = small.weighted(ratio)
        known, cross = moments[:width, :width], moments[:width, width]
        rss = moments[width, width] - cross @ np.linalg.solve(known, cross)
        logdet = np.linalg.slogdet(known)[1]
        return float((n - width) * np.log(max(rss, 1e-300)) + small.log_determinant(ratio) + logdet)

    best = minimize_scalar(deviance, bounds=_LOG_RATIOS, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(best.x))
