"""False discovery rates over the biomarkers that count as tests."""

from __future__ import annotations

import numpy as np
import pandas as pd


def false_discovery_rates(p: pd.Series, counted: pd.Series) -> pd.Series:
    """Benjamini-Hochberg q-values of the finite p-values for which `counted` is True, NaN elsewhere.

    Values derived from another biomarker would be the same test twice, and measures of picture quality are no
    biomarkers of the eye: both are reported without a q-value. Benjamini and Hochberg, JRSS B 1995;57:289.
    """
    from statsmodels.stats.multitest import multipletests

    q = pd.Series(np.nan, index=p.index, dtype=float)
    family = counted & p.notna()
    if family.any():
        q[family] = multipletests(p[family].to_numpy(), method="fdr_bh")[1]
    return q
