"""Which chunks count: those that every table holds whole. Read-only, so that a status may look at a live run.

A chunk writes `biomarkers` last, so a kill leaves it out of that table; a part that somebody removes or cuts
leaves it out of another. Either way the chunk is not committed, its rows elsewhere are to be swept, its
images to be redone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from retquant.tables.parts import Part, list_parts, read_columns
from retquant.tables.schemas import CHUNK_TABLES

LEDGER_TABLES = ("biomarkers", "failures")
"""Tables whose rows say that an image is done, each with its result key."""


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """The parts of a run's folder, and which of them count."""

    parts: Mapping[str, tuple[Part, ...]]  # table -> parts whose chunks are all committed
    uncommitted: Mapping[str, tuple[Part, ...]]  # table -> parts that no reader should count
    entries: pa.Table  # image_id, result_key, is_failure (bool): one row an image


def survey(out: Path) -> Holdings:
    """Look at every part of the run in `out` and tell the committed ones from the rest."""
    listed = {table: list_parts(out, table) for table in CHUNK_TABLES}
    kept = _committed(listed, without=frozenset())
    keys = _keys(kept)
    if doubled := _doubled_chunks(keys):
        kept = _committed(listed, without=doubled)
        keys = [(table, part, rows) for table, part, rows in keys if part in kept[table]]
    return Holdings(
        parts={table: tuple(parts) for table, parts in kept.items()},
        uncommitted={
            table: tuple(part for part in parts if part not in kept[table]) for table, parts in listed.items()
        },
        entries=_entries(keys),
    )


def _committed(listed: Mapping[str, list[Part]], *, without: frozenset[str]) -> dict[str, list[Part]]:
    kept = {table: [part for part in parts if part.is_whole] for table, parts in listed.items()}
    while True:
        held = [frozenset().union(*(part.chunks for part in parts)) for parts in kept.values()]
        committed = frozenset.intersection(*held) - without
        fewer = {table: [part for part in parts if part.chunks <= committed] for table, parts in kept.items()}
        if fewer == kept:
            return kept
        kept = fewer  # a compacted part that goes takes other chunks with it, so look again


def _keys(kept: Mapping[str, list[Part]]) -> list[tuple[str, Part, pa.Table]]:
    return [
        (table, part, rows)
        for table in LEDGER_TABLES
        for part, rows in read_columns(kept[table], ["image_id", "result_key"])
    ]


def _doubled_chunks(keys: Iterable[tuple[str, Part, pa.Table]]) -> frozenset[str]:
    """Chunks to give up so that no image stands in two: a worker that was thought dead may have come back."""
    keys = list(keys)
    counts = pc.value_counts(_entries(keys)["image_id"])
    twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    if not len(twice):
        return frozenset()
    seen: set[str] = set()
    doubled: frozenset[str] = frozenset()
    for _, part, rows in sorted(keys, key=lambda key: (-len(key[1].chunks), -key[1].rows, str(key[1].path))):
        images = set(rows["image_id"].to_pylist())
        if images & seen:
            doubled |= part.chunks
        else:
            seen |= images
    return doubled


def _entries(keys: Iterable[tuple[str, Part, pa.Table]]) -> pa.Table:
    schema = pa.schema([("image_id", pa.string()), ("result_key", pa.string()), ("is_failure", pa.bool_())])
    tables = [
        pa.table(
            [rows["image_id"], rows["result_key"], pa.repeat(table == "failures", len(rows))], schema=schema
        )
        for table, _, rows in keys
    ]
    return pa.concat_tables([schema.empty_table(), *tables]).combine_chunks()
