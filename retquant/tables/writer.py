"""From what images contribute to the parts of a chunk: checked image by image, written table by table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from retquant.tables.parts import SCHEMA_PART, write_part
from retquant.tables.rows import Failure, ImageRows
from retquant.tables.schemas import CHUNK_TABLES, TABLES

_WRITTEN_HERE = frozenset({"missing", "failures"})


@dataclass(kw_only=True)
class ChunkTables:
    """The rows of a chunk's images, gathered until the chunk is written."""

    schemas: Mapping[str, pa.Schema]  # of `table_schemas`
    _batches: dict[str, list[pa.RecordBatch]] = field(default_factory=dict)

    def add(self, image_id: str, result_key: str, rows: ImageRows) -> None:
        """Take the rows of a measured image, or none of them.

        Raises
        ------
        ValueError
            A column is not declared, a NaN has no reason, or columns of a table differ in length.
        """
        batches = {
            name: _batch(self.schemas[name], values, image_id=image_id)
            for name, values in self._known(rows.tables)
        }
        batches["missing"] = _batch(
            self.schemas["missing"],
            {"biomarker": list(rows.missing), "reason": list(rows.missing.values())},
            image_id=image_id,
        )
        batches["biomarkers"] = self._biomarkers(image_id, result_key, rows)
        self._keep(batches)

    def fail(self, image_id: str, result_key: str, failure: Failure) -> None:
        """Take the row that says why an image has no result."""
        values = {name: [_printable(value)] for name, value in asdict(failure).items()} | {
            "result_key": [result_key]
        }
        self._keep({"failures": _batch(self.schemas["failures"], values, image_id=image_id)})

    def write(self, out: Path, *, chunk: str, facts: Mapping[str, Any]) -> None:
        """Write one part a table, also where there is no row; the last, `biomarkers`, commits the chunk."""
        for name in CHUNK_TABLES:
            rows = pa.Table.from_batches(self._batches.get(name, []), schema=self.schemas[name])
            write_part(out, name, rows, stem=chunk, facts={**facts, "chunks": [chunk]})

    def _keep(self, batches: Mapping[str, pa.RecordBatch]) -> None:
        for name, batch in batches.items():
            self._batches.setdefault(name, []).append(batch)

    def _known(self, tables: Mapping[str, Mapping[str, Sequence[Any] | np.ndarray]]) -> list[tuple[str, Any]]:
        if unknown := [name for name in tables if name not in TABLES or name in _WRITTEN_HERE]:
            raise ValueError(f"{unknown} are no tables that an image fills")
        return list(tables.items())

    def _biomarkers(self, image_id: str, result_key: str, rows: ImageRows) -> pa.RecordBatch:
        schema = self.schemas["biomarkers"]
        if unknown := [name for name in rows.biomarkers if schema.get_field_index(name) < 0]:
            raise ValueError(f"{unknown} are not in the registry of biomarkers")
        silent = [
            name
            for name, value in rows.biomarkers.items()
            if math.isnan(value) and name not in rows.missing and not name.endswith("__se")
        ]
        if silent:
            raise ValueError(f"{silent} are NaN without a reason")
        values = {name: [value] for name, value in rows.biomarkers.items()} | {"result_key": [result_key]}
        return _batch(schema, values, image_id=image_id)


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


def _batch(
    schema: pa.Schema, values: Mapping[str, Sequence[Any] | np.ndarray], *, image_id: str
) -> pa.RecordBatch:
    """Columns of one image, cast to the schema; columns that are left out are null."""
    if unknown := [name for name in values if schema.get_field_index(name) < 0]:
        raise ValueError(f"{unknown} are not among the columns {schema.names}")
    lengths = {name: len(column) for name, column in values.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns differ in length: {lengths}")
    rows = next(iter(lengths.values()), 0)
    arrays = [
        pa.repeat(pa.scalar(image_id, pa.string()), rows)
        if field.name == "image_id"
        else _array(values.get(field.name), field.type, rows)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any] | np.ndarray | None, kind: pa.DataType, rows: int) -> pa.Array:
    if kind == pa.float32():
        numbers = np.full(rows, np.nan) if values is None else np.asarray(values, dtype=np.float64)
        with np.errstate(over="ignore"):
            # null, not NaN, in the file: R, SQL and polars then leave it out of a mean by themselves
            return pa.array(numbers.astype(np.float32), from_pandas=True)
    return pa.nulls(rows, kind) if values is None else pa.array(values, kind)


def _printable(text: str) -> str:
    """The text without the halves of characters that names of files may hold and UTF-8 cannot."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
