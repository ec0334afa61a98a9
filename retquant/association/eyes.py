"""From images to the rows of an analysis, so that two eyes of a person are never counted as two people.

An outcome that belongs to the person gives one row a person, the mean of the eyes in which the biomarker could be
measured, unless another eye is asked for. One that differs between the eyes of a person gives one row an eye. Of repeat
visits the first counts, unless others are asked for, and images of the same eye at a visit are averaged. Wherever a
person has several rows they are modelled as such: clustered, by GEE or with a random intercept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from retquant.association.eye_rules import (
    RowRule,
    brought_together,
    is_by_eye,
    one_eye,
    usable_eyes,
    with_known_eyes,
)
from retquant.association.grouping import group_values, read_weights
from retquant.association.outcome import Outcome, clean
from retquant.association.people import chosen_visits, exclusion
from retquant.association.study import Exclusion
from retquant.errors import AssociationError


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
    level: str  # one of study.ROW_UNITS
    eye_rule: str
    visit_rule: str
    exclusions: tuple[Exclusion, ...]
    warnings: tuple[str, ...]
    groups: pd.DataFrame = field(
        default_factory=pd.DataFrame
    )  # (n, G) number or text, missing as NaN or None
    weights: np.ndarray | None = None  # (n,)
    refused: Mapping[str, str] = field(default_factory=dict)  # biomarker -> key of models.REFUSALS

    @property
    def is_clustered(self) -> bool:
        """Whether a person may have several rows."""
        return self.level != "person"


def analysis_rows(
    images: pd.DataFrame,
    outcome: Outcome,
    *,
    covariates: Sequence[str],
    biomarkers: Sequence[str],
    rule: RowRule,
    directions: Mapping[str, str] | None = None,
    groups: Mapping[str, bool] | None = None,
    weights: str | None = None,
    prefers_eyes: bool = False,
) -> Rows:
    """Collapse identified images (see `people.identify`) to the rows that `rule` asks for.

    Parameters
    ----------
    directions : mapping, optional
        Biomarker -> which of its ends is bad, for the worse eye.
    groups : mapping, optional
        Column of sites, strata or interactions -> whether it may be a measurement.
    weights : str, optional
        Column of weights.
    prefers_eyes : bool
        Whether "auto" takes a row an eye although the outcome is the person's.

    Raises
    ------
    AssociationError
        No image is left, weights are no weights, or one row a person was asked for where the outcome differs between a
        person's eyes.
    """
    names = list(biomarkers)
    images, visit_rule, exclusions = chosen_visits(images, rule.visits, rule.near)
    visit = ["_visit"] if rule.visits == "all" else []
    unlabelled = outcome.values.loc[images.index].isna()
    exclusions += exclusion("images whose outcome is not known", images.loc[unlabelled, "image_id"])
    images, third, warnings = with_known_eyes(images[~unlabelled])
    if rule.policy == "random":  # drawn among the eyes of which there is something to analyse
        empty = images[names].isna().all(axis=1)
        exclusions += exclusion("images without any of the biomarkers", images.loc[empty, "image_id"])
        images = images[~empty]
    images, others = one_eye(images, rule)
    exclusions += [*third, *others]
    per_eye, eye_rule, more = is_by_eye(
        images, outcome.values.loc[images.index], rule, prefers_eyes=prefers_eyes
    )
    warnings += more
    if per_eye:
        images, left_out = usable_eyes(images, outcome, visit)
        exclusions += left_out
    values = outcome.values.loc[images.index]
    if values.nunique() < 2:
        raise AssociationError(
            f"the outcome has one value among the {len(images)} images that are left after "
            + (", ".join(f"{e.count} {e.what}" for e in exclusions) or "no exclusion"),
            remedy="check the labels, visits and eyes of the images that were left out",
        )
    eye = [images[name] for name in ("_person", *visit, "_eye")]
    unit = eye if per_eye else eye[:-1]
    means = images[names].astype(float).groupby(eye, sort=True).mean()
    means.attrs = {}  # or each column that is taken out brings a copy of all units and definitions
    eyes = means.notna().astype(int)
    refused: dict[str, str] = {}
    if not per_eye:
        levels = list(range(len(unit)))
        eyes = eyes.groupby(level=levels).sum()
        means, refused = brought_together(means, levels, rule.policy, directions or {})
    follow = None
    if outcome.exit is not None:
        entry = outcome.entry if outcome.entry is not None else 0.0 * outcome.exit
        times = pd.DataFrame({"entry": entry, "exit": outcome.exit}).loc[images.index]
        follow = times.groupby(unit, sort=True).mean().to_numpy(dtype=float)
    columns = pd.DataFrame({name: clean(images[name]) for name in covariates}, index=images.index)
    grouped = pd.DataFrame(
        {name: group_values(images[name], may_measure=may) for name, may in (groups or {}).items()},
        index=images.index,
    )
    of = "eyes" if per_eye else "people"
    told = []
    for table in (columns, grouped):
        common, differing = common_values(table, unit)
        told.append(common.loc[means.index])
        warnings += [
            f"{name} differs within {count} {of} and was taken as unknown for them."
            for name, count in differing.items()
        ]
    level = {(False, False): "person", (True, False): "eye", (False, True): "visit"}
    return Rows(
        biomarkers=means,
        outcome=values.groupby(unit, sort=True).mean().to_numpy(dtype=float),
        covariates=told[0],
        follow=follow,
        person=pd.factorize(means.index.get_level_values(0))[0],
        eyes=eyes,
        images=images.groupby(unit, sort=True).size().to_numpy(),
        level=level.get((per_eye, bool(visit)), "eye at a visit"),
        eye_rule=eye_rule,
        visit_rule=visit_rule,
        exclusions=tuple(exclusions),
        warnings=tuple(dict.fromkeys(warnings)),
        groups=told[1],
        weights=None if weights is None else read_weights(images[weights], unit),
        refused=refused,
    )


def common_values(covariates: pd.DataFrame, by: list[pd.Series]) -> tuple[pd.DataFrame, dict[str, int]]:
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
