"""Does a finding stand when the analysis is done otherwise: better pictures, no outliers, one sex, one site, one eye.

Effects are per standard deviation of the main analysis, so that they can be set beside each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from retquant.association.transforms import winsorise
from retquant.errors import AssociationError

COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "biomarker": "column of the biomarkers table",
        "variant": "what was done otherwise",
        "n_people": "people in this row's analysis",
        "effect": "per standard deviation of the main analysis",
        "ci_low": "95 %",
        "ci_high": "95 %",
        "p": "two-sided",
        "moved": "effect less the main one, in the main one's standard errors",
        "reason": "why there is no estimate",
    }
)
GROUPS = ("sex", "site", "device", "device_model")
_POOREST = 0.2  # share of pictures that "better pictures" leaves out
_FEWEST = 30  # people of a group
_MOST_GROUPS = 8  # of one column, the largest

Analysis = Callable[[pd.DataFrame, Sequence[str]], pd.DataFrame]
"""Images and names of biomarkers -> their table of associations."""


def reruns(
    images: pd.DataFrame,
    main: pd.DataFrame,
    analyse: Analysis,
    *,
    most: int,
    others: Sequence[tuple[str, pd.DataFrame]] = (),
) -> pd.DataFrame:
    """The `most` biomarkers of least p of the table `main`, analysed again in every variant; columns of COLUMNS.

    `others` are variants that `images` do not tell: the name of each, and its images.
    """
    best = main[main["p"].notna() & (main["role"] == "biomarker")].head(most).set_index("biomarker")
    rows = []
    for variant, chosen in (*others, *variants(images, list(best.index))):
        try:
            found = analyse(chosen, list(best.index)).set_index("biomarker")
        except AssociationError as error:
            rows += [{"biomarker": name, "variant": variant, "reason": error.problem} for name in best.index]
            continue
        for name, row in best.iterrows():
            again = found.loc[name]
            scale = row["sd"] / again["sd"] if again["sd"] > 0 else np.nan
            if row["response"] == "biomarker":  # effects are in standard deviations, and not for one
                scale = 1 / scale
            rows.append(
                {
                    "biomarker": name,
                    "variant": variant,
                    "n_people": again["n_people"],
                    "effect": again["effect"] * scale,
                    "ci_low": again["ci_low"] * scale,
                    "ci_high": again["ci_high"] * scale,
                    "p": again["p"],
                    "moved": (again["effect"] * scale - row["effect"]) / row["standard_error"],
                    "reason": again["reason"],
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def variants(images: pd.DataFrame, biomarkers: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Name of each variant that these images allow, and its images."""
    if "quality_score" in images.columns and images["quality_score"].nunique() > 1:
        bar = images["quality_score"].quantile(_POOREST)
        yield "better pictures", _part(images, images["quality_score"] > bar)
    pulled = images.copy()
    pulled[list(biomarkers)] = (
        images[list(biomarkers)]
        .astype(float)
        .apply(lambda column: pd.Series(winsorise(column.to_numpy()), index=column.index))
    )
    pulled.attrs = dict(images.attrs)
    yield "outliers pulled in", pulled
    if "eye" in images.columns:
        from retquant.association.labels import normal_eye

        eyes = normal_eye(images["eye"])
        for side, name in (("OD", "right eyes"), ("OS", "left eyes")):
            if (eyes == side).any() and (eyes != side).any():
                yield name, _part(images, (eyes == side).fillna(False).astype(bool))
    for column in GROUPS:
        if column not in images.columns:
            continue
        person = images["participant_id"] if "participant_id" in images.columns else images["image_id"]
        sizes = person.groupby(images[column]).nunique().sort_values(ascending=False)
        sizes = sizes[sizes >= _FEWEST].head(_MOST_GROUPS)
        if images[column].nunique() > 1:
            for value in sizes.index:
                yield f"{column} {value}", _part(images, images[column] == value)


def _part(images: pd.DataFrame, chosen: pd.Series) -> pd.DataFrame:
    part = images[chosen]
    part.attrs = dict(images.attrs)
    return part
