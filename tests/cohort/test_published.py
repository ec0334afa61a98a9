"""`schemas/` says what runs write, neither more nor less."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from stand_ins import COLUMNS, Cohort, in_process, values

from retquant.biomarkers.registry import BIOMARKERS
from retquant.cohort import run
from retquant.cohort.published import run_schemas
from retquant.resources import resource_folder
from retquant.tables import read_table
from retquant.tables.json_schema import canonical, table_json_schemas
from retquant.tables.schemas import TABLES, table_schemas


@pytest.mark.parametrize("name", sorted(run_schemas()))
def test_the_published_schema_is_that_of_the_code(name: str) -> None:
    published = (resource_folder("schemas") / f"{name}.json").read_text(encoding="utf-8")
    assert published == canonical(run_schemas()[name]), (
        "write it anew: python -m retquant.cohort.published schemas"
    )


def test_what_a_run_writes_is_valid_by_its_schemas(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, {**values(5), "zz-bad": "bad"})
    run(cohort.study(), cohort.out, settings=in_process())
    schemas = run_schemas() | table_json_schemas(COLUMNS)
    for name in (*TABLES, "biomarkers", "dictionary", "participants"):
        rows = read_table(cohort.out, name).to_pylist()
        assert rows or name in ("bifurcations", "crossings")
        jsonschema.validate(rows, {"type": "array", "items": schemas[name]})
    jsonschema.validate(json.loads((cohort.out / "run.json").read_bytes()), schemas["run_record"])


def test_every_registered_column_carries_its_meaning_in_the_file() -> None:
    schema = table_schemas(BIOMARKERS.values())["biomarkers"]
    for name, column in BIOMARKERS.items():
        metadata = {key.decode(): value.decode() for key, value in schema.field(name).metadata.items()}
        assert metadata["unit"] == column.unit
        assert metadata["definition_id"] == column.definition_id
        assert metadata["version"] == str(column.version)
        assert metadata["reference"] == column.reference
