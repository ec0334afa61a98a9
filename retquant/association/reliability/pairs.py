"""Which measurements belong together: repeat pictures of an eye, a person's two eyes, one picture by two methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retquant.association.people import UNKNOWN_EYE, identify
from retquant.errors import AssociationError

DESIGNS = ("repeats", "eyes", "methods")


@dataclass(frozen=True, eq=False, kw_only=True)
class Pairs:
    """Two measurements a subject. N subjects, M biomarkers."""

    design: str  # one of DESIGNS
    first: np.ndarray  # (N, M) float
    second: np.ndarray
    person: np.ndarray  # (N,) int; subjects of one person belong together
    names: tuple[str, str]  # of the measurements
    rule: str  # a sentence: what was paired with what


def repeats(images: pd.DataFrame, biomarkers: Sequence[str]) -> Pairs:
    """The first two pictures of each eye at one visit, by acquisition time where it is known, else by image_id."""
    images, _ = identify(images)
    images = images[images["_eye"] != UNKNOWN_EYE]
    order = [name for name in ("acquired_at", "image_id") if name in images.columns]
    images = images.sort_values(order, kind="stable")
    images = images.assign(_visit=_visits(images))
    by = ["_person", "_eye", "_visit"]
    place = images.groupby(by, dropna=False, sort=False).cumcount()
    keyed = images.assign(_place=place).set_index(by)
    first, second = (keyed.loc[(keyed["_place"] == number).to_numpy()] for number in (0, 1))
    both = second.index
    return _pairs(
        "repeats",
        first.loc[both],
        second,
        biomarkers,
        people=both.get_level_values("_person"),
        names=("first picture", "second picture"),
        rule="The first two pictures of each eye at one visit.",
    )


def two_eyes(images: pd.DataFrame, biomarkers: Sequence[str]) -> Pairs:
    """The right and the left eye of each person at the first visit with both; pictures of an eye are averaged."""
    images, _ = identify(images)
    images = images[images["_eye"] != UNKNOWN_EYE]
    images = images.assign(_visit=_visits(images))
    means = images.groupby(["_person", "_visit", "_eye"], sort=True)[list(biomarkers)].mean()
    right, left = (
        means.xs(eye, level="_eye")
        if eye in means.index.get_level_values("_eye")
        else means.iloc[:0].droplevel("_eye")
        for eye in ("OD", "OS")
    )
    both = right.index.intersection(left.index, sort=False)
    people = both.get_level_values("_person")
    keep = ~people.duplicated()
    return _pairs(
        "eyes",
        right.loc[both[keep]],
        left.loc[both[keep]],
        biomarkers,
        people=people[keep],
        names=("right eye", "left eye"),
        rule="The right and the left eye of each person, at the first visit with both, pictures of an eye averaged.",
    )


def two_methods(
    images: pd.DataFrame, others: pd.DataFrame, biomarkers: Sequence[str], *, names: tuple[str, str]
) -> Pairs:
    """The same pictures in two runs, matched by image_id.

    Raises
    ------
    AssociationError
        The runs have no picture in common.
    """
    images, _ = identify(images)
    first, second = images.set_index("image_id"), others.set_index("image_id")
    both = first.index.intersection(second.index, sort=False)
    if both.empty:
        raise AssociationError(
            "the two runs have no image_id in common",
            where=" and ".join(names),
            remedy="compare runs of one manifest",
        )
    return _pairs(
        "methods",
        first.loc[both],
        second.loc[both],
        biomarkers,
        people=first.loc[both, "_person"],
        names=names,
        rule="The same picture measured in two runs, matched by image_id.",
    )


def _visits(images: pd.DataFrame) -> pd.Series:
    """The visit's name, else the day of acquisition; one visit where neither is known."""
    if "visit" in images.columns and images["visit"].notna().any():
        return images["visit"].astype("string").fillna("?")
    if "acquired_at" in images.columns and images["acquired_at"].notna().any():
        return images["acquired_at"].astype("string").str[:10].fillna("?")
    return pd.Series("?", index=images.index, dtype="string")


def _pairs(
    design: str,
    first: pd.DataFrame,
    second: pd.DataFrame,
    biomarkers: Sequence[str],
    *,
    people: pd.Series | pd.Index,
    names: tuple[str, str],
    rule: str,
) -> Pairs:
    return Pairs(
        design=design,
        first=first[list(biomarkers)].to_numpy(dtype=float),
        second=second[list(biomarkers)].to_numpy(dtype=float),
        person=pd.factorize(np.asarray(people))[0],
        names=names,
        rule=rule,
    )
