"""How many tests were made, and what that does to a p-value: within families, and by the effective number of tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retquant.association.correlation import correlations

_MOST_ROWS = 20_000  # whose correlations count effective tests


def false_discovery_rates(p: pd.Series, counted: pd.Series, family: pd.Series | None = None) -> pd.Series:
    """Benjamini-Hochberg q-values of the finite p-values for which `counted` is True, NaN elsewhere.

    Values derived from another biomarker would be the same test twice, and measures of picture quality are no
    biomarkers of the eye: both are reported without a q-value. With `family`, one label a row, the rate is controlled
    within each. Benjamini and Hochberg, JRSS B 1995;57:289.
    """
    from statsmodels.stats.multitest import multipletests

    q = pd.Series(np.nan, index=p.index, dtype=float)
    tests = counted & p.notna()
    groups = pd.Series("", index=p.index) if family is None else family
    for _, members in p[tests].groupby(groups[tests], sort=False):
        q[members.index] = multipletests(members.to_numpy(), method="fdr_bh")[1]
    return q


def effective_tests(values: pd.DataFrame) -> float:
    """How many independent tests the (n, M) columns amount to, from the eigenvalues of their correlations.

    Galwey, Genet Epidemiol 2009;33:559 (smooth, where the count of Li and Ji 2005 jumps by 1 as an eigenvalue passes a
    whole number). Columns that share too few rows count as uncorrelated. Fewer rows than columns cannot tell it (n - 1
    eigenvalues are all that differ from 0, and few people would make tests look few): then all columns count. Of more
    than 20,000 rows as many are taken, evenly, which move no correlation by more than 0.01 or so.
    """
    values = values.iloc[:: -(-len(values) // _MOST_ROWS)] if len(values) > _MOST_ROWS else values
    columns = values.loc[:, values.nunique() > 1]
    if columns.shape[1] <= 1 or columns.notna().any(axis=1).sum() < columns.shape[1]:
        return float(columns.shape[1])
    correlation = np.nan_to_num(correlations(columns.to_numpy(dtype=float)))
    np.fill_diagonal(correlation, 1.0)
    sizes = np.clip(np.linalg.eigvalsh(correlation), 0.0, None)
    return float(np.sqrt(sizes).sum() ** 2 / sizes.sum())
