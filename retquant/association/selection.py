"""Who lacks a biomarker, how that goes with the covariates, and estimates weighted back to everybody.

A picture that cannot be graded is informative: cataract and age cost pictures. Where the covariates tell who is
missing, weights of one over the chance of being measured bring back those who are not (Robins, Rotnitzky and Zhao, JASA
1994;89:846; stabilised, and cut at their 1st and 99th percentile). What the covariates do not tell stays unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from retquant.association.covariates import Terms, build_design
from retquant.association.engines.logistic import fit_logistic
from retquant.association.engines.screen import two_sided
from retquant.association.eyes import Rows
from retquant.association.modelling import Modelling
from retquant.association.models import Sample, estimate

COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "biomarkers": "those that the same rows lack: how many",
        "biomarker": "the first of them",
        "missing": "rows (people, or eyes) without it, of those with outcome and covariates",
        "share": "of rows",
        "term": "covariate, or the outcome",
        "odds_ratio": "of lacking it: per standard deviation of a number, or against the reference",
        "p": "two-sided",
    }
)
WEIGHTED = "weighted for who is missing"
_FEWEST = 20  # rows missing, and rows measured, that a model of missingness needs
_MOST = 12  # patterns, the commonest first
_CUT = (0.01, 0.99)


def who_is_missing(rows: Rows, terms: Terms) -> pd.DataFrame:
    """Odds of lacking each biomarker by covariate and outcome, all in one logistic model; columns of COLUMNS."""
    known = ~np.isnan(terms.values).any(axis=1)
    outcome = rows.outcome[known]
    spread = float(outcome.std()) or 1.0
    is_event = set(np.unique(outcome)) <= {0.0, 1.0}
    design = np.column_stack(
        [
            np.ones(int(known.sum())),
            terms.values[known],
            outcome if is_event else (outcome - outcome.mean()) / spread,
        ]
    )
    records = []
    for missing, names in _patterns(rows, known)[:_MOST]:
        beta = fit_logistic(missing.astype(float), design)
        if beta is None:
            continue
        chance = 1 / (1 + np.exp(-design @ beta))
        information = (design * (chance * (1 - chance))[:, None]).T @ design
        try:
            errors = np.sqrt(np.diag(np.linalg.inv(information)))
        except np.linalg.LinAlgError:
            continue
        for place, term in enumerate((*terms.names, "the outcome"), start=1):
            records.append(
                {
                    "biomarkers": len(names),
                    "biomarker": names[0],
                    "missing": int(missing.sum()),
                    "share": float(missing.mean()),
                    "term": term,
                    "odds_ratio": float(np.exp(np.clip(beta[place], -30, 30))),
                    "p": float(two_sided(np.array(beta[place] / errors[place]))),
                }
            )
    return pd.DataFrame(records, columns=list(COLUMNS))


def _patterns(rows: Rows, known: np.ndarray) -> list[tuple[np.ndarray, list[str]]]:
    """(missing rows, biomarkers that lack just these), those that lack most first."""
    groups: dict[bytes, tuple[np.ndarray, list[str]]] = {}
    for name in rows.biomarkers.columns:
        missing = ~np.isfinite(rows.biomarkers[name].to_numpy(dtype=float)[known])
        if _FEWEST <= missing.sum() <= len(missing) - _FEWEST:
            groups.setdefault(missing.tobytes(), (missing, []))[1].append(str(name))
    return sorted(groups.values(), key=lambda group: -int(group[0].sum()))


def weights_of(missing: np.ndarray, design: np.ndarray) -> np.ndarray | None:
    """(n,) stabilised inverse-probability weights, 0 where the biomarker is missing; None without a model.

    `design` is (n, K) with an intercept.
    """
    beta = fit_logistic((~missing).astype(float), design)
    if beta is None:
        return None
    chance = 1 / (1 + np.exp(-design @ beta))
    weights = np.where(missing, 0.0, (~missing).mean() / chance)
    low, high = np.quantile(weights[~missing], _CUT)
    return np.where(missing, 0.0, np.clip(weights, low, high))


def weighted_reruns(
    rows: Rows, terms: Terms, main: pd.DataFrame, *, kind: str, most: int, modelling: Modelling
) -> pd.DataFrame:
    """The best biomarkers of the table `main` estimated with weights for who is missing; columns of robustness.COLUMNS.

    For outcomes of people that are continuous or binary, and biomarkers that enough people lack.
    """
    records: list[dict[str, Any]] = []
    best = main[main["p"].notna() & (main["role"] == "biomarker")].head(most)
    is_plain = rows.weights is None and modelling.response == "outcome" and not modelling.is_random_site
    if rows.is_clustered or kind not in ("continuous", "binary") or not is_plain:
        return pd.DataFrame(records)
    known = ~np.isnan(terms.values).any(axis=1)
    for row in best.to_dict("records"):
        values = rows.biomarkers[row["biomarker"]].to_numpy(dtype=float)
        missing = ~np.isfinite(values[known])
        if not _FEWEST <= missing.sum() <= len(missing) - _FEWEST:
            continue
        everybody = build_design(terms, np.ones(len(values), dtype=bool))
        absent = ~np.isfinite(values[everybody.rows])
        outcome = rows.outcome[everybody.rows]
        weights = weights_of(absent, np.column_stack([everybody.matrix, outcome]))
        if weights is None:
            continue
        used = ~absent
        X = np.column_stack([everybody.matrix[used], values[everybody.rows][used] / row["sd"]])
        person = rows.person[everybody.rows][used]
        found = estimate(Sample(y=outcome[used], kind=kind, person=person, weights=weights[used]), X)
        records.append(
            {
                "biomarker": row["biomarker"],
                "variant": WEIGHTED,
                "n_people": int(used.sum()),
                "effect": found.effect,
                "ci_low": found.ci_low,
                "ci_high": found.ci_high,
                "p": found.p,
                "moved": (found.effect - row["effect"]) / row["standard_error"],
                "reason": found.reason,
            }
        )
    return pd.DataFrame(records)


def told(selection: pd.DataFrame, *, bar: float = 0.01) -> Sequence[str]:
    """A sentence a pattern: what goes with lacking a biomarker."""
    lines = []
    for name, found in selection.groupby("biomarker", sort=False):
        first = found.iloc[0]
        strong = found[found["p"] < bar].sort_values("p")
        what = ", ".join(
            f"{row.term} (odds ratio {row.odds_ratio:.2f})" for row in strong.head(4).itertuples()
        )
        more = f" and {first['biomarkers'] - 1} more" if first["biomarkers"] > 1 else ""
        lines.append(
            f"{name}{more}: {first['missing']:,} without ({first['share']:.0%}); "
            + (f"goes with {what}" if what else "goes with none of the covariates")
        )
    return lines
