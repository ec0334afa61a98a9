"""What a whole manifest will take, from a pilot: hours by number of workers, and space on the disk.

Times of chunks are kept in a file of the run's folder as they come, so that a pilot that was stopped and goes on
forecasts from all of it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from retquant.tables.commits import survey
from retquant.tables.files import writing

PACE = ".cache/pace.tsv"  # a line a chunk of a pilot: method, worker, images, seconds
START = "start"  # stands for the worker in a line that has the seconds before the first image

_WORKERS = (1, 2, 4, 8, 16, 32, 64)
_DRIVER = 0.001  # seconds of the driver an image, which no number of workers shortens
_GB = 1e9


class Hours(BaseModel):
    """How long what is left takes so many workers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int
    hours: float
    low: float | None = Field(description="Of the 95 % interval; null where too few chunks were timed.")
    high: float | None


class Forecast(BaseModel):
    """What a pilot tells of the whole manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    people: int = Field(description="That the pilot was asked for.")
    images: int = Field(description="In the whole manifest.")
    left: int = Field(description="Of them not done yet.")
    timed: int = Field(description="Images that the rate is from, the first chunk of each worker left out.")
    chunks: int = Field(description="In which they were timed.")
    workers: int = Field(description="That the pilot had.")
    seconds_per_image: float = Field(description="Of one worker.")
    standard_error: float | None = Field(description="Of seconds_per_image, from chunk to chunk.")
    start_seconds: float = Field(description="From the command to the first image, once.")
    kb_per_image: float = Field(description="Of tables and pictures.")
    gb: float = Field(description="Of the whole run when it has ended.")
    gb_fullest: float = Field(description="Before its small parts are merged.")
    hours: tuple[Hours, ...]

    @property
    def sentence(self) -> str:
        """What the figures rest on."""
        error = "" if self.standard_error is None else f" ± {1.96 * self.standard_error:.2g}"
        return (
            f"{self.left} of {self.images} images are left, at {self.seconds_per_image:.3g}{error} s of a worker "
            f"an image ({self.timed} images in {self.chunks} chunks, "
            f"{self.workers} worker{'s' if self.workers != 1 else ''})"
        )


class Pace:
    """Times of a pilot's chunks, on the disk as they come."""

    def __init__(self, out: Path, method: str) -> None:
        self._path, self._method = out / PACE, method

    def note(self, worker: str, images: int, seconds: float) -> None:
        """Add a line; with `START` for the worker the time before the first image."""
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(f"{self._method}\t{worker}\t{images}\t{seconds:.6f}\n")

    def lines(self) -> list[tuple[str, int, float]]:
        """(worker, images, seconds) of what was measured by the present settings; what a kill cut short is left out."""
        if not self._path.exists():
            return []
        found = []
        for line in self._path.read_text(encoding="utf-8").splitlines():
            fields = line.split("\t")
            try:
                if len(fields) == 4 and fields[0] == self._method:
                    found.append((fields[1], int(fields[2]), float(fields[3])))
            except ValueError:
                continue
        return found


def forecast(
    out: Path, pace: Sequence[tuple[str, int, float]], *, people: int, images: int, left: int
) -> Forecast | None:
    """The forecast from a pilot's chunks; None where nothing was timed.

    A chunk's time is taken as proportional to its images, with a scatter from chunk to chunk; the first chunk of each
    worker is left out where there are others, since it loads and compiles. Hours are inversely proportional to the
    number of workers: it takes them to be as fast as the pilot's.
    """
    chunks = [line for line in pace if line[0] != START and line[1] > 0]
    if not chunks:
        return None
    first = {worker: place for place, (worker, *_) in reversed(list(enumerate(chunks)))}
    steady = [line for place, line in enumerate(chunks) if first[line[0]] != place] or chunks
    timed = sum(count for _, count, _ in steady)
    each = sum(seconds for *_, seconds in steady) / timed
    error = _standard_error(steady, each)
    start = max((seconds for worker, _, seconds in pace if worker == START), default=0.0)
    margin = None if error is None else _t975(len(steady) - 1) * error
    workers = len(first)
    kept, footers = _space(out)
    chunk_images = sum(count for _, count, _ in chunks) / len(chunks)
    return Forecast(
        people=people,
        images=images,
        left=left,
        timed=timed,
        chunks=len(steady),
        workers=workers,
        seconds_per_image=each,
        standard_error=error,
        start_seconds=start,
        kb_per_image=kept / 1e3,
        gb=images * kept / _GB,
        gb_fullest=images * (kept + footers / chunk_images) / _GB,
        hours=tuple(
            Hours(
                workers=number,
                hours=_hours(each, left, number, start),
                low=None if margin is None else _hours(max(0.0, each - margin), left, number, start),
                high=None if margin is None else _hours(each + margin, left, number, start),
            )
            for number in sorted({*_WORKERS, workers})
        ),
    )


def _hours(each: float, left: int, workers: int, start: float) -> float:
    return (start + left * max(each / workers, _DRIVER)) / 3600 if left else 0.0


def _standard_error(chunks: Collection[tuple[str, int, float]], each: float) -> float | None:
    """Of the ratio of seconds to images, over chunks; None of fewer than three."""
    if len(chunks) < 3:
        return None
    images = sum(count for _, count, _ in chunks)
    scatter = sum((seconds - each * count) ** 2 for _, count, seconds in chunks)
    return math.sqrt(scatter * len(chunks) / (len(chunks) - 1)) / images


def _t975(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))


def _space(out: Path) -> tuple[float, float]:
    """Bytes an image of rows and pictures, and bytes of the footers of a chunk's parts, which merging leaves out."""
    holdings = survey(out)
    images = max(1, len(holdings.entries))
    rows = footers = 0
    for parts in holdings.parts.values():
        for part in parts:
            size, footer = part.path.stat().st_size, _footer(part.path)
            rows, footers = rows + size - footer, footers + footer
    chunks = max(1, len(holdings.parts["biomarkers"]))
    tables = {*holdings.parts, "participants", "dictionary", "hygiene", "pages", "shards"}
    pictures = sum(
        path.stat().st_size
        for folder in out.iterdir()
        if folder.is_dir() and folder.name not in tables and not folder.name.startswith(".")
        for path in folder.rglob("*")
        if path.is_file()
    )
    return (rows + pictures) / images, footers / chunks


def _footer(path: Path) -> int:
    """Bytes of a Parquet file's footer, from its last eight: the length, and PAR1."""
    with open(path, "rb") as file:
        file.seek(-8, 2)
        return int.from_bytes(file.read(4), "little") + 8
