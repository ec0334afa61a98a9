"""Values of pictures that are not good enough for them, taken out of a loaded table when asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from retquant.biomarkers.gates import MEASURES, is_fit


def quality_columns() -> list[str]:
    """Columns that gates look at."""
    return [f"quality_{measure.name}" for measures in MEASURES.values() for measure in measures]


def without_unfit(
    table: pd.DataFrame,
    quality: pd.DataFrame,
    *,
    definitions: Mapping[str, str],
    names: Sequence[str],
    modalities: np.ndarray,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The table with NaN where a picture does not meet a biomarker's gate, and how many values that took.

    Parameters
    ----------
    table, quality : DataFrame
        Rows of the same pictures in the same order; `quality` has the `quality_columns()` that the run has.
    definitions : mapping
        Biomarker to its definition's id.
    names : sequence of str
        Biomarkers to look at; quality columns themselves are left alone.
    modalities : (n,) str
        Of the rows: photographs and angiograms have gates of their own.
    """
    levels = quality.rename(columns=lambda name: str(name).removeprefix("quality_")).to_dict("records")
    fit: dict[str, np.ndarray] = {}
    gated, taken = table.copy(), {}
    for name in names:
        if name.startswith("quality_"):
            continue
        definition = definitions[name]
        if definition not in fit:
            fit[definition] = np.array(
                [is_fit(definition, row, kind) for row, kind in zip(levels, modalities, strict=True)], bool
            )
        lost = int((~fit[definition] & gated[name].notna().to_numpy()).sum())
        if lost:
            gated.loc[~fit[definition], name] = np.nan
            taken[name] = lost
    return gated, taken
