"""The files of a digital cohort: which eye goes where, and how pictures, tables and records are written.

Every file is written aside and renamed, so that what has its name is whole.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retquant.phantoms.people import CohortDesign, Person


@dataclass(frozen=True, slots=True, kw_only=True)
class EyePlan:
    """One eye that is to be written."""

    person: Person
    number: int  # of the person's eyes
    design: CohortDesign

    @property
    def stem(self) -> str:
        """What its files are called."""
        return f"{self.person.participant_id}_{self.person.eyes[self.number]}"

    @property
    def image(self) -> str:
        """Path of its picture from the manifest's folder."""
        return f"images/{self.stem}.{self.design.picture}"

    @property
    def brings_masks(self) -> bool:
        """Whether its masks are written."""
        return self.person.has_masks and self.number < self.design.masked_eyes


@dataclass(frozen=True, slots=True, kw_only=True)
class EyeRows:
    """What the manifest and the truth table say of one eye."""

    manifest: Mapping[str, Any]
    truth: Mapping[str, Any]


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write the rows under all their columns, in order of first appearance; what a row lacks stays empty."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    aside = path.with_name(f".{path.name}.part")
    with aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return aside.replace(path)


def person_cells(plan: EyePlan) -> dict[str, Any]:
    """What a manifest says of the person behind an eye; unknown labels are empty."""
    person = plan.person
    return {
        "image": plan.image,
        "participant_id": person.participant_id,
        "eye": person.eyes[plan.number],
        "age": person.age,
        "sex": person.sex,
        "site": person.site,
        **{name: "" if name in person.unknown else value for name, value in person.labels.items()},
    }


def save_masks(folder: Path, stem: str, coverage: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Coverage of each structure inside the field as 8-bit PNG; target name to relative path."""
    (folder / "masks").mkdir(exist_ok=True)
    written = {}
    for name, share in coverage.items():
        written[name] = f"masks/{stem}_{name}.png"
        save_picture(folder / written[name], np.rint(share * 255).astype(np.uint8))
    return written


def save_picture(path: Path, pixels: np.ndarray) -> None:
    """Write a picture whole or not at all: JPEG of quality 92, or PNG."""
    from PIL import Image

    aside = path.with_name(f".{path.name}.part")
    if path.suffix == ".jpg":
        Image.fromarray(pixels).save(aside, format="JPEG", quality=92, subsampling=0)
    else:
        Image.fromarray(pixels).save(aside, format="PNG", optimize=True)
    aside.replace(path)


def save_record(folder: Path, stem: str, record: Mapping[str, Any]) -> None:
    """Write everything that is known of an eye as `records/STEM.json`."""
    (folder / "records").mkdir(exist_ok=True)
    save_text(folder / "records" / f"{stem}.json", json.dumps(record))


def save_text(path: Path, text: str) -> None:
    """Write a text whole or not at all."""
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
