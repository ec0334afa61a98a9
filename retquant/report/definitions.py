"""What each biomarker of a page is: its definition, unit and source, to which its name leads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionEntry:
    """One biomarker. The anchor holds no text of the table, which may be hostile."""

    anchor: str
    name: str
    sentence: str
    unit: str
    source: str  # of the catalogue: version of the definition and its reference; empty for other columns


def definition_entries(
    names: Iterable[str], definitions: Mapping[str, str], units: Mapping[str, str]
) -> dict[str, DefinitionEntry]:
    """Name -> entry, of those that have a definition."""
    from retquant.biomarkers import find_column

    entries = {}
    for place, name in enumerate(sorted(name for name in names if definitions.get(name))):
        column = find_column(name)
        source = "" if column is None else f"{column.definition_id} {column.version}, {column.reference}"
        entries[name] = DefinitionEntry(
            anchor=f"definition-{place}",
            name=name,
            sentence=definitions[name],
            unit=units.get(name) or "",
            source=source,
        )
    return entries
