"""How other programs' columns relate to ours: one data file a program, read and expanded here.

Two numbers of the same name are often two quantities: zones in disc radii or diameters, length over chord or that
minus 1, pixels fed into formulas that want micrometres. Each counterpart therefore says whether its numbers are
comparable with ours and what differs, and only what is comparable is ever given one of our names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Literal

Comparable = Literal["same", "rescaled", "different definition", "no counterpart"]

COMPARABLE: Mapping[Comparable, str] = {
    "same": "formula, statistic, region and unit agree; how vessels and edges are found may still differ",
    "rescaled": "the same after the unit is converted, for which pixels need `--um-per-px`",
    "different definition": "another formula, statistic or region under a similar name; never put under our name",
    "no counterpart": "ours has no such column, or the name does not tell what was measured",
}

PROGRAMS = ("automorph", "vascx", "pvbm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterpart:
    """A column of another program, and ours that it corresponds to in one kind of its files."""

    program: str
    theirs: str
    usual: str  # their usual name where `theirs` is another spelling of it
    ours: str | None
    region: str | None  # of the file; None where the column means the same in every file
    unit: str  # theirs: UCUM, or px and px2
    comparable: Comparable
    difference: str
    needs: tuple[str, ...]  # their columns without which a value is none
    needs_if_there: tuple[str, ...]  # the same, for columns that the file may leave out
    needs_six: tuple[tuple[str, ...], ...]  # spellings of counts of theirs that must be six or more
    needs_plausible: tuple[str, ...]  # their columns whose scale must have been right
    implausible_above: float | None  # their unit; a median above it means that no scale was given
    millimetres_below: float | None  # a column of pixels whose values all lie below it is in millimetres


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Another program's tables: how they are read, and what their columns are to us."""

    key: str
    name: str
    source: str
    read_at: str
    about: str
    pixel: str  # which pixels its numbers are in
    id_columns: tuple[str, ...]
    id_suffix: str
    missing_values: tuple[float, ...]
    not_measurements: tuple[str, ...]
    files: tuple[tuple[str, str], ...]  # pattern of a file's name -> region
    counterparts: tuple[Counterpart, ...]

    @property
    def has_regions(self) -> bool:
        """Columns mean different things in different files."""
        return bool(self.files)

    def region_of(self, file_name: str) -> str | None:
        """Region that a file's name tells."""
        return next((region for pattern, region in self.files if fnmatchcase(file_name, pattern)), None)

    def knows(self, theirs: str) -> bool:
        """Whether the column is one of the program's, in any of its files."""
        return any(entry.theirs.casefold() == theirs.casefold() for entry in self.counterparts)

    def counterpart(self, theirs: str, *, region: str | None) -> Counterpart | None:
        """What a column of theirs is, in a file of the given region; None where it is not known."""
        found = [entry for entry in self.counterparts if entry.theirs.casefold() == theirs.casefold()]
        return next((entry for entry in found if entry.region in (None, region)), None)


@cache
def program(key: str) -> Program:
    """Read a program's data file.

    Raises
    ------
    KeyError
        There is none of that name.
    """
    if key not in PROGRAMS:
        raise KeyError(key)
    content = tomllib.loads((Path(__file__).parent / f"{key}.toml").read_text(encoding="utf-8"))
    return Program(
        key=key,
        name=content["program"],
        source=content["source"],
        read_at=content["read_at"],
        about=" ".join(content["about"].split()),
        pixel=content["pixel"],
        id_columns=tuple(content["id_columns"]),
        id_suffix=content.get("id_suffix", ""),
        missing_values=tuple(content["missing_values"]),
        not_measurements=tuple(content["not_measurements"]),
        files=tuple((entry["pattern"], entry["region"]) for entry in content.get("files", ())),
        counterparts=tuple(
            counterpart
            for entry in content["columns"]
            for counterpart in _expanded(entry, content["program"], content["structures"])
        ),
    )


def names_elsewhere(ours: str) -> Iterator[Counterpart]:
    """How other programs name one of our columns, or what they call by a similar name."""
    yield from _by_ours().get(ours, ())


@cache
def _by_ours() -> Mapping[str, tuple[Counterpart, ...]]:
    found: dict[str, tuple[Counterpart, ...]] = {}
    for key in PROGRAMS:
        for counterpart in program(key).counterparts:
            if counterpart.ours is not None and counterpart.theirs == counterpart.usual:
                found[counterpart.ours] = (*found.get(counterpart.ours, ()), counterpart)
    return found


def _expanded(
    entry: Mapping[str, Any], program_name: str, structures: Mapping[str, str]
) -> Iterator[Counterpart]:
    """One counterpart for each spelling, structure and region of an entry."""
    for pattern in entry["theirs"]:
        for word, structure in structures.items() if "{structure}" in pattern else [("", "")]:
            for region in entry.get("regions", (None,)):
                ours = entry.get("ours")
                yield Counterpart(
                    program=program_name,
                    theirs=pattern.format(structure=word),
                    usual=entry["theirs"][0].format(structure=word),
                    ours=None if ours is None else ours.format(structure=structure, region=region),
                    region=region,
                    unit=entry["unit"],
                    comparable=entry["comparable"] if ours is not None else "no counterpart",
                    difference=entry["difference"],
                    needs=tuple(entry.get("needs", ())),
                    needs_if_there=tuple(entry.get("needs_if_there", ())),
                    needs_six=tuple(tuple(names) for names in entry.get("needs_six", ())),
                    needs_plausible=tuple(entry.get("needs_plausible", ())),
                    implausible_above=entry.get("implausible_above"),
                    millimetres_below=entry.get("millimetres_below"),
                )
