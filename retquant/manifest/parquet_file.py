"""A manifest in Parquet: identifiers become text, labels keep the types that they have."""

from __future__ import annotations

from pathlib import Path

from retquant.manifest.columns import reserved, standard_name
from retquant.manifest.faults import Fault, refuse
from retquant.manifest.raw_table import RawTable


def read_parquet(path: Path) -> RawTable:
    """Read a Parquet file; rows are numbered as if it had a header on line 1.

    Raises
    ------
    ManifestError
        The file is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0][:200]
        refuse(
            path,
            [
                Fault(
                    problem=f"this is no readable Parquet file ({reason})",
                    remedy="write it again, or give CSV",
                )
            ],
        )
        raise
    notes, faults, names, columns = [], [], [], []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name.startswith("__index_level_"):
            notes.append(f"The data frame's index, {name}, was left out.")
            continue
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        kind = column.type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            faults.append(
                Fault(
                    row=1,
                    column=name,
                    problem=f"holds {kind}",
                    remedy="Give one text, number or date a cell.",
                )
            )
            continue
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
            column = column.cast(pa.string())
        elif pa.types.is_floating(kind) and not reserved(standard_name(name)):
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
        names.append(name)
        columns.append(column)
    return RawTable(
        names=names,
        columns=columns,
        rows=range(2, table.num_rows + 2),
        is_typed=True,
        notes=tuple(notes),
        faults=tuple(faults),
    )
