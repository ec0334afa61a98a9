"""`retquant associate`, from tables to estimates: reads top to bottom as the story of one analysis."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import retquant
from retquant.association.associations import Associations
from retquant.association.catalogue import choose_biomarkers, is_biomarker
from retquant.association.closer_look import look_closer
from retquant.association.covariates import encode
from retquant.association.effects import REFIT, estimate_all
from retquant.association.eye_rules import RowRule
from retquant.association.eyes import Rows, analysis_rows
from retquant.association.grouping import as_groups
from retquant.association.harmonisation import Harmonisation, confounding
from retquant.association.harmonisation import harmonise as make_alike
from retquant.association.labels import join_labels, read_labels
from retquant.association.modelling import Modelling
from retquant.association.outcome import read_outcome, require_columns
from retquant.association.people import identify
from retquant.association.results import read_results
from retquant.association.robustness import reruns
from retquant.association.selection import weighted_reruns, who_is_missing
from retquant.association.study import Exclusion, Study
from retquant.association.transforms import transformed_columns
from retquant.errors import AssociationError
from retquant.tables.modalities import of_one_modality


def associate(
    results: Path | str | pd.DataFrame,
    *,
    outcome: str,
    labels: Path | str | pd.DataFrame | None = None,
    covariates: Sequence[str] = (),
    biomarkers: Sequence[str] = ("*",),
    eyes: str = "auto",
    visits: str = "first",
    near: str | None = None,
    seed: int = 0,
    modelling: Modelling | None = None,
    kind: str = "auto",
    time: str | None = None,
    entry: str | None = None,
    gate: bool = False,
    refit: int = REFIT,
    harmonise: str | None = None,
    robust: int = 0,
    predicts: bool = False,
    missing: Mapping[str, Mapping[str, int]] | None = None,
    source: str | None = None,
    out: Path | None = None,
) -> Associations:
    """Test every biomarker against one outcome, two eyes of a person never counted as two people.

    Parameters
    ----------
    results : Path or DataFrame
        Output folder of a cohort run, or what `load_biomarkers` returns: one row an image, with `image_id`
        and, where known, `participant_id`, `eye`, `visit`, `acquired_at`.
    outcome : str
        Column of the labels, or `column=value` for that value against all others.
    labels : Path or DataFrame, optional
        Matched by `participant_id` (and `eye`, `visit` where present) or by `image_id`; without it the labels
        and covariates of the manifest are used.
    covariates : sequence of str
        Columns to adjust for; numbers enter linearly, texts as indicators.
    biomarkers : sequence of str
        Glob patterns over column names.
    eyes : str
        "auto": "mean" unless the outcome differs between the eyes of a person, or the model is one of repeated rows;
        then "both". "mean" of the eyes, the "worse" of them by the biomarker's direction, the "right", the "left" or
        one at "random": a row a person. "both": a row an eye.
    visits : str
        "first", "last", "nearest" to the date in the column `near`, or "all", a row a visit.
    near : str, optional
        Column of dates, of visits "nearest".
    seed : int
        Of eyes at "random".
    modelling : Modelling, optional
        Model of repeated rows, transformation, interaction, strata, sites, weights and splines.
    kind : str
        "auto", "binary", "continuous", "ordinal", "count" or "survival".
    time : str, optional
        Column of follow-up times; makes the outcome, of two values, a time to event.
    entry : str, optional
        Column of the times from which people are at risk, as age at recruitment where time is age.
    gate : bool
        Leave out values of pictures whose quality is below what the biomarker needs; a DataFrame is taken as it is.
    refit : int
        In a study too large to fit every pair exactly: how many biomarkers of least p are, after a fast screen.
    harmonise : str, optional
        Column of devices or sites between which biomarkers are made alike, covariates kept.
    robust : int
        How many biomarkers of least p are analysed again with better pictures, without outliers, by eye, sex and site.
    predicts : bool
        Cross-validate how well the outcome is predicted with and without biomarkers; for binary and continuous ones.
    missing : mapping, optional
        Biomarker -> reason -> images, of a DataFrame that was read from a run.
    source : str, optional
        Where a DataFrame came from, for the report.
    out : Path, optional
        Folder that gets `associations.parquet` and `associations.html`.

    Raises
    ------
    AssociationError
        Labels, outcome or covariates do not allow the analysis.
    """
    found = read_results(results, gate=gate)
    images = found.images
    exclusions: list[Exclusion] = []
    notes: list[str] = []
    n_images = len(images)
    if labels is not None:
        table = labels if isinstance(labels, pd.DataFrame) else read_labels(labels)
        images, exclusions, notes = join_labels(images, table)
    rule = RowRule(eyes=eyes, visits=visits, near=near, seed=seed)
    modelling = modelling or Modelling()
    column = outcome if outcome in images.columns else outcome.partition("=")[0].strip()
    if column in covariates or {time, entry} & set(covariates):
        raise AssociationError(
            f"{column if column in covariates else time} is both outcome and covariate",
            remedy="leave it out of the covariates",
        )
    if column in (*modelling.groups, modelling.weights):
        raise AssociationError(
            f"{column} is the outcome, and what people are parted or weighted by",
            remedy="name another column as interaction, strata, site or weights",
        )
    require_columns(images, covariates, what="covariates")
    if harmonise == column:
        raise AssociationError(
            f"{column} is both outcome and what is harmonised by", remedy="harmonise by a device or a site"
        )
    weights = modelling.weights
    require_columns(images, (*modelling.groups, *filter(None, (weights,))), what="groups and weights")
    tested = choose_biomarkers(
        images,
        biomarkers,
        leave_out=(column, *covariates, *modelling.groups, *filter(None, (time, entry, weights))),
        outcome=column,
    )
    if is_biomarker(images, column):
        notes.append(f"The outcome {column} is itself a biomarker and was not tested against itself.")
    images, shared = of_one_modality(images, [biomarker.name for biomarker in tested])
    if shared:
        notes.append(
            f"{len(shared)} biomarkers that photographs and angiograms both have are those of photographs: "
            f"{', '.join(shared[:3])}{', …' if len(shared) > 3 else ''}."
        )
    joined = untouched = images
    alike: Harmonisation | None = None
    if harmonise is not None:
        of_eyes = [biomarker.name for biomarker in tested if biomarker.role != "quality"]
        joined, alike, without = make_alike(images, of_eyes, harmonise, covariates)
        exclusions = [*exclusions, *without]
        untouched, images = images.loc[joined.index], joined
    target = read_outcome(images, outcome, kind, time=time, entry=entry)
    modelling.require_kind(target.kind)
    images, warnings = identify(images)
    if alike is not None and (told := confounding(target.values, images, alike.column)) is not None:
        warnings.append(told)
    names = [biomarker.name for biomarker in tested]
    rows = analysis_rows(
        images,
        target,
        covariates=list(covariates),
        biomarkers=names,
        rule=rule,
        directions={biomarker.name: biomarker.direction for biomarker in tested},
        groups=modelling.groups,
        weights=weights,
        prefers_eyes=modelling.prefers_eyes,
    )
    modelling.require_rows(is_clustered=rows.is_clustered, is_person_level=_is_of_people(rows))
    rows, more = _as_asked(rows, modelling)
    notes += more
    terms = encode(rows.covariates)
    effects = estimate_all(
        rows, terms, tested, outcome=outcome, kind=target.kind, modelling=modelling, refit=refit
    )
    table = effects.table
    study = Study(
        outcome=outcome,
        kind=target.kind,
        level=rows.level,
        coding=target.coding,
        covariates=tuple(covariates),
        terms=terms.names,
        eye_rule=rows.eye_rule,
        visit_rule=rows.visit_rule,
        model=_usual_model(table),
        modelling=modelling,
        n_images=n_images,
        n_people=len(np.unique(rows.person)),
        n_eyes=int(rows.eyes.max(axis=1).sum()),
        n_events=int(rows.outcome.sum()) if target.kind in ("binary", "survival") else None,
        exclusions=(*exclusions, *rows.exclusions),
        warnings=(*warnings, *rows.warnings),
        notes=(*notes, *target.notes, *terms.notes, *effects.notes),
        source=source or found.source,
    )
    definitions = {biomarker.name: biomarker.definition for biomarker in tested}
    closer = look_closer(
        rows,
        terms,
        table,
        study=study,
        found=found,
        images=joined,
        rule=rule,
        modelling=modelling,
        most=robust,
        predicts=predicts,
    )
    again = None
    if robust:
        adjusted = tuple(dict.fromkeys((*covariates, *filter(None, (modelling.interaction,)))))

        def analyse(part: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
            return associate(
                part,
                outcome=outcome,
                covariates=adjusted,
                biomarkers=names,
                eyes=eyes,
                visits=visits,
                near=near,
                seed=seed,
                modelling=_of_part(part, modelling, visits),
                kind=target.kind,
                time=time,
                entry=entry,
            ).table

        others = [] if alike is None else [(f"not harmonised by {alike.column}", untouched)]
        again = reruns(joined, table, analyse, most=robust, others=others)
        weighted = weighted_reruns(rows, terms, table, kind=target.kind, most=robust, modelling=modelling)
        again = pd.concat([again, weighted], ignore_index=True) if len(weighted) else again
    result = Associations(
        table=table,
        levels=effects.levels,
        study=study,
        definitions=definitions,
        missing=missing or found.missing,
        reruns=again,
        selection=who_is_missing(rows, terms),
        closer=closer,
        harmonisation=alike,
        versions=_versions(),
    )
    if out is not None:
        result.to_parquet(out / "associations.parquet")
        result.report(out / "associations.html")
    return result


def _of_part(part: pd.DataFrame, modelling: Modelling, visits: str) -> Modelling:
    """How a part of the images is modelled: where each person has one eye and visit left, nothing repeats."""
    eyes = identify(part)[0].groupby("_person")["_eye"].nunique()
    repeats = visits == "all" or bool((eyes > 1).any())
    return modelling.alone if repeats else replace(modelling.alone, model="auto")


def _is_of_people(rows: Rows) -> bool:
    """Whether no person has two values of the outcome."""
    return bool((pd.Series(rows.outcome).groupby(rows.person).nunique() == 1).all())


def _as_asked(rows: Rows, modelling: Modelling) -> tuple[Rows, list[str]]:
    """Rows with transformed biomarkers and the covariates that sites and interactions bring, and what to say of it."""
    notes = []
    if modelling.transform != "none":
        notes.append(f"Biomarkers were transformed over the rows of the analysis: {modelling.transform}.")
    values, impossible = transformed_columns(rows.biomarkers, modelling.transform)
    covariates = rows.covariates.copy()
    for name in modelling.extra_covariates:
        if name == modelling.site:
            covariates[name] = as_groups(rows.groups[name], what="site", least=1)
        elif name not in covariates.columns:
            covariates[name] = rows.groups[name]
    for name in (name for name in covariates.columns if name not in rows.covariates.columns):
        notes.append(f"The models are also adjusted for {name}.")
    if modelling.weights is not None:
        notes.append(f"People are weighted by {modelling.weights}; standard deviations are not.")
    refused = {**rows.refused, **dict.fromkeys(impossible, "no_logarithm")}
    return replace(rows, biomarkers=values, covariates=covariates, refused=refused), notes


def _usual_model(table: pd.DataFrame) -> str:
    models = table["model"].dropna()
    return str(models.mode().iloc[0]) if len(models) else "none could be fitted"


def _versions() -> dict[str, str]:
    import scipy
    import statsmodels

    return {
        "retquant": retquant.__version__,
        "python": platform.python_version(),
        "statsmodels": statsmodels.__version__,
        "scipy": scipy.__version__,
        "numpy": np.__version__,
        "pandas": pd.__version__,
    }
