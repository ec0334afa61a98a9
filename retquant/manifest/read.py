"""From a manifest's file to records: every row is checked, and all that is wrong is said at once."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retquant.manifest.checks import (
    check_dates,
    check_eyes,
    check_modalities,
    check_numbers,
    check_pairs,
    check_slab_names,
    slab_faults,
    slab_name_faults,
    unknown_masks,
    unnamed_scan_faults,
)
from retquant.manifest.columns import IDENTIFYING, NUMBERS, OF_THE_EYE, USUAL_MODALITY
from retquant.manifest.faults import Fault, refuse
from retquant.manifest.image_ids import id_faults, make_image_ids
from retquant.manifest.paths import Bounds, Resolver
from retquant.manifest.records import ImageRecord
from retquant.manifest.sheet import Sheet, read_sheet

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_SLABS = 99
_NO_MASKS: dict[str, Path] = {}  # one for all images without

Values = Mapping[str, Sequence[Any]]
"""Column -> a checked value for each row, None where there is none."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Manifest:
    """A cohort as its manifest describes it: records to measure, and a table of people to analyse."""

    path: Path
    records: tuple[ImageRecord, ...]  # a row each, in the file's order
    participants: pa.Table  # image_id, the identifying columns that the manifest has, covariates
    covariates: tuple[str, ...]  # names of the columns that are not reserved
    notes: tuple[str, ...] = ()  # what was decided in reading: encoding, columns left out


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Keep the garbage collector from going through records again and again while they are made: all of them stay."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_without_collecting()
def read_manifest(
    path: Path | str, *, allow_outside: bool = False, root: Path | str | None = None
) -> Manifest:
    """Read a manifest (CSV, TSV or Parquet) and check every row of it.

    That an image or mask does not exist is no fault of the manifest: the run tells of it.

    Parameters
    ----------
    path : Path or str
        File with a column `image` and a row an image.
    allow_outside : bool
        Let relative paths, and links that they go through, leave the manifest's folder.
    root : Path or str, optional
        Folder that no image or mask may lie outside of, absolute paths included.

    Raises
    ------
    ManifestError
        The manifest has faults; `faults` lists them all.
    """
    path = Path(path)
    sheet = read_sheet(path)
    if "image" not in sheet.text:
        refuse(path, [*sheet.faults, _no_image(sheet)])
    if not len(sheet.rows):
        nothing = Fault(
            problem="the manifest has no rows",
            remedy="give it a row an image, or make one: retquant manifest FOLDER",
        )
        refuse(path, [*sheet.faults, *unknown_masks(sheet.labels)] or [nothing])
    bounds = Bounds(
        base=os.path.realpath(path.absolute().parent),
        root=None if root is None else os.path.realpath(root),
        allow_outside=allow_outside,
    )
    faults = list(sheet.faults)
    values = _checked(sheet, faults)
    values |= _located(sheet, bounds, faults)
    told = {(fault.row, fault.column) for fault in faults}
    unnamed = unnamed_scan_faults(
        values["modality"], _numbered(values, "_name"), _numbered(values), sheet.rows
    )
    faults += (fault for fault in unnamed if (fault.row, fault.column) not in told)
    cells = sheet.text["image"].to_pylist()
    given = values["image_id"]
    faults += id_faults(given, values["image"], sheet.rows)
    faults += unknown_masks(sheet.labels)
    refuse(path, faults)
    values["image_id"] = make_image_ids(given, cells)
    records = _records(values, sheet.rows)
    return Manifest(
        path=path,
        records=records,
        participants=_participants(sheet, values),
        covariates=tuple(sheet.labels),
        notes=sheet.notes,
    )


def _numbered(values: Values, ending: str = "") -> dict[int, Sequence[Any]]:
    """Number of a slab -> the column of that slab's files, or names."""
    found = {re.fullmatch(rf"slab_([0-9]+){ending}", name): cells for name, cells in values.items()}
    return {int(match[1]): cells for match, cells in found.items() if match is not None}


def _no_image(sheet: Sheet) -> Fault:
    names = [*sheet.text, *sheet.labels]
    return Fault(
        row=1,
        column="image",
        problem=f"is missing; the columns are {', '.join(names[:12])}{', …' if len(names) > 12 else ''}",
        remedy="Name the column with the image files `image`.",
    )


def _checked(sheet: Sheet, faults: list[Fault]) -> dict[str, Sequence[Any]]:
    """Values of all columns but paths, None for columns that the manifest does not have."""
    nothing = [None] * len(sheet.rows)
    values: dict[str, Sequence[Any]] = {}
    for name in ("image_id", "participant_id", "visit", "device", "site"):
        values[name] = _words(sheet.text[name]) if name in sheet.text else nothing
    checks = {"eye": check_eyes, "modality": check_modalities, "acquired_at": check_dates}
    for name, check in checks.items():
        values[name], found = check(sheet.text[name], sheet.rows) if name in sheet.text else (nothing, [])
        faults += found
    for column in NUMBERS:
        given = sheet.text.get(column.name)
        values[column.name], found = (
            (nothing, []) if given is None else check_numbers(column, given, sheet.rows)
        )
        faults += found
    at = {
        name: sheet.text[name].to_pylist() if name in sheet.text else nothing
        for name in ("fovea_x", "fovea_y")
    }
    faults += check_pairs(at["fovea_x"], at["fovea_y"], sheet.rows)
    return values


