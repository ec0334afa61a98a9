"""What association tests say where the truth is known: false alarms, coverage of intervals, false discoveries.

    python -m benchmarks.association_truth [--nulls 10000] [--cohorts 2000] [--families 200] [--markdown FILE]

Cohorts are simulated: two eyes a person that are alike, eyes and labels missing, three sites with shares of disease and
devices of their own. False alarms are counted for eyes taken as people, too, to show what that costs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from retquant.association import associate
from retquant.association.engines.linear import least_squares, least_squares_by_cluster
from retquant.association.engines.logistic import logistic_score, logistic_score_by_cluster
from retquant.association.engines.mixed import random_intercept

LEVEL = 0.05
PEOPLE = 200
BETWEEN_EYES = 0.8  # correlation of the two eyes of a person
AT_ONCE = 100  # outcomes tested on one drawing of a biomarker
EFFECT = 0.3  # planted: standard deviations, or log odds, per standard deviation of the true biomarker


def false_alarms(count: int, *, seed: int = 0) -> dict[str, float]:
    """Model -> share of p-values below 0.05 where nothing is associated."""
    random = np.random.default_rng(seed)
    hits: dict[str, list[float]] = {}
    person = np.repeat(np.arange(PEOPLE), 2)
    for _ in range(max(1, count // AT_ONCE)):
        eyes = _eyes(random, 1)
        mean = eyes.reshape(PEOPLE, 2).mean(axis=1, keepdims=True)
        shared = random.normal(size=(PEOPLE, AT_ONCE))
        own = _eyes(random, AT_ONCE)
        design, twice = np.ones((PEOPLE, 1)), np.ones((2 * PEOPLE, 1))
        ill, ill_eye = (shared > 0.5).astype(float), (own > 0.5).astype(float)
        found = {
            "outcome of the person, mean of eyes (least squares, HC3)": least_squares(mean, shared, design),
            "outcome of the person, mean of eyes (logistic)": logistic_score(mean, ill, design),
            "outcome of the eye, clustered by person": least_squares_by_cluster(eyes, own, twice, person),
            "outcome of the eye, random intercept": random_intercept(eyes, own, twice, person).screen,
            "outcome of the eye, logistic clustered by person": logistic_score_by_cluster(
                eyes, ill_eye, twice, person
            ),
            "**eyes taken as people**, outcome of the person": least_squares(
                eyes, shared[person], twice, errors="classical"
            ),
            "**eyes taken as people**, outcome of the eye": least_squares(
                eyes, own, twice, errors="classical"
            ),
        }
        for name, screen in found.items():
            hits.setdefault(name, []).append(float((screen.p < LEVEL).mean()))
    return {name: float(np.mean(shares)) for name, shares in hits.items()}


def _eyes(random: np.random.Generator, columns: int) -> np.ndarray:
    """(2 PEOPLE, columns) values of eyes, of variance 1, alike within a person."""
    shared = np.repeat(random.normal(size=(PEOPLE, columns)), 2, axis=0)
    own = random.normal(size=(2 * PEOPLE, columns))
    return BETWEEN_EYES**0.5 * shared + (1 - BETWEEN_EYES) ** 0.5 * own


def cohort(
    random: np.random.Generator, *, biomarkers: int = 1, true: int = 1
) -> tuple[pd.DataFrame, np.ndarray]:
    """Images of a simulated cohort, and the person-level standard deviation of each biomarker.

    The first `true` biomarkers bear on the outcomes; sites differ in device (a shift of all biomarkers) and in disease.
    """
    site = random.integers(0, 3, PEOPLE)
    age = random.normal(60, 8, PEOPLE)
    latent = random.normal(size=(PEOPLE, biomarkers)) + 0.02 * (age - 60)[:, None]
    values = np.repeat(latent, 2, axis=0) + 0.5 * random.normal(size=(2 * PEOPLE, biomarkers))
    mean = values.reshape(PEOPLE, 2, biomarkers).mean(axis=1)
    linear = EFFECT * mean[:, :true].sum(axis=1) + 0.03 * (age - 60) + np.array([-0.4, 0.0, 0.5])[site]
    pressure = linear + random.normal(size=PEOPLE)
    ill = linear + random.logistic(size=PEOPLE) > 0.5
    shifted = values + np.array([0.0, 0.8, -0.5])[np.repeat(site, 2), None]
    images = pd.DataFrame(shifted, columns=[f"m{k}" for k in range(biomarkers)])
    images.insert(0, "image_id", [f"i{k}" for k in range(2 * PEOPLE)])
    images["participant_id"] = np.repeat([f"p{k}" for k in range(PEOPLE)], 2)
    images["eye"] = ["OD", "OS"] * PEOPLE
    for name, column in (
        ("site", np.array(list("abc"))[site]),
        ("age", age),
        ("pressure", pressure),
        ("ill", ill),
    ):
        images[name] = np.repeat(column, 2)
    # whole people, as a lost eye would make the mean of a person another quantity than the one that was planted
    gone = np.repeat(random.random(PEOPLE) < 0.2, 2)
    images.loc[gone, [f"m{k}" for k in range(biomarkers)]] = np.nan
    images.attrs["units"] = {f"m{k}": "1" for k in range(biomarkers)}
    return images, mean.std(axis=0, ddof=1)


def coverage(count: int, *, seed: int = 1) -> dict[str, dict[str, float]]:
    """Outcome -> mean estimate over the planted effect, and share of 95 % intervals that hold it."""
    random = np.random.default_rng(seed)
    tallies: dict[str, list[tuple[float, bool]]] = {"pressure": [], "ill": []}
    for _ in range(count):
        images, _ = cohort(random)
        for outcome, tally in tallies.items():
            row = associate(images, outcome=outcome, covariates=["age", "site"]).table.iloc[0]
            low, high = row["ci_low"] / row["sd"], row["ci_high"] / row["sd"]
            tally.append((row["effect_per_unit"], bool(low <= EFFECT <= high)))
    return {
        outcome: {
            "mean over planted": float(np.mean([effect for effect, _ in tally])) / EFFECT,
            "covered": float(np.mean([held for _, held in tally])),
        }
        for outcome, tally in tallies.items()
    }


def discoveries(count: int, *, seed: int = 2, biomarkers: int = 40, true: int = 5) -> dict[str, float]:
    """Mean share of false ones among findings with q < 0.05 and of the planted ones that were found."""
    random = np.random.default_rng(seed)
    wrong, right = [], []
    planted = {f"m{k}" for k in range(true)}
    for _ in range(count):
        images, _ = cohort(random, biomarkers=biomarkers, true=true)
        table = associate(images, outcome="pressure", covariates=["age", "site"]).table
        found = set(table.loc[table["q"] < LEVEL, "biomarker"])
        wrong.append(len(found - planted) / max(1, len(found)))
        right.append(len(found & planted) / true)
    return {
        "false among findings": float(np.mean(wrong)),
        "its standard error": float(np.std(wrong, ddof=1) / len(wrong) ** 0.5),
        "planted that were found": float(np.mean(right)),
    }


def page(found: dict, nulls: int, cohorts: int, families: int) -> str:
    """The tables as Markdown."""
    lines = [
        "# Association tests where the truth is known",
        "",
        f"Simulated cohorts of {PEOPLE} people with two eyes (correlation {BETWEEN_EYES}), made by "
        "`python -m benchmarks.association_truth --markdown docs/accuracy/association-truth.md`.",
        "",
        f"## False alarms: p < {LEVEL} where nothing is associated ({nulls:,} tests each; bar 5 ± 1 %)",
        "",
        "| model | share |",
        "|---|---|",
        *(f"| {name} | {share:.1%} |" for name, share in found["false_alarms"].items()),
        "",
        f"## Coverage of 95 % intervals ({cohorts:,} cohorts; bar 95 ± 2 %)",
        "",
        f"A planted effect of {EFFECT} per unit; 20 % of people without the biomarker, three sites with a device shift "
        "and shares of disease of their own, adjusted for age and site.",
        "",
        "| outcome | mean estimate over planted | covered |",
        "|---|---|---|",
        *(
            f"| {name} | {row['mean over planted']:.3f} | {row['covered']:.1%} |"
            for name, row in found["coverage"].items()
        ),
        "",
        f"## False discoveries ({families} cohorts, 40 biomarkers, 5 planted; bar: at most 5 %)",
        "",
        f"* false ones among findings with q < {LEVEL}: {found['discoveries']['false among findings']:.1%} ± "
        f"{found['discoveries']['its standard error']:.1%} (standard error)",
        f"* planted ones that were found: {found['discoveries']['planted that were found']:.0%}",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Simulate and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--nulls", type=int, default=10_000)
    parser.add_argument("--cohorts", type=int, default=2000)
    parser.add_argument("--families", type=int, default=600)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found = {
        "false_alarms": false_alarms(asked.nulls),
        "coverage": coverage(asked.cohorts),
        "discoveries": discoveries(asked.families),
    }
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = page(found, asked.nulls, asked.cohorts, asked.families)
    if asked.markdown:
        asked.markdown.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
