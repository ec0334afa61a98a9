"""Two real cohorts through `retquant cohort run` and `associate`: IDRiD (60 eyes) and ODIR (1,200 people, 256 px).

    python -m benchmarks.real_cohorts --data DATA --work DIR [--page docs/accuracy/real-cohorts.md]

Runs go on where they were stopped. The page says what came out, gate by gate: neither set can stand for a population.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from retquant.tables.reader import load_biomarkers, read_table

SHOWN = 8  # associations of each outcome
GATED = ("vessel_calibre_median_fov", "vessel_fractal_d0_fov", "vessel_tortuosity_hart1_median_fov",
         "vessel_length_density_fov", "crae_knudtson_zone_b", "cdr_vertical")  # fmt: skip

HEAD = """# Two real cohorts

`python -m benchmarks.real_cohorts --data DATA --work DIR --page FILE` runs them as a user would: `retquant cohort run`
with the model that ships as default, then `retquant associate --plan` with the quality gate, which leaves out values of
pictures that are not good enough for a biomarker. q is over all biomarkers counted of a plan's outcomes together.
"""

SEXES = {"Male": "male", "Female": "female"}


@dataclass(frozen=True, kw_only=True)
class RealCohort:
    """A set of photographs with labels, and what is asked of it."""

    name: str
    title: str
    manifest: Callable[[Path], pd.DataFrame]
    plans: dict[str, str]  # name -> TOML
    says: str  # what the data can and cannot support


def idrid(folder: Path) -> pd.DataFrame:
    """IDRiD names no people: each photograph counts as a person. 50 degrees (Porwal et al. 2018)."""
    labels = pd.read_csv(folder / "labels.csv")
    return labels.assign(
        image=[str(folder / path) for path in labels["image"]],
        image_id=[Path(path).stem for path in labels["image"]],
        fov_deg=50,
    ).drop(columns=["disc_x", "disc_y"])


def odir(folder: Path) -> pd.DataFrame:
    """ODIR: many cameras, all resampled to 256 px, so that no scale is known."""
    labels = pd.read_csv(folder / "labels.csv", dtype={"participant_id": str})
    return labels.assign(
        image=[str(folder / path) for path in labels["image"]],
        image_id=[Path(path).stem for path in labels["image"]],
        sex=labels["sex"].map(SEXES),
    ).drop(columns=["keywords"])


_CONTROLS = """
name = "controls"
gate = true
[[outcomes]]
column = "age"
[[outcomes]]
column = "sex"
"""
_DISEASES = """
name = "diseases"
gate = true
covariates = ["age", "sex"]
""" + "".join(f'[[outcomes]]\ncolumn = "{letter}"\n' for letter in "DGCAHM")
_GRADES = """
name = "grades"
gate = true
[[outcomes]]
column = "dr_grade"
[[outcomes]]
column = "dme_risk"
"""

_IDRID_SAYS = """
What it says: eyes of a higher grade show less vessel length around the macula and wider vessels, as larger studies
found. What it cannot: 60 pictures, no people, ages or sexes, so that nothing is adjusted; wider arteries where
lesions lie beside them may be the model's doing.
"""
_ODIR_SAYS = """
At 256 px a vessel is one to three pixels wide and no scale is known. The gate therefore leaves one calibre in nine and
hardly a CRAE (whose micrometres would rest on an assumed size of the disc); what stays are densities, counts and
curvature.

