"""A covariate of your own, such as smoking from a questionnaire, beside those of the manifest.

    retquant cohort run examples/cohort/manifest.csv
    python examples/own_covariate.py examples/cohort/manifest [questionnaire.csv]

The file needs `participant_id` and the new columns. Without a file, one is made up, so that the script can be tried.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import retquant


def made_up(run: Path) -> Path:
    """Pack-years of the people of a run, drawn at random: they go with nothing."""
    people = retquant.load_biomarkers(run, [])[
        ["participant_id", "hypertension", "age", "sex"]
    ].drop_duplicates()
    draw = np.random.default_rng(0)
    people["pack_years"] = draw.gamma(2.0, 5.0, len(people)).round(1)
    path = run / "questionnaire.csv"
    people.to_csv(path, index=False)
    return path


def main() -> None:
    """The same outcome without and with the new covariate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a cohort run")
    parser.add_argument("questionnaire", type=Path, nargs="?")
    parser.add_argument("--covariate", default="pack_years")
    options = parser.parse_args()
    labels = options.questionnaire or made_up(options.run)

    biomarkers = ["cr?e_knudtson_zone_b", "avr_knudtson_zone_b", "*_calibre_median_fov"]
    adjusted = {
        "age, sex": ["age", "sex"],
        f"age, sex, {options.covariate}": ["age", "sex", options.covariate],
    }
    tables = {}
    for name, covariates in adjusted.items():
        found = retquant.associate(
            options.run, outcome="hypertension", labels=labels, covariates=covariates, biomarkers=biomarkers
        )
        tables[name] = found.table.set_index("biomarker")["effect"]
    # An effect that shrinks was partly the covariate's; one that stays is not explained by it.
    print(pd.DataFrame(tables).round(3).to_string())


if __name__ == "__main__":
    main()
