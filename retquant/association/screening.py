"""All biomarkers against one outcome by the fast engines: what large studies begin with, before exact fits of the best.

Grades and counts have no fast engine; they are always fitted exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import ndtri, stdtrit

from retquant.association.covariates import Design
from retquant.association.engines.linear import least_squares, least_squares_by_cluster
from retquant.association.engines.logistic import logistic_score, logistic_score_by_cluster
from retquant.association.engines.mixed import random_intercept
from retquant.association.engines.screen import Screen
from retquant.association.engines.survival import Follow, cox_score
from retquant.association.eyes import Rows
from retquant.association.modelling import Modelling
from retquant.association.models import EVENTS_PER_PARAMETER, Estimate
from retquant.association.pairs import exposure_of

_AT_ONCE = 64  # biomarkers whose columns are held beside each other
_SMALL = 3_000_000  # rows times biomarkers that are fitted exactly without a screen: about a minute
_FAST = ("continuous", "binary", "survival")


def is_large(rows: Rows, biomarkers: int) -> bool:
    """Whether a study is so large that a first pass goes before all that is asked of a pair."""
    return len(rows.outcome) * biomarkers > _SMALL


def has_engine(rows: Rows, kind: str, modelling: Modelling) -> bool:
    """Whether a fast engine fits such a model; weights, and sites other than fixed, have none."""
    is_fast = kind in _FAST or modelling.response == "biomarker"
    return is_fast and rows.weights is None and (modelling.site is None or modelling.site_as == "fixed")


def screen(
    rows: Rows,
    names: Sequence[str],
    designs: Mapping[str, Design],
    *,
    kind: str,
    modelling: Modelling,
) -> dict[str, Estimate]:
    """Biomarker -> its estimate per standard deviation by the fast engine; those without one are left out.

    `designs` has each biomarker's design; those with the same missing rows share one object.
    """
    groups: dict[int, list[str]] = {}
    for name in names:
        groups.setdefault(id(designs[name]), []).append(name)
    found: dict[str, Estimate] = {}
    for members in groups.values():
        design = designs[members[0]]
        for first in range(0, len(members), _AT_ONCE):
            found |= _screen_some(rows, members[first : first + _AT_ONCE], design, kind, modelling)
    return found


def _screen_some(
    rows: Rows, names: list[str], design: Design, kind: str, modelling: Modelling
) -> dict[str, Estimate]:
    y, person = rows.outcome[design.rows], rows.person[design.rows]
    is_response = modelling.response == "biomarker"
    if is_response:
        y, kind = exposure_of(y, kind), "continuous"
    events = min(y.sum(), len(y) - y.sum()) if kind == "binary" else y.sum()
    if not len(y) or (kind != "continuous" and events < EVENTS_PER_PARAMETER * design.matrix.shape[1]):
        return {}
    values = rows.biomarkers[names].to_numpy(dtype=float)[design.rows]
    values = (values - values.mean(axis=0)) / np.maximum(_spread(values, person), 1e-300)
    with np.errstate(over="ignore", invalid="ignore"):
        if is_response:
            result = _run(y[:, None], values, person, rows, design, kind, modelling).transposed
        else:
            result = _run(values, y[:, None], person, rows, design, kind, modelling)
    reach = stdtrit(result.freedom, 0.975) if np.isfinite(result.freedom) else ndtri(0.975)
    return {
        name: Estimate(
            model=result.model,
            effect=float(result.effect[row, 0]),
            standard_error=float(result.standard_error[row, 0]),
            ci_low=float(result.effect[row, 0] - reach * result.standard_error[row, 0]),
            ci_high=float(result.effect[row, 0] + reach * result.standard_error[row, 0]),
            p=float(result.p[row, 0]),
        )
        for row, name in enumerate(names)
        if np.isfinite(result.p[row, 0])
    }


def _run(
    tested: np.ndarray,
    outcomes: np.ndarray,
    person: np.ndarray,
    rows: Rows,
    design: Design,
    kind: str,
    modelling: Modelling,
) -> Screen:
    matrix = design.matrix
    if kind == "survival":
        assert rows.follow is not None  # every time to event has its times
        entry, exit_ = rows.follow[design.rows].T
        follow = Follow(exit=exit_, event=outcomes[:, 0] > 0, entry=entry if entry.any() else None)
        return cox_score(tested, follow, matrix[:, 1:])
    if kind == "binary":
        if rows.is_clustered:
            return logistic_score_by_cluster(tested, outcomes, matrix, person)
        return logistic_score(tested, outcomes, matrix)
    if modelling.model == "mixed":
        return random_intercept(tested, outcomes, matrix, person).screen
    if rows.is_clustered:
        return least_squares_by_cluster(tested, outcomes, matrix, person)
    return least_squares(tested, outcomes, matrix)


def _spread(values: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Standard deviation of each column over people, whose rows are averaged."""
    counts = np.bincount(person)
    counts = counts[counts > 0]
    if len(counts) == len(person):
        return values.std(axis=0, ddof=1)
    order = np.argsort(person, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(person[order]) != 0])
    means = np.add.reduceat(values[order], starts, axis=0) / counts[:, None]
    return np.asarray(means.std(axis=0, ddof=1))
