"""Make a cohort in an empty folder so that it can be stopped at any time and gone on with by the same call.

Each eye leaves a note of its rows in `.making/` once its files are whole. The tables are written when all eyes are
there, the manifest last, and the notes are taken away: a folder has a manifest only when nothing is missing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from retquant.errors import ConfigError
from retquant.phantoms.cohort import EyeWriter, eye_plans, write_tables
from retquant.phantoms.cohort_files import EyePlan, EyeRows, save_text
from retquant.phantoms.people import CohortDesign

_NOTES = ".making"

Over = Callable[[Callable[[EyePlan], EyeRows], Sequence[EyePlan]], Iterable[EyeRows]]


@dataclass(frozen=True, slots=True)
class NotingWriter:
    """Writes eyes that are not there yet, and notes their rows; can be sent to another process."""

    folder: Path

    def __call__(self, plan: EyePlan) -> EyeRows:
        """The rows of one eye, whose files are whole afterwards."""
        note = self.folder / _NOTES / f"{plan.stem}.json"
        if note.exists():
            known = json.loads(note.read_text(encoding="utf-8"))
            return EyeRows(manifest=known["manifest"], truth=known["truth"])
        rows = EyeWriter(self.folder)(plan)
        save_text(note, json.dumps({"manifest": dict(rows.manifest), "truth": dict(rows.truth)}))
        return rows


def make_cohort(
    folder: Path | str, n_people: int, seed: int = 0, *, design: CohortDesign | None = None, over: Over = map
) -> Path:
    """Write a cohort into an empty folder, or go on with one that was stopped, and return its `manifest.csv`.

    `over` is how eyes are gone through: `map`, or the `map` of a pool of processes.

    Raises
    ------
    ConfigError
        The folder holds something else.
    """
    folder, design = Path(folder), design or CohortDesign()
    plans = eye_plans(n_people, seed, design=design)
    _claim(folder, json.dumps({"people": n_people, "seed": seed, "design": asdict(design)}, sort_keys=True))
    rows = list(over(NotingWriter(folder), plans))
    manifest = write_tables(folder, rows)
    shutil.rmtree(folder / _NOTES)
    return manifest


def _claim(folder: Path, request: str) -> None:
    """Mark an empty folder as this cohort's, or see that it is."""
    note = folder / _NOTES / "request.json"
    if folder.exists() and not folder.is_dir():
        raise ConfigError("this is a file", where=str(folder), remedy="name a folder")
    if folder.is_dir() and any(folder.iterdir()):
        if not note.exists():
            raise ConfigError(
                "the folder is not empty", where=str(folder), remedy="name a new folder, or empty this one"
            )
        if note.read_text(encoding="utf-8") != request:
            raise ConfigError(
                "the folder holds an unfinished cohort of another design",
                where=str(folder),
                remedy="give the options of that one to finish it, or name a new folder",
            )
        return
    note.parent.mkdir(parents=True)
    save_text(note, request)
