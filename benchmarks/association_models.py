"""What the models of `retquant associate` beyond the usual ones say where the truth is known: coverage, false alarms.

    python -m benchmarks.association_models [--cohorts 2000] [--markdown FILE]

Every model is fitted by the function that `retquant associate` fits it with, to cohorts with its own planted effect.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from retquant.association.covariates import encode
from retquant.association.levels import each_alone, heterogeneity, interaction, over_sites
from retquant.association.models import Estimate, Sample, estimate
from retquant.association.nonlinear import p_nonlinear
from retquant.association.pairs import Pair

PEOPLE = 300
EFFECT = 0.3
LEVEL = 0.05
_SITES = 6


def eye_outcome(random: np.random.Generator, model: str) -> Estimate:
    """A number of the eye, explained by a biomarker of the eye; both alike within a person."""
    x, person = _alike(random), _twice()
    y = EFFECT * x + _alike(random)
    return estimate(Sample(y=y, kind="continuous", person=person, is_clustered=True, model=model), _design(x))


def eye_event(random: np.random.Generator, model: str) -> Estimate:
    """An event of the eye whose odds over all people are planted, the eyes of a person alike by a normal copula."""
    x, person = _alike(random), _twice()
    chance = 1 / (1 + np.exp(0.5 - EFFECT * x))
    y = (norm.cdf(_alike(random)) < chance).astype(float)
    return estimate(Sample(y=y, kind="binary", person=person, is_clustered=True, model=model), _design(x))


def biomarker_by_illness(random: np.random.Generator, model: str) -> Estimate:
    """A biomarker of both eyes, explained by an illness of the person."""
    ill = np.repeat(random.random(PEOPLE) < 0.3, 2).astype(float)
    y = EFFECT * ill + _alike(random)
    sample = Sample(y=y, kind="continuous", person=_twice(), is_clustered=True, model=model)
    return estimate(sample, _design(ill))


def weighted(random: np.random.Generator, _: str) -> Estimate:
    """People who are in the study the likelier the larger the outcome, weighted by one over that chance."""
    x = random.normal(size=3 * PEOPLE)
    y = EFFECT * x + random.normal(size=len(x))
    chance = 1 / (1 + np.exp(0.7 - y))
    here = random.random(len(x)) < chance
    sample = Sample(y=y[here], kind="continuous", person=np.arange(here.sum()), weights=1 / chance[here])
    return estimate(sample, _design(x[here]))


def unweighted(random: np.random.Generator, _: str) -> Estimate:
    """The same people without their weights."""
    x = random.normal(size=3 * PEOPLE)
    y = EFFECT * x + random.normal(size=len(x))
    here = random.random(len(x)) < 1 / (1 + np.exp(0.7 - y))
    return estimate(Sample(y=y[here], kind="continuous", person=np.arange(here.sum())), _design(x[here]))


def site_intercept(random: np.random.Generator, _: str) -> Estimate:
    """Sites with a mean of their own, as a random intercept."""
    site = random.integers(0, _SITES, PEOPLE)
    x = random.normal(size=PEOPLE)
    y = EFFECT * x + random.normal(size=_SITES)[site] + random.normal(size=PEOPLE)
    return estimate(Sample(y=y, kind="continuous", person=np.arange(PEOPLE), site=site), _design(x))


def sites_pooled(random: np.random.Generator, _: str) -> Estimate:
    """Sites with a device and a mean of their own, each alone and brought together."""
    site = random.integers(0, _SITES, PEOPLE)
    pair = _pair(random.normal(size=PEOPLE) + 2 * random.normal(size=_SITES)[site], random, shift=site * 1.0)
    return over_sites(
        each_alone(pair, _names(site), encode(pd.DataFrame(index=range(PEOPLE))), by="site", column="s")
    )[0]


COVERED: dict[str, tuple[Callable[[np.random.Generator, str], Estimate], str]] = {
    "outcome of the eye, clustered": (eye_outcome, "clustered"),
    "outcome of the eye, GEE": (eye_outcome, "gee"),
    "outcome of the eye, random intercept": (eye_outcome, "mixed"),
    "event of the eye, GEE": (eye_event, "gee"),
    "biomarker of both eyes by illness, clustered": (biomarker_by_illness, "clustered"),
    "biomarker of both eyes by illness, random intercept": (biomarker_by_illness, "mixed"),
    "people chosen by outcome, weighted": (weighted, ""),
    "**people chosen by outcome, unweighted**": (unweighted, ""),
    "sites as a random intercept": (site_intercept, ""),
    "sites brought together, random effects": (sites_pooled, ""),
}


def coverage(cohorts: int, *, seed: int = 0) -> dict[str, dict[str, float]]:
    """Model -> mean estimate over the planted effect, and share of 95 % intervals that hold it."""
    found = {}
    for place, (name, (simulate, model)) in enumerate(COVERED.items()):
        random = np.random.default_rng([seed, place])
        estimates = [simulate(random, model) for _ in range(cohorts)]
        found[name] = {
            "mean over planted": float(np.mean([one.effect for one in estimates])) / EFFECT,
            "covered": float(np.mean([one.ci_low <= EFFECT <= one.ci_high for one in estimates])),
        }
    return found


def false_alarms(cohorts: int, *, seed: int = 1) -> dict[str, float]:
    """Test -> share of p below 0.05 where a biomarker acts in a straight line and alike in everybody."""
    random = np.random.default_rng(seed)
    nobody = encode(pd.DataFrame(index=range(PEOPLE)))
    hits: dict[str, list[bool]] = {}
    for _ in range(cohorts):
        pair = _pair(random.normal(size=PEOPLE), random)
        group = random.integers(0, 3, PEOPLE)
        modifier = pd.Series(_names(group), name="g")
        strata = each_alone(pair, _names(group), nobody, by="strata", column="g")
        for name, p in {
            "a straight line, against natural splines": p_nonlinear(pair.sample, pair.matrix, pair.tested, 3),
            "the same effect at three levels (interaction)": interaction(pair, modifier)[0],
            "the same effect in three strata (Cochran's Q)": heterogeneity(strata).p,
        }.items():
            hits.setdefault(name, []).append(p < LEVEL)
    return {name: float(np.mean(called)) for name, called in hits.items()}


def _twice() -> np.ndarray:
    return np.repeat(np.arange(PEOPLE), 2)


def _alike(random: np.random.Generator) -> np.ndarray:
    """(2 PEOPLE,) of variance 1, correlation 0.7 within a person."""
    return 0.7**0.5 * np.repeat(random.normal(size=PEOPLE), 2) + 0.3**0.5 * random.normal(size=2 * PEOPLE)


def _design(x: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(x)), x])


def _names(group: np.ndarray) -> np.ndarray:
    return group.astype(str).astype(object)


def _pair(x: np.ndarray, random: np.random.Generator, shift: np.ndarray | float = 0.0) -> Pair:
    """A biomarker (PEOPLE,) with the planted effect on a number."""
    y = EFFECT * x + random.normal(size=PEOPLE) + shift
    sample = Sample(y=y, kind="continuous", person=np.arange(PEOPLE))
    return Pair(sample=sample, matrix=np.ones((PEOPLE, 1)), tested=x, rows=np.arange(PEOPLE))


def page(found: dict, cohorts: int) -> str:
    """The tables as Markdown."""
    lines = [
        "# Models of repeated rows, weights and sites where the truth is known",
        "",
        f"Simulated cohorts of {PEOPLE} people, {_SITES} sites, a planted effect of {EFFECT}; the eyes of a person "
        "have a correlation of 0.7. Made by `python -m benchmarks.association_models --markdown "
        "docs/accuracy/association-models.md`.",
        "",
        f"## Coverage of 95 % intervals ({cohorts:,} cohorts, standard error {_error(0.95, cohorts):.1%})",
        "",
        "| model | mean estimate over planted | covered |",
        "|---|---|---|",
        *(
            f"| {name} | {row['mean over planted']:.3f} | {row['covered']:.1%} |"
            for name, row in found["coverage"].items()
        ),
        "",
        f"## False alarms: p < {LEVEL} of what holds ({cohorts:,} cohorts, standard error "
        f"{_error(LEVEL, cohorts):.1%})",
        "",
        "| test of | share |",
        "|---|---|",
        *(f"| {name} | {share:.1%} |" for name, share in found["false_alarms"].items()),
    ]
    return "\n".join(lines) + "\n"


def _error(share: float, cohorts: int) -> float:
    return (share * (1 - share) / cohorts) ** 0.5


def main() -> None:
    """Simulate and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cohorts", type=int, default=2000)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found = {"coverage": coverage(asked.cohorts), "false_alarms": false_alarms(asked.cohorts)}
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = page(found, asked.cohorts)
    if asked.markdown:
        asked.markdown.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
