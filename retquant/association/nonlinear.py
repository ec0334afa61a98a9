"""Is a straight line enough: what a natural cubic spline of the biomarker adds to it, tested by Wald.

Knots lie at quantiles (patsy's `cr`; Wood, Generalized Additive Models 2006, §4.1.2; Harrell, Regression Modeling
Strategies 2015, §2.4). Legend of shapes: n rows.
"""

from __future__ import annotations

import math

import numpy as np

from retquant.association.models import Fitted, Sample, fit_sample

_FLAT = 1e-8  # of the largest singular value: a column that the line explains


def spline_columns(values: np.ndarray, freedom: int) -> np.ndarray | None:
    """(n, freedom - 1) orthogonal columns that natural splines of `freedom` add to 1 and `values` (n,).

    None where there are too few different values for the knots.
    """
    from patsy import cr

    try:
        basis = np.asarray(cr(values, df=freedom, constraints="center"), dtype=float)
    except ValueError:
        return None
    line = np.linalg.qr(np.column_stack([np.ones(len(values)), values]))[0]
    columns, sizes, _ = np.linalg.svd(basis - line @ (line.T @ basis), full_matrices=False)
    added = freedom - 1
    if len(sizes) < added or not np.isfinite(sizes).all() or sizes[added - 1] <= _FLAT * sizes[0]:
        return None
    return np.asarray(columns[:, :added] * math.sqrt(len(values)))


def p_nonlinear(sample: Sample, matrix: np.ndarray, tested: np.ndarray, freedom: int) -> float:
    """p that `tested` (n,) acts in a straight line, beside the covariates in `matrix`; NaN where it cannot be told."""
    curved = spline_columns(tested, freedom)
    if curved is None:
        return math.nan
    fitted = fit_sample(sample, np.column_stack([matrix, tested, curved]), tested=freedom)
    return fitted.joint_p(first=1) if isinstance(fitted, Fitted) else math.nan
