"""The table that a conversion writes: our names and definitions, with the source and its difference beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retquant.compatibility.mapping import Counterpart
from retquant.errors import ConfigError, OutputError
from retquant.manifest.formulas import neutral

if TYPE_CHECKING:
    import pyarrow as pa


def make_table(
    rows: Mapping[str, Mapping[str, float]], sources: Mapping[str, Counterpart | None]
) -> pa.Table:
    """One row an image, one column a name, NaN as missing; each column says what it is and where it comes from."""
    import pyarrow as pa

    fields = [pa.field("image_id", pa.string())]
    columns: list[Any] = [pa.array(list(rows), pa.string())]
    for name, counterpart in sources.items():
        values = [row.get(name, math.nan) for row in rows.values()]
        columns.append(pa.array([None if math.isnan(v) else v for v in values], pa.float64()))
        fields.append(pa.field(name, pa.float64(), metadata=_facts(name, counterpart)))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _facts(name: str, counterpart: Counterpart | None) -> dict[str, str]:
    """What the Parquet field says of itself."""
    from retquant.biomarkers import BIOMARKERS

    if counterpart is None:
        return {"source": name.replace(":", " ", 1), "comparable": "not with any of our columns"}
    column = BIOMARKERS[name]
    return {
        "unit": column.unit,
        "definition": column.definition,
        "definition_id": column.definition_id,
        "version": str(column.version),
        "source": f"{counterpart.program} {counterpart.theirs}",
        "comparable": counterpart.comparable,
        "difference": counterpart.difference,
    }


def write_table(table: pa.Table, path: Path) -> None:
    """Write Parquet or CSV, by the file's suffix.

    Raises
    ------
    ConfigError
        The suffix is neither.
    OutputError
        The place cannot be written to.
    """
    if path.suffix not in (".parquet", ".csv"):
        raise ConfigError(
            f"{path.suffix or 'no suffix'} is no kind of table",
            where=str(path),
            remedy="--out NAME.parquet or NAME.csv",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            pq.write_table(table, path)
        else:
            from pyarrow import csv as arrow_csv

            arrow_csv.write_csv(_neutral(table), path)
    except OSError as error:
        raise OutputError(
            f"cannot be written: {error.strerror or error}", where=str(path), remedy="--out elsewhere"
        ) from error


def _neutral(table: pa.Table) -> pa.Table:
    """The table with text that no spreadsheet takes for a formula."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            cells = [None if cell is None else neutral(cell) for cell in table[place].to_pylist()]
            table = table.set_column(place, field, pa.array(cells, field.type))
    return table
