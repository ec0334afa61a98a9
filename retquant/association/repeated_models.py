"""Rows that belong together, modelled as such: a random intercept for each person (or site), and GEE.

Both are statsmodels' own: `MixedLM` by restricted maximum likelihood, and `GEE` with an exchangeable correlation and
the sandwich variance (Laird and Ware, Biometrics 1982;38:963; Liang and Zeger, Biometrika 1986;73:13). Legend of
shapes: n rows, K columns, T of them tested.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from retquant.association.engines.mixed import variance_ratio
from retquant.association.models import Estimate, Fitted, Sample, few_events, refused

_FEWEST_SITES = 3  # below it a variance between sites cannot be told
_SINGULAR = 1e-6  # variance between groups, of the variance within, that is none
_METHODS = ("lbfgs", "powell")


def fit_mixed(sample: Sample, X: np.ndarray, tested: int) -> Fitted | Estimate:
    """Linear model with a random intercept for each person, or each site where the sample has sites."""
    from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

    groups, unit = (sample.person, "person") if sample.site is None else (sample.site, "site")
    sizes = np.unique(groups, return_counts=True)[1]
    if sizes.max(initial=0) < 2:
        return refused("no_repeats")
    if unit == "site" and len(sizes) < _FEWEST_SITES:
        return refused("too_few_sites")
    # begun at the answer that one dimension of search finds, statsmodels takes a third of its time to agree
    start = MixedLMParams.from_components(cov_re=np.array([[variance_ratio(sample.y, X, groups)]]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is read from the fit below
        for method in _METHODS:
            try:
                fit = MixedLM(sample.y, X, groups=groups).fit(reml=True, method=method, start_params=start)
            except (np.linalg.LinAlgError, ValueError):
                continue
            if fit.converged and np.isfinite(fit.bse_fe).all():
                between = float(np.asarray(fit.cov_re)[0, 0]) / float(fit.scale)
                whose = "people" if unit == "person" else "sites"
                note = f"no variance between {whose}" if between < _SINGULAR else ""
                width = X.shape[1]
                return Fitted.of(
                    f"mixed, random intercept of {unit}", fit, slice(width - tested, width), note=note
                )
    return refused("no_convergence")


def fit_gee(sample: Sample, X: np.ndarray, tested: int, per_parameter: float) -> Fitted | Estimate:
    """Generalised estimating equations: linear, logistic or Poisson, the rows of a person exchangeable."""
    from statsmodels.genmod.cov_struct import Exchangeable
    from statsmodels.genmod.generalized_estimating_equations import GEE

    model, family = family_of(sample.kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is read from the fit below
        try:
            fit = GEE(sample.y, X, groups=sample.person, family=family, cov_struct=Exchangeable()).fit()
        except (np.linalg.LinAlgError, ValueError):
            return refused("no_convergence")
        is_known = fit.converged and np.isfinite(fit.bse).all()  # computed when asked for, with its warnings
    if not is_known:
        return refused("separation" if sample.kind == "binary" else "no_convergence")
    few = few_events(per_parameter, "odds ratio") if sample.kind == "binary" else ""
    return Fitted.of(f"GEE, {model}, exchangeable", fit, slice(-tested, None), note=few)


def family_of(kind: str) -> tuple[str, Any]:
    """Name and family, of statsmodels, of a generalised linear model for outcomes of `kind`."""
    from statsmodels.genmod import families

    return {
        "continuous": ("linear", families.Gaussian()),
        "binary": ("logistic", families.Binomial()),
        "count": ("Poisson", families.Poisson()),
    }[kind]
