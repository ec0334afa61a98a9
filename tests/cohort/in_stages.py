"""A stand-in that measures text files in three parts, and leaves a note of which process did which part."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stand_ins import AREA, DENSITY, TORTUOSITY

from retquant.errors import ImageError
from retquant.manifest.records import ImageRecord
from retquant.tables.rows import ImageRows


@dataclass(frozen=True)
class Wish:
    """What is to be drawn of an image."""

    image_id: str
    text: str
    nbytes: int = 8


@dataclass(frozen=True)
class InStages:
    """Doubles the number in a text file: `draw` does it, on a device if there is one.

    `deaths` holds files named `<stage>-<image>`: the process that comes upon one ends, and the file with it.
    """

    notes: Path
    deaths: Path
    pause: float = 0.02

    def __call__(self, record: ImageRecord) -> ImageRows:
        opened = self.open(record)
        wish = self.ask(opened)
        if wish is None:
            return self.measure(opened, None)
        begun = time.perf_counter()
        drawn = self.draw([wish])[0]
        seconds = {"segment": time.perf_counter() - begun}
        rows = self.measure(opened, drawn)
        return replace(rows, seconds={**rows.seconds, **seconds})

    def open(self, record: ImageRecord) -> Wish:
        self._begin("open", record.image_id)
        text = record.image.read_text()
        if text == "bad":
            raise ImageError("no picture", where=str(record.image), remedy="give another file")
        return Wish(record.image_id, text)

    def ask(self, opened: Wish) -> Wish | None:
        return opened if opened.text != "given" else None

    def draw(self, asked: Sequence[Wish]) -> list[bytes]:
        for wish in asked:
            self._begin("draw", wish.image_id)
            if wish.text == "poison":
                os._exit(9)
            if not wish.text.startswith("value"):
                raise ValueError(f"{wish.text} cannot be drawn")
        return [str(float(wish.text.split()[1]) * 2).encode() for wish in asked]

    def measure(self, opened: Wish, drawn: bytes | None) -> ImageRows:
        self._begin("measure", opened.image_id)
        number = -1.0 if drawn is None else float(drawn)
        return ImageRows(
            biomarkers={
                DENSITY.name: number,
                TORTUOSITY.name: number / 3,
                TORTUOSITY.name + "__se": 0.25,
                AREA.name: float("nan"),
            },
            missing={AREA.name: "no_disc"},
            artifacts={f"overlays/{opened.image_id}.png": opened.text.encode()},
            seconds={"measure": self.pause},
        )

    def _begin(self, stage: str, image_id: str) -> None:
        kind = "device" if "CUDA_VISIBLE_DEVICES" in os.environ else "plain"
        (self.notes / f"{stage}.{image_id}.{kind}.{os.getpid()}").touch()
        death = self.deaths / f"{stage}-{image_id}"
        if death.exists():
            death.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.pause)


def processes(notes: Path) -> dict[str, Counter[str]]:
    """Stage -> kind of worker -> images that it did there."""
    found: dict[str, Counter[str]] = {}
    for note in notes.iterdir():
        stage, _, kind, _ = note.name.split(".")
        found.setdefault(stage, Counter())[kind] += 1
    return found
