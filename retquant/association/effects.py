"""From rows and biomarkers to the table of effects: one fit a biomarker, each on the rows that have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from retquant.association.associations import COLUMNS, RATIOS
from retquant.association.catalogue import Tested
from retquant.association.covariates import Design, Terms, build_design, unexplained
from retquant.association.eyes import Rows
from retquant.association.models import Estimate, estimate, refused
from retquant.association.multiplicity import false_discovery_rates
from retquant.association.screening import is_large, screen
from retquant.association.sensitivity import DETECTABLE, e_value, e_value_of_interval

REFIT = 50  # biomarkers of least p that are fitted exactly in a large study
_COLLINEAR = 1e-6  # share of a biomarker's spread that the covariates must leave over
_CONSTANT = 1e-12  # spread, relative to the biomarker's size, that is rounding


def estimate_all(
    rows: Rows, terms: Terms, tested: Sequence[Tested], *, outcome: str, kind: str, refit: int = REFIT
) -> tuple[pd.DataFrame, list[str]]:
    """The table of associations, least p first, and notes: terms that were dropped, and how large studies are fitted.

    In a large study fast engines test every biomarker, and the `refit` of least p are fitted exactly.
    """
    designs: dict[bytes, Design] = {}  # biomarkers with the same missing rows share one
    usable = {one.name: np.isfinite(rows.biomarkers[one.name].to_numpy(dtype=float)) for one in tested}
    for pattern in usable.values():
        if pattern.tobytes() not in designs:
            designs[pattern.tobytes()] = build_design(terms, pattern)
    design_of = {name: designs[pattern.tobytes()] for name, pattern in usable.items()}
    fast: dict[str, Estimate] = {}
    notes: list[str] = []
    if is_large(rows, len(tested), kind):
        fast = screen(rows, list(design_of), design_of, kind=kind)
        best = sorted(fast, key=lambda name: fast[name].p)[:refit]
        notes.append(
            f"{len(fast)} biomarkers were screened by a fast engine; the {len(best)} of least p were fitted exactly."
        )
        fast = {name: found for name, found in fast.items() if name not in set(best)}
    records: list[dict[str, Any]] = []
    dropped: Counter[str] = Counter()  # term -> biomarkers with an estimate that it was dropped for
    for biomarker in tested:
        design = design_of[biomarker.name]
        records.append(_record(biomarker, rows, design, fast.get(biomarker.name), outcome=outcome, kind=kind))
        if np.isfinite(records[-1]["p"]):
            dropped.update(design.dropped)
    table = pd.DataFrame.from_records(records)
    table["q"] = false_discovery_rates(table["p"], table["role"] == "biomarker")
    table = table.sort_values("p", kind="stable", na_position="last", ignore_index=True)
    table = table[list(COLUMNS)].astype({name: dtype for name, (dtype, _) in COLUMNS.items()})
    estimated = int(table["p"].notna().sum())
    return table, [*notes, *(_dropping(name, dropped[name], estimated=estimated) for name in sorted(dropped))]


def _dropping(term: str, biomarkers: int, *, estimated: int) -> str:
    where = "" if biomarkers == estimated else f" for {biomarkers} of {estimated} biomarkers"
    return f"The term {term} was constant or collinear and was dropped{where}."


def _record(
    biomarker: Tested,
    rows: Rows,
    design: Design,
    screened: Estimate | None,
    *,
    outcome: str,
    kind: str,
) -> dict[str, Any]:
    values = rows.biomarkers[biomarker.name].to_numpy(dtype=float)
    chosen, y, person = values[design.rows], rows.outcome[design.rows], rows.person[design.rows]
    by_person = pd.Series(chosen).groupby(person).mean()
    deviation = float(by_person.std(ddof=1)) if len(by_person) > 1 else 0.0
    follow = None if rows.follow is None else rows.follow[design.rows]
    found = screened or _fit(
        chosen, y, person, design, deviation, kind=kind, clustered=rows.level == "eye", follow=follow
    )
    notes = [found.note] if found.note else []
    if design.alone:
        notes.append(f"{design.alone} rows alone in a value of a covariate left out")
    has_ratio = kind in RATIOS
    share = float(y.mean()) if len(y) else np.nan
    return {
        "biomarker": biomarker.name,
        "role": biomarker.role,
        "derived_from": biomarker.derived_from or None,
        "unit": biomarker.unit,
        "outcome": outcome,
        "kind": kind,
        "model": found.model or None,
        "n_people": len(by_person),
        "n_eyes": int(rows.eyes[biomarker.name].to_numpy()[design.rows].sum()),
        "n_events": int(y.sum()) if kind in ("binary", "survival") else pd.NA,
        "effect": found.effect,
        "standard_error": found.standard_error,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "p": found.p,
        "q": np.nan,
        "effect_per_unit": found.effect / deviation if deviation > 0 else np.nan,
        "sd": deviation,
        "ratio": _exponential(found.effect, has_ratio),
        "ratio_low": _exponential(found.ci_low, has_ratio),
        "ratio_high": _exponential(found.ci_high, has_ratio),
        "e_value": e_value(_exponential(found.effect, has_ratio), kind, share),
        "e_value_ci": e_value_of_interval(
            _exponential(found.ci_low, has_ratio), _exponential(found.ci_high, has_ratio), kind, share
        ),
        "detectable_effect": DETECTABLE * found.standard_error,
        "reason": found.reason,
        "note": "; ".join(notes) or None,
    }


def _fit(
    values: np.ndarray,
    y: np.ndarray,
    person: np.ndarray,
    design: Design,
    deviation: float,
    *,
    kind: str,
    clustered: bool,
    follow: np.ndarray | None,
) -> Estimate:
    if not len(values):
        return refused("all_missing")
    if deviation <= _CONSTANT * max(1.0, float(np.abs(values).max())):
        return refused("constant")
    standard = (values - values.mean()) / deviation
    if unexplained(standard, design.matrix) < _COLLINEAR:
        return refused("collinear")
    X = np.column_stack([design.matrix, standard])
    return estimate(y, X, kind=kind, person=person, clustered=clustered, follow=follow)


def _exponential(value: float, wanted: bool) -> float:
    return float(np.exp(np.clip(value, -700, 700))) if wanted and np.isfinite(value) else np.nan
