"""Drawn masks of real eyes: is every column answered, does it hold still when turned, do observers agree.

    python -m benchmarks.real_masks --data DIR [--json FILE] [--markdown FILE] [--from FILE] [--eyes N]

DIR holds `DRIVE`, `CHASE_DB1`, `HRF_half`, `HRF_full` and `IDRiD_lesions`. `--from` writes the page again from an
earlier JSON. The sample is fixed: DRIVE's 20 test eyes, one eye of each of CHASE's ten children, six eyes of HRF at
half size and one at full size, and three of IDRiD, whose disc is drawn and whose vessels are the model's.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.real_eyes import DrawnEye, chase, drive, hrf, idrid, measured
from benchmarks.real_page import page
from benchmarks.turned_eyes import QUARTERS, RESAMPLED
from retquant.association.reliability import agreement
from retquant.biomarkers import BIOMARKERS

VARIANTS = {**QUARTERS, **RESAMPLED}
LEFT_OUT = ("quality",)  # families that describe a photograph, not a mask

Row = dict[str, float]


def samples(folder: Path) -> dict[str, Iterator[DrawnEye]]:
    """Data set -> the eyes of the tables."""
    return {
        "DRIVE": drive(folder),
        "CHASE_DB1": islice(chase(folder), 0, None, 2),
        "HRF_half": islice(hrf(folder), 0, None, 4),
        "IDRiD_lesions": islice(idrid(folder), 3),
    }


def values(eye: DrawnEye, reasons: Counter[str] | None = None) -> Row:
    """Column -> number, NaN where it is missing; `reasons` counts why."""
    row = {}
    for name, found in measured(eye).items():
        if BIOMARKERS[name].family in LEFT_OUT:
            continue
        if not math.isfinite(found.value) and (found.reason is None or not math.isnan(found.value)):
            raise AssertionError(f"{name} of {eye.name} is {found.value} without a reason")
        row[name] = found.value
        if reasons is not None and found.reason is not None:
            reasons[found.reason] += 1
    return row


def drifts(rows: dict[str, dict[str, Row]]) -> dict[str, Any]:
    """Of eye -> variant -> row: by biomarker, by family and by region, the change that each variant makes."""
    change: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    shifted: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    appearing: Counter[str] = Counter()
    spread = between_eyes(rows)
    total = 0
    for eye in rows.values():
        for name, before in eye["as drawn"].items():
            column = BIOMARKERS[name]
            total += 1
            for variant in VARIANTS:
                after = eye[variant][name]
                if math.isnan(after) or math.isnan(before):
                    appearing[variant] += math.isnan(after) != math.isnan(before)
                    continue
                size = relative(before, after)
                region = "zones" if column.region in ("zone_b", "zone_c") else "whole field"
                for key in (("biomarker", column.biomarker), ("family", column.family), ("region", region)):
                    change[key][variant].append(size)
                if spread.get(name):
                    shifted[column.biomarker][variant].append(abs(after - before) / spread[name])
    return {
        kind: {
            word: {variant: summary(sizes) for variant, sizes in by_variant.items()}
            for (of, word), by_variant in change.items()
            if of == kind
        }
        for kind in ("family", "biomarker", "region")
    } | {
        "in_sd": {
            word: {variant: float(np.median(sizes)) for variant, sizes in by_variant.items()}
            for word, by_variant in shifted.items()
        },
        "appearing": {variant: appearing[variant] / max(total, 1) for variant in VARIANTS},
    }


def relative(before: float, after: float) -> float:
    """Size of a change as a share of what it was; infinite where that was zero."""
    if before == after:
        return 0.0
    return abs(after - before) / abs(before) if before else math.inf


def summary(sizes: list[float]) -> dict[str, float]:
    """Median and 90th percentile, and the share that did not change at all."""
    ordered = np.sort(sizes)
    return {
        "median": float(np.median(ordered)),
        "p90": float(ordered[int(0.9 * (len(ordered) - 1))]),
        "same": float(np.mean(ordered < 1e-9)),
        "n": len(ordered),
    }


def between_eyes(rows: dict[str, dict[str, Row]]) -> dict[str, float]:
    """Column -> standard deviation between eyes as drawn, within data sets."""
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    for eye, variants in rows.items():
        for name, value in variants["as drawn"].items():
            if not math.isnan(value):
                groups[name, eye.split()[0]].append(value)
    squares: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for (name, _), found in groups.items():
        if len(found) > 2:
            squares[name].append((float(np.var(found, ddof=1)), len(found) - 1))
    return {
        name: math.sqrt(sum(v * w for v, w in parts) / sum(w for _, w in parts))
        for name, parts in squares.items()
    }


def observers(folder: Path, eyes: int | None) -> dict[str, dict[str, Any]]:
    """Data set -> whole-field vessel column -> agreement of the first and the second observer."""
    tables = {}
    for title, reader in (("DRIVE", drive), ("CHASE_DB1", chase)):
        first, second = (list(islice(reader(folder, observer=number), eyes)) for number in (1, 2))
        rows = [[values(only_vessels(eye)) for eye in pair] for pair in zip(first, second, strict=True)]
        people = np.array([eye.person for eye in first])
        clusters = people if len(set(people)) < len(people) else None
        names = [name for name in rows[0][0] if name.startswith("vessel_") and name.endswith("_fov")]
        tables[title] = {
            name: asdict(agreement(np.array([[row[name] for row in pair] for pair in rows]), clusters))
            for name in names
        }
    return tables


def only_vessels(eye: DrawnEye) -> DrawnEye:
    return replace(eye, masks={"vessel": eye.masks["vessel"]})


def examined(folder: Path, eyes: int | None) -> dict[str, Any]:
    """All tables of the page."""
    started = time.process_time()
    rows: dict[str, dict[str, Row]] = {}
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    counted: Counter[str] = Counter()
    for title, sample in samples(folder).items():
        for eye in islice(sample, eyes):
            rows[eye.name] = {"as drawn": values(eye, reasons[title])}
            rows[eye.name] |= {variant: values(turn(eye)) for variant, turn in VARIANTS.items()}
            counted[title] += 1
    for eye in islice(hrf(folder, size="full"), 1):
        values(eye, reasons["HRF_full"])
        counted["HRF_full"] += 1
    return {
        "eyes": dict(counted),
        "columns": len(next(iter(rows.values()))["as drawn"]),
        "reasons": {title: dict(count) for title, count in reasons.items()},
        "drift": drifts(rows),
        "observers": observers(folder, eyes),
        "cpu_seconds": time.process_time() - started,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder that holds the data sets")
    parser.add_argument("--eyes", type=int, help="at most so many of each data set")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--from", dest="earlier", type=Path, help="JSON of an earlier run")
    options = parser.parse_args()
    if options.earlier:
        tables = json.loads(options.earlier.read_text(encoding="utf-8"))
    elif options.data:
        tables = examined(options.data, options.eyes)
    else:
        parser.error("give --data or --from")
    if options.json:
        options.json.write_text(json.dumps(tables, indent=1), encoding="utf-8")
    text = page(tables)
    if options.markdown:
        options.markdown.parent.mkdir(parents=True, exist_ok=True)
        options.markdown.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
