"""The `participants` table: ids, labels and covariates as the manifest has them, rewritten at every run.

It is apart from `biomarkers` so that correcting a label measures nothing again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from retquant.errors import OutputError
from retquant.tables.parts import facts_of, part_paths, read_file, write_part
from retquant.tables.schemas import PRIMARY

ADDED = "has_primary"
"""Fact of the file: its column `primary` is a run's and not the manifest's."""


def write_participants(out: Path, participants: pa.Table, *, facts: Mapping[str, Any]) -> bool:
    """Write, or replace, the participants table of the run in `out`, unless it says all that already; whether it did.

    What a run added to it when it ended (`primary`) is no difference, and stays where nothing else changes.

    Raises
    ------
    OutputError
        The table has no `image_id`, or the folder cannot be written.
    """
    if "image_id" not in participants.column_names:
        raise OutputError(
            "the participants table has no column image_id",
            where=str(out),
            remedy="give one row an image, with its id",
        )
    first = [
        name
        for name in ("image_id", "participant_id", "eye", "visit", "modality")
        if name in participants.column_names
    ]
    rest = [name for name in participants.column_names if name not in first]
    rows = participants.select(first + rest)
    if _is_there(out, rows, facts):
        return False
    write_part(out, "participants", rows, stem="0", facts=dict(facts))
    return True


def _is_there(out: Path, rows: pa.Table, facts: Mapping[str, Any]) -> bool:
    (path, *_) = (*part_paths(out, "participants"), None)
    if path is None:
        return False
    try:
        known, old = facts_of(path), read_file(path)
    except (pa.ArrowException, OSError):
        return False  # cut short or damaged
    added = known.pop(ADDED, False)
    old = old.drop_columns([PRIMARY.name]) if added and ADDED not in facts else old
    alike = {name: value for name, value in known.items() if name != "schema_version"}
    return alike == {name: value for name, value in facts.items() if name != ADDED} and bool(
        old.replace_schema_metadata(None).equals(rows.replace_schema_metadata(None))
    )
