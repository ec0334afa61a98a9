"""The table of associations as JSON Schema; a test compares it with `schemas/associations.json`."""

from __future__ import annotations

from typing import Any

from retquant.association.associations import COLUMNS, SCHEMA_VERSION
from retquant.association.models import REFUSALS
from retquant.association.outcome import KINDS

_TYPES = {"string": "string", "int64": "integer", "Int64": "integer", "float64": "number"}
_ALWAYS = ("biomarker", "role", "outcome", "kind", "n_people", "n_eyes")
_CLOSED = {
    "role": ["biomarker", "derived", "quality"],
    "kind": list(KINDS),
    "reason": [*REFUSALS, None],
}


def association_json_schema() -> dict[str, Any]:
    """JSON Schema of one row: a biomarker against an outcome."""
    properties: dict[str, Any] = {}
    for name, (dtype, meaning) in COLUMNS.items():
        kind = _TYPES[dtype]
        properties[name] = {"type": kind if name in _ALWAYS else [kind, "null"], "description": meaning}
        if name in _CLOSED:
            properties[name]["enum"] = _CLOSED[name]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A row of the table associations",
        "version": SCHEMA_VERSION,
        "type": "object",
        "properties": properties,
        "required": list(COLUMNS),
        "additionalProperties": False,
    }
