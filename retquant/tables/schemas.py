"""The columns of every table, declared once: Arrow schemas, dictionary and `schemas/*.json` come of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import pyarrow as pa

SCHEMA_VERSION = "1"

_ARROW = {"text": pa.string(), "number": pa.float32(), "integer": pa.int32(), "flag": pa.bool_()}


class BiomarkerColumn(Protocol):
    """What a table needs to know of a registered biomarker."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def definition(self) -> str: ...
    @property
    def notes(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]: ...
    @property
    def definition_id(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def reference(self) -> str: ...
    @property
    def direction(self) -> str: ...
    @property
    def modalities(self) -> tuple[str, ...]: ...
    @property
    def derived_from(self) -> str | None: ...
    @property
    def has_standard_error(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """A column of a table other than `biomarkers`."""

    name: str
    kind: Literal["text", "number", "integer", "flag"] = "text"
    unit: str = ""  # UCUM; "" for text, ids and flags
    definition: str


def _text(name: str, definition: str) -> TableColumn:
    return TableColumn(name=name, definition=definition)


def _number(name: str, unit: str, definition: str) -> TableColumn:
    return TableColumn(name=name, kind="number", unit=unit, definition=definition)


def _index(name: str, definition: str) -> TableColumn:
    return TableColumn(name=name, kind="integer", definition=definition)


IMAGE_ID = _text("image_id", "Name of the image, unique in the manifest.")
RESULT_KEY = _text(
    "result_key",
    "Digest of everything that the image's result depends on: files, settings, models, definitions.",
)


def _flag(name: str, definition: str) -> TableColumn:
    return TableColumn(name=name, kind="flag", definition=definition)


_STRUCTURE = _text("structure", "What the centre line belongs to: vessel, artery or vein.")
_X = _number("x", "px", "Distance from the image's left edge, pixel centres at whole numbers.")
_Y = _number("y", "px", "Distance from the image's top edge, pixel centres at whole numbers.")

_FILE_DIGEST = _text("file_digest", "Digest of the image file's bytes; empty where it could not be read.")

_ZONES = (
    _flag(
        "in_zone_b",
        "Any part lies 2 to 3 disc radii from the disc's centre; false where the disc is unknown.",
    ),
    _flag(
        "in_zone_c",
        "Any part lies 2 to 5 disc radii from the disc's centre; false where the disc is unknown.",
    ),
)
_AV_ONLY = "empty but where an artery and a vein cross."
_IN_UM = "{}; empty where the scale is unknown."

TABLES: Mapping[str, tuple[TableColumn, ...]] = {
    "vessels": (
        IMAGE_ID,
        _STRUCTURE,
        _index("segment", "Number of the segment within image and structure, from 0."),
        _number("x_start", "px", "x of the segment's first point."),
        _number("y_start", "px", "y of the segment's first point."),
        _number("x_end", "px", "x of the segment's last point."),
        _number("y_end", "px", "y of the segment's last point."),
        _text("start_kind", "What the segment begins at: end, branch, border, crossing or loop."),
        _text("end_kind", "What the segment ends at: end, branch, border, crossing or loop."),
        _number("length_px", "px", "Length along the smooth centre line."),
        _number("length_um", "um", _IN_UM.format("Length along the smooth centre line")),
        _number("chord_px", "px", "Distance between first and last point; 0 for a closed loop."),
        _number("chord_um", "um", _IN_UM.format("Distance between first and last point")),
        _number("calibre_px", "px", "Width along the segment, edge to edge."),
        _number("calibre_um", "um", _IN_UM.format("Width along the segment, edge to edge")),
        _number(
            "calibre_profile_px",
            "px",
            "Width along the segment in the photograph; empty where only masks are known.",
        ),
        _number(
            "calibre_profile_um",
            "um",
            "Width along the segment in the photograph; empty where only masks or no scale are known.",
        ),
        _number("calibre_cv", "1", "Standard deviation of the width along the segment over its mean."),
        _flag("is_long_enough", "The segment is long enough to enter tortuosity."),
        _number(
            "tortuosity_hart1",
            "1",
            "Length over chord, 1 for a straight segment; empty where it is too short.",
        ),
        _number("tortuosity_grisan_per_mm", "1/mm", "Grisan's tortuosity density of the segment."),
        _index("inflections", "Places where the segment's curvature changes its sign."),
        _index("tree", "Number of the disc-rooted tree within image and structure, from 0; empty in none."),
        _index(
            "parent_segment", "Segment upstream, towards the disc; empty at a tree's root and in no tree."
        ),
        _index("strahler_order", "Strahler's order of the segment in its tree, from 1; empty in none."),
        _index("downstream_ends", "Ends of the tree downstream of the segment; empty in no tree."),
        _flag("tree_is_cut", "The border of the field cuts the segment's tree; empty in no tree."),
        _index(
            "equivalent_rank",
            "Place of the segment, widest first, among the arteries or veins that cross zone B, one for each connected "
            "path: CRAE and CRVE are made of the first six, their n4 of the first four; empty for all others.",
        ),
        _number("equivalent_calibre_px", "px", "Width with which such a segment enters CRAE or CRVE."),
        *_ZONES,
    ),
    "bifurcations": (
        IMAGE_ID,
        _STRUCTURE,
        _index("bifurcation", "Number of the bifurcation within image and structure, from 0."),
        _X,
        _Y,
        _index("parent_segment", "Segment that divides."),
        _index("wider_daughter_segment", "The wider of the two that it divides into."),
        _index("narrower_daughter_segment", "The narrower of the two that it divides into."),
        _number("angle_deg", "deg", "Angle between the daughters' tangents."),
        _number("asymmetry_deg", "deg", "Difference of the daughters' angles to the parent's direction."),
        _number("parent_calibre_px", "px", "Width of the parent."),
        _number("wider_daughter_calibre_px", "px", "Width of the wider daughter."),
        _number("narrower_daughter_calibre_px", "px", "Width of the narrower daughter."),
        _number("parent_calibre_um", "um", _IN_UM.format("Width of the parent")),
        _number("wider_daughter_calibre_um", "um", _IN_UM.format("Width of the wider daughter")),
        _number("narrower_daughter_calibre_um", "um", _IN_UM.format("Width of the narrower daughter")),
        *_ZONES,
    ),
    "crossings": (
        IMAGE_ID,
        _text("structure", "What crosses: av for an artery and a vein, else two vessels of the structure."),
        _index("crossing", "Number of the crossing within image and structure, from 0."),
        _X,
        _Y,
        _number("angle_deg", "deg", f"Angle between the centre lines, 0 to 90; {_AV_ONLY}"),
        _index("artery_segment", f"Segment of the artery; {_AV_ONLY}"),
        _index("vein_segment", f"Segment of the vein; {_AV_ONLY}"),
        _number("artery_calibre_px", "px", f"Width of the artery near the crossing; {_AV_ONLY}"),
        _number("vein_calibre_px", "px", f"Width of the vein near the crossing; {_AV_ONLY}"),
        _number("vein_beside_px", "px", f"Width of the vein next to the artery; {_AV_ONLY}"),
        _number("vein_away_px", "px", f"Width of the vein one to two calibres from the artery; {_AV_ONLY}"),
        _number("artery_calibre_um", "um", _IN_UM.format("Width of the artery near the crossing")),
        _number("vein_calibre_um", "um", _IN_UM.format("Width of the vein near the crossing")),
        _number("vein_beside_um", "um", _IN_UM.format("Width of the vein next to the artery")),
        _number("vein_away_um", "um", _IN_UM.format("Width of the vein one to two calibres from the artery")),
        _number("nicking", "1", f"Share of its width that the vein has lost next to the artery; {_AV_ONLY}"),
        *_ZONES,
    ),
    "quality": (
        IMAGE_ID,
        _text("grade", "good, usable or reject."),
        _text("gate", "What the grade kept from being measured; empty where nothing."),
        _text(
            "laterality_inferred",
            "Eye as the upright picture shows it, by where disc and fovea lie: OD, OS or empty.",
        ),
        _flag(
            "laterality_disagrees",
            "The picture shows the other eye than the manifest says; empty where either is unknown.",
        ),
        _text(
            "centring",
            "What the picture is centred on: macula, disc or other; empty where neither place is known.",
        ),
        _text("scale_source", "Where micrometres per pixel come from."),
        _number("um_per_px", "um", "Micrometres that a pixel spans; empty where unknown."),
        _text("magnification_source", "Which measurements of the eye corrected the magnification."),
        _text("vessel_source", "Model, or mask file's column, that the vessels come from."),
        _text(
            "vessel_graph",
            "What the centre lines of all vessels were traced in: `mask` of all vessels, or `artery_vein`, both masks "
            "side by side, where they make it up; empty without vessels.",
        ),
        _index("width_px", "Width of the image in pixels."),
        _index("height_px", "Height of the image in pixels."),
        _text("notes", "Anything else that was noticed."),
        _FILE_DIGEST,
        _text("picture_digest", "Digest of the picture as it was read: equal however it is stored."),
        _text(
            "fingerprint",
            "What the picture shows, coarsely, in 263 numbers (base64, a signed byte each): near for two copies of a "
            "picture, whatever their size, brightness or compression; empty where there is no detail.",
        ),
    ),
    "missing": (
        IMAGE_ID,
        _text("biomarker", "Column of `biomarkers` that is empty for this image."),
        _text("reason", "Why, one of a closed list."),
    ),
    "failures": (
        IMAGE_ID,
        RESULT_KEY,
        _text("stage", "Where it failed: read, quality, segment, measure, worker."),
        _text("error", "Class of the error."),
        _text("where", "File or setting that the error concerns."),
        _text("message", "What is wrong."),
        _text("hint", "What to do about it."),
        _text("traceback_digest", "Equal for failures that happened at the same place of the code."),
        _FILE_DIGEST,
    ),
}
"""Tables with rows from many images, but for `biomarkers`, whose columns are the registry's."""

DICTIONARY = (
    _text("table", "Table that has the column."),
    _text("name", "Name of the column."),
    _text("type", "text, number, integer or flag."),
    _text("unit", "UCUM unit."),
    _text("definition", "What the column holds."),
    _text("definition_id", "Formula that the column is an instance of."),
    _text("version", "Version of the formula; rises when the numbers change."),
    _text("reference", "Paper that defines it."),
    _text("direction", "higher_is_better, higher_is_worse or neither."),
    _text("modalities", "Kinds of image that have it."),
    _text("derived_from", "Columns that it is a function of."),
    _text(
        "definitions",
        "The whole definition: formula with its version and source, rules, other names, and what AutoMorph, VascX and "
        "PVBM call it, each with whether its numbers are comparable.",
    ),
)

PRIMARY = TableColumn(
    name="primary",
    kind="flag",
    definition="The best by quality of this eye's pictures at this visit, the one to take where one is wanted; false "
    "for the others and for images without a result; empty where it is not known which eye it is.",
)
"""Column of `participants` that a run adds to the manifest's when it ends."""

HYGIENE = (
    _text(
        "kind",
        "same_file, same_picture (equal pixels in other files), near_identical, mirrored, eyes_swapped or "
        "eye_disagrees.",
    ),
    _text(
        "between",
        "What the two images belong to: people, eyes (of a person), visits (of an eye), eye (at one visit) or images "
        "(whose people are not known); empty for a single image.",
    ),
    _flag("is_grave", "Somebody's results may stand under another name, or the other eye's."),
    IMAGE_ID,
    _text("other_image_id", "The other image; empty where only one is concerned."),
    _text("participant_id", "Person of the image."),
    _text("other_participant_id", "Person of the other image."),
    _text("eye", "Eye of the image as the manifest says: OD, OS or empty."),
    _text("other_eye", "Eye of the other image as the manifest says."),
    _text("visit", "Visit of the image."),
    _text("other_visit", "Visit of the other image."),
    _number(
        "similarity",
        "1",
        "How alike two pictures are whose pixels differ: cosine of their whitened fingerprints, 0.8 to 1.",
    ),
    _text("meaning", "The finding in words."),
)
"""Columns of `hygiene`, a row a finding about the cohort, written when a run ends."""

CHUNK_TABLES = (*TABLES, "biomarkers")
"""Tables that chunks write, in writing order: `biomarkers` comes last, since it commits the chunk."""

ID_COLUMNS = frozenset(
    {"image_id", "structure", "biomarker", "reason", "stage", "error", "grade", "participant_id"}
    | {"start_kind", "end_kind"}
)
"""Columns with few distinct values, the only ones worth a Parquet dictionary (PERFORMANCE §4)."""


def standard_error_name(name: str) -> str:
    """Column that holds the standard error of column `name`."""
    return f"{name}__se"


def biomarkers_schema(columns: Iterable[BiomarkerColumn]) -> pa.Schema:
    """Arrow schema of `biomarkers`: ids, then one float32 column a biomarker with its metadata."""
    fields = [_arrow_field(IMAGE_ID), _arrow_field(RESULT_KEY)]
    for column in columns:
        metadata = {
            "unit": column.unit,
            "definition": column.definition,
            "definition_id": column.definition_id,
            "version": str(column.version),
            "reference": column.reference,
            "direction": column.direction,
        }
        fields.append(pa.field(column.name, pa.float32(), metadata=metadata))
        if column.has_standard_error:
            error = metadata | {"definition": f"Standard error of {column.name}.", "direction": ""}
            fields.append(pa.field(standard_error_name(column.name), pa.float32(), metadata=error))
    return pa.schema(fields)


def table_schemas(columns: Iterable[BiomarkerColumn]) -> dict[str, pa.Schema]:
    """Arrow schema of each table that chunks write."""
    schemas = {name: arrow_schema(table) for name, table in TABLES.items()}
    return schemas | {"biomarkers": biomarkers_schema(columns)}


def arrow_schema(columns: Iterable[TableColumn]) -> pa.Schema:
    """Arrow schema of some declared columns."""
    return pa.schema([_arrow_field(column) for column in columns])


def file_metadata(**facts: object) -> dict[bytes, bytes]:
    """Parquet file metadata under the key `retquant`: schema version and whatever else the file must tell."""
    return {b"retquant": json.dumps({"schema_version": SCHEMA_VERSION, **facts}, sort_keys=True).encode()}


def _arrow_field(column: TableColumn) -> pa.Field:
    return pa.field(
        column.name, _ARROW[column.kind], metadata={"unit": column.unit, "definition": column.definition}
    )
