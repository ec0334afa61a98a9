"""How the outcome goes with each amount of a biomarker: natural cubic splines in place of a straight line.

The same model as in the table, with the biomarker as a natural spline of `FREEDOM` degrees of freedom (knots at
quantiles, patsy's `cr`); effects are against the median, with pointwise 95 % bands. Legend of shapes: n rows, G points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from retquant.association.covariates import Terms, build_design
from retquant.association.eyes import Rows
from retquant.association.modelling import Modelling
from retquant.association.models import REFUSALS, Estimate, fit_sample
from retquant.association.nonlinear import p_nonlinear
from retquant.association.pairs import Pair, pair_of

FREEDOM = 3
MOST = 6  # curves of a page
_POINTS = 41
_SHOWN = (0.025, 0.975)  # quantiles between which a curve is drawn: beyond, few people carry it
_BARS = 30


@dataclass(frozen=True, eq=False, kw_only=True)
class DoseResponse:
    """The curve of one biomarker; empty with a reason where it could not be fitted."""

    biomarker: str
    unit: str
    people: int
    values: np.ndarray  # (G,) amounts of the biomarker, in its unit
    effect: (
        np.ndarray
    )  # (G,) against the reference: log odds, rate or hazard ratio, or difference in the outcome
    low: np.ndarray  # (G,) 95 %
    high: np.ndarray
    reference: float  # the median
    slope: float  # effect per unit in a straight line, as in the table
    p_nonlinear: float  # that a straight line is enough
    edges: np.ndarray  # (B + 1,) of the bars that show how values are distributed
    counts: np.ndarray  # (B,)
    reason: str = ""


def dose_responses(
    rows: Rows, terms: Terms, table: pd.DataFrame, *, kind: str, modelling: Modelling, most: int
) -> tuple[DoseResponse, ...]:
    """Curves of the `most` biomarkers of least p of `table` that count as tests."""
    best = table[table["p"].notna() & (table["role"] == "biomarker")].head(most)
    return tuple(_curve(row, rows, terms, kind, modelling) for row in best.to_dict("records"))


def spline_basis(values: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Centred natural spline basis at `values` (n,), and the same functions at `points`; None with too few values."""
    from patsy import build_design_matrices, dmatrix

    try:
        basis = dmatrix(f"cr(x, df={FREEDOM}, constraints='center') - 1", {"x": values})
    except ValueError:  # fewer different values than knots
        return None
    (there,) = build_design_matrices([basis.design_info], {"x": points})
    if np.linalg.matrix_rank(np.asarray(basis)) < FREEDOM:
        return None
    return np.asarray(basis), np.asarray(there)


def _curve(row: Mapping[Any, Any], rows: Rows, terms: Terms, kind: str, modelling: Modelling) -> DoseResponse:
    values = rows.biomarkers[row["biomarker"]].to_numpy(dtype=float)
    design = build_design(terms, np.isfinite(values))
    used = values[design.rows]
    pair = pair_of(used, rows, design, row["sd"], kind=kind, modelling=modelling)
    if isinstance(pair, Estimate):
        return _without(row, pair.reason)
    quantiles = np.quantile(pair.tested, (*_SHOWN, 0.5))
    points = np.append(np.linspace(quantiles[0], quantiles[1], _POINTS), quantiles[2])
    found = _along(pair, points)
    if isinstance(found, str):
        return _without(row, found)
    effect, low, high = found
    shown = points[:-1] * row["sd"] + used.mean()
    counts, edges = np.histogram(used[(used >= shown[0]) & (used <= shown[-1])], bins=_BARS)
    return DoseResponse(
        biomarker=row["biomarker"],
        unit=row["unit"],
        people=row["n_people"],
        values=shown,
        effect=effect,
        low=low,
        high=high,
        reference=float(np.median(used)),
        slope=row["effect"] / row["sd"],
        p_nonlinear=p_nonlinear(pair.sample, pair.matrix, pair.tested, FREEDOM),
        edges=edges,
        counts=counts,
    )


def _along(pair: Pair, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | str:
    """(G,) effect, low and high at all points but the last, against the last; or why there is no curve."""
    bases = spline_basis(pair.tested, points)
    if bases is None:
        return "it has too few different values for a curve"
    basis, there = bases
    fitted = fit_sample(pair.sample, np.column_stack([pair.matrix, basis]), tested=FREEDOM)
    if isinstance(fitted, Estimate):
        few = fitted.reason in (None, "too_few_events")  # Firth's regression tests one column only
        return "too few events for a curve" if few else REFUSALS[str(fitted.reason)]
    curve = np.zeros((3, len(points) - 1))
    for place, direction in enumerate(there[:-1] - there[-1]):
        if np.abs(direction).max() < 1e-9:
            continue  # the reference itself, of no effect and no uncertainty
        at = fitted.along(direction)
        curve[:, place] = at.effect, at.ci_low, at.ci_high
    if not np.isfinite(curve).all():
        return REFUSALS["no_convergence"]
    return curve[0], curve[1], curve[2]


def _without(row: Mapping[Any, Any], reason: str | None) -> DoseResponse:
    told: str = REFUSALS.get(reason or "", reason or "")
    nothing: Sequence[float] = ()
    empty = {name: np.array(nothing) for name in ("values", "effect", "low", "high", "edges", "counts")}
    return DoseResponse(
        biomarker=row["biomarker"],
        unit=row["unit"],
        people=row["n_people"],
        reference=math.nan,
        slope=math.nan,
        p_nonlinear=math.nan,
        reason=told,
        **empty,
    )
