"""Rows of many images on their way into one table, kept as columns: an Arrow batch an image costs 2 us a column.

What an image brings is converted, and refused, when it is taken in; columns are put together once a chunk.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

Values = Sequence[Any] | np.ndarray
Piece: TypeAlias = np.ndarray | pa.Array
"""One image's part of a column: float32 for numbers, Arrow for all else."""


class GatheredRows:
    """Any number of rows an image, of a table with columns of several kinds."""

    def __init__(self, schema: pa.Schema) -> None:
        self._kinds = {field.name: field.type for field in schema}
        self._schema = schema
        self._ids: list[str] = []
        self._counts: list[int] = []
        self._pieces: list[Mapping[str, Piece]] = []

    def checked(self, values: Mapping[str, Values]) -> tuple[int, Mapping[str, Piece]]:
        """How many rows they are, and their columns as the schema has them.

        Raises
        ------
        ValueError
            A column is not declared, columns differ in length, or values are of another kind.
        """
        if unknown := [name for name in values if name not in self._kinds]:
            raise ValueError(f"{unknown} are not among the columns {self._schema.names}")
        lengths = {name: len(column) for name, column in values.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns differ in length: {lengths}")
        with np.errstate(over="ignore"):
            pieces = {name: _converted(column, self._kinds[name]) for name, column in values.items()}
        return next(iter(lengths.values()), 0), pieces

    def take(self, image_id: str, count: int, pieces: Mapping[str, Piece]) -> None:
        """Keep what `checked` gave, as rows of that image."""
        self._ids.append(image_id)
        self._counts.append(count)
        self._pieces.append(pieces)

    def table(self) -> pa.Table:
        """All rows, in the order in which they came; columns that an image left out are null there."""
        ids = pa.array(self._ids, pa.string()).take(
            pa.array(np.repeat(np.arange(len(self._ids)), self._counts))
        )
        columns = [ids if field.name == "image_id" else self._column(field) for field in self._schema]
        return pa.Table.from_arrays(columns, schema=self._schema)

    def _column(self, field: pa.Field) -> pa.Array:
        if not any(field.name in pieces for pieces in self._pieces):
            return pa.nulls(sum(self._counts), field.type)
        found = [
            pieces[field.name] if field.name in pieces else _nothing(field.type, count)
            for pieces, count in zip(self._pieces, self._counts, strict=True)
        ]
        return _numbers(np.concatenate(found)) if field.type == pa.float32() else pa.concat_arrays(found)


class GatheredValues:
    """One row an image, of a table with ids and some thousand columns of numbers."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._names = [field.name for field in schema if field.type == pa.float32()]
        self._places = {name: place for place, name in enumerate(self._names)}
        self._ids: list[str] = []
        self._keys: list[str] = []
        self._rows: list[np.ndarray] = []
        self._usual: tuple[list[str], np.ndarray] = ([], np.empty(0, np.intp))  # of the image before

    def checked(self, values: Mapping[str, float], missing: Mapping[str, str]) -> np.ndarray:
        """(columns,) float32, NaN where there is no value.

        Raises
        ------
        ValueError
            A column is not declared, a value is no number, or NaN has no reason.
        """
        names = list(values)
        if names != self._usual[0]:
            if unknown := [name for name in names if name not in self._places]:
                raise ValueError(f"{unknown} are not in the registry of biomarkers")
            self._usual = names, np.array([self._places[name] for name in names], np.intp)
        numbers = np.array([float(value) for value in values.values()], np.float64)
        silent = [
            names[place]
            for place in np.flatnonzero(np.isnan(numbers)).tolist()
            if names[place] not in missing and not names[place].endswith("__se")
        ]
        if silent:
            raise ValueError(f"{silent} are NaN without a reason")
        row = np.full(len(self._names), np.nan, np.float32)
        with np.errstate(over="ignore"):
            row[self._usual[1]] = numbers
        return row

    def take(self, image_id: str, result_key: str, row: np.ndarray) -> None:
        """Keep what `checked` gave, as the row of that image."""
        self._ids.append(image_id)
        self._keys.append(result_key)
        self._rows.append(row)

    def table(self) -> pa.Table:
        """All rows, in the order in which they came."""
        empty = np.empty((0, len(self._names)), np.float32)
        by_column = np.ascontiguousarray(np.vstack([empty, *self._rows]).T)
        texts = {"image_id": self._ids, "result_key": self._keys}
        columns = [
            pa.array(texts[field.name], pa.string())
            if field.name in texts
            else _numbers(by_column[self._places[field.name]])
            for field in self._schema
        ]
        return pa.Table.from_arrays(columns, schema=self._schema)


def _converted(values: Values, kind: pa.DataType) -> Piece:
    if kind == pa.float32():
        return np.asarray(values, dtype=np.float64).astype(np.float32)
    return pa.array(values, kind)


def _nothing(kind: pa.DataType, rows: int) -> Piece:
    return np.full(rows, math.nan, np.float32) if kind == pa.float32() else pa.nulls(rows, kind)


def _numbers(values: np.ndarray) -> pa.Array:
    # null, not NaN, in the file: R, SQL and polars then leave it out of a mean by themselves
    return pa.array(values, from_pandas=True)
