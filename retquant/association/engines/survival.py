"""Proportional hazards (Cox 1972) of many tested variables: score tests from one fit without any of them.

Ties by Breslow's rule, as `statsmodels.PHReg` does by default. With entry times a person is at risk from the entry on
(exclusive) to the exit (inclusive).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retquant.association.engines.screen import Screen

_STEPS = 40
_PROMISE = 1e-11
_LEFT = 1e-10


@dataclass(frozen=True, eq=False, kw_only=True)
class Follow:
    """Follow-up of n people, in any unit of time."""

    exit: np.ndarray  # (n,) time of event or censoring
    event: np.ndarray  # (n,) bool
    entry: np.ndarray | None = None  # (n,) time from which each is at risk; None: from the start


def cox_score(tested: np.ndarray, follow: Follow, design: np.ndarray) -> Screen:
    """Score tests of tested (n, B), adjusted for design (n, K) without an intercept; (B, 1), log hazard ratios.

    The effect is the one-step estimate; the standard error is the one under no effect.
    """
    risk = _RiskSets.of(follow)
    beta = fit_cox(follow, design, risk=risk)
    if beta is None:
        nothing = np.full((tested.shape[1], 1), np.nan)
        return Screen.of(nothing, nothing, freedom=np.inf, model="Cox, score test")
    weight = np.exp(design @ beta)
    centred = tested - tested.mean(axis=0)
    moments = risk.moments(weight)
    mean_x, mean_c = risk.means(centred, weight, moments), risk.means(design, weight, moments)
    hazard = moments.hazard * weight  # (n,) expected events
    deaths = risk.deaths
    score = centred.T @ (follow.event - hazard)
    own = hazard @ centred**2 - deaths @ mean_x**2
    if design.shape[1]:
        cross = (design * hazard[:, None]).T @ centred - (mean_c * deaths[:, None]).T @ mean_x
        known = (design * hazard[:, None]).T @ design - (mean_c * deaths[:, None]).T @ mean_c
        left = own - np.einsum("kb,kb->b", cross, np.linalg.solve(known, cross))
    else:
        left = own
    left = np.where(left > _LEFT * np.abs(own), left, np.nan)
    return Screen.of(
        (score / left)[:, None], (1 / np.sqrt(left))[:, None], freedom=np.inf, model="Cox, score test"
    )


def fit_cox(follow: Follow, design: np.ndarray, *, risk: _RiskSets | None = None) -> np.ndarray | None:
    """Coefficients (K,) of the greatest partial likelihood; None where Newton's method finds none."""
    risk = risk or _RiskSets.of(follow)
    beta = np.zeros(design.shape[1])
    if not design.shape[1]:
        return beta
    for _ in range(_STEPS):
        linear = design @ beta
        weight = np.exp(linear - linear.max())
        moments = risk.moments(weight)
        mean = risk.means(design, weight, moments)
        hazard = moments.hazard * weight
        score = design.T @ (follow.event - hazard)
        information = (design * hazard[:, None]).T @ design - (mean * risk.deaths[:, None]).T @ mean
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            return None
        length = np.abs(design @ step).max()
        beta = beta + step * min(1.0, 5.0 / max(length, 1e-300))
        if score @ step < _PROMISE * len(design):
            return beta if np.isfinite(beta).all() else None
    return None


@dataclass(frozen=True, eq=False, kw_only=True)
class _Moments:
    at_risk: np.ndarray  # (T,) sum of the weights at risk at each event time
    hazard: np.ndarray  # (n,) Breslow's cumulative baseline hazard over each person's time at risk


@dataclass(frozen=True, eq=False, kw_only=True)
class _RiskSets:
    """Who is at risk at each of the T distinct event times."""

    deaths: np.ndarray  # (T,) events at each
    by_exit: np.ndarray  # (n,) order of rows, latest exit first
    leaving: np.ndarray  # (T,) how many of `by_exit` have their exit at or after the time
    last: np.ndarray  # (n,) how many event times are at or before the row's exit
    by_entry: np.ndarray | None  # (n,) order of rows, latest entry first
    coming: np.ndarray | None  # (T,) how many of `by_entry` enter at or after the time
    first: np.ndarray | None  # (n,) how many event times are at or before the row's entry

    @classmethod
    def of(cls, follow: Follow) -> _RiskSets:
        times, deaths = np.unique(follow.exit[follow.event], return_counts=True)
        by_exit = np.argsort(-follow.exit, kind="stable")
        leaving = np.searchsorted(-follow.exit[by_exit], -times, side="right")
        last = np.searchsorted(times, follow.exit, side="right")
        if follow.entry is None:
            return cls(
                deaths=deaths,
                by_exit=by_exit,
                leaving=leaving,
                last=last,
                by_entry=None,
                coming=None,
                first=None,
            )
        by_entry = np.argsort(-follow.entry, kind="stable")
        return cls(
            deaths=deaths,
            by_exit=by_exit,
            leaving=leaving,
            last=last,
            by_entry=by_entry,
            coming=np.searchsorted(-follow.entry[by_entry], -times, side="right"),
            first=np.searchsorted(times, follow.entry, side="right"),
        )

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(T, …) sums of `values` (n, …) over who is at risk at each event time."""
        total = self._tail(values, self.by_exit, self.leaving)
        if self.by_entry is not None and self.coming is not None:
            total = total - self._tail(values, self.by_entry, self.coming)
        return total

    @staticmethod
    def _tail(values: np.ndarray, order: np.ndarray, counts: np.ndarray) -> np.ndarray:
        running = np.cumsum(values[order], axis=0)
        padded = np.concatenate([np.zeros_like(running[:1]), running])
        return np.asarray(padded[counts])

    def moments(self, weight: np.ndarray) -> _Moments:
        at_risk = self.sums(weight)
        steps = np.r_[0.0, np.cumsum(self.deaths / at_risk)]
        hazard = steps[self.last]
        if self.first is not None:
            hazard = hazard - steps[self.first]
        return _Moments(at_risk=at_risk, hazard=hazard)

    def means(self, values: np.ndarray, weight: np.ndarray, moments: _Moments) -> np.ndarray:
        """(T, P) weighted means of `values` (n, P) over who is at risk at each event time."""
        return self.sums(values * weight[:, None]) / moments.at_risk[:, None]
