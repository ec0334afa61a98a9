"""Biomarkers made alike between devices or sites: means and spreads of the groups are set equal, covariates kept.

ComBat's model of location and scale (Johnson, Li and Rabinovic, Biostatistics 2007;8:118; for imaging Fortin et al.,
NeuroImage 2018;167:104) without its shrinkage, which is for batches of a few samples; here a group has 20 images or
more. What the covariates explain stays, so that a site of older people keeps the vessels of older people. The outcome
is not among them: adding back a difference that the analysis then tests would invent it (Nygaard et al., Biostatistics
2016;17:29). Legend of shapes: n images, K columns, G groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from retquant.association.covariates import encode
from retquant.association.grouping import as_groups, group_values
from retquant.association.outcome import clean, require_columns
from retquant.association.people import exclusion
from retquant.association.study import Exclusion
from retquant.errors import AssociationError

FEWEST = 20  # images of a group that its mean and spread are taken from
_CONFOUNDED = 0.1  # share of the outcome's variance between groups from which harmonising is warned of

COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "biomarker": "column of the biomarkers table",
        "group": "value of the column that is harmonised by",
        "images": "of this group with the biomarker",
        "mean_before": "of the group, in the biomarker's unit",
        "sd_before": "of the group",
        "mean_after": "of the group, harmonised",
        "sd_after": "of the group, harmonised",
        "share_before": "of the variance that covariates leave, what the groups explain",
        "share_after": "the same, harmonised",
    }
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Harmonisation:
    """What was made alike, and how unlike it was."""

    column: str
    kept: tuple[str, ...]  # covariates whose effects stay
    groups: tuple[tuple[str, int], ...]  # value, images; the largest first
    table: pd.DataFrame  # columns of COLUMNS, a row a biomarker and group

    def shares(self) -> tuple[float, float]:
        """Median over biomarkers of the variance that groups explain, before and after."""
        once = self.table.drop_duplicates("biomarker")
        return float(once["share_before"].median()), float(once["share_after"].median())


def harmonise(
    images: pd.DataFrame, biomarkers: Sequence[str], column: str, covariates: Sequence[str]
) -> tuple[pd.DataFrame, Harmonisation, list[Exclusion]]:
    """Images whose `biomarkers` have the same mean and spread, given the covariates, at every value of `column`.

    Images without a group, or of one with fewer than 20 images, are left out, and so are values of a biomarker that
    fewer images of a group have.

    Raises
    ------
    AssociationError
        There is no such column, it has one value or too many, or the covariates cannot be told from it.
    """
    require_columns(images, [column], what="harmonise")
    named = as_groups(group_values(images[column]), what="harmonise")
    group = pd.Series(named, index=images.index, dtype=object)
    counts = group.value_counts()
    small = group.isin(counts.index[counts < FEWEST])
    left_out = [
        *exclusion(
            f"images without {column}, by which biomarkers are harmonised",
            images.loc[group.isna(), "image_id"],
        ),
        *exclusion(f"images of a {column} with fewer than {FEWEST} images", images.loc[small, "image_id"]),
    ]
    counts = counts[counts >= FEWEST]
    if len(counts) < 2:
        raise AssociationError(
            f"it has {len(counts)} value{'s' if len(counts) != 1 else ''} with {FEWEST} images or more",
            where=f"harmonise {column}",
            remedy="leave out --harmonise, or choose a column in which several devices or sites are told apart",
        )
    attributes = dict(images.attrs)
    images = images[~(group.isna() | small)].copy()
    group = group.loc[images.index]
    kept = tuple(name for name in covariates if name != column)
    member = pd.Categorical(group, categories=counts.index).codes.astype(int)
    design = _design(images, kept, member, column)
    values = images[list(biomarkers)].to_numpy(dtype=float)
    rows = []
    after = np.full_like(values, np.nan)
    for place, name in enumerate(biomarkers):
        after[:, place], found = _alike(values[:, place], member, design)
        for number, label in enumerate(counts.index):
            before, now = values[member == number, place], after[member == number, place]
            rows.append(
                {
                    "biomarker": name,
                    "group": label,
                    "images": int(np.isfinite(before).sum()),
                    **_spread(before, "before"),
                    **_spread(now, "after"),
                    "share_before": found[0],
                    "share_after": found[1],
                }
            )
    images[list(biomarkers)] = after
    images = images.copy()  # in one piece again
    images.attrs = attributes
    result = Harmonisation(
        column=column,
        kept=kept,
        groups=tuple((str(label), int(count)) for label, count in counts.items()),
        table=pd.DataFrame(rows, columns=list(COLUMNS)),
    )
    return images, result, left_out


def confounding(outcome: pd.Series, images: pd.DataFrame, column: str) -> str | None:
    """A warning where the groups differ so much in the outcome that alike biomarkers lose part of its effect."""
    known = outcome.loc[images.index].dropna()
    groups = images[column].loc[known.index].astype(str)
    between = known.groupby(groups).transform("mean").var(ddof=0)
    share = float(between / known.var(ddof=0)) if known.var(ddof=0) > 0 else 0.0
    if share < _CONFOUNDED:
        return None
    return (
        f"{column} explains {share:.0%} of the outcome: where devices or sites differ in the outcome, harmonising "
        "takes part of its effect away. Compare the effects that are not harmonised, and analyses within each."
    )


def _alike(
    values: np.ndarray, member: np.ndarray, covariates: np.ndarray
) -> tuple[np.ndarray, tuple[float, float]]:
    """(n,) values with one mean and spread in all groups, and what groups explained before and after."""
    known = np.isfinite(values)
    sizes = np.bincount(member[known], minlength=int(member.max()) + 1)
    known &= sizes[member] >= FEWEST  # of a group with fewer the spread is not known
    after = np.full(len(values), np.nan)
    present = np.unique(member[known])
    if not len(present) or np.ptp(values[known]) == 0:
        after[known] = values[known]
        return after, (np.nan, np.nan)
    y, place, Z = values[known], np.searchsorted(present, member[known]), covariates[known]
    indicators = np.eye(len(present))[place]
    X = np.column_stack([indicators, Z])
    beta = np.linalg.lstsq(X, y, rcond=None)[0]
    levels, kept = beta[: len(present)], Z @ beta[len(present) :]
    residual = y - levels[place] - kept
    counts = np.bincount(place)
    pooled = float(residual @ residual) / max(len(y) - X.shape[1], 1)
    spread = np.bincount(place, residual**2) / np.maximum(counts - 1, 1)
    scale = np.sqrt(np.divide(pooled, spread, out=np.ones_like(spread), where=spread > 0))
    after[known] = residual * scale[place] + float(counts @ levels) / len(y) + kept
    return after, (_share(y, indicators, Z), _share(after[known], indicators, Z))


def _share(y: np.ndarray, indicators: np.ndarray, Z: np.ndarray) -> float:
    """Of the variance that covariates leave, what the groups explain."""
    left = [
        float(np.square(y - X @ np.linalg.lstsq(X, y, rcond=None)[0]).sum())
        for X in (np.column_stack([np.ones(len(y)), Z]), np.column_stack([indicators, Z]))
    ]
    return 1 - left[1] / left[0] if left[0] > 0 else np.nan


def _design(images: pd.DataFrame, covariates: Sequence[str], member: np.ndarray, column: str) -> np.ndarray:
    """(n, K) covariates, unknown ones at their mean: whoever lacks one is in no model that is adjusted for it."""
    table = pd.DataFrame({name: clean(images[name]) for name in covariates}, index=images.index)
    terms = encode(table)
    means = np.nanmean(terms.values, axis=0) if terms.values.size else np.zeros(0)
    Z = np.where(np.isnan(terms.values), means, terms.values) - means
    whole = np.column_stack([np.eye(int(member.max()) + 1)[member], Z])
    if np.linalg.matrix_rank(whole) < whole.shape[1]:
        raise AssociationError(
            f"the covariates {', '.join(covariates)} cannot be told from {column}: groups differ in them altogether",
            where=f"harmonise {column}",
            remedy="leave out the covariate that goes with it, or --harmonise",
        )
    return np.asarray(Z)


def _spread(values: np.ndarray, when: str) -> dict[str, float]:
    known = values[np.isfinite(values)]
    mean = float(known.mean()) if len(known) else np.nan
    return {f"mean_{when}": mean, f"sd_{when}": float(known.std(ddof=1)) if len(known) > 1 else np.nan}
