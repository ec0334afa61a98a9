"""Examine a run's cohort and write what was found into its folder: a table, a sheet, and `primary` beside labels."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retquant.errors import OutputError
from retquant.hygiene.cohort_columns import EYES, CohortColumns, read_columns_of
from retquant.hygiene.findings import BETWEEN, KINDS, NOBODY, PLACES, SENTENCES, Findings, findings
from retquant.hygiene.primary import primary
from retquant.manifest.formulas import neutral
from retquant.tables.files import write_file
from retquant.tables.participants import ADDED, write_participants
from retquant.tables.parts import facts_of, part_paths, read_file, write_part
from retquant.tables.schemas import HYGIENE, PRIMARY, arrow_schema

TABLE = "hygiene"
SHEET = "hygiene.csv"

_SHEET_ROWS = 10_000  # made into text at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Hygiene:
    """What was found, in numbers."""

    images: int
    kinds: Mapping[tuple[str, str], int]  # (kind, between) -> findings, gravest first
    grave: int  # findings after which results may stand under the wrong name
    several: int  # images beside a better one of the same eye and visit
    keeps_own_primary: bool = False  # the manifest has a column of that name, which stays as it is

    @property
    def sentence(self) -> str:
        """What a run's closing summary says."""
        told = [f"{count} × {in_words(kind, between)}" for (kind, between), count in self.kinds.items()]
        if self.several:
            told.append(f"{self.several} further pictures of an eye and visit, not primary")
        return "; ".join(told) if told else "nothing suspect"

    def as_dict(self) -> dict[str, object]:
        """For machines."""
        kinds = [{"kind": kind, "between": at, "count": count} for (kind, at), count in self.kinds.items()]
        return {"images": self.images, "findings": kinds, "grave": self.grave, "not_primary": self.several}


def in_words(kind: str, between: str) -> str:
    """A kind of finding, as people read it."""
    words = SENTENCES[kind][0].lower() + SENTENCES[kind][1:]
    is_pair = between and kind != "eyes_swapped"
    return f"{words} ({BETWEEN[between]})" if is_pair else words


def examine(out: Path) -> Hygiene:
    """Find copies, swapped eyes and the best of several pictures in the run in `out`, and write them down.

    To be called under the run's lock, or when no run is at work. Nothing is removed, and nothing is written where it
    would say what is there already.

    Raises
    ------
    OutputError
        There is no run in the folder, or it cannot be written.
    """
    columns = read_columns_of(out)
    found = findings(columns)
    best = primary(columns)
    has_own = _write_primary(out, best)
    digest = _digest(columns, found)
    if not _holds(out, digest):
        rows = _rows(columns, found)
        write_part(out, TABLE, rows, stem="0", facts={"of": digest})
        write_file(out, SHEET, _sheet(rows))
    others = pc.sum(pc.equal(best, False)).as_py() or 0
    return Hygiene(
        images=len(columns.ids),
        kinds=found.counts(),
        grave=int(found.is_grave.sum()),
        several=others - int((~columns.is_measured & best.is_valid().to_numpy(zero_copy_only=False)).sum()),
        keeps_own_primary=has_own,
    )


def has_examined(out: Path) -> bool:
    """Whether findings of the run in `out` are there."""
    return bool(part_paths(out, TABLE)) and (out / SHEET).exists()


def forget(out: Path) -> list[Path]:
    """Remove table and sheet, which name people in pairs; what was there."""
    gone = [path for path in (out / TABLE, out / SHEET) if path.exists()]
    for path in gone:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return gone


def _holds(out: Path, digest: str) -> bool:
    return has_examined(out) and facts_of(part_paths(out, TABLE)[0]).get("of") == digest


def _write_primary(out: Path, best: pa.Array) -> bool:
    """Put `primary` into the participants table; whether the manifest has its own, which then stays."""
    paths = part_paths(out, "participants")
    if len(paths) != 1:
        raise OutputError("there is no run here", where=str(out), remedy="give the folder of a run")
    people, facts = read_file(paths[0]), facts_of(paths[0])
    facts.pop("schema_version", None)
    if PRIMARY.name in people.column_names and not facts.get(ADDED):
        return True
    if PRIMARY.name in people.column_names:
        if people[PRIMARY.name].combine_chunks().equals(best):
            return False
        people = people.drop_columns([PRIMARY.name])
    (field,) = arrow_schema([PRIMARY])
    people = people.replace_schema_metadata(None).append_column(field, best)
    write_participants(out, people, facts={**facts, ADDED: True})
    return False


def _digest(columns: CohortColumns, found: Findings) -> str:
    """Of all that the rows are made of."""
    digest = hashlib.sha256()
    for values in (found.kind, found.between, found.image, found.other, found.similarity):
        digest.update(np.ascontiguousarray(values).data)
    named = np.union1d(found.image, found.other[found.other != NOBODY])
    for texts in (columns.ids, *columns.texts.values()):
        digest.update("\n".join(texts[named]).encode("utf-8", "surrogatepass"))
    digest.update(columns.eye[named].tobytes())
    return digest.hexdigest()[:32]


def _rows(columns: CohortColumns, found: Findings) -> pa.Table:
    known = found.other != NOBODY

    def both(texts: np.ndarray) -> tuple[pa.Array, pa.Array]:
        """A text of the image and of the other; null where there is none."""
        one, other = texts[found.image], np.where(known, texts[found.other], "")
        return pa.array(one, pa.string(), mask=one == ""), pa.array(other, pa.string(), mask=other == "")

    ids, people = both(columns.ids), both(columns.texts["participant_id"])
    eyes, visits = both(np.array(EYES, object)[columns.eye]), both(columns.texts["visit"])
    between = np.array(PLACES, object)[found.between]
    words = np.array([[in_words(kind, place) for place in PLACES] for kind in KINDS], object)
    arrays = [
        pa.array(np.array(KINDS, object)[found.kind], pa.string()),
        pa.array(between, pa.string(), mask=between == ""),
        pa.array(found.is_grave),
        *(*ids, *people, *eyes, *visits),
        pa.array(found.similarity, from_pandas=True),
        pa.array(words[found.kind, found.between], pa.string()),
    ]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(HYGIENE))


def _sheet(rows: pa.Table) -> bytes:
    """The table as CSV for a spreadsheet, in which no cell begins a formula."""
    data = io.BytesIO()  # text in memory has four bytes a letter
    text = io.TextIOWrapper(data, encoding="utf-8", errors="surrogatepass", newline="")
    writer = csv.writer(text)
    writer.writerow(rows.column_names)
    for batch in rows.to_batches(max_chunksize=_SHEET_ROWS):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            writer.writerow(["" if cell is None else neutral(_shown(cell)) for cell in row])
    text.flush()
    return data.getvalue()


def _shown(cell: object) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
