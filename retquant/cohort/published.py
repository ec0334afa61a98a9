"""The schemas of everything in a run's folder, as they lie in `schemas/`.

`python -m retquant.cohort.published schemas` writes them anew after a change of columns.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from retquant.biomarkers.registry import BIOMARKERS
from retquant.cohort.record import RunRecord
from retquant.tables.json_schema import canonical, table_json_schemas


def run_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of a row of each table and of the run record, by the file's name."""
    record = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | RunRecord.model_json_schema()
    return table_json_schemas(BIOMARKERS.values()) | {"run_record": record}


def publish(folder: Path) -> None:
    """Write each schema to `folder/<name>.json`."""
    for name, schema in run_schemas().items():
        (folder / f"{name}.json").write_text(canonical(schema), encoding="utf-8")


if __name__ == "__main__":
    publish(Path(sys.argv[1]))
