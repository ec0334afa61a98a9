"""Few large parts instead of many small ones, once a run is over: a part costs 13 ms and 60 KiB to read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from retquant.tables.commits import Holdings, survey
from retquant.tables.parts import Part, write_compacted
from retquant.tables.schemas import CHUNK_TABLES

IMAGES_A_PART = (
    20_000  # a compacted part holds about so many; tables with a row a segment reach some millions of rows
)
ROW_GROUP = 16_384  # rows; 16 to 32 thousand is advised for filtered reading


def compact(out: Path, *, facts: dict[str, Any], at_least: int = 16, holdings: Holdings | None = None) -> int:
    """Merge small parts of every table, and say how many chunks were merged.

    To be called under the run's lock while nobody writes. `at_least` so many small parts are worth the work.
    The same chunks go together in every table. `holdings` are what the folder holds, where that is known.
    """
    parts = (holdings or survey(out)).parts
    merged = 0
    for group in _groups(parts["biomarkers"], at_least):
        stem = "c" + hashlib.sha256("\n".join(sorted(group)).encode()).hexdigest()[:16]
        for table in CHUNK_TABLES:
            members = [part for part in parts[table] if part.chunks and part.chunks <= group]
            if len(members) > 1:
                write_compacted(out, table, members, stem=stem, facts=facts, row_group=ROW_GROUP)
        merged += len(group)
    return merged


def _groups(parts: tuple[Part, ...], at_least: int) -> Iterator[frozenset[str]]:
    """Sets of chunks that go into one part each."""
    small = [part for part in parts if part.rows < IMAGES_A_PART // 2]
    if len(small) < max(2, at_least):
        return
    chunks: frozenset[str] = frozenset()
    rows = 0
    for part in small:
        chunks, rows = chunks | part.chunks, rows + part.rows
        if rows >= IMAGES_A_PART:
            yield chunks
            chunks, rows = frozenset(), 0
    if chunks:
        yield chunks
