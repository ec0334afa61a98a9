"""One biomarker against the outcome, ready to be fitted: the rows that have both, standardised, with the covariates.

Legend of shapes: n rows, K columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from retquant.association.covariates import Design, Terms, build_design, unexplained
from retquant.association.eyes import Rows
from retquant.association.grouping import as_groups
from retquant.association.modelling import Modelling
from retquant.association.models import Estimate, Fitted, Sample, estimate, fit_sample, refused

_COLLINEAR = 1e-6  # share of a biomarker's spread that the covariates must leave over
_CONSTANT = 1e-12  # spread, relative to the biomarker's size, that is rounding


@dataclass(frozen=True, eq=False, kw_only=True)
class Pair:
    """What a model of one biomarker and one outcome is fitted to."""

    sample: Sample  # its y is the outcome, or the biomarker where that is the response
    matrix: np.ndarray  # (n, K) intercept and covariates
    tested: (
        np.ndarray
    )  # (n,) the biomarker in standard deviations, or the outcome where the biomarker is the response
    rows: np.ndarray  # (n,) positions among all rows, ascending

    def estimate(self) -> Estimate:
        """The effect of the tested column, or why there is none."""
        return self._refusal() or estimate(self.sample, np.column_stack([self.matrix, self.tested]))

    def fit(self, products: Sequence[np.ndarray]) -> Fitted | Estimate:
        """The tested column and `products` (n,) of it, fitted together; their coefficients in this order."""
        columns = [self.matrix, self.tested]
        for product in products:
            if unexplained(product, np.column_stack(columns)) < _COLLINEAR:
                return refused("collinear")
            columns.append(product)
        return fit_sample(self.sample, np.column_stack(columns), tested=1 + len(products))

    def part(self, chosen: np.ndarray, terms: Terms) -> Pair:
        """The rows in `chosen` (n,) bool, with the covariates that still differ among them."""
        among_all = np.zeros(len(terms.values), dtype=bool)
        among_all[self.rows[chosen]] = True
        design = build_design(terms, among_all)
        kept = np.isin(self.rows, design.rows)
        return Pair(
            sample=self.sample.part(kept), matrix=design.matrix, tested=self.tested[kept], rows=design.rows
        )

    def _refusal(self) -> Estimate | None:
        if not len(self.tested):
            return refused("all_missing")
        if np.ptp(self.tested) == 0:
            return refused("constant")
        if np.ptp(self.sample.y) == 0 and self.sample.kind not in ("binary", "survival"):
            return refused("constant_outcome")
        if unexplained(self.tested, self.matrix) < _COLLINEAR:
            return refused("collinear")
        return None


def deviation_over_people(values: np.ndarray, person: np.ndarray) -> float:
    """Standard deviation of a biomarker (n,) over people, whose rows are averaged."""
    by_person = pd.Series(values).groupby(person).mean()
    return float(by_person.std(ddof=1)) if len(by_person) > 1 else 0.0


def pair_of(
    values: np.ndarray, rows: Rows, design: Design, deviation: float, *, kind: str, modelling: Modelling
) -> Pair | Estimate:
    """The pair of a biomarker (n,) on the rows of its design, or why nothing can be fitted to it."""
    if not len(values):
        return refused("all_missing")
    if deviation <= _CONSTANT * max(1.0, float(np.abs(values).max())):
        return refused("constant")
    chosen = design.rows
    standard = (values - values.mean()) / deviation
    sample = Sample(
        y=rows.outcome[chosen],
        kind=kind,
        person=rows.person[chosen],
        is_clustered=rows.is_clustered,
        follow=None if rows.follow is None else rows.follow[chosen],
        weights=None if rows.weights is None else rows.weights[chosen],
        site=_sites(rows, modelling, chosen),
        model=modelling.model,
    )
    if modelling.response == "outcome":
        return Pair(sample=sample, matrix=design.matrix, tested=standard, rows=chosen)
    exposure = exposure_of(sample.y, kind)
    sample = replace(sample, y=standard, kind="continuous", follow=None)
    return Pair(sample=sample, matrix=design.matrix, tested=exposure, rows=chosen)


def exposure_of(outcome: np.ndarray, kind: str) -> np.ndarray:
    """(n,) the outcome as what explains a biomarker: an event as 0 and 1, a grade as it is, else standardised."""
    if kind in ("binary", "ordinal"):
        return outcome
    spread = float(outcome.std(ddof=1)) if len(outcome) > 1 else 0.0
    return (outcome - outcome.mean()) / spread if spread > 0 else np.zeros(len(outcome))


def _sites(rows: Rows, modelling: Modelling, chosen: np.ndarray) -> np.ndarray | None:
    if not modelling.is_random_site:
        return None
    return np.asarray(pd.factorize(as_groups(rows.groups[modelling.site], what="site")[chosen])[0])
