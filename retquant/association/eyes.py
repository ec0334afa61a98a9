"""From images to the rows of an analysis, so that two eyes of a person are never counted as two people.

An outcome that belongs to the person gives one row a person, the mean of the eyes in which the biomarker
could be measured. One that differs between the eyes of a person gives one row an eye; its variance is then
clustered by person. Of repeat visits the first counts, and images of the same eye at that visit are
averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retquant.association.outcome import Outcome, clean
from retquant.association.people import UNKNOWN_EYE, exclusion, first_visits
from retquant.association.study import Exclusion
from retquant.errors import AssociationError

POLICIES = ("auto", "person", "eye")
_FEW_DISCORDANT = 0.02  # of the people with two eyes; so few look like slips of the labels


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows:
    """The rows of an analysis. Shapes: n rows, M biomarkers."""

    biomarkers: pd.DataFrame  # (n, M) float
    outcome: np.ndarray  # (n,) float, never NaN
    covariates: pd.DataFrame  # (n, covariates), float or text
    follow: np.ndarray | None  # (n, 2) entry and exit of time to event
    person: np.ndarray  # (n,) int, equal for the eyes of a person
    eyes: pd.DataFrame  # (n, M) int, eyes behind each value
    images: np.ndarray  # (n,) int, images behind each row
    level: str  # "person" | "eye"
    eye_rule: str
    visit_rule: str
    exclusions: tuple[Exclusion, ...]
    warnings: tuple[str, ...]


def analysis_rows(
    images: pd.DataFrame,
    outcome: Outcome,
    *,
    covariates: Sequence[str],
    biomarkers: Sequence[str],
    policy: str,
) -> Rows:
    """Collapse identified images (see `people.identify`) to one row a person, or one row an eye.

    Raises
    ------
    AssociationError
        The policy is unknown, no image is left, or one row a person was asked for where the outcome differs
        between a person's eyes.
    """
    images, visit_rule, exclusions = first_visits(images)
    unlabelled = outcome.values.loc[images.index].isna()
    exclusions += exclusion("images whose outcome is not known", images.loc[unlabelled, "image_id"])
    images = images[~unlabelled]
    per_eye, eye_rule, warnings = _level(images, outcome.values.loc[images.index], policy)
    if per_eye:
        images, more = _usable_eyes(images, outcome)
        exclusions += more
    values = outcome.values.loc[images.index]
    if values.nunique() < 2:
        raise AssociationError(
            f"the outcome has one value among the {len(images)} images that are left after "
            + (", ".join(f"{e.count} {e.what}" for e in exclusions) or "no exclusion"),
            remedy="check the labels, visits and eyes of the images that were left out",
        )
    eye = [images["_person"], images["_eye"]]
    means = images[list(biomarkers)].astype(float).groupby(eye, sort=True).mean()
    target = values.groupby(eye, sort=True).mean()
    eyes = means.notna().astype(int)
    if not per_eye:
        means, eyes, target = (
            means.groupby(level=0).mean(),
            eyes.groupby(level=0).sum(),
            target.groupby(level=0).mean(),
        )
    follow = None
    if outcome.exit is not None:
        entry = outcome.entry if outcome.entry is not None else 0.0 * outcome.exit
        times = pd.DataFrame({"entry": entry, "exit": outcome.exit}).loc[images.index]
        follow = times.groupby(eye if per_eye else eye[:1], sort=True).mean().to_numpy(dtype=float)
    columns = pd.DataFrame({name: clean(images[name]) for name in covariates}, index=images.index)
    table, differing = _common(columns, eye if per_eye else eye[:1])
    warnings += [
        f"{name} differs within {count} {'eyes' if per_eye else 'people'} and was taken as unknown for them."
        for name, count in differing.items()
    ]
    return Rows(
        biomarkers=means,
        outcome=target.to_numpy(dtype=float),
        covariates=table.loc[means.index],
        follow=follow,
        person=pd.factorize(means.index.get_level_values(0))[0],
        eyes=eyes,
        images=images.groupby(eye if per_eye else eye[:1], sort=True).size().to_numpy(),
        level="eye" if per_eye else "person",
        eye_rule=eye_rule,
        visit_rule=visit_rule,
        exclusions=tuple(exclusions),
        warnings=tuple(warnings),
    )


def _level(images: pd.DataFrame, values: pd.Series, policy: str) -> tuple[bool, str, list[str]]:
    """Whether a row is an eye, the sentence that says so, and warnings."""
    if policy not in POLICIES:
        raise AssociationError(f"the eye policy is {policy!r}", remedy=f"choose one of {', '.join(POLICIES)}")
    two_eyed = int((images.groupby("_person")["_eye"].nunique() > 1).sum())
    discordant = int((values.groupby(images["_person"]).nunique() > 1).sum())
    if policy == "person" and discordant:
        raise AssociationError(
            f"the outcome differs between the eyes of {discordant} people, so a mean of eyes has no outcome",
            where="eyes=person",
            remedy="use eyes=eye (or auto): one row an eye, clustered by person",
        )
    if not discordant and policy != "eye":
        rule = (
            "The outcome belongs to the person: one row a person, each biomarker the mean of the eyes in "
            f"which it could be measured ({two_eyed} people have images of both eyes)."
        )
        return False, rule, []
    because = f"The outcome differs between the eyes of {discordant} people" if discordant else "As asked for"
    warnings = []
    if 0 < discordant < _FEW_DISCORDANT * two_eyed:
        warnings.append(
            f"The outcome differs between the eyes of only {discordant} of {two_eyed} people, as slips in "
            "the labels would make it. If it belongs to the person, mend them for an analysis by person."
        )
    return True, f"{because}: one row an eye, with standard errors clustered by person.", warnings


def _usable_eyes(images: pd.DataFrame, outcome: Outcome) -> tuple[pd.DataFrame, list[Exclusion]]:
    """Images that stand for one known eye with one outcome."""
    several = images["_person"].map(images.groupby("_person").size()) > 1
    unknown = (images["_eye"] == UNKNOWN_EYE) & several
    left_out = exclusion(
        "images of unknown eye of people with several images", images.loc[unknown, "image_id"]
    )
    images = images[~unknown]
    if outcome.kind != "continuous":
        values = outcome.values.loc[images.index]
        mixed = values.groupby([images["_person"], images["_eye"]]).transform("nunique") > 1
        left_out += exclusion("images of an eye that disagree on the outcome", images.loc[mixed, "image_id"])
        images = images[~mixed]
    return images, left_out


def _common(covariates: pd.DataFrame, by: list[pd.Series]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Mean of each number, common value of each text; a text that differs within a group becomes missing."""
    columns, differing = {}, {}
    for name in covariates.columns:
        groups = covariates[name].groupby(by, sort=True)
        if pd.api.types.is_numeric_dtype(covariates[name]):
            columns[name] = groups.mean()
            continue
        several = groups.nunique() > 1
        columns[name] = groups.first().where(~several, None)
        if several.any():
            differing[name] = int(several.sum())
    index = covariates.index.to_series().groupby(by, sort=True).first().index
    return pd.DataFrame(columns, index=index), differing
