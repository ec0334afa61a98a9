"""The `dictionary` table: what every column of every table means, beside the numbers themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from retquant.compatibility import names_elsewhere
from retquant.tables.parts import write_part
from retquant.tables.schemas import (
    DICTIONARY,
    HYGIENE,
    IMAGE_ID,
    PRIMARY,
    RESULT_KEY,
    TABLES,
    BiomarkerColumn,
    TableColumn,
    standard_error_name,
)


def dictionary_table(columns: Iterable[BiomarkerColumn]) -> pa.Table:
    """One row a column: biomarkers first, then the columns of the other tables."""
    rows = [row for column in columns for row in _biomarker_rows(column)]
    rows += [_plain_row("biomarkers", column) for column in (IMAGE_ID, RESULT_KEY)]
    rows += [_plain_row(table, column) for table, declared in TABLES.items() for column in declared]
    rows += [_plain_row("participants", PRIMARY), *(_plain_row("hygiene", column) for column in HYGIENE)]
    names = [column.name for column in DICTIONARY]
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in names]))


def write_dictionary(out: Path, columns: Iterable[BiomarkerColumn], *, facts: Mapping[str, Any]) -> None:
    """Write, or replace, the dictionary of the run in `out`."""
    write_part(out, "dictionary", dictionary_table(columns), stem="0", facts=dict(facts))


def full_definition(column: BiomarkerColumn) -> str:
    """All that a reader needs to hold a column's numbers beside others': formula, rules, source, other names."""
    parts = [
        f"{column.definition_id}, version {column.version} [{column.reference}]:",
        column.definition,
        column.notes,
    ]
    if column.aliases:
        parts.append(f"Also called {', '.join(column.aliases)}.")
    elsewhere = {
        f"{entry.program} {entry.theirs} ({entry.comparable})": None for entry in names_elsewhere(column.name)
    }
    if elsewhere:
        parts.append(f"Elsewhere: {'; '.join(elsewhere)}.")
    return " ".join(part for part in parts if part)


def _biomarker_rows(column: BiomarkerColumn) -> list[dict[str, str]]:
    row = {
        "table": "biomarkers",
        "name": column.name,
        "type": "number",
        "unit": column.unit,
        "definition": column.definition,
        "definition_id": column.definition_id,
        "version": str(column.version),
        "reference": column.reference,
        "direction": column.direction,
        "modalities": " ".join(column.modalities),
        "derived_from": column.derived_from or "",
        "definitions": full_definition(column),
    }
    if not column.has_standard_error:
        return [row]
    definition = f"Standard error of {column.name}."
    return [row, row | {"name": standard_error_name(column.name), "definition": definition, "direction": ""}]


def _plain_row(table: str, column: TableColumn) -> dict[str, str]:
    return {
        "table": table,
        "name": column.name,
        "type": column.kind,
        "unit": column.unit,
        "definition": column.definition,
    }