What it says: the signs are those of larger studies. Vessels are fewer and wind more with age, wind more in diabetes,
and are sparser in glaucoma and myopia. Hypertension, which 34 of the people have, goes with nothing at q < 0.05. What
it cannot: cataract takes the most vessels away, by its haze and not in the retina, and part of age, myopia and
glaucoma may be the same; cameras are many and not named, so nothing is adjusted for them; a class belongs to the
person and was given from both pictures, the controls have any of the other diseases (so diabetes seems to go with
more veins: beside glaucoma, cataract and myopia), and *other* has all the rest. Two of 725 biomarkers differ by sex,
which is where a finding by chance or by camera would look like this, too.
"""

COHORTS = {
    "IDRiD_cohort": RealCohort(
        name="idrid",
        title="IDRiD: 60 photographs, 4288 x 2848 px",
        manifest=idrid,
        plans={"grades": _GRADES},
        says=_IDRID_SAYS,
    ),
    "ODIR_256": RealCohort(
        name="odir",
        title="ODIR: 2,302 photographs of 1,200 people, 256 x 256 px",
        manifest=odir,
        plans={"controls": _CONTROLS, "diseases": _DISEASES},
        says=_ODIR_SAYS,
    ),
}


def carry_out(cohort: RealCohort, folder: Path, work: Path, workers: int, people: int | None) -> Path:
    """Run and associate; the folder of the run."""
    sample = () if people is None else ("--sample", people)
    here = work / cohort.name
    here.mkdir(parents=True, exist_ok=True)
    cohort.manifest(folder).to_csv(here / "manifest.csv", index=False)
    run = here / "run"
    _retquant(
        "cohort", "run", here / "manifest.csv", "--out", run, "--workers", workers, "--no-store", *sample
    )
    for name, text in cohort.plans.items():
        plan = here / f"{name}.toml"
        plan.write_text(text)
        _retquant("associate", run, "--plan", plan)
    return run


def page(work: Path) -> str:
    """What came out of both, as Markdown."""
    return HEAD + "".join(_section(cohort, work / cohort.name / "run") for cohort in COHORTS.values())


def _section(cohort: RealCohort, run: Path) -> str:
    grades = read_table(run, "quality").to_pandas()["grade"].value_counts()
    failed = read_table(run, "failures").num_rows
    graded = ", ".join(f"{count:,} {grade}" for grade, count in grades.items())
    lines = [f"\n## {cohort.title}\n\nPictures by grade: {graded}; {failed} failed.\n\n{_gates(run)}"]
    for plan in cohort.plans:
        table = pd.read_parquet(run / "associations" / plan / "associations.parquet")
        for outcome, rows in table.groupby("outcome", sort=False):
            lines.append(_outcome(str(outcome), rows))
    return "".join(lines) + f"\n{cohort.says.strip()}\n"


def _gates(run: Path) -> str:
    """How many values of some biomarkers the pictures were good enough for."""
    names = [name for name in GATED if name in load_biomarkers(run).columns]
    measured, kept = (load_biomarkers(run, names, gate=gate)[names].notna().sum() for gate in (False, True))
    lines = [f"| {name} | {measured[name]:,} | {kept[name]:,} |\n" for name in names]
    return "| biomarker | pictures with a value | of these good enough for it |\n|---|---|---|\n" + "".join(
        lines
    )


def _outcome(outcome: str, rows: pd.DataFrame) -> str:
    tested = rows.dropna(subset=["q"])
    clear = int((tested["q"] < 0.05).sum())
    head = (
        f"\n**{outcome}** ({rows['kind'].iloc[0]}): {len(tested)} biomarkers counted, {clear} with q < 0.05."
    )
    if tested.empty:
        return head + "\n"
    lines = [
        f"| `{row.biomarker}` | {_effect(row)} | {row.p:.2g} | {row.q:.2g} | {row.n_people:,} |\n"
        for row in tested.sort_values("p").head(SHOWN).itertuples()
    ]
    return f"{head}\n\n| biomarker | per SD (95 % CI) | p | q | people |\n|---|---|---|---|---|\n" + "".join(
        lines
    )


def _effect(row: Any) -> str:
    if pd.notna(row.ratio):
        return f"{row.ratio:.2f} ({row.ratio_low:.2f} to {row.ratio_high:.2f})"
    return f"{row.effect:+.2f} ({row.ci_low:+.2f} to {row.ci_high:+.2f})"


def _retquant(*words: object) -> None:
    """Call the command of this environment."""
    command = [sys.executable, "-c", "from retquant.cli import main; main()", *map(str, words)]
    subprocess.run(command, check=True)


def main() -> None:
    """Carry out both and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--people", type=int, help="of each cohort, drawn at random [default: all]")
    parser.add_argument("--only", choices=sorted(COHORTS))
    parser.add_argument("--page", type=Path, help="Markdown to write")
    given = parser.parse_args()
    for name in [given.only] if given.only else COHORTS:
        carry_out(COHORTS[name], given.data / "fundus" / name, given.work, given.workers, given.people)
    if given.page:
        given.page.write_text(page(given.work), encoding="utf-8")


if __name__ == "__main__":
    main()
