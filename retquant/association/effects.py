"""From rows and biomarkers to the table of effects: one fit a biomarker, each on the rows that have it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from retquant.association.associations import COLUMNS, RATIOS
from retquant.association.catalogue import Tested
from retquant.association.closer_fits import CloserFits, closer_fits
from retquant.association.covariates import Design, Terms, build_design
from retquant.association.eyes import Rows
from retquant.association.levels import Level, levels_table
from retquant.association.modelling import Modelling
from retquant.association.models import Estimate, refused
from retquant.association.multiplicity import false_discovery_rates
from retquant.association.pairs import deviation_over_people, pair_of
from retquant.association.screening import has_engine, is_large, screen
from retquant.association.sensitivity import DETECTABLE, e_value, e_value_of_interval

REFIT = 50  # biomarkers of least p that are fitted exactly in a large study
_REFIT_SLOW = 10  # of mixed models and GEE: statsmodels goes through people one by one, 9 s for 50,000
_IN_UNITS = ("none", "winsor")  # transformations that leave a biomarker its unit


@dataclass(frozen=True, eq=False, kw_only=True)
class Effects:
    """What came out for every biomarker."""

    table: pd.DataFrame  # columns of associations.COLUMNS, least p first
    levels: pd.DataFrame  # columns of levels.COLUMNS
    notes: tuple[str, ...]  # terms that were dropped, and how large studies are fitted


def estimate_all(
    rows: Rows,
    terms: Terms,
    tested: Sequence[Tested],
    *,
    outcome: str,
    kind: str,
    modelling: Modelling | None = None,
    refit: int = REFIT,
) -> Effects:
    """Effects of all biomarkers; in a large study by fast engines, and the `refit` of least p are fitted exactly."""
    modelling = modelling or Modelling()
    designs: dict[bytes, Design] = {}  # biomarkers with the same missing rows share one
    usable = {one.name: np.isfinite(rows.biomarkers[one.name].to_numpy(dtype=float)) for one in tested}
    for pattern in usable.values():
        if pattern.tobytes() not in designs:
            designs[pattern.tobytes()] = build_design(terms, pattern)
    design_of = {name: designs[pattern.tobytes()] for name, pattern in usable.items()}
    fits, notes = _first_pass(rows, terms, design_of, kind=kind, modelling=modelling, refit=refit)
    records: list[dict[str, Any]] = []
    levels: dict[str, list[Level]] = {}
    dropped: Counter[str] = Counter()  # term -> biomarkers with an estimate that it was dropped for
    for biomarker in tested:
        design = design_of[biomarker.name]
        found = fits.get(biomarker.name) or _fits(
            biomarker.name, rows, terms, design, kind=kind, modelling=modelling
        )
        records.append(
            _record(biomarker, rows, design, found, outcome=outcome, kind=kind, modelling=modelling)
        )
        levels[biomarker.name] = found.levels
        if np.isfinite(records[-1]["p"]):
            dropped.update(design.dropped)
    table = pd.DataFrame.from_records(records)
    table["q"] = false_discovery_rates(table["p"], table["role"] == "biomarker")
    table = table.sort_values("p", kind="stable", na_position="last", ignore_index=True)
    table = table[list(COLUMNS)].astype({name: dtype for name, (dtype, _) in COLUMNS.items()})
    estimated = int(table["p"].notna().sum())
    notes += [_dropping(name, dropped[name], estimated=estimated) for name in sorted(dropped)]
    by_p = {name: levels[name] for name in table["biomarker"]}
    return Effects(table=table, levels=levels_table(by_p, outcome), notes=tuple(notes))


def _dropping(term: str, biomarkers: int, *, estimated: int) -> str:
    where = "" if biomarkers == estimated else f" for {biomarkers} of {estimated} biomarkers"
    return f"The term {term} was constant or collinear and was dropped{where}."


def _first_pass(
    rows: Rows,
    terms: Terms,
    designs: Mapping[str, Design],
    *,
    kind: str,
    modelling: Modelling,
    refit: int,
) -> tuple[dict[str, CloserFits], list[str]]:
    """In a large study what is known of all biomarkers but the `refit` of least p, and the note that says so.

    By fast engines where there are any for the model; else by exact fits without what is asked beside the effect.
    """
    if not is_large(rows, len(designs)):
        return {}, []
    if has_engine(rows, kind, modelling):
        screened = screen(rows, list(designs), designs, kind=kind, modelling=modelling)
        fits = {
            name: CloserFits(found=found, deviation=_deviation(name, rows, designs[name]))
            for name, found in screened.items()
        }
        how = (
            f"{len(fits)} biomarkers were screened by a fast engine; the {{}} of least p were fitted exactly."
        )
    else:
        plain = replace(modelling, interaction=None, strata=None, splines=0)
        if plain == modelling:
            return {}, []
        fits = {
            name: _fits(name, rows, terms, design, kind=kind, modelling=plain)
            for name, design in designs.items()
        }
        how = "Curves and levels are those of the {} biomarkers of least p."
    known = [name for name in fits if np.isfinite(fits[name].found.p)]
    refit = min(refit, _REFIT_SLOW) if modelling.model in ("mixed", "gee") else refit
    best = sorted(known, key=lambda name: fits[name].found.p)[:refit]
    return {name: found for name, found in fits.items() if name not in set(best)}, [how.format(len(best))]


def _deviation(name: str, rows: Rows, design: Design) -> float:
    values = rows.biomarkers[name].to_numpy(dtype=float)[design.rows]
    return deviation_over_people(values, rows.person[design.rows])


def _fits(
    name: str, rows: Rows, terms: Terms, design: Design, *, kind: str, modelling: Modelling
) -> CloserFits:
    values = rows.biomarkers[name].to_numpy(dtype=float)[design.rows]
    deviation = _deviation(name, rows, design)
    if name in rows.refused:
        return CloserFits(found=refused(rows.refused[name]), deviation=deviation)
    pair = pair_of(values, rows, design, deviation, kind=kind, modelling=modelling)
    if isinstance(pair, Estimate):
        return CloserFits(found=pair, deviation=deviation)
    return closer_fits(pair, rows, terms, deviation, kind=kind, modelling=modelling)


def _record(
    biomarker: Tested,
    rows: Rows,
    design: Design,
    fits: CloserFits,
    *,
    outcome: str,
    kind: str,
    modelling: Modelling,
) -> dict[str, Any]:
    found, y = fits.found, rows.outcome[design.rows]
    notes = ["bound to the outcome by definition"] if biomarker.is_bound else []
    notes += [found.note] if found.note else []
    if design.alone:
        notes.append(f"{design.alone} rows alone in a value of a covariate left out")
    has_ratio = kind in RATIOS and modelling.response == "outcome"
    ratio = {name: _exponential(getattr(found, name), has_ratio) for name in ("effect", "ci_low", "ci_high")}
    share = float(y.mean()) if len(y) else np.nan
    sites, strata = fits.sites, fits.strata
    return {
        "biomarker": biomarker.name,
        "role": biomarker.role,
        "derived_from": biomarker.derived_from or None,
        "unit": biomarker.unit,
        "outcome": outcome,
        "kind": kind,
        "model": found.model or None,
        "response": modelling.response,
        "transform": modelling.transform,
        "n_people": len(np.unique(rows.person[design.rows])),
        "n_eyes": int(rows.eyes[biomarker.name].to_numpy()[design.rows].sum()),
        "n_events": int(y.sum()) if kind in ("binary", "survival") else pd.NA,
        "effect": found.effect,
        "standard_error": found.standard_error,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "p": found.p,
        "q": np.nan,
        "effect_per_unit": _per_unit(found.effect, fits.deviation, modelling),
        "sd": fits.deviation,
        "ratio": ratio["effect"],
        "ratio_low": ratio["ci_low"],
        "ratio_high": ratio["ci_high"],
        "e_value": e_value(ratio["effect"], kind, share),
        "e_value_ci": e_value_of_interval(ratio["ci_low"], ratio["ci_high"], kind, share),
        "detectable_effect": DETECTABLE * found.standard_error,
        "p_nonlinear": fits.p_nonlinear,
        "p_proportional": fits.p_proportional,
        "p_interaction": fits.p_interaction,
        "q_strata": strata.q,
        "p_strata": strata.p,
        "p_sites": sites.p,
        "i2_sites": sites.i2,
        "tau2_sites": sites.tau2,
        "partial_r": fits.pearson.r,
        "partial_r_low": fits.pearson.low,
        "partial_r_high": fits.pearson.high,
        "partial_rho": fits.spearman.r,
        "partial_rho_low": fits.spearman.low,
        "partial_rho_high": fits.spearman.high,
        "reason": found.reason,
        "note": "; ".join(notes) or None,
    }


def _per_unit(effect: float, deviation: float, modelling: Modelling) -> float:
    if modelling.transform not in _IN_UNITS or not deviation > 0:
        return math.nan
    return effect * deviation if modelling.response == "biomarker" else effect / deviation


def _exponential(value: float, wanted: bool) -> float:
    return float(np.exp(np.clip(value, -700, 700))) if wanted and np.isfinite(value) else np.nan
