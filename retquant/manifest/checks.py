"""The cells of reserved columns, checked a column at a time: eyes, modalities, dates, numbers."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from retquant.manifest.columns import EYES, MODALITIES, SLABS, TARGETS, Column
from retquant.manifest.faults import Fault
from retquant.manifest.values import numbers

if TYPE_CHECKING:
    import pyarrow as pa

Checked = tuple[list, list[Fault]]
"""Values, None where empty or at fault, and the faults."""

_ISO = re.compile(r"^(\d{4}-\d{2}-\d{2})([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$")
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})$")
_IMAGE_FILE = re.compile(r"\.(png|gif|tiff?|bmp|jpe?g|p[gpb]m|npy|webp)$", re.IGNORECASE)


def check_eyes(cells: pa.ChunkedArray, rows: Sequence[int]) -> Checked:
    """OD or OS."""
    return _translate(
        "eye",
        cells,
        rows,
        EYES,
        problem="is no eye",
        remedy="Write OD or OS (R, L, right, left are understood).",
    )


def check_modalities(cells: pa.ChunkedArray, rows: Sequence[int]) -> Checked:
    """cfp or octa."""
    return _translate(
        "modality", cells, rows, MODALITIES, problem="is no modality", remedy="Write cfp or octa."
    )


def check_dates(cells: pa.ChunkedArray, rows: Sequence[int]) -> Checked:
    """ISO text; 20240131, as DICOM writes it, becomes 2024-01-31. Other orders are never guessed."""
    known = {text: _iso(text) for text in _distinct(cells)}
    faulty = {text for text, iso in known.items() if iso is None}
    faults = (
        [
            Fault(
                row=row,
                column="acquired_at",
                value=cell,
                problem="is no ISO date",
                remedy="Write it as 2024-01-31, or 2024-01-31T09:30.",
            )
            for cell, row in zip(cells.to_pylist(), rows, strict=True)
            if cell in faulty
        ]
        if faulty
        else []
    )
    return [None if cell is None else known[cell] for cell in cells.to_pylist()], faults


def check_numbers(column: Column, cells: pa.ChunkedArray, rows: Sequence[int]) -> Checked:
    """Finite numbers within the limits of the column."""
    import pyarrow.compute as pc

    found = numbers(cells)
    bad = pc.and_(pc.is_valid(cells), pc.is_null(found))
    for limit, beyond in ((column.above, pc.less_equal), (column.least, pc.less), (column.most, pc.greater)):
        if limit is not None:
            bad = pc.or_(bad, pc.fill_null(beyond(found, limit), False))
    values = found.to_pylist()
    where = pc.indices_nonzero(bad).to_pylist()
    faults = []
    for index in where:
        is_number = values[index] is not None
        faults.append(
            Fault(
                row=rows[index],
                column=column.name,
                value=cells[index].as_py(),
                problem=f"is {_beyond(column, values[index])}" if is_number else "is not a number",
                remedy=column.remedy if is_number else f"{column.remedy} Decimals take a point.",
            )
        )
        values[index] = None
    return values, faults


def check_pairs(x: Sequence[float | None], y: Sequence[float | None], rows: Sequence[int]) -> Iterator[Fault]:
    """A fovea needs both coordinates."""
    for here, there, row in zip(x, y, rows, strict=True):
        if (here is None) != (there is None):
            missing, given = ("fovea_x", "fovea_y") if here is None else ("fovea_y", "fovea_x")
            yield Fault(
                row=row,
                column=missing,
                problem=f"is empty, {given} is not",
                remedy="Give both, or leave both empty.",
            )


def unknown_masks(labels: Mapping[str, pa.ChunkedArray]) -> Iterator[Fault]:
    """Columns of mask files of a target that nobody knows, so that a misspelt mask is never passed over.

    A column `<x>_mask` that holds no paths of pictures (wore_mask: yes, no) is a label like any other.
    """
    import pyarrow as pa

    for name, column in labels.items():
        if not name.endswith("_mask") or not pa.types.is_string(column.type):
            continue
        example = next(
            (cell for cell in column.unique().to_pylist() if cell and _IMAGE_FILE.search(cell)), None
        )
        if example is None:
            continue
        target = name.removesuffix("_mask")
        alike = [known for known in TARGETS if known in target.split("_")] or difflib.get_close_matches(
            target, TARGETS, 1
        )
        hint = f"Call it {alike[0]}_mask, or" if alike else "Take one of these, or"
        yield Fault(
            row=1,
            column=name,
            value=example,
            problem=f"is a mask of an unknown target; masks can be given of {', '.join(TARGETS)}",
            remedy=f"{hint} give the column a name that does not end in _mask.",
        )


def slab_faults(
    names: Sequence[str], slabs: Mapping[str, Sequence[str | None]], rows: Sequence[int]
) -> Iterator[Fault]:
    """Slabs count up from 2 without a gap; `slab_1` is the image itself."""
    if "slab_1" in names:
        yield Fault(
            row=1,
            column="slab_1",
            problem="is the image itself",
            remedy="Call it image, and the next slab slab_2.",
        )
    if not slabs:
        return
    found = sorted(int(name.removeprefix("slab_")) for name in slabs)
    if missing := next((n for n, number in enumerate(found, start=2) if n != number), None):
        yield Fault(
            row=1,
            column=f"slab_{missing}",
            problem=f"is missing, there is slab_{found[-1]}",
            remedy="Number slabs without a gap.",
        )
        return
    for row, cells in zip(
        rows, zip(*(slabs[f"slab_{number}"] for number in found), strict=True), strict=True
    ):
        given = [cell is not None for cell in cells]
        if given != sorted(given, reverse=True):
            yield Fault(
                row=row,
                column=f"slab_{found[given.index(False)]}",
                problem="is empty, a later slab is not",
                remedy="Number slabs without a gap.",
            )


def check_slab_names(name: str, cells: pa.ChunkedArray, rows: Sequence[int]) -> Checked:
    """A slab's word, since it becomes part of the names of biomarkers."""
    import pyarrow.compute as pc

    folded = pc.replace_substring_regex(cells, r"[-\s]+", "_")
    values, faults = _translate(
        name,
        folded,
        rows,
        SLABS,
        problem="is no slab",
        remedy=f"Write one of {', '.join(dict.fromkeys(SLABS.values()))}, or leave it empty.",
    )
    return values, faults


