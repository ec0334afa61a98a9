"""Who is in an image: its person, its eye, and which of the person's visits counts."""

from __future__ import annotations

import pandas as pd

from retquant.association.labels import identifier_text, normal_eye
from retquant.association.study import Exclusion

UNKNOWN_EYE = "?"


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
    for column in ("acquired_at", "visit"):
        if column in images.columns and images[column].notna().any():
            break
    else:
        return images, "No visits were given: all images of an eye were averaged.", []
    when = _sortable(images[column])
    later = when > when.groupby(images["_person"]).transform("min")
    rule = f"The first visit of each person counts (by {column}); images of one eye at it were averaged."
    return images[~later], rule, exclusion("images of later visits", images.loc[later, "image_id"])


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
