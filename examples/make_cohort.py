"""Make the example cohort: digital eyes with two planted labels, and one real photograph beside them.

Run `python examples/make_cohort.py` to write `examples/cohort/` again, or copy this script and change the figures.
The real photograph, `retina.jpg`, lies there already and gets a row of its own.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from retquant.phantoms import CohortDesign, write_cohort


def main() -> None:
    """Write the cohort and add the photograph's row to its manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent / "cohort")
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--seed", type=int, default=2024)
    options = parser.parse_args()

    design = CohortDesign(size=(700, 700), masked=1.0, masked_eyes=1)
    manifest = write_cohort(options.folder, options.people, options.seed, design=design)
    if (options.folder / "retina.jpg").exists():
        add_photograph(manifest)
    print(f"Wrote {manifest}")


def add_photograph(manifest: Path) -> None:
    """Append the real photograph: a left eye of which nothing else is known, so its other cells stay empty."""
    with manifest.open(newline="", encoding="utf-8") as file:
        columns = next(csv.reader(file))
    row = {"image": "retina.jpg", "participant_id": "photograph", "eye": "OS"}
    with manifest.open("a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, columns, lineterminator="\n").writerow(row)


if __name__ == "__main__":
    main()
