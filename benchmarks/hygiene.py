"""How long it takes to find pictures under two names in a cohort of any size, and how much memory.

    python benchmarks/hygiene.py 1000000 --folder /scratch/hygiene --json hygiene.json

The tables of the run are made up: fingerprints of eyes that have nothing in common, 1 in 1,000 of them a copy
of another person's, with a cosine of 0.95, and as many equal to the last bit.
"""

from __future__ import annotations

import argparse
import base64
import json
import resource
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from retquant.hygiene import examine
from retquant.images.fingerprint import FREQUENCIES
from retquant.tables.participants import write_participants
from retquant.tables.parts import write_part
from retquant.tables.reader import read_table
from retquant.tables.schemas import CHUNK_TABLES, table_schemas

PART = 20_000  # images, as compacted parts have them
EVERY = 1000


def make_run(out: Path, count: int) -> None:
    """Write the tables of a run of so many images."""
    draw = np.random.default_rng(0)
    schemas = table_schemas(())
    spread = 1.75 - 0.07 * FREQUENCIES
    ids = [f"{n:07d}" for n in range(count)]
    people = {
        "image_id": ids,
        "participant_id": [f"p{n // 2}" for n in range(count)],
        "eye": ["OD" if n % 2 else "OS" for n in range(count)],
    }
    write_participants(out, pa.table(people), facts={})
    for first in range(0, count, PART):
        rows = range(first, min(first + PART, count))
        eyes = draw.normal(size=(len(rows), len(FREQUENCIES)))
        digests = [f"{n:032x}" for n in rows]
        for place in range(EVERY - 1, len(rows), EVERY):
            eyes[place] = eyes[place - 9] + 0.33 * draw.normal(size=len(FREQUENCIES))
            eyes[place - 1] = eyes[place - 11]
            digests[place - 1] = digests[place - 11]
        eyes *= spread
        numbers = np.round(eyes / np.abs(eyes).max(axis=1, keepdims=True) * 127).astype(np.int8)
        values = {
            "quality": {
                "grade": ["good"] * len(rows),
                "laterality_disagrees": [False] * len(rows),
                "picture_digest": digests,
                "file_digest": digests,
                "fingerprint": [base64.b64encode(row.tobytes()).decode() for row in numbers],
            },
            "biomarkers": {"result_key": digests},
        }
        for table in CHUNK_TABLES:
            of = {"image_id": ids[rows.start : rows.stop], **values[table]} if table in values else {}
            length = len(rows) if of else 0
            columns = [pa.array(of.get(f.name, [None] * length), f.type) for f in schemas[table]]
            made = pa.table(columns, schema=schemas[table])
            write_part(out, table, made, stem=f"{first:09d}", facts={"chunks": [str(first)]})


def main() -> None:
    """Make the tables where they are not there yet, examine them, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=int)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if not (given.folder / "biomarkers").exists():
        make_run(given.folder, given.images)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, worked = time.perf_counter(), time.process_time()
    found = examine(given.folder)
    wall, worked = time.perf_counter() - wall, time.process_time() - worked
    kinds = read_table(given.folder, "hygiene", ["kind"])["kind"].to_pylist()
    planted = sum(min(PART, given.images - first) // EVERY for first in range(0, given.images, PART))
    result = {
        "images": given.images,
        "wall_seconds": round(wall, 1),
        "processor_seconds": round(worked, 1),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "peak_gib_before": round(before / 2**20, 2),
        "planted_each": planted,
        "same_file": kinds.count("same_file"),
        "near_identical": kinds.count("near_identical"),
        "mirrored": kinds.count("mirrored"),
        "grave": found.grave,
    }
    print(json.dumps(result, indent=2))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
