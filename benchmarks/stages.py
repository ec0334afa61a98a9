"""Seconds an image takes in each stage, in one process: median and range over the images given.

    python benchmarks/stages.py IMAGE... [--json FILE] [--threads N]

The first image is measured twice and its first pass left out: loading the model and compiling are not an image's cost.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    import torch

    from retquant.config import RunConfig
    from retquant.manifest.records import ImageRecord
    from retquant.pipeline import analyse

    torch.set_num_threads(options.threads)
    records = [
        ImageRecord(image_id=path.stem, image=path.resolve(), row=number)
        for number, path in enumerate(options.images, start=1)
    ]
    config = RunConfig()
    analyse(records[0], config)
    seconds: dict[str, list[float]] = {}
    for record in records:
        found = analyse(record, config).seconds
        for stage, value in {**found, "all": sum(found.values())}.items():
            seconds.setdefault(stage, []).append(value)
    table = {
        stage: {"median": statistics.median(v), "min": min(v), "max": max(v)} for stage, v in seconds.items()
    }
    print(f"{'stage':<10} {'median':>8} {'min':>8} {'max':>8}   seconds, {len(records)} images")
    for stage, row in table.items():
        print(f"{stage:<10} {row['median']:8.3f} {row['min']:8.3f} {row['max']:8.3f}")
    if options.json:
        options.json.write_text(json.dumps(table, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
