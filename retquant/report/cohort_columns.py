"""Which columns the cohort page shows: their families, units and meanings, and which of them a subject's page has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from retquant.biomarkers import Column, find_column
from retquant.biomarkers.registry import FAMILIES
from retquant.tables.reader import read_table

QUALITY = ("quality", "vessel_quality")
"""Families that describe the picture and not the eye."""

OTHER = "other"
"""Family of columns that are not in this installation's registry."""

SUMMARY_TEXT = (
    "every column that is no function of another and describes the whole field, zone B, zone C or the eye as one; "
    "of several statistics of the same thing the median, or the mean where there is no median. The rest is in the "
    "biomarkers table."
)
"""What a subject's page shows, in words."""

_UNITS = {"1": "", "um": "µm", "mm2": "mm²", "1/mm2": "1/mm²", "deg": "°"}
_PLACES = (None, "fov", "field", "zone_b", "zone_c")
_FIELDS = ["table", "name", "unit", "definition", "derived_from"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownColumn:
    """A column of `biomarkers` as the pages show it."""

    name: str
    unit: str  # as people write it; "" for a plain number
    definition: str
    family: str
    is_summary: bool  # whether the pages of subjects have it


def shown_columns(out: Path, present: Collection[str]) -> tuple[ShownColumn, ...]:
    """The biomarkers of the run's dictionary that its table has, by family in the order of the catalogue.

    Raises
    ------
    OutputError
        The run has no dictionary.
    """
    rows = [
        row
        for row in read_table(out, "dictionary", _FIELDS).to_pylist()
        if row["table"] == "biomarkers" and row["name"] in present and not row["name"].endswith("__se")
    ]
    rows = [row for row in rows if row["name"] not in ("image_id", "result_key")]
    registered = {row["name"]: find_column(row["name"]) for row in rows}
    with_median = {
        _without_statistic(column)
        for column in registered.values()
        if column and column.statistic == "median"
    }
    columns = [_shown(row, registered[row["name"]], with_median) for row in rows]
    order = {family: place for place, family in enumerate((*FAMILIES, OTHER))}
    return tuple(sorted(columns, key=lambda column: order[column.family]))


def by_family(columns: Iterable[ShownColumn]) -> Mapping[str, list[ShownColumn]]:
    """Columns under their families, both in their order."""
    families: dict[str, list[ShownColumn]] = {}
    for column in columns:
        families.setdefault(column.family, []).append(column)
    return families


def heading(family: str) -> str:
    """A family's name as people read it."""
    return family.replace("_", " ").replace("av ", "arteriovenous ").capitalize()


def _shown(
    row: Mapping[str, str | None], column: Column | None, with_median: Collection[object]
) -> ShownColumn:
    is_summary = not row["derived_from"]
    if column is not None:
        is_summary = (
            is_summary
            and column.region in _PLACES
            and column.sector is None
            and (
                column.statistic in (None, "median")
                or (column.statistic == "mean" and _without_statistic(column) not in with_median)
            )
        )
    return ShownColumn(
        name=row["name"] or "",
        unit=_UNITS.get(row["unit"] or "1", row["unit"] or ""),
        definition=row["definition"] or "",
        family=column.family if column is not None and column.family in FAMILIES else OTHER,
        is_summary=is_summary,
    )


def _without_statistic(column: Column) -> object:
    return column.structure, column.biomarker, column.region, column.sector, column.slab