def slab_name_faults(
    names: Mapping[int, Sequence[str | None]], slabs: Sequence[int], rows: Sequence[int]
) -> Iterator[Fault]:
    """All slabs of a scan are named, or none, and no two alike.

    Parameters
    ----------
    names : mapping
        Number of a slab -> its name in each row.
    slabs : sequence of int
        Numbers of the slabs that have a column of files.
    """
    if not names:
        return
    last = max(names) if not slabs else max(slabs)
    for row, cells in zip(
        rows, zip(*(names.get(n, [None] * len(rows)) for n in range(1, last + 1)), strict=True), strict=True
    ):
        given = [cell is not None for cell in cells]
        if not slabs and given != sorted(given, reverse=True):
            number = given.index(False) + 1
            yield Fault(
                row=row,
                column=f"slab_{number}_name",
                problem="is empty, a later slab is named",
                remedy="Name every slab, or none.",
            )
        known = [cell for cell in cells if cell is not None]
        if twice := next((cell for cell in known if known.count(cell) > 1), None):
            number = len(cells) - cells[::-1].index(twice)
            yield Fault(
                row=row,
                column=f"slab_{number}_name",
                value=twice,
                problem="is the name of another slab of this scan",
                remedy="Give each slab its own name.",
            )


def unnamed_scan_faults(
    modalities: Sequence[str | None],
    names: Mapping[int, Sequence[str | None]],
    slabs: Mapping[int, Sequence[object]],
    rows: Sequence[int],
) -> Iterator[Fault]:
    """Slabs of all angiograms of a manifest are named, or of none: their columns carry the names.

    Parameters
    ----------
    modalities : sequence of str
        Of each row.
    names, slabs : mapping
        Number of a slab -> its name, or its file, in each row.
    """
    scans = [index for index, modality in enumerate(modalities) if modality == "octa"]
    if not any(column[index] for column in names.values() for index in scans):
        return
    for index in scans:
        numbers = [1, *(number for number, files in sorted(slabs.items()) if files[index] is not None)]
        if not slabs and any(column[index] for column in names.values()):
            continue  # slabs within one file are as many as are named
        for number in numbers:
            if number not in names or names[number][index] is None:
                yield Fault(
                    row=rows[index],
                    column=f"slab_{number}_name",
                    problem="is empty, and other slabs of this manifest's angiograms are named",
                    remedy="Name the slabs of all angiograms, or of none: each slab has columns of its own.",
                )
                break


def _translate(
    name: str,
    cells: pa.ChunkedArray,
    rows: Sequence[int],
    words: Mapping[str, str],
    *,
    problem: str,
    remedy: str,
) -> Checked:
    known = {text: words.get(text.lower()) for text in _distinct(cells)}
    faulty = {text for text, meaning in known.items() if meaning is None}
    values = cells.to_pylist()
    faults = []
    if faulty:
        faults = [
            Fault(row=row, column=name, value=cell, problem=problem, remedy=remedy)
            for cell, row in zip(values, rows, strict=True)
            if cell in faulty
        ]
    return [None if cell is None else known[cell] for cell in values], faults


def _distinct(cells: pa.ChunkedArray) -> list[str]:
    return cells.unique().drop_null().to_pylist()


def _iso(text: str) -> str | None:
    from datetime import date, datetime

    compact = _COMPACT.match(text)
    iso = "-".join(compact.groups()) if compact else text
    if not _ISO.match(iso):
        return None
    try:
        _ = date.fromisoformat(iso) if len(iso) == 10 else datetime.fromisoformat(iso)
    except ValueError:
        return None
    return iso.replace(" ", "T", 1)


def _beyond(column: Column, value: float) -> str:
    if column.above is not None and value <= column.above:
        return f"not above {column.above:g}"
    if column.least is not None and value < column.least:
        return f"below {column.least:g}"
    return f"above {column.most:g}"
