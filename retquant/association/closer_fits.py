"""All that is fitted to one pair: its effect, and what is asked beside it (curvature, interaction, strata, sites)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from retquant.association.covariates import Terms
from retquant.association.eyes import Rows
from retquant.association.grouping import as_groups
from retquant.association.levels import (
    Heterogeneity,
    Level,
    each_alone,
    heterogeneity,
    interaction,
    over_sites,
)
from retquant.association.modelling import Modelling
from retquant.association.models import Estimate
from retquant.association.nonlinear import p_nonlinear
from retquant.association.pairs import Pair
from retquant.association.partial import Correlation, partial_pearson, partial_spearman
from retquant.association.proportional import p_proportional


@dataclass(frozen=True, eq=False, kw_only=True)
class CloserFits:
    """What one biomarker gave; NaN for what was not asked for or could not be fitted."""

    found: Estimate
    deviation: float  # of the biomarker over people
    p_nonlinear: float = math.nan
    p_proportional: float = math.nan
    p_interaction: float = math.nan
    strata: Heterogeneity = field(default_factory=Heterogeneity)
    sites: Heterogeneity = field(default_factory=Heterogeneity)
    pearson: Correlation = field(default_factory=Correlation)
    spearman: Correlation = field(default_factory=Correlation)
    levels: list[Level] = field(default_factory=list)


def closer_fits(
    pair: Pair, rows: Rows, terms: Terms, deviation: float, *, kind: str, modelling: Modelling
) -> CloserFits:
    """Fit a pair in all the ways that `modelling` asks for."""
    levels: list[Level] = []
    sites = Heterogeneity()
    if modelling.site is not None and modelling.site_as == "meta":
        groups = as_groups(rows.groups[modelling.site], what="site")[pair.rows]
        at_sites = each_alone(pair, groups, terms, by="site", column=modelling.site)
        found, sites, pooled = over_sites(at_sites)
        levels += [*at_sites, *pooled]
    else:
        found = pair.estimate()
    if not np.isfinite(found.p):
        return CloserFits(found=found, deviation=deviation, sites=sites, levels=levels)
    curved = p_of_interaction = proportional = math.nan
    strata = Heterogeneity()
    if modelling.splines:
        curved = p_nonlinear(pair.sample, pair.matrix, pair.tested, modelling.splines)
    if modelling.interaction is not None:
        p_of_interaction, more = interaction(pair, rows.groups[modelling.interaction].iloc[pair.rows])
        levels += more
    if modelling.strata is not None:
        groups = as_groups(rows.groups[modelling.strata], what="strata")[pair.rows]
        alone = each_alone(pair, groups, terms, by="strata", column=modelling.strata)
        strata = heterogeneity(alone)
        levels += alone
    if kind == "survival" and modelling.response == "outcome":
        proportional = p_proportional(pair.sample, pair.matrix, pair.tested)
    pearson = spearman = Correlation()
    if kind == "continuous" and not rows.is_clustered and rows.weights is None and rows.follow is None:
        pearson = partial_pearson(pair.tested, pair.sample.y, pair.matrix)
        spearman = partial_spearman(pair.tested, pair.sample.y, pair.matrix)
    return CloserFits(
        found=found,
        deviation=deviation,
        p_nonlinear=curved,
        p_proportional=proportional,
        p_interaction=p_of_interaction,
        strata=strata,
        sites=sites,
        pearson=pearson,
        spearman=spearman,
        levels=levels,
    )
