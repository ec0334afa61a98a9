"""Seconds for 2,000 pairs in 50,000 people (100,000 eyes): fast engines, and the same pairs one by one in statsmodels.

    python -m benchmarks.associating [--people N] [--markdown FILE] [--json FILE]

100 biomarkers, 20 outcomes, 12 covariates, simulated; one thread. statsmodels is timed on a few pairs and multiplied,
which the table says. Ways take turns, and medians are taken, so that another load slows all of them.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

BIOMARKERS, OUTCOMES, COVARIATES = 100, 20, 12
ROUNDS = 3
FEW = 3  # pairs that statsmodels is timed on


@dataclass(frozen=True, kw_only=True)
class Study:
    """Simulated people and eyes. n people."""

    design: np.ndarray  # (n, K), first column 1
    biomarkers: np.ndarray  # (n, B)
    pressure: np.ndarray  # (n, O) continuous outcomes
    ill: np.ndarray  # (n, O) 0 or 1
    years: np.ndarray  # (n, O) times
    person: np.ndarray  # (2n,) of each eye
    eye_biomarkers: np.ndarray  # (2n, B)


def simulate(people: int) -> Study:
    """People with correlated biomarkers, and two eyes that differ a little."""
    random = np.random.default_rng(1)
    design = np.column_stack([np.ones(people), random.normal(size=(people, COVARIATES - 1))])
    mixing = random.normal(size=(20, BIOMARKERS)) / 20**0.5
    biomarkers = random.normal(size=(people, 20)) @ mixing + 0.5 * random.normal(size=(people, BIOMARKERS))
    true = 0.03 * random.normal(size=(BIOMARKERS, OUTCOMES))
    linear = biomarkers @ true + 0.1 * design[:, [1]]
    person = np.repeat(np.arange(people), 2)
    return Study(
        design=design,
        biomarkers=biomarkers,
        pressure=linear + random.normal(size=(people, OUTCOMES)),
        ill=(linear + random.logistic(size=(people, OUTCOMES)) > 2.0).astype(float),
        years=random.exponential(np.exp(-linear) * 20),
        person=person,
        eye_biomarkers=biomarkers[person] + 0.5 * random.normal(size=(2 * people, BIOMARKERS)),
    )


def fast(study: Study) -> dict[str, tuple[float, Callable[[], object]]]:
    """Name -> the issue's bar in seconds, and what does all pairs."""
    from retquant.association.engines.linear import least_squares, least_squares_by_cluster
    from retquant.association.engines.logistic import logistic, logistic_score
    from retquant.association.engines.mixed import random_intercept
    from retquant.association.engines.survival import Follow, cox_score

    eyes = study.design[study.person]
    exposures = study.ill[study.person]

    def cox() -> None:
        for column in range(OUTCOMES):
            stop = np.minimum(study.years[:, column], 10.0)
            event = study.years[:, column] <= 10.0
            cox_score(study.biomarkers, Follow(exit=stop, event=event), study.design[:, 1:])

    return {
        "least squares, HC3": (5, lambda: least_squares(study.biomarkers, study.pressure, study.design)),
        "least squares, clustered, two eyes": (
            5,
            lambda: least_squares_by_cluster(
                study.eye_biomarkers, study.pressure[study.person], eyes, study.person
            ),
        ),
        "mixed, random intercept, two eyes": (
            5,
            lambda: random_intercept(exposures, study.eye_biomarkers, eyes, study.person),
        ),
        "logistic, score test": (5, lambda: logistic_score(study.biomarkers, study.ill, study.design)),
        "logistic, exact": (30, lambda: logistic(study.biomarkers, study.ill, study.design)),
        "Cox, score test": (60, cox),
    }


def one_by_one(study: Study) -> dict[str, Callable[[int], object]]:
    """Name -> what does pair number i in statsmodels."""
    import statsmodels.api as sm

    eyes = study.design[study.person]

    def whole(pair: int) -> np.ndarray:
        return np.column_stack([study.design, study.biomarkers[:, pair]])

    def whole_eyes(pair: int) -> np.ndarray:
        return np.column_stack([eyes, study.eye_biomarkers[:, pair]])

    return {
        "least squares, HC3": lambda pair: sm.OLS(study.pressure[:, 0], whole(pair)).fit(cov_type="HC3"),
        "least squares, clustered, two eyes": lambda pair: sm.OLS(
            study.pressure[study.person, 0], whole_eyes(pair)
        ).fit(cov_type="cluster", cov_kwds={"groups": study.person}),
        "logistic, exact": lambda pair: sm.Logit(study.ill[:, 0], whole(pair)).fit(disp=0),
        "Cox, score test": lambda pair: sm.PHReg(
            np.minimum(study.years[:, 0], 10.0), whole(pair)[:, 1:], status=study.years[:, 0] <= 10.0
        ).fit(disp=0),
    }


def measure(people: int) -> dict[str, dict[str, float]]:
    """Processor and wall seconds of all pairs, and statsmodels' processor seconds for them."""
    study = simulate(people)
    ways = fast(study)
    figures: dict[str, dict[str, list[float]]] = {name: {"cpu": [], "wall": []} for name in ways}
    for _ in range(ROUNDS):
        for name, (_, run) in ways.items():
            begun = time.perf_counter(), time.process_time()
            run()
            figures[name]["wall"].append(time.perf_counter() - begun[0])
            figures[name]["cpu"].append(time.process_time() - begun[1])
    found = {
        name: {"bar": ways[name][0], **{kind: statistics.median(values) for kind, values in parts.items()}}
        for name, parts in figures.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, run_one in one_by_one(study).items():
            times = []
            for pair in range(FEW):
                begun_at = time.process_time()
                run_one(pair)
                times.append(time.process_time() - begun_at)
            found[name]["statsmodels"] = statistics.median(times) * BIOMARKERS * OUTCOMES
    return found


def page(found: dict[str, dict[str, float]], people: int) -> str:
    """The table as Markdown."""
    lines = [
        "# How fast associations are",
        "",
        f"{BIOMARKERS} biomarkers × {OUTCOMES} outcomes = {BIOMARKERS * OUTCOMES:,} pairs, {people:,} people "
        f"({2 * people:,} eyes), {COVARIATES} covariates, simulated, one thread; medians of {ROUNDS} rounds on "
        f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}. statsmodels: the median of "
        f"{FEW} pairs times {BIOMARKERS * OUTCOMES:,}. Made by `python -m benchmarks.associating --markdown "
        "docs/accuracy/associating.md`.",
        "",
        "| model | bar, s | processor, s | wall, s | statsmodels, s | times faster |",
        "|---|---|---|---|---|---|",
    ]
    for name, parts in found.items():
        other = parts.get("statsmodels")
        more = "– | –" if other is None else f"{other:,.0f} | {other / parts['cpu']:,.0f}"
        lines.append(f"| {name} | {parts['bar']:g} | {parts['cpu']:.2f} | {parts['wall']:.2f} | {more} |")
    lines += [
        "",
        "Every engine equals statsmodels on small data (`tests/association/test_engines.py`). The mixed model takes "
        "the ratio of variances under no effect. Score tests' effects are one Newton step from no effect; pairs that a "
        "report shows are fitted exactly.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with threadpool_limits(1):
        found = measure(asked.people)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if asked.markdown:
        asked.markdown.write_text(page(found, asked.people), encoding="utf-8")
    print(page(found, asked.people))


if __name__ == "__main__":
    main()
