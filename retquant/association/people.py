"""Who is in an image: its person, its eye, and which of the person's visits counts."""

from __future__ import annotations

import pandas as pd

from retquant.association.dates import read_dates
from retquant.association.labels import identifier_text, normal_eye
from retquant.association.outcome import require_columns
from retquant.association.study import Exclusion
from retquant.errors import AssociationError

UNKNOWN_EYE = "?"
VISITS = ("first", "last", "nearest", "all")


def identify(images: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Give every image the columns `_person` and `_eye`; an image of nobody known is a person of its own."""
    known = pd.Series(pd.NA, index=images.index, dtype="string")
    eye = known.copy()
    if "participant_id" in images.columns:
        known = identifier_text(images["participant_id"])
    if "eye" in images.columns:
        eye = normal_eye(images["eye"])
    own = "image " + images["image_id"].astype("string")
    warnings = []
    if known.isna().any():
        warnings.append(
            f"{int(known.isna().sum())} of {len(images)} images have no participant_id: each was taken as a "
            "person of its own. Two such images of one person would be counted as two people, and p-values "
            "would be too small."
        )
    person = known.fillna(own).astype(object)
    return images.assign(_person=person, _eye=eye.fillna(UNKNOWN_EYE).astype(object)), warnings


def first_visits(images: pd.DataFrame) -> tuple[pd.DataFrame, str, list[Exclusion]]:
    """Keep of each person the images of the first visit, by date if there is one, else by its name."""
    return chosen_visits(images, "first")


def chosen_visits(
    images: pd.DataFrame, visits: str, near: str | None = None
) -> tuple[pd.DataFrame, str, list[Exclusion]]:
    """Keep of each person the images of the visits that count, with the sentence that says which.

    `visits` is one of VISITS: "nearest" counts the visit whose date is nearest to the person's date in the column
    `near`, the earlier of two as near; "all" keeps every visit and tells them apart in the column `_visit`.

    Raises
    ------
    AssociationError
        Visits, or the dates that "nearest" needs, are not given.
    """
    if visits == "nearest":
        assert near is not None  # RowRule has both or neither
        return _nearest_visits(images, near)
    for column in ("acquired_at", "visit"):
        if column in images.columns and images[column].notna().any():
            break
    else:
        if visits == "all":
            raise AssociationError(
                "no image has a visit or a date, so all images of an eye are one visit",
                where="visits=all",
                remedy="name visit or acquired_at in the manifest, or leave the visits as they are",
            )
        return images, "No visits were given: all images of an eye were averaged.", []
    when = _sortable(images[column])
    if visits == "all":
        known = images.assign(_visit=when.fillna(float("-inf")))
        rule = f"Every visit of a person counts (by {column}); images of one eye at a visit were averaged."
        return known, rule, []
    by_person = when.groupby(images["_person"])
    if visits == "last":
        other, name = when < by_person.transform("max"), "earlier"
    else:
        other, name = when > by_person.transform("min"), "later"
    rule = f"The {visits} visit of each person counts (by {column}); images of one eye at it were averaged."
    return images[~other], rule, exclusion(f"images of {name} visits", images.loc[other, "image_id"])


def _nearest_visits(images: pd.DataFrame, near: str) -> tuple[pd.DataFrame, str, list[Exclusion]]:
    require_columns(images, [near, "acquired_at"], what="visits=nearest")
    day = read_dates(images["acquired_at"], "acquired_at").dt.normalize()
    aim = read_dates(images[near], near).dt.normalize()
    known = day.notna() & aim.notna()
    left_out = exclusion(f"images without acquired_at or {near}", images.loc[~known, "image_id"])
    images, day, aim = images[known], day[known], aim[known]
    if images.empty:
        raise AssociationError(
            f"no image has both acquired_at and {near}",
            where="visits=nearest",
            remedy="fill both columns with dates, as 2021-03-30",
        )
    apart = (day - aim).dt.days.abs()
    nearest = apart == apart.groupby(images["_person"]).transform("min")
    chosen = day.where(nearest).groupby(images["_person"]).transform("min")  # the earlier of two as near
    kept = day == chosen
    days = apart[kept].groupby(images["_person"]).first().median()
    rule = (
        f"The visit nearest to {near} of each person counts (median distance {days:.0f} days); images of one eye at it "
        "were averaged."
    )
    return images[kept], rule, left_out + exclusion("images of other visits", images.loc[~kept, "image_id"])


def exclusion(what: str, ids: pd.Series) -> list[Exclusion]:
    """One exclusion that lists `ids`, or none where there are none."""
    listed = tuple(ids.astype(str))
    return [Exclusion(what=what, count=len(listed), ids=listed)] if listed else []


def _sortable(visit: pd.Series) -> pd.Series:
    """Visits as numbers in their order: "visit 10" after "visit 2", dates by day, whatever the hour."""
    numbers = pd.to_numeric(visit, errors="coerce")
    if numbers.notna().sum() == visit.notna().sum():
        return numbers.astype(float)
    names = visit.astype("string").str.lower()
    if names.dropna().str.match(r"\d{4}-\d{2}-\d{2}").all():
        names = names.str[:10]  # both eyes of a visit are taken minutes apart
    padded = names.str.replace(r"\d+", lambda match: match.group().zfill(12), regex=True)
    return padded.rank(method="dense").astype(float)
