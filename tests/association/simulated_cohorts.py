"""Simulated cohorts whose truth is known; the numbers have no biological meaning."""

from __future__ import annotations

import numpy as np
import pandas as pd

CALIBRE = "artery_calibre_median_zone_b"
DENSITY = "vessel_area_density_fov"
UNITS = {CALIBRE: "um", DENSITY: "1"}


def two_eyed_cohort(people: int, *, seed: int, correlation: float = 0.8) -> pd.DataFrame:
    """Both eyes of `people` people, biomarkers correlated between the eyes, age, and a sex."""
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), 2)
    images = pd.DataFrame(
        {
            "image_id": [f"i{n:05d}" for n in range(2 * people)],
            "participant_id": [f"{p:05d}" for p in person],
            "eye": ["OD", "OS"] * people,
            "age": random.normal(60, 10, people)[person],
            "sex": random.choice(["female", "male"], people)[person],
        }
    )
    for name, (center, spread) in {CALIBRE: (120.0, 12.0), DENSITY: (0.1, 0.02)}.items():
        shared, own = random.normal(size=people)[person], random.normal(size=2 * people)
        images[name] = center + spread * (np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own)
    images.attrs["units"] = dict(UNITS)
    return images


def person_mean(images: pd.DataFrame, column: str) -> pd.Series:
    """Mean of a column over each person's images, on the index of the images."""
    return images.groupby("participant_id")[column].transform("mean")
