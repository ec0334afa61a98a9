"""The effect within groups: at each level of an interaction, in each stratum, at each site; and what all sites say.

Strata and sites are fitted each alone, on the biomarker's scale of the whole analysis, so that their effects can be set
beside each other; whether they differ is Cochran's Q (Biometrics 1954;10:101). Sites are brought together with fixed
and random effects (DerSimonian and Laird, Control Clin Trials 1986;7:177; statsmodels' `combine_effects`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from retquant.association.covariates import Terms
from retquant.association.models import Estimate, refused, wald
from retquant.association.pairs import Pair

COLUMNS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "biomarker": ("string", "column of the biomarkers table"),
        "outcome": ("string", "column of the labels, or column=value"),
        "by": ("string", "interaction, strata or site"),
        "column": ("string", "that parts people"),
        "level": ("string", "its value, or what brings all together"),
        "n_people": ("int64", "people at this level"),
        "effect": ("float64", "as effect of the associations"),
        "standard_error": ("float64", "of effect"),
        "ci_low": ("float64", "of effect, 95 %"),
        "ci_high": ("float64", "of effect, 95 %"),
        "p": ("float64", "two-sided"),
        "reason": ("string", "why there is no estimate"),
    }
)
"""Columns of the table of levels: pandas type and meaning."""

FIXED, RANDOM = "all sites, fixed effects", "all sites, random effects"
_FEWEST_SITES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The effect at one level."""

    by: str
    column: str
    level: str
    people: int
    found: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Heterogeneity:
    """Whether effects differ more than by chance, and what they say together; NaN where fewer than two are known."""

    q: float = math.nan  # Cochran's
    p: float = math.nan
    i2: float = math.nan
    tau2: float = math.nan
    fixed: tuple[float, float] = (math.nan, math.nan)  # effect and standard error
    random: tuple[float, float] = (math.nan, math.nan)


def interaction(pair: Pair, modifier: pd.Series) -> tuple[float, list[Level]]:
    """p that the effect is the same at all levels of `modifier` (n,), numbers or texts, and the effect at each."""
    name = str(modifier.name)
    person = pair.sample.person
    if pd.api.types.is_numeric_dtype(modifier):
        numbers = modifier.to_numpy(dtype=float)
        middle, spread = float(numbers.mean()), float(numbers.std())
        if not spread > 0:
            return math.nan, []
        at = {f"{middle + step * spread:.3g} ({side})": np.array([1.0, step]) for step, side in _SIDES}
        products = [pair.tested * (numbers - middle) / spread]
        people = dict.fromkeys(at, len(np.unique(person)))
    else:
        texts = modifier.to_numpy(dtype=object)
        counts = modifier.value_counts()
        levels = [str(level) for level in counts.index]
        products = [pair.tested * (texts == level) for level in levels[1:]]
        at = {
            level: np.eye(len(levels))[0] + (np.eye(len(levels))[place] if place else 0.0)
            for place, level in enumerate(levels)
        }
        people = {level: len(np.unique(person[texts == level])) for level in levels}
    if not products:
        return math.nan, []
    fitted = pair.fit(products)
    if isinstance(fitted, Estimate):
        nothing = fitted if fitted.reason else refused("too_few_events")  # Firth's tests one column
        return math.nan, [_level("interaction", name, level, people[level], nothing) for level in at]
    return fitted.joint_p(first=1), [
        _level("interaction", name, level, people[level], fitted.along(way)) for level, way in at.items()
    ]


_SIDES = ((-1.0, "mean - SD"), (1.0, "mean + SD"))


def each_alone(pair: Pair, groups: np.ndarray, terms: Terms, *, by: str, column: str) -> list[Level]:
    """The effect in each of the groups (n,), texts or None, fitted without the others."""
    levels = []
    for value in sorted({str(group) for group in groups if group is not None}):
        part = pair.part(groups == value, terms)
        people = len(np.unique(part.sample.person))
        levels.append(_level(by, column, value, people, part.estimate()))
    return levels


def heterogeneity(levels: list[Level]) -> Heterogeneity:
    """What the known effects of `levels` say together.

    The variance between groups is cut at 0, where fixed and random effects are the same.
    """
    from statsmodels.stats.meta_analysis import combine_effects

    known = [one.found for one in levels if np.isfinite(one.found.effect) and one.found.standard_error > 0]
    if len(known) < _FEWEST_SITES:
        return Heterogeneity()
    effects = np.array([one.effect for one in known])
    variances = np.array([one.standard_error for one in known]) ** 2
    with np.errstate(
        all="ignore"
    ):  # statsmodels lets the variance between groups be negative, which is cut below
        together = combine_effects(effects, variances, method_re="dl", use_t=False)
    fixed = (float(together.mean_effect_fe), float(together.sd_eff_w_fe))
    tau2 = float(together.tau2)
    random = (float(together.mean_effect_re), float(together.sd_eff_w_re)) if tau2 > 0 else fixed
    return Heterogeneity(
        q=float(together.q),
        p=float(together.test_homogeneity().pvalue),
        i2=max(0.0, float(together.i2)),
        tau2=max(0.0, tau2),
        fixed=fixed,
        random=random,
    )


def over_sites(levels: list[Level]) -> tuple[Estimate, Heterogeneity, list[Level]]:
    """The effect over all sites with random effects, how sites differ, and the rows of both kinds of pooling."""
    found = heterogeneity(levels)
    known = [one for one in levels if np.isfinite(one.found.effect)]
    if len(known) < _FEWEST_SITES:
        return refused("too_few_sites"), found, []
    people = sum(one.people for one in known)
    lost = [one.level for one in levels if one not in known]
    note = f"without {', '.join(lost)}, where there is no estimate" if lost else ""
    model = f"{known[0].found.model}; {len(known)} sites, random effects"
    pooled = {
        FIXED: wald(model, *found.fixed, freedom=math.inf),
        RANDOM: wald(model, *found.random, freedom=math.inf, note=note),
    }
    column = levels[0].column
    rows = [_level("site", column, name, people, one) for name, one in pooled.items()]
    return pooled[RANDOM], found, rows


def levels_table(levels: Mapping[str, list[Level]], outcome: str) -> pd.DataFrame:
    """Biomarker -> its levels, as a table with COLUMNS."""
    records = [
        {
            "biomarker": biomarker,
            "outcome": outcome,
            "by": one.by,
            "column": one.column,
            "level": one.level,
            "n_people": one.people,
            "effect": one.found.effect,
            "standard_error": one.found.standard_error,
            "ci_low": one.found.ci_low,
            "ci_high": one.found.ci_high,
            "p": one.found.p,
            "reason": one.found.reason,
        }
        for biomarker, found in levels.items()
        for one in found
    ]
    table = pd.DataFrame.from_records(records, columns=list(COLUMNS))
    return table.astype({name: dtype for name, (dtype, _) in COLUMNS.items()})


def _level(by: str, column: str, level: str, people: int, found: Estimate) -> Level:
    return Level(by=by, column=column, level=level, people=people, found=found)
