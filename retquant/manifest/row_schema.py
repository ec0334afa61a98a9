"""The manifest as JSON Schema: what a row may hold, for people and programs that write one.

A test compares `schemas/manifest.json` with what this makes of the columns, so that neither drifts alone.
"""

from __future__ import annotations

from typing import Any

from retquant.manifest.columns import COLUMNS, EYES, FAMILIES, MANIFEST_VERSION, MODALITIES, SLABS, Column
from retquant.manifest.image_ids import MAX_BYTES

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def manifest_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a row of a manifest; cells without a value are null or left out."""
    return {
        "$schema": _DIALECT,
        "title": "A row of a manifest",
        "description": "One image of a cohort. Columns that are not named here are covariates or labels.",
        "version": MANIFEST_VERSION,
        "type": "object",
        "properties": {column.name: _property(column) for column in COLUMNS},
        "patternProperties": {family.pattern: _property(family) for family in FAMILIES},
        "required": ["image"],
        "dependentRequired": {"fovea_x": ["fovea_y"], "fovea_y": ["fovea_x"]},
        "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
    }


def _property(column: Column) -> dict[str, Any]:
    described: dict[str, Any] = {"type": _type(column), "description": column.meaning}
    if column.kind == "eye":
        described["pattern"] = _any_case(EYES)
    elif column.kind == "modality":
        described["pattern"] = _any_case(MODALITIES)
    elif column.kind == "slab":
        described["pattern"] = _any_case(SLABS).replace("[__]", "[- _]+")
    elif column.kind == "date":
        described["pattern"] = r"^[0-9]{4}-?[0-9]{2}-?[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?$"
    elif column.name == "image":
        described["minLength"] = 1
    elif column.name == "image_id":
        described |= {"maxLength": MAX_BYTES, "pattern": r"^[^./\\][^/\\]*$"}
    limits = {"exclusiveMinimum": column.above, "minimum": column.least, "maximum": column.most}
    described |= {word: limit for word, limit in limits.items() if limit is not None}
    if column.unit:
        described["unit"] = column.unit
    return described


def _type(column: Column) -> str | list[str]:
    if column.name == "image":
        return "string"
    return ["number", "null"] if column.kind == "number" else ["string", "null"]


def _any_case(words: dict[str, str]) -> str:
    spelt = ("".join(f"[{letter.upper()}{letter}]" for letter in word) for word in words)
    return f"^({'|'.join(spelt)})$"
