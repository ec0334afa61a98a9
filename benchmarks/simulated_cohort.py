"""A cohort of any size that costs nothing to measure: links for photographs, and a stub in place of the pipeline.

Everything else is the real thing: manifest, hashes of files, plan, workers, tables, ledger, compaction. An image is a
hard link to one of a few small files, so that a million of them are a million names and no disk.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from retquant.biomarkers.definition import Column
from retquant.cohort import Study
from retquant.manifest import ImageRecord, Manifest
from retquant.tables.rows import ImageRows

IMAGES_A_FOLDER = 1000
LINKS_A_FILE = 20_000  # file systems allow 65,000
VARIANTS = 97  # of rows: images differ, and making them costs the stub nothing
SEGMENTS, BIFURCATIONS, CROSSINGS = 300, 90, 25  # of one photograph
MISSING = 0.15  # of the columns
PROOF = "vessel_area_density_fov"
"""Column whose value follows from the image's id, so that a test can see that rows are the image's own."""


@dataclass(frozen=True)
class Stub:
    """Yields rows as a photograph would, without opening it.

    Parameters
    ----------
    columns : tuple of str
        Biomarkers to fill.
    segments : bool
        Whether to yield the tables of segments, bifurcations and crossings, too.
    """

    columns: tuple[str, ...]
    segments: bool = False

    def __call__(self, record: ImageRecord) -> ImageRows:
        """The rows of one image."""
        variant = variants(self.columns, self.segments)[zlib.crc32(record.image_id.encode()) % VARIANTS]
        return ImageRows(
            biomarkers={**variant.biomarkers, PROOF: proof(record.image_id)},
            missing=variant.missing,
            tables=variant.tables,
            seconds={"stub": 1e-6},
        )


def proof(image_id: str) -> float:
    """What `PROOF` is of an image: a number from 0 to 1 that float32 holds."""
    return (zlib.crc32(image_id.encode()) >> 8) / (1 << 24)


@lru_cache(maxsize=4)
def variants(columns: tuple[str, ...], segments: bool) -> list[ImageRows]:
    """Rows to choose from, drawn once a process."""
    random = np.random.default_rng(0)
    return [_rows(columns, segments, random) for _ in range(VARIANTS)]


def _rows(columns: Sequence[str], segments: bool, random: np.random.Generator) -> ImageRows:
    values = random.lognormal(size=len(columns))
    values[random.random(len(columns)) < MISSING] = np.nan
    biomarkers = {name: float(value) for name, value in zip(columns, values, strict=True)}
    missing = {name: "no_disc" for name, value in biomarkers.items() if value != value and name != PROOF}
    tables: dict[str, Mapping[str, Sequence[object] | np.ndarray]] = {"quality": {"grade": ["good"]}}
    if segments:
        tables |= {
            "vessels": _table(SEGMENTS, random, ("length_px", "calibre_px", "chord_px", "tortuosity_hart1")),
            "bifurcations": _table(BIFURCATIONS, random, ("x", "y", "angle_deg", "parent_calibre_px")),
            "crossings": _table(CROSSINGS, random, ("x", "y", "angle_deg", "artery_calibre_px")),
        }
    return ImageRows(biomarkers=biomarkers, missing=missing, tables=tables)


def _table(
    rows: int, random: np.random.Generator, numbers: Sequence[str]
) -> dict[str, Sequence[object] | np.ndarray]:
    return {"structure": ["vessel"] * rows} | {name: random.lognormal(size=rows) for name in numbers}


def make_files(folder: Path, images: int) -> Path:
    """The files of a cohort and its manifest: two eyes a person, with labels and covariates.

    Files that are there from an earlier call are left as they are.
    """
    lines = ["image,participant_id,eye,visit,fov_deg,age,sex,diabetes"]
    for start in range(0, images, IMAGES_A_FOLDER):
        place = folder / "images" / f"{start // IMAGES_A_FOLDER:05d}"
        last = min(images, start + IMAGES_A_FOLDER)
        there = set(os.listdir(place)) if place.is_dir() else set()
        place.mkdir(parents=True, exist_ok=True)
        for number in range(start, last):
            name = f"eye-{number:07d}.jpg"
            if name not in there:
                os.link(_source(folder, number), place / name)
            lines.append(_line(f"images/{place.name}/{name}", number))
    manifest = folder / f"manifest-{images}.csv"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


def _source(folder: Path, number: int) -> Path:
    path = folder / "sources" / f"{number // LINKS_A_FILE}.bin"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(number.to_bytes(8) * 8)
    return path


def _line(image: str, number: int) -> str:
    person = number // 2
    eye = "OD" if number % 2 == 0 else "OS"
    return f"{image},P{person:06d},{eye},1,45,{40 + person % 40},{'FM'[person % 3 % 2]},{person % 7 // 6}"


def study_of(manifest: Manifest, columns: Sequence[Column], *, segments: bool = False) -> Study:
    """What a run of the cohort is given."""
    return Study(
        manifest=manifest.path,
        records=manifest.records,
        participants=manifest.participants,
        process=Stub(tuple(column.name for column in columns), segments),
        columns=columns,
        config_digest="simulated",
        config_toml="",
    )


def columns_of(kind: str) -> list[Column]:
    """All columns of photographs ("full"), or the plainest two dozen of them ("narrow")."""
    from retquant.biomarkers import BIOMARKERS

    columns = [column for column in BIOMARKERS.values() if "cfp" in column.modalities]
    if kind == "full":
        return columns
    chosen = [column for column in columns if column.name == PROOF]
    return chosen + [column for column in columns if column.name != PROOF][:23]
