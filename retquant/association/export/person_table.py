"""One row a person: biomarkers of a run, with the eyes brought together by a stated rule, and what labels tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from retquant.association.catalogue import Tested, choose_biomarkers
from retquant.association.labels import join_labels, read_labels
from retquant.association.outcome import clean, require_columns
from retquant.association.people import UNKNOWN_EYE, first_visits, identify
from retquant.association.results import read_results
from retquant.association.study import Exclusion
from retquant.association.transforms import transformed
from retquant.errors import AssociationError

EYE_RULES = {
    "mean": "Each value is the mean of the eyes in which it could be measured.",
    "right": "Values are those of right eyes.",
    "left": "Values are those of left eyes.",
    "both": "Values of right eyes end in _od, of left eyes in _os.",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class PersonTable:
    """People by what is known of them."""

    values: (
        pd.DataFrame
    )  # indexed by participant_id (text), which no two rows share: biomarkers, then covariates
    biomarkers: tuple[Tested, ...]  # of the first columns, in their order
    covariates: tuple[str, ...]
    rules: tuple[str, ...]  # sentences: eyes, visits, transformation
    exclusions: tuple[Exclusion, ...]
    source: str


def person_table(
    results: Path | str | pd.DataFrame,
    *,
    biomarkers: Sequence[str] = ("*",),
    covariates: Sequence[str] = (),
    labels: Path | str | pd.DataFrame | None = None,
    eyes: str = "mean",
    transform: str = "none",
    gate: bool = False,
) -> PersonTable:
    """Bring images together by person: the first visit counts, pictures of one eye are averaged.

    Parameters
    ----------
    eyes : str
        One of `EYE_RULES`.
    transform : str
        One of `retquant.association.transforms.TRANSFORMS`, over people.

    Raises
    ------
    AssociationError
        There is no participant_id, or a column, rule or transformation that is asked for is not there.
    """
    if eyes not in EYE_RULES:
        raise AssociationError(f"the eye policy is {eyes!r}", remedy=f"choose one of {', '.join(EYE_RULES)}")
    found = read_results(results, gate=gate)
    images = found.images
    exclusions: list[Exclusion] = []
    notes: list[str] = []
    if labels is not None:
        table = labels if isinstance(labels, pd.DataFrame) else read_labels(labels)
        images, exclusions, notes = join_labels(images, table)
    require_columns(images, covariates, what="covariates")
    tested = choose_biomarkers(images, biomarkers, leave_out=tuple(covariates))
    images = _of_known_people(images, found.source)
    images, visit_rule, later = first_visits(images)
    per_eye = images.groupby(["_person", "_eye"], sort=True)[[one.name for one in tested]].mean()
    columns, described = _by_rule(per_eye, tested, eyes)
    for one in described:
        columns[one.name] = transformed(columns[one.name].to_numpy(dtype=float), transform, column=one.name)
    for name in covariates:
        columns[name] = _of_person(clean(images[name]), images["_person"], name)
    rules = [EYE_RULES[eyes], visit_rule, *notes]
    if transform != "none":
        rules.append(f"Values were transformed over people: {transform}.")
    columns.index.name = "participant_id"
    return PersonTable(
        values=columns,
        biomarkers=tuple(described),
        covariates=tuple(covariates),
        rules=tuple(rules),
        exclusions=(*exclusions, *later),
        source=found.source,
    )


def _of_known_people(images: pd.DataFrame, source: str) -> pd.DataFrame:
    if "participant_id" not in images.columns or images["participant_id"].isna().all():
        raise AssociationError(
            "the images have no participant_id, so there are no people to write",
            where=source,
            remedy="name participant_id in the manifest",
        )
    images = images[images["participant_id"].notna()]
    return identify(images)[0]


def _by_rule(per_eye: pd.DataFrame, tested: Sequence[Tested], eyes: str) -> tuple[pd.DataFrame, list[Tested]]:
    if eyes == "mean":
        return per_eye.groupby(level=0, sort=True).mean(), list(tested)
    people = per_eye.index.get_level_values(0).unique()
    sides = {
        side: per_eye[per_eye.index.get_level_values(1) == side].droplevel(1).reindex(people)
        for side in ("OD", "OS")
    }
    if eyes in ("right", "left"):
        return sides["OD" if eyes == "right" else "OS"].dropna(how="all"), list(tested)
    if (per_eye.index.get_level_values(1) == UNKNOWN_EYE).all():
        raise AssociationError("no image has an eye", where="eyes=both", remedy="name eye in the manifest")
    parts, described = {}, []
    for one in tested:
        for side, end in (("OD", "_od"), ("OS", "_os")):
            parts[one.name + end] = sides[side][one.name]
            described.append(
                Tested(
                    name=one.name + end,
                    unit=one.unit,
                    definition=one.definition,
                    derived_from=one.derived_from,
                )
            )
    return pd.DataFrame(parts, index=people), described


def _of_person(column: pd.Series, person: pd.Series, name: str) -> pd.Series:
    """Mean of a number, common value of a text; a text that differs within a person is missing."""
    groups = column.groupby(person, sort=True)
    if pd.api.types.is_numeric_dtype(column):
        return groups.mean().rename(name)
    return groups.first().where(groups.nunique() <= 1, None).rename(name)
