"""CSV and TSV as people's programs write them: encodings, separators, line ends, ragged rows."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

from retquant.manifest.columns import standard_name
from retquant.manifest.faults import Fault, refuse
from retquant.manifest.raw_table import RawTable

SEPARATORS = (",", ";", "\t", "|")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SNIFFED_LINES = 50
_NOT_TEXT = {
    b"PK\x03\x04": "an Excel or OpenDocument workbook, or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF file",
    b"\x1f\x8b": "a gzip archive",
}


def read_text(path: Path) -> RawTable:
    """Read a table of separated text, with every cell as text.

    Raises
    ------
    ManifestError
        The file is empty, is no text, or is in an encoding that cannot be told.
    """
    text, notes = _decode(path)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    first, _, rest = text.partition("\n")
    skipped = 0
    if first.lower().startswith("sep=") and len(first) == 5:  # Excel's way of naming the separator
        separator, text, skipped = first[4], rest, 1
    else:
        separator = _sniff(text)
    if not text.strip():
        refuse(path, [_empty()])
    names, columns, records, ragged = _parse(path, text, separator)
    lines = _line_numbers(text, records=len(records) + len(ragged) + 1, skipped=skipped)
    faults = [
        Fault(
            row=lines[number],
            value=start,
            problem=f"has {found} cell{'s' if found != 1 else ''}, the header {len(names)}",
            remedy=f"Put cells that hold {_shown(separator)} in quotes, and end no row early.",
        )
        for number, found, start in ragged
    ]
    return RawTable(
        names=names,
        columns=columns,
        rows=[lines[number] for number in records],
        may_have_commas=separator == ";",
        notes=tuple(notes),
        faults=tuple(faults),
    )


def _empty() -> Fault:
    return Fault(
        problem="the manifest is empty", remedy="give it a header with a column `image`, and a row an image"
    )


def _decode(path: Path) -> tuple[str, list[str]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        refuse(
            path,
            [Fault(problem=f"the file cannot be read ({error.strerror})", remedy="check its permissions")],
        )
        raise
    if not data.strip():
        refuse(path, [_empty()])
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), None)
    kind = next((what for mark, what in _NOT_TEXT.items() if data.startswith(mark)), None)
    if kind is None and encoding != "utf-16" and b"\0" in data:
        kind = "no text, or UTF-16 without its mark"
    if kind is not None:
        refuse(path, [Fault(problem=f"this is {kind}", remedy="save it as CSV in UTF-8")])
    tried = (encoding,) if encoding else ("utf-8", "cp1252")
    for name in tried:
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        if name == "cp1252":
            return text, [
                "The manifest is not UTF-8; it was read as Windows-1252 (cp1252). Check names with accents."
            ]
        return text, []
    unread = encoding or "UTF-8 or Windows-1252"
    refuse(path, [Fault(problem=f"its bytes are not {unread}", remedy="save it as CSV in UTF-8")])
    raise AssertionError("unreachable")


def _sniff(text: str) -> str:
    """The separator by which the header names an image, rows are alike, and there are most columns."""
    start = "\n".join(text[:200_000].split("\n")[:_SNIFFED_LINES])

    def merit(separator: str) -> tuple[bool, float, int]:
        try:
            rows = [row for row in csv.reader(io.StringIO(start), delimiter=separator) if row]
        except csv.Error:
            return False, 0.0, 0
        if not rows:
            return False, 0.0, 0
        same = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
        return "image" in map(standard_name, rows[0]), same if len(rows[0]) > 1 else 0.0, len(rows[0])

    return max(SEPARATORS, key=merit)


def _parse(
    path: Path, text: str, separator: str
) -> tuple[list[str], list, list[int], list[tuple[int, int, str]]]:
    """Header, columns, 0-based numbers of the whole records, and (number, cells, start) of the others."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    ragged: list[tuple[int, int, str]] = []

    def skip(row: arrow_csv.InvalidRow) -> str:
        ragged.append((row.number - 1, row.actual_columns, row.text[:80]))
        return "skip"

    try:
        header = next(row for row in csv.reader(io.StringIO(text), delimiter=separator) if row)
        table = arrow_csv.read_csv(
            pa.BufferReader(text.encode()),
            read_options=arrow_csv.ReadOptions(
                use_threads=False, autogenerate_column_names=True, block_size=1 << 24
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=separator, newlines_in_values='"' in text, invalid_row_handler=skip
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types={f"f{i}": pa.string() for i in range(len(header))},
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except (pa.ArrowInvalid, csv.Error, StopIteration) as error:
        refuse(
            path, [Fault(problem=f"this is no readable table ({error})", remedy="save it as CSV in UTF-8")]
        )
        raise
    names = [cell or "" for cell in (column[0].as_py() for column in table.columns)]
    broken = {number for number, _, _ in ragged}
    records = [number for number in range(1, table.num_rows + len(ragged)) if number not in broken]
    return names, [column.slice(1) for column in table.columns], records, ragged


def _line_numbers(text: str, *, records: int, skipped: int) -> list[int]:
    """Line on which each record stands; its number among the records where cells have line breaks."""
    lines = [number for number, line in enumerate(text.split("\n"), start=1 + skipped) if line]
    return lines if len(lines) == records else list(range(1 + skipped, records + 1 + skipped))


def _shown(separator: str) -> str:
    return {"\t": "tabs"}.get(separator, f"“{separator}”")
