"""Biomarkers that photographs and angiograms both have, where images of both are averaged into one row.

The density of arteries about the fovea is another quantity in an angiogram, which shows the finest branches, than in a
photograph: a mean of the two would be neither.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from retquant.biomarkers import find_column

FIRST = "cfp"
"""Modality whose values stand where two have a biomarker."""


def of_one_modality(table: pd.DataFrame, biomarkers: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """The table with photographs' values alone of what both modalities have in it, and what that is.

    Parameters
    ----------
    table : DataFrame
        A row an image, with the column `modality` where the manifest has it.
    biomarkers : sequence of str
        Columns to look at.
    """
    if "modality" not in table or table["modality"].nunique() < 2:
        return table, []
    first = table["modality"] == FIRST
    shared = [
        name
        for name in biomarkers
        if (column := find_column(name.removesuffix("__se"))) is not None
        and len(column.modalities) > 1
        and table.loc[first, name].notna().any()
        and table.loc[~first, name].notna().any()
    ]
    if not shared:
        return table, []
    changed = table.copy()
    changed.loc[~first, shared] = float("nan")
    return changed, shared
