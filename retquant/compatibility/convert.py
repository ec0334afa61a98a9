"""From another program's table to one in our names: only what is comparable, and a word on all the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal

from retquant.compatibility.mapping import Counterpart, Program
from retquant.compatibility.sheet import Sheet, read_sheet
from retquant.compatibility.table import make_table
from retquant.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

Fate = Literal["mapped", "rescaled", "left out"]

_IN_MICROMETRES = {"um": 1.0, "mm": 1000.0}
MAX_UM_PER_PX = 100.0  # a 30 degree field is 9 mm: below 90 pixels across no vessel is left to measure


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFate:
    """What became of one of their columns."""

    file: str
    theirs: str
    ours: str | None  # name in the table that is written; None where it is not in it
    fate: Fate
    why: str
    n: int  # values that are not missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """The table in our names, and what became of each of their columns."""

    table: pa.Table
    fates: tuple[ColumnFate, ...]

    def of(self, fate: Fate) -> list[ColumnFate]:
        """Columns that met one fate, in the order of their files."""
        return [entry for entry in self.fates if entry.fate == fate]


def convert(
    program: Program,
    files: Sequence[Path],
    *,
    um_per_px: float | None = None,
    region: str | None = None,
    keep_all: bool = False,
) -> Conversion:
    """Read another program's tables and name what is comparable as we do.

    Parameters
    ----------
    files : sequence of Path
        CSV, one row an image; several are joined on the image.
    um_per_px : float, optional
        Micrometres that a pixel of theirs spans; without it, lengths in pixels are left out.
    region : str, optional
        `fov`, `zone_b` or `zone_c`, where the files' names do not tell.
    keep_all : bool
        Keep all other numbers too, under their own names behind the program's (`pvbm:D0_artery`).

    Raises
    ------
    ConfigError
        A file is not such a table, an image stands twice, two files contradict each other, or a scale or region
        makes no sense.
    """
    if um_per_px is not None and not 0 < um_per_px <= MAX_UM_PER_PX:
        raise ConfigError(
            f"{um_per_px:g} micrometres per pixel is no scale of a photograph",
            where="--um-per-px",
            remedy="a number such as 8.3",
        )
    rows: dict[str, dict[str, float]] = {}
    sources: dict[str, Counterpart | None] = {}
    fates: list[ColumnFate] = []
    for path in files:
        sheet = read_sheet(path, program)
        fates += [
            ColumnFate(file=path.name, theirs=name, ours=None, fate="left out", why="holds no numbers", n=0)
            for name in sheet.texts
        ]
        where = region or program.region_of(path.name)
        if program.has_regions and where is None:
            raise ConfigError(
                f"the name does not tell which region {program.name} measured",
                where=str(path),
                remedy="--region zone_b (or zone_c, or fov for the whole frame)",
            )
        for fate, values, counterpart in _columns(sheet, program, where, um_per_px, keep_all):
            fates.append(fate)
            if fate.ours is None:
                continue
            sources.setdefault(fate.ours, counterpart)
            for image, value in zip(sheet.images, values, strict=True):
                _put(rows.setdefault(image, {}), fate, value, image, path)
        for image in sheet.images:
            rows.setdefault(image, {})
    return Conversion(table=make_table(rows, sources), fates=tuple(fates))


def _columns(
    sheet: Sheet, program: Program, region: str | None, um_per_px: float | None, keep_all: bool
) -> Iterator[tuple[ColumnFate, list[float], Counterpart | None]]:
    """Each column's fate, with the values and meaning that go into the table."""
    taken: dict[str, str] = {}
    for theirs, values in sheet.columns.items():
        counterpart = program.counterpart(theirs, region=region)
        fate: Fate = "left out"
        ours, result = None, values
        if counterpart is None:
            known = program.knows(theirs)
            why = f"ours has none in {region}" if known else "not among the names that are known"
        elif counterpart.comparable in ("different definition", "no counterpart"):
            why = f"{counterpart.comparable}: {counterpart.difference}"
        else:
            result = _valid(values, counterpart, sheet)
            factor, why = _factor(result, counterpart, sheet, program, um_per_px)
            if factor is not None and counterpart.ours in taken:
                factor, why = None, f"{taken[counterpart.ours or '']} gives the same column already"
            if factor is not None:
                ours = counterpart.ours
                taken[ours or ""] = theirs
                fate = "mapped" if why == "" else "rescaled"
                result = [value * factor for value in result]
                why = f"{why}; {counterpart.difference}" if why else counterpart.difference
        if ours is None and keep_all:
            ours, result, counterpart = f"{program.key}:{theirs}", values, None
        n = sum(not math.isnan(value) for value in result)
        yield (
            ColumnFate(file=sheet.path.name, theirs=theirs, ours=ours, fate=fate, why=why, n=n),
            result,
            counterpart,
        )


