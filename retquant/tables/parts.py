"""Part files: a table is a folder of them, and each names in its footer the chunks whose rows it holds.

The chunk lists are what makes a run safe to kill: a chunk counts only when every table has it (`commits`),
and a compacted part counts for all the chunks that it took over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from retquant.tables.files import SCRATCH, publish, scratch_file, sync_folder, write_file, writing
from retquant.tables.schemas import ID_COLUMNS, file_metadata

COMPACTED = "compacted"  # folder in the scratch folder: finished compactions on their way into place
SCHEMA_PART = (
    "part-0.parquet"  # no rows; sorts first, so that readers of a folder take the present columns from it
)
_READERS = 8  # threads that read footers; pyarrow lets other threads run


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a table."""

    path: Path
    chunks: frozenset[str]  # ids of the chunks whose rows it holds, also where they have none in this table
    rows: int
    is_whole: bool = True  # False where the file cannot be read to its end


def write_part(out: Path, table: str, rows: pa.Table, *, stem: str, facts: dict[str, Any]) -> Path:
    """Write one part of a table; `facts` (among them `chunks`) go into the file's metadata."""
    sink = pa.BufferOutputStream()
    described = rows.replace_schema_metadata({**(rows.schema.metadata or {}), **file_metadata(**facts)})
    with parquet_writer(sink, described.schema) as writer:
        writer.write_table(described)
    return write_file(out, f"{table}/part-{stem}.parquet", sink.getvalue().to_pybytes())


def write_plain_part(out: Path, table: str, rows: pa.Table, *, stem: str, facts: dict[str, Any]) -> Path:
    """Write one part that leaves units and definitions to the part with the schema and to compacted ones.

    Those of a thousand columns are 600 KiB, more than the values of a hundred images, and half of the time to read.
    """
    sink = pa.BufferOutputStream()
    plain = pa.schema([(field.name, field.type) for field in rows.schema])
    with parquet_writer(sink, plain, store_schema=False) as writer:
        writer.write_table(pa.Table.from_arrays(rows.columns, schema=plain))
        writer.add_key_value_metadata(file_metadata(**facts))
    return write_file(out, f"{table}/part-{stem}.parquet", sink.getvalue().to_pybytes())


def parquet_writer(sink: Any, schema: pa.Schema, **options: Any) -> pq.ParquetWriter:
    """Parquet as every table has it: zstd, and dictionaries only on columns with few distinct values."""
    dictionary = [name for name in schema.names if name in ID_COLUMNS]
    return pq.ParquetWriter(sink, schema, compression="zstd", use_dictionary=dictionary or False, **options)


def list_parts(out: Path, table: str) -> list[Part]:
    """Parts of a table in order of their names, the part that only holds the schema left out."""
    paths = [path for path in part_paths(out, table) if path.name != SCHEMA_PART]
    with ThreadPoolExecutor(_READERS) as pool:
        return [part for part in pool.map(_read_footer, paths) if part is not None]


def part_paths(out: Path, table: str) -> list[Path]:
    """Parquet files in the table's folder."""
    folder = out / table
    return sorted(folder.glob("part-*.parquet")) if folder.is_dir() else []


def read_columns(parts: Iterable[Part], columns: list[str]) -> Iterator[tuple[Part, pa.Table]]:
    """Some columns of each part."""
    parts = list(parts)
    with ThreadPoolExecutor(_READERS) as pool:
        yield from zip(parts, pool.map(lambda part: read_file(part.path, columns), parts), strict=True)


def read_file(path: Path, columns: list[str] | None = None) -> pa.Table:
    """One part file, by itself (the folder's name is no partition)."""
    with pq.ParquetFile(path) as file:
        return file.read(columns=columns)


def readable_files(out: Path, table: str) -> list[Path]:
    """Files that together hold each row of the table once, also in the middle of a compaction."""
    paths = part_paths(out, table)
    for pending in pending_compactions(out, table):
        replaced = set(facts_of(pending).get("replaces", ())) | {pending.name}
        paths = [path for path in paths if path.name not in replaced] + [pending]
    return paths


def pending_compactions(out: Path, table: str) -> list[Path]:
    """Compacted parts of the table that are finished but not yet in its folder."""
    folder = out / SCRATCH / COMPACTED / table
    return sorted(folder.glob("part-*.parquet")) if folder.is_dir() else []


def write_compacted(
    out: Path, table: str, parts: list[Part], *, stem: str, facts: dict[str, Any], row_group: int
) -> None:
    """Replace several parts by one that holds their rows, safe to be killed at any moment.

    The finished file names the parts that it replaces and waits in the scratch folder; then they are removed;
    then it takes its place. A reader of the folder may thus miss rows for a moment and never sees one twice.
    """
    schema = _described(out, table, pq.read_schema(parts[0].path))
    chunks = sorted(frozenset().union(*(part.chunks for part in parts)))
    replaces = [part.path.name for part in parts]
    schema = schema.with_metadata(file_metadata(**facts, chunks=chunks, replaces=replaces))
    pending = out / SCRATCH / COMPACTED / table / f"part-{stem}.parquet"
    write_rows(out, pending, schema, _gathered((read_file(part.path) for part in parts), row_group))
    finish_compaction(out, table, pending)


def _described(out: Path, table: str, schema: pa.Schema) -> pa.Schema:
    """The same columns with the units and definitions that the part with the schema has of them."""
    path = out / table / SCHEMA_PART
    known = {field.name: field for field in pq.read_schema(path)} if path.exists() else {}
    return pa.schema(
        [
            known[field.name] if field.name in known and known[field.name].type == field.type else field
            for field in schema
        ]
    )


def write_rows(out: Path, target: Path, schema: pa.Schema, groups: Iterable[pa.Table]) -> None:
    """Write a Parquet file of one row group a table without holding more than one of them in memory."""
    with writing(target), scratch_file(out) as aside:
        with open(aside, "xb") as file:
            with parquet_writer(file, schema) as writer:
                for group in groups:
                    writer.write_table(group.cast(schema).replace_schema_metadata(schema.metadata))
            file.flush()
            os.fsync(file.fileno())
        publish(aside, target)


def finish_compaction(out: Path, table: str, pending: Path) -> None:
    """Put a compacted part in the place of those that it replaces."""
    target = out / table / pending.name
    with writing(target):
        sync_folder(pending.parent)  # its name must outlive a power cut before the names of the others go
        for name in facts_of(pending).get("replaces", ()):
            (out / table / name).unlink(missing_ok=True)
        publish(pending, target)


def facts_of(path: Path) -> dict[str, Any]:
    """What the file's metadata say under `retquant`."""
    return _facts(pq.read_metadata(path))


def _facts(metadata: pq.FileMetaData) -> dict[str, Any]:
    return json.loads((metadata.metadata or {}).get(b"retquant", b"{}"))


def _read_footer(path: Path) -> Part | None:
    try:
        metadata = pq.read_metadata(path)
        chunks = frozenset(_facts(metadata).get("chunks", ()))
        return Part(path=path, chunks=chunks, rows=metadata.num_rows)
    except FileNotFoundError:
        return None  # a compaction in another process took it over between listing and reading
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the file: pyarrow's complaints about content carry no number
        return Part(path=path, chunks=frozenset(), rows=0, is_whole=False)


def _gathered(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in pieces of at least `rows`, so that row groups are large enough to compress."""
    waiting: list[pa.Table] = []
    for table in tables:
        if len(table):
            waiting.append(table)
        if sum(map(len, waiting)) >= rows:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
