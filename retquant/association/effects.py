"""From rows and biomarkers to the table of effects: one fit a biomarker, each on the rows that have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from retquant.association.associations import COLUMNS
from retquant.association.catalogue import Tested
from retquant.association.covariates import Design, Terms, build_design, unexplained
from retquant.association.eyes import Rows
from retquant.association.models import Estimate, estimate, refused
from retquant.association.multiplicity import false_discovery_rates

_COLLINEAR = 1e-6  # share of a biomarker's spread that the covariates must leave over
_CONSTANT = 1e-12  # spread, relative to the biomarker's size, that is rounding


def estimate_all(
    rows: Rows, terms: Terms, tested: Sequence[Tested], *, outcome: str, kind: str
) -> tuple[pd.DataFrame, list[str]]:
    """The table of associations, least p first, and a note on each covariate's term that was dropped."""
    designs: dict[bytes, Design] = {}  # biomarkers with the same missing rows share one
    records: list[dict[str, Any]] = []
    dropped: Counter[str] = Counter()  # term -> biomarkers with an estimate that it was dropped for
    for biomarker in tested:
        values = rows.biomarkers[biomarker.name].to_numpy(dtype=float)
        usable = np.isfinite(values)
        pattern = usable.tobytes()
        if pattern not in designs:
            designs[pattern] = build_design(terms, usable)
        records.append(_record(biomarker, values, rows, designs[pattern], outcome=outcome, kind=kind))
        if np.isfinite(records[-1]["p"]):
            dropped.update(designs[pattern].dropped)
    table = pd.DataFrame.from_records(records)
    table["q"] = false_discovery_rates(table["p"], table["role"] == "biomarker")
    table = table.sort_values("p", kind="stable", na_position="last", ignore_index=True)
    table = table[list(COLUMNS)].astype({name: dtype for name, (dtype, _) in COLUMNS.items()})
    return table, [
        _dropping(name, dropped[name], estimated=int(table["p"].notna().sum())) for name in sorted(dropped)
    ]


def _dropping(term: str, biomarkers: int, *, estimated: int) -> str:
    where = "" if biomarkers == estimated else f" for {biomarkers} of {estimated} biomarkers"
    return f"The term {term} was constant or collinear and was dropped{where}."


def _record(
    biomarker: Tested, values: np.ndarray, rows: Rows, design: Design, *, outcome: str, kind: str
) -> dict[str, Any]:
    chosen, y, person = values[design.rows], rows.outcome[design.rows], rows.person[design.rows]
    by_person = pd.Series(chosen).groupby(person).mean()
    deviation = float(by_person.std(ddof=1)) if len(by_person) > 1 else 0.0
    found = _fit(chosen, y, person, design, deviation, kind=kind, clustered=rows.level == "eye")
    notes = [found.note] if found.note else []
    if design.alone:
        notes.append(f"{design.alone} rows alone in a value of a covariate left out")
    binary = kind == "binary"
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
        "n_events": int(y.sum()) if binary else pd.NA,
        "effect": found.effect,
        "standard_error": found.standard_error,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "p": found.p,
        "q": np.nan,
        "effect_per_unit": found.effect / deviation if deviation > 0 else np.nan,
        "sd": deviation,
        "odds_ratio": _exponential(found.effect, binary),
        "odds_ratio_low": _exponential(found.ci_low, binary),
        "odds_ratio_high": _exponential(found.ci_high, binary),
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
) -> Estimate:
    if not len(values):
        return refused("all_missing")
    if deviation <= _CONSTANT * max(1.0, float(np.abs(values).max())):
        return refused("constant")
    standard = (values - values.mean()) / deviation
    if unexplained(standard, design.matrix) < _COLLINEAR:
        return refused("collinear")
    X = np.column_stack([design.matrix, standard])
    return estimate(y, X, kind=kind, person=person, clustered=clustered)


def _exponential(value: float, wanted: bool) -> float:
    return float(np.exp(np.clip(value, -700, 700))) if wanted and np.isfinite(value) else np.nan
