"""From what images contribute to the parts of a chunk: checked image by image, written table by table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from retquant.tables.gathering import GatheredRows, GatheredValues
from retquant.tables.parts import SCHEMA_PART, write_part, write_plain_part
from retquant.tables.rows import Failure, ImageRows
from retquant.tables.schemas import CHUNK_TABLES, TABLES

_WRITTEN_HERE = frozenset({"missing", "failures"})


@dataclass(kw_only=True)
class ChunkTables:
    """The rows of a chunk's images, gathered until the chunk is written."""

    schemas: Mapping[str, pa.Schema]  # of `table_schemas`
    _values: GatheredValues = field(init=False)
    _rows: dict[str, GatheredRows] = field(init=False)

    def __post_init__(self) -> None:
        self._values = GatheredValues(self.schemas["biomarkers"])
        self._rows = {name: GatheredRows(self.schemas[name]) for name in TABLES}

    def add(self, image_id: str, result_key: str, rows: ImageRows, *, file_digest: str | None = None) -> None:
        """Take the rows of a measured image, or none of them; `file_digest` is of its file's bytes.

        Raises
        ------
        ValueError
            A column is not declared, a NaN has no reason, or columns of a table differ in length.
        """
        if unknown := [name for name in rows.tables if name not in TABLES or name in _WRITTEN_HERE]:
            raise ValueError(f"{unknown} are no tables that an image fills")
        reasons = {"biomarker": list(rows.missing), "reason": list(rows.missing.values())}
        checked = {
            name: self._rows[name].checked(values)
            for name, values in {**_with_digest(rows.tables, file_digest), "missing": reasons}.items()
        }
        values = self._values.checked(rows.biomarkers, rows.missing)
        for name, (count, pieces) in checked.items():
            self._rows[name].take(image_id, count, pieces)
        self._values.take(image_id, result_key, values)

    def fail(
        self, image_id: str, result_key: str, failure: Failure, *, file_digest: str | None = None
    ) -> None:
        """Take the row that says why an image has no result."""
        row = {name: [_printable(value)] for name, value in asdict(failure).items()}
        count, pieces = self._rows["failures"].checked(
            row | {"result_key": [result_key], "file_digest": [file_digest]}
        )
        self._rows["failures"].take(image_id, count, pieces)

    def write(self, out: Path, *, chunk: str, facts: Mapping[str, Any]) -> None:
        """Write one part a table, also where there is no row; the last, `biomarkers`, commits the chunk."""
        for name in CHUNK_TABLES:
            rows = self._rows[name].table() if name in self._rows else self._values.table()
            write_plain_part(out, name, rows, stem=chunk, facts={**facts, "chunks": [chunk]})


def write_schema_parts(out: Path, schemas: Mapping[str, pa.Schema], *, facts: Mapping[str, Any]) -> None:
    """Write to each table a part without rows, which sorts first and gives readers the columns."""
    for name in CHUNK_TABLES:
        empty = schemas[name].empty_table()
        write_part(
            out,
            name,
            empty,
            stem=SCHEMA_PART.removeprefix("part-").removesuffix(".parquet"),
            facts=dict(facts),
        )


def _with_digest(tables: Mapping[str, Mapping[str, Any]], digest: str | None) -> Mapping[str, Any]:
    if "quality" not in tables:
        return tables
    return {**tables, "quality": {**tables["quality"], "file_digest": [digest]}}


def _printable(text: str) -> str:
    """The text without the halves of characters that names of files may hold and UTF-8 cannot."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
