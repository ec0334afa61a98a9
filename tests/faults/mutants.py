"""A thousand images that somebody bent, broke, hid or armed, each with what has to come of it.

The same seed gives the same files. A kind of mutant is a function of a `Workbench`, which says where its files go and
gives it chance of its own; it returns the path as a manifest would write it, and the words that its failure must hold,
or `SOUND` where it has to be measured all the same, or `either(words)` where chance decides between the two.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

SOUND = ""
FORMS = ("JPEG", "PNG", "TIFF", "BMP", "PPM", "WEBP", "JPEG2000", "GIF")
ENDINGS = dict(zip(FORMS, (".jpg", ".png", ".tif", ".bmp", ".ppm", ".webp", ".jp2", ".gif"), strict=True))
_EITHER = "(either)"
NO_PICTURE = "this is .*not a picture|this is no picture"
DAMAGED = "damaged"
LIMIT = "more than the limit"
STRANGE = (
    f"{DAMAGED}|{NO_PICTURE}|{LIMIT}|too few|all black|all white|one even|no fundus|no field|angiogram|B-scan"
)
"""What may be said of a picture of which chance bytes are wrong: that it is damaged, or what it now looks like."""


def either(words: str = STRANGE) -> str:
    """The failure that it must be unless the picture came through."""
    return f"{_EITHER}{words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One image of the cohort."""

    kind: str
    cell: str  # as a manifest writes it; may be what no manifest can hold
    outcome: str
    modality: str = "cfp"
    fov_mask: str = ""
    refused: str = (
        ""  # words with which a manifest refuses the cell, unless it is allowed to leave its folder
    )

    def is_right(self, message: str | None) -> bool:
        """Whether a failure's message, or None for a result, is what has to come of it."""
        words = self.outcome.removeprefix(_EITHER)
        if message is None:
            return self.outcome == SOUND or self.outcome.startswith(_EITHER)
        return bool(words) and re.search(words, message) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """Where a mutant's files go, and its chance."""

    folder: Path  # of the manifest
    outside: Path  # beside it
    number: int  # of the mutant, among all
    variant: int  # among those of its kind
    random: np.random.Generator

    @property
    def picture(self) -> np.ndarray:
        """(H, W, 3) uint8: an eye that no other mutant has."""
        return eye(self.random)

    def write(self, data: bytes, ending: str, name: str = "m") -> str:
        """Write a file; what a manifest calls it."""
        cell = f"{name}{self.number:04d}{ending}"
        (self.folder / cell).write_bytes(data)
        return cell

    def pick(self, among: Sequence[Any]) -> Any:
        """One after the other, so that a few variants show them all."""
        return among[self.variant % len(among)]


Make = Callable[[Workbench], tuple[str, str] | Mutant]
KINDS: dict[str, Make] = {}


def kind(make: Make) -> Make:
    """Register a kind under its function's name."""
    KINDS[make.__name__] = make
    return make


def mutants(folder: Path, count: int, *, seed: int = 13) -> list[Mutant]:
    """Make so many, as many of one kind as of another.

    Parameters
    ----------
    folder : Path
        Gets a folder `study`, where the manifest belongs, and one `outside`.
    """
    study, outside = folder / "study", folder / "outside"
    study.mkdir()
    outside.mkdir()
    made = []
    for number in range(count):
        name, make = list(KINDS.items())[number % len(KINDS)]
        bench = Workbench(
            folder=study,
            outside=outside,
            number=number,
            variant=number // len(KINDS),
            random=np.random.default_rng([seed, number]),
        )
        found = make(bench)
        if not isinstance(found, Mutant):
            found = Mutant(kind=name, cell=found[0], outcome=found[1])
        made.append(found)
    return made


def eye(random: np.random.Generator) -> np.ndarray:
    """(220, 240, 3) uint8: an even fundus with branching vessels, and noise of its own."""
    rows, cols = np.ogrid[:220, :240]
    vessels = Image.new("L", (240, 220))
    pen = ImageDraw.Draw(vessels)
    for angle in np.linspace(0, 2 * np.pi, 7)[:-1] + random.uniform(0, 1):
        x, y = 120 + 85 * np.cos(angle), 110 + 85 * np.sin(angle)
        pen.line([(120, 110), (x, y)], fill=255, width=5)
        pen.line(
            [
                ((120 + x) / 2, (110 + y) / 2),
                (120 + 80 * np.cos(angle + 0.5), 110 + 80 * np.sin(angle + 0.5)),
            ],
            fill=255,
            width=4,
        )
    field = (rows - 110) ** 2 + (cols - 120) ** 2 <= 100**2
    light = np.where(field, 160.0 - 70.0 * (np.asarray(vessels) > 0), 3.0)[..., None] * [1.0, 0.5, 0.25]
    return np.clip(light + random.normal(0, 2, light.shape), 0, 255).astype(np.uint8)


def coded(picture: np.ndarray | Image.Image, form: str, **options: Any) -> bytes:
    """The bytes of a picture in one of Pillow's formats."""
    stream = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(stream, form, **({"compress_level": 1} if form == "PNG" else {}), **options)
    return stream.getvalue()


def png_chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG with its check sum."""
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)


def with_chunk(png: bytes, name: bytes, data: bytes) -> bytes:
    """A PNG with a chunk more, right after its header."""
    return png[:33] + png_chunk(name, data) + png[33:]
