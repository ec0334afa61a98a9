"""Cohorts of digital eyes with planted effects, written as a study would bring them: pictures, masks and a manifest.

Two labels are planted. `hypertension` (0 or 1) narrows the arteries; `hba1c` (per cent) makes the veins more tortuous
and wider. Age, sex and site have no effect on the vessels. The effects are far larger than in people, so that a dozen
of them show it: they prove that an analysis finds what is there, and say nothing of medicine.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retquant.errors import ConfigError
from retquant.phantoms.eye import Eye, EyeTraits, simple_eye
from retquant.phantoms.photograph import PhotographStyle, photograph

_NARROWING = 0.20  # share of artery calibre lost with hypertension
_WINDING_PER_PERCENT = 0.45  # relative rise of vein oscillation for one per cent of HbA1c above 5.5
_WIDENING_PER_PERCENT = 0.06  # relative rise of vein calibre for the same
_MASKED = ("artery", "vein", "disc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A participant, with what was planted in the eyes."""

    participant_id: str
    eyes: tuple[str, ...]  # OD, OS
    age: int
    sex: str  # F | M
    site: str  # north | south
    hypertension: int
    hba1c: float  # per cent
    traits: tuple[EyeTraits, ...]  # one an eye
    has_masks: bool
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortDesign:
    """How a digital cohort is made."""

    size: tuple[int, int] = (640, 640)  # pixels of each picture
    one_eyed: float = 0.15  # share of people with one picture only
    hypertensive: float = 0.4  # share of people
    masked: float = 0.5  # share of people whose artery, vein and disc masks are written too
    masked_eyes: int = 2  # of such a person's eyes, how many bring their masks
    picture: str = "jpg"  # jpg (quality 92) | png

    def __post_init__(self) -> None:
        for name in ("one_eyed", "hypertensive", "masked"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}, which is not a share",
                    where="CohortDesign",
                    remedy=f"CohortDesign({name}=0.5)",
                )
        if self.picture not in ("jpg", "png"):
            raise ConfigError(
                f"picture is {self.picture!r}", where="CohortDesign", remedy='CohortDesign(picture="jpg")'
            )


def draw_people(n_people: int, seed: int, *, design: CohortDesign | None = None) -> tuple[Person, ...]:
    """The people of a cohort: shares are met as nearly as whole people allow, HbA1c is spread evenly over 4.8-9.5."""
    if n_people < 1:
        raise ConfigError(f"n_people is {n_people}", where="draw_people", remedy="n_people=12")
    design = design or CohortDesign()
    rng = np.random.default_rng([seed, 3])
    spread = np.linspace(0, 1, n_people) ** 1.3 if n_people > 1 else np.array([0.5])
    hba1c = rng.permutation(4.8 + 4.7 * spread)
    hypertension = _assigned(n_people, design.hypertensive, rng)
    one_eyed = _assigned(n_people, design.one_eyed, rng)
    masked = np.zeros(n_people, dtype=bool)
    turn = np.argsort(hypertension, kind="stable")  # cases and others bring masks in the same share
    masked[turn] = np.diff(np.floor(np.arange(n_people + 1) * design.masked + 0.5)) > 0
    people = []
    for index in range(n_people):
        calibre, winding = rng.normal(1, 0.03), rng.normal(1, 0.08)
        eyes = (str(rng.choice(["OD", "OS"])),) if one_eyed[index] else ("OD", "OS")
        excess = float(hba1c[index]) - 5.5
        traits = tuple(
            EyeTraits(
                artery_calibre=float(calibre * rng.normal(1, 0.015) * (1 - _NARROWING * hypertension[index])),
                vein_calibre=float(calibre * rng.normal(1, 0.015) * (1 + _WIDENING_PER_PERCENT * excess)),
                artery_tortuosity=float(winding * rng.normal(1, 0.05)),
                vein_tortuosity=float(
                    np.clip(winding * rng.normal(1, 0.05) * (1 + _WINDING_PER_PERCENT * excess), 0.3, 4.0)
                ),
                cup_to_disc=float(np.clip(rng.normal(0.42, 0.08), 0.25, 0.65)),
            )
            for _ in eyes
        )
        people.append(
            Person(
                participant_id=f"P{index + 1:03d}",
                eyes=eyes,
                age=int(rng.integers(42, 76)),
                sex=str(rng.choice(["F", "M"])),
                site=str(rng.choice(["north", "south"])),
                hypertension=int(hypertension[index]),
                hba1c=round(float(hba1c[index]), 1),
                traits=traits,
                has_masks=bool(masked[index]),
                seed=int(rng.integers(2**31)),
            )
        )
    return tuple(people)


def write_cohort(
    folder: Path | str, n_people: int, seed: int = 0, *, design: CohortDesign | None = None
) -> Path:
    """Write a cohort of digital eyes and return its `manifest.csv`; the same files for the same arguments.

    Beside the manifest come `images/`, `masks/` (8-bit coverage, half of the people unless told) and `truth.csv`,
    which holds what was planted and what was drawn, an eye a row.
    """
    folder, design = Path(folder), design or CohortDesign()
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows, truths = [], []
    for person in draw_people(n_people, seed, design=design):
        style = PhotographStyle.drawn(person.seed)
        for number, (side, traits) in enumerate(zip(person.eyes, person.traits, strict=True)):
            eye = simple_eye(person.seed + number, side, traits=traits, size=design.size)
            stem = f"{person.participant_id}_{side}"
            image = f"images/{stem}.{design.picture}"
            _save(folder / image, photograph(eye, person.seed + number, style=style))
            masks = (
                _write_masks(folder, stem, eye) if person.has_masks and number < design.masked_eyes else {}
            )
            rows.append(_manifest_row(person, eye, image, masks))
            truths.append(
                {"image": image} | asdict(traits) | {k: round(v, 6) for k, v in eye.shape.truth.items()}
            )
    write_csv(folder / "truth.csv", truths)
    return write_csv(folder / "manifest.csv", rows)


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write the rows under all their columns, in order of first appearance; what a row lacks stays empty."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _assigned(count: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """(count,) bool with the nearest whole number to `share` set, at random."""
    return rng.permutation(np.arange(count) < round(share * count))


def _manifest_row(person: Person, eye: Eye, image: str, masks: dict[str, str]) -> dict[str, Any]:
    assert eye.shape.fovea is not None
    row, col = eye.shape.fovea
    return {
        "image": image,
        "participant_id": person.participant_id,
        "eye": eye.eye,
        "age": person.age,
        "sex": person.sex,
        "site": person.site,
        "hypertension": person.hypertension,
        "hba1c": person.hba1c,
        "um_per_px": round(eye.shape.um_per_px, 4),
        "fovea_x": round(col, 1),
        "fovea_y": round(row, 1),
        **{f"{name}_mask": masks.get(name, "") for name in _MASKED},
    }


def _write_masks(folder: Path, stem: str, eye: Eye) -> dict[str, str]:
    """Coverage of each masked structure inside the field as 8-bit PNG; target name to relative path."""
    (folder / "masks").mkdir(exist_ok=True)
    written = {}
    for name in _MASKED:
        written[name] = f"masks/{stem}_{name}.png"
        _save(folder / written[name], np.rint(eye.coverage(name) * 255).astype(np.uint8))
    return written


def _save(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    if path.suffix == ".jpg":
        Image.fromarray(pixels).save(path, quality=92, subsampling=0)
    else:
        Image.fromarray(pixels).save(path, optimize=True)