def _valid(values: Sequence[float], counterpart: Counterpart, sheet: Sheet) -> list[float]:
    """The values, missing where a column that they are made of is missing."""
    needed = [sheet.columns.get(name) for name in counterpart.needs]
    if None in needed:
        return [math.nan] * len(values)
    needed += [sheet.columns[name] for name in counterpart.needs_if_there if name in sheet.columns]
    columns = [column for column in needed if column is not None]
    counts = [column for column in _counts(counterpart, sheet) if column is not None]
    return [
        math.nan
        if any(math.isnan(column[row]) for column in columns) or any(not count[row] >= 6 for count in counts)
        else value
        for row, value in enumerate(values)
    ]


def _counts(counterpart: Counterpart, sheet: Sheet) -> list[list[float] | None]:
    """The counts that must be six or more, None where the table has none of their spellings."""
    return [
        next((sheet.columns[name] for name in spellings if name in sheet.columns), None)
        for spellings in counterpart.needs_six
    ]


def _factor(
    values: Sequence[float], counterpart: Counterpart, sheet: Sheet, program: Program, um_per_px: float | None
) -> tuple[float | None, str]:
    """What turns their values into our unit, and what was done; None with the reason where nothing does."""
    from retquant.biomarkers import BIOMARKERS

    there = [value for value in values if not math.isnan(value)]
    if _is_implausible(there, counterpart.implausible_above) or any(
        _is_implausible(
            [v for v in sheet.columns.get(name, ()) if not math.isnan(v)], entry.implausible_above
        )
        for name in counterpart.needs_plausible
        for entry in program.counterparts
        if entry.theirs == name
    ):
        return None, f"{program.name} was given no pixel size: values are too large to be micrometres"
    if None in _counts(counterpart, sheet):
        wanted = " and ".join(spellings[0] for spellings in counterpart.needs_six)
        return None, f"the table does not tell from how many vessels: {wanted} beside it would"
    assert counterpart.ours is not None
    unit = BIOMARKERS[counterpart.ours].unit
    if counterpart.unit == unit:
        return 1.0, ""
    theirs = counterpart.unit
    if (
        theirs == "px"
        and counterpart.millimetres_below
        and there
        and max(there) < counterpart.millimetres_below
    ):
        theirs = "mm"
    if theirs == "px":
        if um_per_px is None:
            return None, f"in pixels {program.pixel}: --um-per-px converts them"
        return um_per_px / _IN_MICROMETRES[unit], f"pixels {program.pixel} times {um_per_px:g} um"
    return _IN_MICROMETRES[theirs] / _IN_MICROMETRES[unit], f"{theirs} to {unit}"


def _is_implausible(values: Sequence[float], limit: float | None) -> bool:
    return limit is not None and len(values) > 0 and median(values) > limit


def _put(row: dict[str, float], fate: ColumnFate, value: float, image: str, path: Path) -> None:
    """Add a value, which an earlier file may have given already."""
    assert fate.ours is not None
    before = row.get(fate.ours, math.nan)
    if math.isnan(before):
        row[fate.ours] = value
    elif not math.isnan(value) and not math.isclose(before, value, rel_tol=1e-6):
        raise ConfigError(
            f"{fate.theirs} of image {image!r} is {value:g} here and {before:g} in an earlier file",
            where=str(path),
            remedy="files of one run, each region once",
        )
