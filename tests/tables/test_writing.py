"""Parts: what images contribute is checked, and files are whole or not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retquant.errors import OutputError
from retquant.tables import Failure, ImageRows
from retquant.tables.commits import survey
from retquant.tables.files import write_file
from retquant.tables.schemas import CHUNK_TABLES, table_schemas
from retquant.tables.writer import ChunkTables, write_schema_parts

SCHEMAS = table_schemas(())
SCHEMAS["biomarkers"] = pa.schema(
    [("image_id", pa.string()), ("result_key", pa.string()), ("density", pa.float32())]
)


@pytest.fixture
def tables() -> ChunkTables:
    return ChunkTables(schemas=SCHEMAS)


def test_a_nan_without_a_reason_is_refused(tables: ChunkTables) -> None:
    with pytest.raises(ValueError, match="NaN without a reason"):
        tables.add("a", "key", ImageRows(biomarkers={"density": float("nan")}))


def test_an_unknown_biomarker_is_refused(tables: ChunkTables) -> None:
    with pytest.raises(ValueError, match="not in the registry"):
        tables.add("a", "key", ImageRows(biomarkers={"densty": 1.0}))


def test_an_unknown_column_or_table_is_refused(tables: ChunkTables) -> None:
    for wrong in ({"vessels": {"lenght_px": [1.0]}}, {"vesels": {}}, {"failures": {"stage": ["read"]}}):
        with pytest.raises(ValueError, match=r"no tables|not among"):
            tables.add("a", "key", ImageRows(biomarkers={}, tables=wrong))


def test_columns_of_different_length_are_refused(tables: ChunkTables) -> None:
    rows = ImageRows(biomarkers={}, tables={"crossings": {"x": [1.0, 2.0], "y": [1.0]}})
    with pytest.raises(ValueError, match="differ in length"):
        tables.add("a", "key", rows)


def test_an_image_that_is_refused_leaves_nothing_in_any_table(tables: ChunkTables, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not in the registry"):
        tables.add("a", "key", ImageRows(biomarkers={"densty": 1.0}, tables={"crossings": {"x": [1.0]}}))
    tables.write(tmp_path, chunk="c1", facts={})
    assert all(pq.read_table(tmp_path / name).num_rows == 0 for name in CHUNK_TABLES)


def test_arrays_of_any_integer_or_text_type_fit_the_columns(tables: ChunkTables, tmp_path: Path) -> None:
    vessels = {
        "structure": np.array(["vessel", "artery"]),
        "segment": np.arange(2),
        "length_px": np.array([1.5, np.nan]),
        "is_long_enough": np.array([True, False]),
    }
    tables.add("a", "key", ImageRows(biomarkers={"density": 0.1}, tables={"vessels": vessels}))
    tables.write(tmp_path, chunk="c1", facts={})
    read = pq.read_table(tmp_path / "vessels").to_pylist()
    assert [row["length_px"] for row in read] == [1.5, None]
    assert [row["image_id"] for row in read] == ["a", "a"]
    assert read[0]["calibre_px"] is None


def test_text_that_utf8_cannot_hold_is_written_with_escapes(tables: ChunkTables, tmp_path: Path) -> None:
    tables.fail("a", "key", Failure(stage="read", error="ImageError", message="no file \udcff.jpg"))
    tables.write(tmp_path, chunk="c1", facts={})
    assert pq.read_table(tmp_path / "failures")["message"][0].as_py() == "no file \\udcff.jpg"


@pytest.mark.parametrize(
    "path", ["../up.png", "/abs.png", "a/../../up.png", ".hidden/x", "a\nb.png", "a\\b.png", ""]
)
def test_an_artifact_stays_in_the_runs_folder(path: str) -> None:
    with pytest.raises(ValueError, match="does not stay"):
        ImageRows(biomarkers={}, artifacts={path: b""})


def test_numbers_are_compressed_and_only_ids_have_a_dictionary(tables: ChunkTables, tmp_path: Path) -> None:
    tables.add("a", "key", ImageRows(biomarkers={"density": 0.1}))
    tables.write(tmp_path, chunk="c1", facts={})
    group = pq.read_metadata(tmp_path / "biomarkers" / "part-c1.parquet").row_group(0)
    by_name = {group.column(n).path_in_schema: group.column(n) for n in range(group.num_columns)}
    assert {column.compression for column in by_name.values()} == {"ZSTD"}
    assert [name for name, column in by_name.items() if column.has_dictionary_page] == ["image_id"]


def test_a_chunk_without_its_commit_mark_does_not_count(tables: ChunkTables, tmp_path: Path) -> None:
    write_schema_parts(tmp_path, SCHEMAS, facts={})
    tables.add("a", "key", ImageRows(biomarkers={"density": 0.1}))
    tables.write(tmp_path, chunk="c1", facts={})
    assert survey(tmp_path).entries["image_id"].to_pylist() == ["a"]
    (tmp_path / "biomarkers" / "part-c1.parquet").unlink()
    holdings = survey(tmp_path)
    assert holdings.entries.num_rows == 0
    assert [part.path.name for part in holdings.uncommitted["quality"]] == ["part-c1.parquet"]


def test_a_file_that_cannot_be_written_says_which_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    with pytest.raises(OutputError, match="could not be written") as refusal:
        write_file(tmp_path, "taken/overlay.png", b"content")
    assert str(tmp_path / "taken") in refusal.value.where
    assert not list((tmp_path / ".scratch").iterdir())
