"""Keeping a run's folder sound under its lock: finish what a kill interrupted, take out what is outdated."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from retquant.tables.commits import LEDGER_TABLES, Holdings, survey
from retquant.tables.files import SCRATCH, sync_folder, write_file, writing
from retquant.tables.parts import (
    COMPACTED,
    Part,
    finish_compaction,
    pending_compactions,
    read_columns,
    read_file,
    write_rows,
)
from retquant.tables.schemas import CHUNK_TABLES

_REMOVAL = (
    f"{SCRATCH}/removal.json"  # images on their way out; finished at the next start if a kill intervenes
)


def sweep(out: Path) -> Holdings:
    """Finish interrupted compactions and removals, and remove every part that does not count.

    To be called under the run's lock while nobody writes. A killed sweep is finished by the next.
    """
    for table in CHUNK_TABLES:
        for pending in pending_compactions(out, table):
            finish_compaction(out, table, pending)
    if (out / _REMOVAL).exists():
        _finish_removal(out, set(json.loads((out / _REMOVAL).read_text(encoding="utf-8"))))
    _remove_scratch(out)
    holdings = survey(out)
    for table in reversed(CHUNK_TABLES):  # `biomarkers` first: what has no commit mark is swept the next time
        _remove(out / table, holdings.uncommitted[table])
    return holdings


def remove_images(out: Path, images: Collection[str]) -> None:
    """Take every row of some images out of every table, so that they can be measured anew.

    The list is written down first: a removal that is killed half-way is finished by the next `sweep`.
    """
    if images:
        write_file(out, _REMOVAL, json.dumps(sorted(images)).encode())
        _finish_removal(out, set(images))


def _finish_removal(out: Path, images: set[str]) -> None:
    holdings = survey(out)
    leaving = pa.array(sorted(images), pa.string())
    for table in CHUNK_TABLES:
        for part, ids in read_columns(holdings.parts[table], ["image_id"]):
            stays = pc.invert(pc.is_in(ids["image_id"], value_set=leaving))
            if not pc.all(stays).as_py():
                _rewrite(out, part, stays)
    _remove_empty_chunks(out)
    (out / _REMOVAL).unlink(missing_ok=True)


def _rewrite(out: Path, part: Part, stays: pa.ChunkedArray) -> None:
    """Keep some rows of a part, under the same name and with the same facts."""
    rows = read_file(part.path).filter(stays)
    write_rows(out, part.path, rows.schema, [rows])


def _remove_empty_chunks(out: Path) -> None:
    """Remove chunks none of whose images has a result or a failure left."""
    parts = survey(out).parts
    occupied = frozenset().union(
        *(part.chunks for table in LEDGER_TABLES for part in parts[table] if part.rows), frozenset()
    )
    empty = frozenset().union(*(part.chunks for part in parts["biomarkers"])) - occupied
    everything = [part for table in CHUNK_TABLES for part in parts[table]]
    while straddling := [part for part in everything if part.chunks & empty and not part.chunks <= empty]:
        empty -= frozenset().union(*(part.chunks for part in straddling))
    for table in reversed(CHUNK_TABLES):
        _remove(out / table, [part for part in parts[table] if part.chunks and part.chunks <= empty])


def _remove(folder: Path, parts: Collection[Part]) -> None:
    with writing(folder):
        for part in parts:
            part.path.unlink(missing_ok=True)
        if parts:
            sync_folder(folder)


def _remove_scratch(out: Path) -> None:
    scratch = out / SCRATCH
    if scratch.is_dir():
        for left in scratch.glob("*.tmp"):
            left.unlink(missing_ok=True)
        shutil.rmtree(scratch / COMPACTED, ignore_errors=True)
