"""The `participants` table: ids, labels and covariates as the manifest has them, rewritten at every run.

It is apart from `biomarkers` so that correcting a label measures nothing again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from retquant.errors import OutputError
from retquant.tables.parts import write_part


def write_participants(out: Path, participants: pa.Table, *, facts: Mapping[str, Any]) -> None:
    """Write, or replace, the participants table of the run in `out`.

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
    write_part(out, "participants", participants.select(first + rest), stem="0", facts=dict(facts))
