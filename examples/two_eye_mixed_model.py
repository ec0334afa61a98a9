"""A mixed model with two eyes a person, in pandas and statsmodels: do veins wind more as HbA1c rises?

    retquant cohort run examples/cohort/manifest.csv
    python examples/two_eye_mixed_model.py examples/cohort/manifest

Two eyes of a person are alike. Taken as two people they make intervals too narrow; a random intercept a person
says how alike they are and uses both. `retquant associate` does so for all biomarkers; here it is in the open.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import statsmodels.formula.api as smf

import retquant

BIOMARKER, OUTCOME = "vein_tortuosity_hart1_median_fov", "hba1c"


def main() -> None:
    """Fit the model with eyes within people, and the naive one beside it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a cohort run")
    parser.add_argument("--biomarker", default=BIOMARKER)
    options = parser.parse_args()

    # A row an eye, labels included. Rows without the biomarker or the outcome say nothing here.
    eyes = retquant.load_biomarkers(options.run, [options.biomarker], eyes="both")
    eyes = eyes.dropna(subset=[options.biomarker, OUTCOME, "age"])
    # Effects per standard deviation compare between biomarkers; ddof=1 as retquant has it.
    eyes["z"] = (eyes[options.biomarker] - eyes[options.biomarker].mean()) / eyes[options.biomarker].std()
    both = eyes["participant_id"].value_counts().eq(2).sum()
    print(f"{len(eyes)} eyes of {eyes['participant_id'].nunique()} people, {both} of them with both")

    # Right and left eyes may differ as such: here the right ones bring masks and the left ones were segmented.
    mixed = smf.mixedlm("z ~ hba1c + age + C(sex) + C(eye)", eyes, groups="participant_id").fit(
        method="lbfgs"
    )
    within = float(mixed.cov_re.iloc[0, 0])
    print(
        f"two eyes of a person correlate by {within / (within + mixed.scale):.2f}, what the model explains apart"
    )
    naive = smf.ols("z ~ hba1c + age + C(sex) + C(eye)", eyes).fit(cov_type="HC3")
    for name, fitted in (("random intercept a person", mixed), ("eyes taken as people", naive)):
        low, high = fitted.conf_int().loc[OUTCOME]
        print(
            f"{name}: {fitted.params[OUTCOME]:+.2f} SD per 1 % of HbA1c (95 % CI {low:+.2f} to {high:+.2f})"
        )


if __name__ == "__main__":
    main()
