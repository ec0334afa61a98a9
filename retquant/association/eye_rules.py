"""Which eyes of a person make the rows of an analysis, and what becomes of images whose eye cannot be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from retquant.association.outcome import Outcome
from retquant.association.people import UNKNOWN_EYE, VISITS, exclusion
from retquant.association.study import Exclusion
from retquant.errors import AssociationError
from retquant.tables.eyes import WORSE_END, drawn

POLICIES = ("auto", "mean", "worse", "right", "left", "random", "both")
SAME_AS: Mapping[str, str] = {"person": "mean", "eye": "both"}
"""Other names of policies."""

_SIDES = {"right": "OD", "left": "OS"}
_FEW_DISCORDANT = 0.02  # of the people with two eyes; so few look like slips of the labels


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRule:
    """Which eyes and visits of a person are the rows of an analysis.

    Raises
    ------
    AssociationError
        There is no such policy.
    """

    eyes: str = "auto"  # one of POLICIES or SAME_AS
    visits: str = "first"  # one of people.VISITS
    near: str | None = None  # column of dates, of visits "nearest"
    seed: int = 0  # of eyes "random"

    def __post_init__(self) -> None:
        if self.eyes not in (*POLICIES, *SAME_AS):
            raise AssociationError(
                f"the eye policy is {self.eyes!r}", remedy=f"choose one of {', '.join(POLICIES)}"
            )
        if self.visits not in VISITS:
            raise AssociationError(
                f"the visit policy is {self.visits!r}", remedy=f"choose one of {', '.join(VISITS)}"
            )
        if (self.visits == "nearest") != (self.near is not None):
            raise AssociationError(
                "nearest visits and the dates that they are near to belong together",
                remedy="give both --visits nearest and --near COLUMN",
            )

    @property
    def policy(self) -> str:
        """The eye policy by its first name."""
        return SAME_AS.get(self.eyes, self.eyes)


def with_known_eyes(images: pd.DataFrame) -> tuple[pd.DataFrame, list[Exclusion], list[str]]:
    """Without images of an unknown eye of people of whom an eye is known: they would be a third eye."""
    unknown = images["_eye"] == UNKNOWN_EYE
    third = unknown & ~unknown.groupby(images["_person"]).transform("all")
    if not third.any():
        return images, [], []
    people = images.loc[third, "_person"].nunique()
    warning = (
        f"{people} people have images of a known eye and others that are neither of OD nor of OS: the others were left "
        "out, since nobody has three eyes."
    )
    left_out = exclusion("images of neither eye of people with a known eye", images.loc[third, "image_id"])
    return images[~third], left_out, [warning]


def one_eye(images: pd.DataFrame, rule: RowRule) -> tuple[pd.DataFrame, list[Exclusion]]:
    """The images of the eye that the rule picks of each person; all where it picks none.

    Raises
    ------
    AssociationError
        No image has such an eye.
    """
    if rule.policy in _SIDES:
        chosen = images["_eye"] == _SIDES[rule.policy]
        what = f"images of other than {rule.policy} eyes"
    elif rule.policy == "random":
        chosen = drawn(images["_person"], images["_eye"], seed=rule.seed)
        what = "images of eyes that were not drawn"
    else:
        return images, []
    if not chosen.any():
        raise AssociationError(
            f"no image is known to be of a {rule.policy} eye",
            where=f"eyes={rule.policy}",
            remedy="name eye in the manifest",
        )
    return images[chosen], exclusion(what, images.loc[~chosen, "image_id"])


def is_by_eye(
    images: pd.DataFrame, values: pd.Series, rule: RowRule, *, prefers_eyes: bool
) -> tuple[bool, str, list[str]]:
    """Whether a row is an eye, the sentence that says so, and warnings.

    With `prefers_eyes` the policy "auto" takes eyes: the model asked for is one of repeated rows.

    Raises
    ------
    AssociationError
        One row a person was asked for where the outcome differs between a person's eyes.
    """
    policy = "both" if rule.policy == "auto" and prefers_eyes else rule.policy
    person = [images["_person"], *([images["_visit"]] if rule.visits == "all" else [])]
    two_eyed = int((images.groupby("_person")["_eye"].nunique() > 1).sum())
    apart = values.groupby(person).nunique() > 1
    discordant = int(apart[apart].index.get_level_values(0).nunique())
    if policy in ("mean", "worse") and discordant:
        what = "a mean of eyes" if policy == "mean" else "the worse eye of each biomarker"
        raise AssociationError(
            f"the outcome differs between the eyes of {discordant} people, so {what} has no outcome",
            where=f"eyes={policy}",
            remedy="use eyes=both (or auto): one row an eye, clustered by person",
        )
    if policy in _SIDES or policy == "random":
        which = (
            f"one eye of each, drawn at random (seed {rule.seed})"
            if policy == "random"
            else f"the {policy} eye"
        )
        return False, f"One row a person: {which}.", []
    if policy == "worse":
        return False, "One row a person: of each biomarker the worse of the eyes it could be measured in.", []
    if not discordant and policy != "both":
        return (
            False,
            (
                "The outcome belongs to the person: one row a person, each biomarker the mean of the eyes in "
                f"which it could be measured ({two_eyed} people have images of both eyes)."
            ),
            [],
        )
    because = f"The outcome differs between the eyes of {discordant} people" if discordant else "As asked for"
    warnings = []
    if 0 < discordant < _FEW_DISCORDANT * two_eyed:
        warnings.append(
            f"The outcome differs between the eyes of only {discordant} of {two_eyed} people, as slips in "
            "the labels would make it. If it belongs to the person, mend them for an analysis by person."
        )
    return True, f"{because}: one row an eye, and the eyes of a person are modelled as such.", warnings


def usable_eyes(
    images: pd.DataFrame, outcome: Outcome, visit: list[str]
) -> tuple[pd.DataFrame, list[Exclusion]]:
    """Images that stand for one known eye with one outcome (at a visit, where `visit` names its column)."""
    several = images["_person"].map(images.groupby("_person").size()) > 1
    unknown = (images["_eye"] == UNKNOWN_EYE) & several
    left_out = exclusion(
        "images of unknown eye of people with several images", images.loc[unknown, "image_id"]
    )
    images = images[~unknown]
    if outcome.kind != "continuous":
        values = outcome.values.loc[images.index]
        keys = [images[name] for name in ("_person", *visit, "_eye")]
        mixed = values.groupby(keys).transform("nunique") > 1
        left_out += exclusion("images of an eye that disagree on the outcome", images.loc[mixed, "image_id"])
        images = images[~mixed]
    return images, left_out


def brought_together(
    per_eye: pd.DataFrame, levels: list[int], policy: str, directions: Mapping[str, str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Values of eyes as one a person (levels of the index to keep), and refusals by biomarker."""
    groups = per_eye.groupby(level=levels)
    if policy != "worse":
        return groups.mean(), {}
    extremes = {"min": groups.min(), "max": groups.max()}
    known = {name: WORSE_END[how] for name, how in directions.items() if how in WORSE_END}
    if not known.keys() & set(per_eye.columns):
        raise AssociationError(
            "of none of the biomarkers one end is known to be bad, so there is no worse eye",
            where="eyes=worse",
            remedy="use eyes=mean, or biomarkers whose direction `retquant biomarkers show` gives",
        )
    empty = pd.Series(float("nan"), index=extremes["min"].index)
    together = {
        name: extremes[known[name]][name] if name in known else empty for name in map(str, per_eye.columns)
    }
    refused = {name: "no_direction" for name in together if name not in known}
    return pd.DataFrame(together, index=empty.index), refused
