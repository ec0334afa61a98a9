"""Cohorts of digital eyes with planted effects, written as a study would bring them: pictures, masks and a manifest.

Beside the manifest lie `truth.csv`, which holds what was planted and what is true of each eye, and, where asked for,
a record of everything that was drawn. Eyes do not depend on each other: they may be written in any order, by
any number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from retquant.phantoms.cohort_files import (
    EyePlan,
    EyeRows,
    person_cells,
    save_masks,
    save_picture,
    save_record,
    write_csv,
)
from retquant.phantoms.eye import Eye, EyeTraits, simple_eye
from retquant.phantoms.octa_cohort import write_angiogram
from retquant.phantoms.people import CohortDesign, draw_people
from retquant.phantoms.photograph import PhotographStyle, photograph

_LATER_TRAITS = ("nicking", "avascular")  # columns of the truth table only where somebody has them


def eye_plans(n_people: int, seed: int, *, design: CohortDesign) -> tuple[EyePlan, ...]:
    """The eyes of a cohort, in the order of the manifest."""
    return tuple(
        EyePlan(person=person, number=number, design=design)
        for person in draw_people(n_people, seed, design=design)
        for number in range(len(person.eyes))
    )


def write_cohort(
    folder: Path | str,
    n_people: int,
    seed: int = 0,
    *,
    design: CohortDesign | None = None,
    over: Callable[[Callable[[EyePlan], EyeRows], Sequence[EyePlan]], Iterable[EyeRows]] = map,
) -> Path:
    """Write a cohort of digital eyes and return its `manifest.csv`; the same files for the same arguments.

    Beside the manifest, which is written last, come `images/`, `masks/` (8-bit coverage, half of the people unless
    told) and `truth.csv`, which holds what was planted and what was drawn, an eye a row. `over` is how eyes are gone
    through: `map`, or the `map` of a pool of processes.
    """
    folder, design = Path(folder), design or CohortDesign()
    plans = eye_plans(n_people, seed, design=design)
    rows = list(over(EyeWriter(folder), plans))
    return write_tables(folder, rows)


@dataclass(frozen=True, slots=True)
class EyeWriter:
    """Writes eyes into a folder; can be sent to another process."""

    folder: Path

    def __call__(self, plan: EyePlan) -> EyeRows:
        """Draw one eye, write its files, and say what the tables hold of it."""
        (self.folder / "images").mkdir(parents=True, exist_ok=True)
        write = write_photograph if plan.design.modality == "cfp" else write_angiogram
        return write(self.folder, plan)


def write_photograph(folder: Path, plan: EyePlan) -> EyeRows:
    """Draw one eye as a photograph and write its files."""
    person, design = plan.person, plan.design
    side, traits, seed = person.eyes[plan.number], person.traits[plan.number], person.seed + plan.number
    eye = simple_eye(seed, side, traits=traits, size=design.size)
    if design.pictured:
        picture = photograph(eye, seed, style=PhotographStyle.drawn(person.seed))
    else:
        picture = np.repeat(np.rint(eye.drawn["fov"][..., None] * 128).astype(np.uint8), 3, axis=-1)
    save_picture(folder / plan.image, picture)
    masks = {}
    if plan.brings_masks:
        masks = save_masks(folder, plan.stem, {name: eye.coverage(name) for name in design.masks})
    figures = eye.truth if design.columns else eye.shape.truth
    labels = dict(person.labels) if design.columns else {}
    truth = {"image": plan.image, **labels, **asdict(traits)}
    truth |= {name: round(value, 6) for name, value in figures.items()}
    if design.records:
        save_record(folder, plan.stem, eye.record | {"participant_id": person.participant_id})
    return EyeRows(manifest=_manifest_row(plan, eye, masks), truth=truth)


def write_tables(folder: Path, rows: Sequence[EyeRows]) -> Path:
    """Write `truth.csv` and then `manifest.csv`, whose path is returned."""
    usual = {f.name: f.default for f in fields(EyeTraits)}
    unused = {
        name for name in _LATER_TRAITS if all(r.truth.get(name, usual[name]) == usual[name] for r in rows)
    }
    write_csv(folder / "truth.csv", [{k: v for k, v in r.truth.items() if k not in unused} for r in rows])
    return write_csv(folder / "manifest.csv", [dict(r.manifest) for r in rows])


def _manifest_row(plan: EyePlan, eye: Eye, masks: Mapping[str, str]) -> dict[str, Any]:
    assert eye.shape.fovea is not None
    row, col = eye.shape.fovea
    return {
        **person_cells(plan),
        "um_per_px": round(eye.shape.um_per_px, 4),
        "fovea_x": round(col, 1),
        "fovea_y": round(row, 1),
        **{f"{name}_mask": masks.get(name, "") for name in plan.design.masks},
    }
