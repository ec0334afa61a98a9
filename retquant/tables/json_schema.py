"""The tables as JSON Schema: what a row of each holds, for people and programs without Parquet at hand.

A test compares `schemas/*.json` with what this makes of the code, so that neither drifts alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from retquant.biomarkers.grammar import SLABS
from retquant.tables.schemas import (
    DICTIONARY,
    HYGIENE,
    IMAGE_ID,
    PRIMARY,
    RESULT_KEY,
    SCHEMA_VERSION,
    TABLES,
    BiomarkerColumn,
    TableColumn,
    standard_error_name,
)

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {"text": "string", "number": "number", "integer": "integer", "flag": "boolean"}

_PARTICIPANT_IDS = (
    IMAGE_ID,
    TableColumn(name="participant_id", definition="Person; both eyes and all visits share it."),
    TableColumn(name="eye", definition="OD or OS."),
    TableColumn(name="visit", definition="Visit or wave."),
    TableColumn(
        name="modality", definition="cfp (colour fundus photograph) or octa; without the column, cfp."
    ),
    PRIMARY,
)


def table_json_schemas(columns: Iterable[BiomarkerColumn]) -> dict[str, dict[str, Any]]:
    """JSON Schema of a row of each table, by the table's name."""
    described = {name: _row_schema(name, declared) for name, declared in TABLES.items()}
    described["dictionary"] = _row_schema("dictionary", DICTIONARY)
    described["hygiene"] = _row_schema("hygiene", HYGIENE)
    described["participants"] = _row_schema("participants", _PARTICIPANT_IDS) | {
        "additionalProperties": True,  # every other column of the manifest comes through as it is
    }
    described["biomarkers"] = _biomarkers_schema(columns)
    return described


def canonical(schema: dict[str, Any]) -> str:
    """The text that a schema has on disk."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _row_schema(name: str, columns: Iterable[TableColumn]) -> dict[str, Any]:
    properties = {}
    for column in columns:
        required = column in (IMAGE_ID, RESULT_KEY)
        kind: Any = _TYPES[column.kind] if required else [_TYPES[column.kind], "null"]
        properties[column.name] = {"type": kind, "description": column.definition}
        if column.unit:
            properties[column.name]["unit"] = column.unit
    return {
        "$schema": _DIALECT,
        "title": f"A row of the table {name}",
        "version": SCHEMA_VERSION,
        "type": "object",
        "properties": properties,
        "required": [column.name for column in (IMAGE_ID, RESULT_KEY) if column.name in properties],
        "additionalProperties": False,
    }


def _biomarkers_schema(columns: Iterable[BiomarkerColumn]) -> dict[str, Any]:
    schema = _row_schema("biomarkers", (IMAGE_ID, RESULT_KEY))
    for column in columns:
        schema["properties"][column.name] = {
            "type": ["number", "null"],
            "description": column.definition,
            "unit": column.unit,
            "definition_id": column.definition_id,
            "reference": column.reference,
        }
        if column.has_standard_error:
            schema["properties"][standard_error_name(column.name)] = {
                "type": ["number", "null"],
                "description": f"Standard error of {column.name}.",
                "unit": column.unit,
            }
    return schema | {
        "patternProperties": {
            f"_({'|'.join(SLABS)})$": {
                "type": ["number", "null"],
                "description": "The column named before it, in the slab that its last word names. In a run whose"
                " manifest names slabs, columns of angiograms but `faz_*` and `quality_*` stand once a slab.",
            },
            "__se$": {
                "type": ["number", "null"],
                "description": "Standard error of the column named before it. In a run with the setting"
                " `uncertainty` every column that a mask enters has one.",
            },
        }
    }
