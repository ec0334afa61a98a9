"""What every fast engine returns: an effect, its standard error and a p-value for each pair."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, stdtr


@dataclass(frozen=True, eq=False, kw_only=True)
class Screen:
    """Estimates of B tested variables against O outcomes, all (B, O); NaN where there is none."""

    effect: np.ndarray  # per unit of the tested variable
    standard_error: np.ndarray
    statistic: np.ndarray  # t or z
    p: np.ndarray  # two-sided
    freedom: float  # of Student's t; infinite for the normal distribution
    model: str

    @classmethod
    def of(cls, effect: np.ndarray, standard_error: np.ndarray, *, freedom: float, model: str) -> Screen:
        """Wald statistics of effects; a standard error of 0 or less gives none."""
        known = np.isfinite(effect) & (standard_error > 0)
        effect, error = np.where(known, effect, np.nan), np.where(known, standard_error, np.nan)
        statistic = effect / error
        return cls(
            effect=effect,
            standard_error=error,
            statistic=statistic,
            p=two_sided(statistic, freedom),
            freedom=freedom,
            model=model,
        )

    @property
    def transposed(self) -> Screen:
        """The same with tested variables and outcomes changing places, (O, B)."""
        return replace(
            self,
            effect=self.effect.T,
            standard_error=self.standard_error.T,
            statistic=self.statistic.T,
            p=self.p.T,
        )


def two_sided(statistic: np.ndarray, freedom: float = np.inf) -> np.ndarray:
    """p-values of t statistics with `freedom` degrees of freedom, of z statistics where that is infinite."""
    away = -np.abs(statistic)
    return np.asarray(2 * (stdtr(freedom, away) if np.isfinite(freedom) else ndtr(away)))
