"""Writes the pages of `docs/accuracy` that come from drawn truth: closed-form shapes, and random digital eyes.

    python -m benchmarks.accuracy_pages [--seeds N]

Some minutes on one core. The pages about real masks, other tools, quality and speed are written by `real_masks`,
`peers`, `quality_gates` and `measuring`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.retinas import MAIN, compare, seeds_and_sides
from benchmarks.retinas import summary as eye_summary
from benchmarks.shapes import COUNTS, FULL_FRAME, KINDS, ROTATIONS, SHAPES, errors
from benchmarks.shapes import summary as shape_summary
from retquant.phantoms import EyeTraits, simple_eye

PAGES = Path(__file__).resolve().parents[1] / "docs" / "accuracy"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose first column is text and whose others are numbers."""
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def shapes_page() -> str:
    """Errors by quantity, then by column, shape and rotation."""
    names = [*SHAPES, *FULL_FRAME]
    parts = [
        "# On shapes of known answer\n",
        "Written by `python -m benchmarks.accuracy_pages`. Each shape is drawn in closed form, at 5 um a pixel, as an "
        "anti-aliased mask and as one of one bit, turned by 0, 30, 60 and 90 degrees, and measured from the mask "
        "through the graph to the column. Drift is the span over the rotations. Truths of 0 (a straight vessel's "
        "curvature) are held absolutely in `tests/truth` and are not in these tables.\n",
    ]
    for kind in KINDS:
        rows = [
            [quantity, *(f"{100 * row[key]:.2f}" for key in ("median", "p95", "max", "drift")), str(row["n"])]
            for quantity, row in shape_summary(kind, names).items()
        ]
        parts.append(f"## By quantity, {kind} masks\n\nPer cent of the truth.\n")
        parts.append(table(("quantity", "median", "95th percentile", "largest", "drift", "n"), rows))
    for kind in KINDS:
        parts.append(
            f"## By column, shape and rotation, {kind} masks\n\nError in per cent of the truth; counts: error.\n"
        )
        header = ("column", "shape", "truth", *(f"{angle:g}°" for angle in ROTATIONS))
        parts.append(table(header, shape_rows(names, kind)))
    return "\n".join(parts)


def shape_rows(names: Iterable[str], kind: str) -> list[list[str]]:
    """One row a column and shape, for truths other than 0 and for counts."""
    rows = []
    for name in names:
        for (column, quantity), found in errors(name, kind).items():
            values, truth = np.array([row[0] for row in found]), found[0][1]
            if quantity in COUNTS:
                off = [f"{value - truth:+.0f}" if value != truth else "0" for value in values]
            elif truth != 0:
                off = [f"{100 * (value / truth - 1):+.2f}" for value in values]
            else:
                continue
            rows.append([f"`{column}`", name, f"{truth:.5g}", *off])
    return sorted(rows)


def eyes_page(seeds: int) -> str:
    """Bias and spread over random digital eyes."""
    parts = [
        "# On random digital eyes\n",
        f"Written by `python -m benchmarks.accuracy_pages`. {seeds} eyes grown from seeds by "
        "`retquant.phantoms.simple_eye`, 1024 x 1024 with planted nicking, measured from their masks, against the "
        "record of what was drawn. Bias, spread (standard deviation) and largest error are in the unit named: per "
        "cent of the truth, hundredths for shares, whole numbers for counts.\n",
    ]
    for kind, is_hard in (("anti-aliased", False), ("one bit", True)):
        eyes = []
        for seed, side in seeds_and_sides(seeds):
            eye = simple_eye(seed, side, traits=EyeTraits(nicking=0.4), size=(1024, 1024))
            eyes.append(compare(eye, is_hard=is_hard))
        found = eye_summary(eyes)
        rows = [
            [
                f"`{column}`",
                f"{row['truth']:.4g}",
                *(f"{row[key]:.2f}" for key in ("bias", "spread", "largest")),
                str(row["unit"]),
                str(row["n"]),
            ]
            for column, row in sorted(found.items())
            if MAIN.fullmatch(column)
        ]
        parts.append(f"## {kind.capitalize()} masks\n")
        parts.append(table(("column", "mean truth", "bias", "spread", "largest", "in", "n"), rows))
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    PAGES.mkdir(parents=True, exist_ok=True)
    (PAGES / "shapes.md").write_text(shapes_page(), encoding="utf-8")
    (PAGES / "random-eyes.md").write_text(eyes_page(options.seeds), encoding="utf-8")


if __name__ == "__main__":
    main()
