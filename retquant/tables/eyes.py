"""From eyes to people: the ways of making one row of a person's two eyes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import pandas as pd

from retquant.errors import OutputError

_OF_AN_IMAGE = ("image_id", "eye", "acquired_at", "device", "primary")
WORSE_END = {"higher_is_worse": "max", "higher_is_better": "min"}
"""Direction of a biomarker -> the extreme that the worse eye has."""


def one_row_a_person(
    table: pd.DataFrame, *, biomarkers: Sequence[str], eyes: str, directions: Mapping[str, str]
) -> pd.DataFrame:
    """A row a person (and visit) by one of the rules of `load_biomarkers`, with `n_eyes` and `n_images`.

    Raises
    ------
    OutputError
        The rule is unknown, or images have no participant or (but for "mean" of images without eyes) no eye.
    """
    if eyes not in ("mean", "right", "random", "worse"):
        raise OutputError(f"eyes={eyes!r} is no rule", remedy="take both, mean, right, random or worse")
    _require(table, "participant_id", eyes)
    _require(table, "eye", eyes)
    person = ["participant_id", *(["visit"] if "visit" in table and table["visit"].notna().any() else [])]
    table = _chosen_eyes(table, eyes)
    kept = [name for name in biomarkers if eyes != "worse" or directions.get(name, "") in WORSE_END]
    by_eye = table.groupby([*person, "eye"], dropna=False, sort=True)
    values = by_eye[kept].mean()
    by_person = values.groupby(level=person, dropna=False, sort=True)
    reduced = _worse(by_person, kept, directions) if eyes == "worse" else by_person.mean()
    images = table.groupby(person, dropna=False, sort=True)
    counts = pd.DataFrame({"n_eyes": images["eye"].nunique(), "n_images": images.size()})
    rest = [name for name in table if name not in {*person, *biomarkers, *_OF_AN_IMAGE}]
    labels = _common_labels(table, person, rest)
    return pd.concat([counts, labels, reduced], axis=1).reset_index()


def _require(table: pd.DataFrame, column: str, eyes: str) -> None:
    without = int(table[column].isna().sum()) if column in table else len(table)
    if without:
        raise OutputError(
            f"eyes={eyes!r} needs {column}, which {without} of {len(table)} images do not have",
            remedy=f"fill {column} in the manifest and run again (it measures nothing anew), or eyes='both'",
        )


def _chosen_eyes(table: pd.DataFrame, eyes: str) -> pd.DataFrame:
    if eyes == "right":
        return table[table["eye"] == "OD"]
    if eyes == "random":
        return table[drawn(table["participant_id"], table["eye"])]
    return table


def drawn(person: pd.Series, eye: pd.Series, *, seed: int = 0) -> pd.Series:
    """(n,) bool: rows of the one eye of each person that is drawn, the same whoever else is in the table."""
    salt = f"{seed} " if seed else ""
    ranks = (person.astype(str) + eye.astype(str)).map(
        lambda text: hashlib.sha256(f"{salt}{text}".encode()).hexdigest()[:16]
    )
    return ranks == ranks.groupby(person).transform("min")


def _worse(
    by_person: pd.api.typing.DataFrameGroupBy, names: Sequence[str], directions: Mapping[str, str]
) -> pd.DataFrame:
    extremes = {how: getattr(by_person, how)() for how in ("min", "max")}
    return pd.DataFrame({name: extremes[WORSE_END[directions[name]]][name] for name in names})


def _common_labels(table: pd.DataFrame, person: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """Each person's label where all of the person's images agree on it; empty where they do not."""
    groups = table.groupby(list(person), dropna=False, sort=True)
    labels = groups[list(names)].first()
    agree = groups[list(names)].nunique() <= 1
    return labels.where(agree)
