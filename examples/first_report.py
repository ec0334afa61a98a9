"""A first report: what goes with hypertension in the example cohort, and the page that says so.

retquant cohort run examples/cohort/manifest.csv
python examples/first_report.py examples/cohort/manifest
"""

from __future__ import annotations

import argparse
from pathlib import Path

import retquant


def main() -> None:
    """Test every biomarker, print the five that go with the outcome most clearly, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a cohort run")
    parser.add_argument("--outcome", default="hypertension")
    options = parser.parse_args()

    found = retquant.associate(options.run, outcome=options.outcome, covariates=["age", "sex"])
    print(found.headline)

    # One row a biomarker. `effect` is per standard deviation of the biomarker, on the scale of the model; `ratio`, the
    # odds ratio of a binary outcome, is what it is raised to. Values derived from others are told, not counted.
    table = found.table.sort_values("p")
    print(
        table[["biomarker", "ratio", "ratio_low", "ratio_high", "p", "q", "n_people"]]
        .head(5)
        .to_string(index=False)
    )

    page = found.report(options.run / "first-report.html")
    print(f"Open {page}")


if __name__ == "__main__":
    main()
