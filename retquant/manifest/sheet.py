"""From a file to named columns: what a header means, and which cells hold something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from retquant.manifest.columns import reserved, standard_name
from retquant.manifest.faults import Fault, refuse
from retquant.manifest.raw_table import RawTable
from retquant.manifest.values import as_text, cleaned, has_decimal_commas, typed, with_points

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET_ENDINGS = (".parquet", ".pq")


@dataclass(frozen=True, eq=False, kw_only=True)
class Sheet:
    """The columns of a manifest: reserved ones as text, all others typed."""

    text: Mapping[str, pa.ChunkedArray]
    labels: Mapping[str, pa.ChunkedArray]
    rows: Sequence[int]  # line of each row in the file (header = 1)
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


def read_sheet(path: Path) -> Sheet:
    """Read a CSV, TSV or Parquet file.

    Raises
    ------
    ManifestError
        There is no such file, or it is no table at all.
    """
    if path.is_dir():
        refuse(path, [Fault(problem="this is a folder", remedy=f"retquant manifest {path}")])
    if not path.exists():
        refuse(path, [Fault(problem="there is no such file", remedy="check the path of the manifest")])
    if path.suffix.lower() in PARQUET_ENDINGS:
        from retquant.manifest.parquet_file import read_parquet

        return _sheet(read_parquet(path))
    from retquant.manifest.text_file import read_text

    return _sheet(read_text(path))


def _sheet(raw: RawTable) -> Sheet:
    import pyarrow as pa

    names = [standard_name(name) for name in raw.names]
    columns = [cleaned(column) if pa.types.is_string(column.type) else column for column in raw.columns]
    notes, faults = list(raw.notes), list(raw.faults)
    faults += _twice(raw.names, names)
    named: dict[str, pa.ChunkedArray] = {}
    for position, (name, column) in enumerate(zip(names, columns, strict=True), start=1):
        if name:
            named.setdefault(name, column)
        elif _only_counts_rows(column):
            notes.append(f"Column {position} has no name and only counts the rows: it was left out.")
        elif column.null_count < len(column):
            faults.append(
                Fault(row=1, problem=f"column {position} has no name", remedy="Name it, or delete it.")
            )
    named, rows, dropped = _without_empty_rows(named, raw.rows)
    if dropped:
        notes.append(f"{dropped:,} row{'s' if dropped > 1 else ''} without any value: left out.")
    if raw.may_have_commas:
        commas = [name for name in named if _may_be_number(name) and has_decimal_commas(named[name])]
        named |= {name: with_points(named[name]) for name in commas}
        if commas:
            notes.append(f"Read with decimal commas: {', '.join(commas)}.")
    labels = {name: column for name, column in named.items() if not reserved(name)}
    if not raw.is_typed:
        labels = {name: typed(column) for name, column in labels.items()}
    return Sheet(
        text={name: as_text(column) for name, column in named.items() if reserved(name)},
        labels=labels,
        rows=rows,
        notes=tuple(notes),
        faults=tuple(faults),
    )


def _may_be_number(name: str) -> bool:
    known = reserved(name)
    return known is None or known.kind == "number"


def _twice(written: Sequence[str], names: Sequence[str]) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for spelling, name in zip(written, names, strict=True):
        if name and name in first:
            same = f" (as {first[name]!r})" if first[name] != spelling else ""
            yield Fault(
                row=1,
                column=name,
                value=spelling,
                problem=f"names a second column{same}",
                remedy="Rename or delete one.",
            )
        first.setdefault(name, spelling)


def _only_counts_rows(column: pa.ChunkedArray) -> bool:
    """Whether it is the index that data frames write unless told not to: 0, 1, 2, … or 1, 2, 3, …"""
    cells = as_text(column).to_pylist()
    return bool(cells) and any(cells == [str(i) for i in range(s, s + len(cells))] for s in (0, 1))


def _without_empty_rows(
    named: dict[str, pa.ChunkedArray], rows: Sequence[int]
) -> tuple[dict[str, pa.ChunkedArray], Sequence[int], int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not named or not len(rows):
        return named, rows, 0
    is_empty = None
    for column in named.values():
        is_empty = pc.is_null(column) if is_empty is None else pc.and_(is_empty, pc.is_null(column))
    count = int(pc.sum(is_empty).as_py() or 0)
    if not count:
        return named, rows, 0
    is_full = pc.invert(is_empty)
    kept = pa.array(rows).filter(is_full.combine_chunks()).to_pylist()
    return {name: column.filter(is_full) for name, column in named.items()}, kept, count
