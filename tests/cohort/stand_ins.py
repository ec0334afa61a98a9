"""A small cohort that takes the place of photographs, and a process that measures it without a model.

Images are text files: `value 3` is measured, `bad` cannot be read, `poison` ends the process that touches it,
`hang` never ends, `seize` never ends and lets nothing else in its process run, `monster 8` asks for 8 GiB at once,
`glutton` takes memory bit by bit in a way that no limit of the process sees.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from retquant.cohort import ClusterSettings, CohortSettings, ImageProcess, Study
from retquant.errors import ImageError
from retquant.manifest.records import ImageRecord
from retquant.tables.rows import ImageRows


@dataclass(frozen=True, kw_only=True)
class Column:
    """A registered biomarker, as far as tables look at it."""

    name: str
    unit: str = "1"
    definition: str = "A number that stands in."
    definition_id: str = "stand_in"
    version: int = 1
    reference: str = "None2000"
    direction: str = "neither"
    modalities: tuple[str, ...] = ("cfp",)
    derived_from: str | None = None
    has_standard_error: bool = False
    notes: str = ""
    aliases: tuple[str, ...] = ()


DENSITY = Column(name="vessel_area_density_fov", direction="higher_is_better")
TORTUOSITY = Column(
    name="vessel_tortuosity_hart1_median_fov", direction="higher_is_worse", has_standard_error=True
)
AREA = Column(name="disc_area", unit="mm2")
COLUMNS = (DENSITY, TORTUOSITY, AREA)


@dataclass(frozen=True)
class Measure:
    """Measures a text file. The number written in it is the density."""

    pause: float = 0.0  # seconds an image
    diary: Path | None = None  # gets a line as each image is begun

    def __call__(self, record: ImageRecord) -> ImageRows:
        if self.diary is not None:
            with open(self.diary, "a") as file:
                file.write(f"{record.image_id}\n")
        try:
            text = record.image.read_text()
        except FileNotFoundError:
            where = str(record.image)
            raise ImageError("there is no such file", where=where, remedy="mend the path") from None
        time.sleep(self.pause)
        if (evil := EVILS.get(text.split()[0])) is not None:
            evil(text)
        if text.startswith("bug"):
            return ImageRows(biomarkers={DENSITY.name: float("nan")})
        if not text.startswith("value"):
            raise ImageError(f"{text!r} is no picture", where=str(record.image), remedy="give another file")
        number = float(text.split()[1])
        segments = int(number) % 4
        return ImageRows(
            biomarkers={
                DENSITY.name: number,
                TORTUOSITY.name: number / 3,
                TORTUOSITY.name + "__se": 0.25,
                AREA.name: float("nan"),
            },
            missing={AREA.name: "no_disc"},
            tables={
                "vessels": {
                    "structure": ["vessel"] * segments,
                    "segment": list(range(segments)),
                    "length_px": [number] * segments,
                },
                "quality": {"grade": ["good"]},
            },
            artifacts={f"overlays/{record.image_id}.png": text.encode()},
            seconds={"read": 0.001},
        )


def monster(text: str) -> None:
    """Ask for more than there is."""
    np.ones(int(text.split()[1]) << 27)


def glutton(text: str) -> None:
    """Take shared memory, 64 MiB at a time, until somebody puts an end to it."""
    held = []
    while len(held) < 64:
        held.append(mmap.mmap(-1, 64 << 20))
        held[-1].write(bytes(64 << 20))
        time.sleep(0.05)


EVILS: dict[str, Callable[[str], object]] = {
    "poison": lambda text: os._exit(9),
    "hang": lambda text: time.sleep(3600),
    "seize": lambda text: ctypes.PyDLL(None).sleep(3600),
    "monster": monster,
    "glutton": glutton,
}


class Cohort:
    """A folder with images, their manifest, and the run that they give."""

    def __init__(self, folder: Path, texts: dict[str, str]) -> None:
        self.folder = folder
        self.out = folder / "run"
        self.manifest = folder / "manifest.csv"
        self.labels = dict.fromkeys(texts, 0)
        self.config_digest = "settings-1"
        self.columns: tuple[Column, ...] = COLUMNS
        for image_id, text in texts.items():
            if not (folder / f"{image_id}.txt").exists():  # other drivers may be reading it
                self.write(image_id, text)
        self._write_manifest()

    def write(self, image_id: str, text: str) -> None:
        """Give an image (new) content."""
        (self.folder / f"{image_id}.txt").write_text(text)

    def label(self, image_id: str, value: int) -> None:
        """Correct the label of an image."""
        self.labels[image_id] = value
        self._write_manifest()

    def drop(self, image_id: str) -> None:
        """Take an image out of the manifest."""
        del self.labels[image_id]
        self._write_manifest()

    def study(self, pause: float = 0.0, process: ImageProcess | None = None) -> Study:
        """What `run` is given; the process is by default one that measures text files."""
        return Study(
            manifest=self.manifest,
            records=self._records(),
            participants=pa.table(
                {
                    "image_id": list(self.labels),
                    "participant_id": [image_id[:2] for image_id in self.labels],
                    "eye": ["OD" if n % 2 == 0 else "OS" for n in range(len(self.labels))],
                    "diabetes": list(self.labels.values()),
                }
            ),
            process=process or Measure(pause),
            columns=self.columns,
            config_digest=self.config_digest,
            config_toml="[images]\n",
        )

    def _records(self) -> list[ImageRecord]:
        return [
            ImageRecord(
                image_id=image_id,
                image=self.folder / f"{image_id}.txt",
                row=row,
                modality="cfp",
                participant_id=image_id[:2],
            )
            for row, image_id in enumerate(self.labels, start=2)
        ]

    def _write_manifest(self) -> None:
        rows = [f"{image_id}.txt,{label}" for image_id, label in self.labels.items()]
        self.manifest.write_text("\n".join(["image,diabetes", *rows]))


def in_process(**changes: object) -> CohortSettings:
    """Settings of a run without Dask."""
    return CohortSettings(**{"cluster": ClusterSettings(workers=0), "chunk_images": 4, **changes})


def values(count: int) -> dict[str, str]:
    """Texts of so many good images."""
    return {f"{n:02d}-eye": f"value {n}" for n in range(count)}