def _words(cells: pa.ChunkedArray) -> list[str | None]:
    """The cells as text, one object a word however often it stands: a million rows share some visits and cameras."""
    distinct = cells.combine_chunks().dictionary_encode()
    words = distinct.dictionary.to_pylist()
    return [None if index is None else words[index] for index in distinct.indices.to_pylist()]


def _located(sheet: Sheet, bounds: Bounds, faults: list[Fault]) -> dict[str, Sequence[Any]]:
    """Resolved files of the image, of masks by target, and of slabs with their names."""
    resolver = Resolver(bounds)
    cells = sheet.text["image"].to_pylist()
    faults += (
        Fault(
            row=row, column="image", problem="is empty", remedy="Write the image's file, or delete the row."
        )
        for cell, row in zip(cells, sheet.rows, strict=True)
        if cell is None
    )
    located: dict[str, Sequence[Any]] = {"image": resolver.resolve("image", cells, sheet.rows)}
    masks = [name for name in sheet.text if name.endswith("_mask")]
    slabs = [name for name in sheet.text if name.startswith("slab_") and not name.endswith("_name")]
    for name in (*masks, *slabs):
        located[name] = resolver.resolve(name, sheet.text[name].to_pylist(), sheet.rows)
    names = {}
    for name in sheet.text:
        if name.startswith("slab_") and name.endswith("_name"):
            located[name], found = check_slab_names(name, sheet.text[name], sheet.rows)
            faults += found
            names[int(name.split("_")[1])] = located[name]
    faults += resolver.faults
    written = {name: sheet.text[name].to_pylist() for name in slabs}
    faults += slab_faults([*sheet.text, *sheet.labels], written, sheet.rows)
    if max(names, default=0) <= _MOST_SLABS:
        faults += slab_name_faults(names, [int(name.removeprefix("slab_")) for name in slabs], sheet.rows)
    else:
        faults.append(
            Fault(
                row=1,
                column=f"slab_{max(names)}_name",
                problem=f"names more than {_MOST_SLABS} slabs",
                remedy="Number slabs without a gap.",
            )
        )
    return located


def _records(values: Values, rows: Sequence[int]) -> tuple[ImageRecord, ...]:
    plain = (
        *("image_id", "image", "participant_id", "eye", "visit", "acquired_at", "device", "site"),
        *("um_per_px", "fov_mm", "fov_deg", *OF_THE_EYE),
    )
    masks = {name.removesuffix("_mask"): values[name] for name in values if name.endswith("_mask")}
    numbers = sorted(
        int(name.removeprefix("slab_"))
        for name in values
        if name.startswith("slab_") and not name.endswith("_name")
    )
    nothing = [None] * len(rows)
    slabs = [values[f"slab_{number}"] for number in numbers]
    # without files of their own, slabs are the pages or channels of the image, and names tell how many there are
    named_numbers = [int(name.split("_")[1]) for name in values if re.fullmatch(r"slab_\d+_name", name)]
    count = 1 + len(slabs) if slabs else max(named_numbers, default=1)
    names = [values.get(f"slab_{number}_name", nothing) for number in range(1, 1 + count)]
    named = any(column is not nothing for column in names)
    columns = [values[name] for name in plain]
    return tuple(
        ImageRecord(
            **dict(zip(plain, cells, strict=True)),
            row=rows[index],
            modality=values["modality"][index] or USUAL_MODALITY,
            fovea_xy=None if x is None else (x, y),
            masks={target: files[index] for target, files in masks.items() if files[index] is not None}
            or _NO_MASKS,
            slabs=tuple(files[index] for files in slabs if files[index] is not None),
            slab_names=_slab_names(names, slabs, index) if named else (),
        )
        for index, (x, y, *cells) in enumerate(
            zip(values["fovea_x"], values["fovea_y"], *columns, strict=True)
        )
    )


def _slab_names(
    names: Sequence[Sequence[str | None]], slabs: Sequence[Sequence[Any]], index: int
) -> tuple[str, ...]:
    if slabs:
        count = 1 + sum(files[index] is not None for files in slabs)
        found = tuple(column[index] or "" for column in names[:count])
        return found if any(found) else ()
    return tuple(name for name in (column[index] for column in names) if name is not None)


def _participants(sheet: Sheet, values: Values) -> pa.Table:
    """Ids as text, measurements of the eye as numbers, covariates as they were typed; nulls stay nulls."""
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for name in IDENTIFYING:
        if name == "image_id" or name in sheet.text:
            columns[name] = pa.array(values[name], pa.string())
    if "modality" in columns:
        columns["modality"] = columns["modality"].fill_null(USUAL_MODALITY)
    columns |= {name: pa.array(values[name], pa.float64()) for name in OF_THE_EYE if name in sheet.text}
    return pa.table(columns | dict(sheet.labels))
