"""Many outcomes by one plan: each analysed as `associate` does, with tests counted together within families."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from retquant.association.analysis import associate
from retquant.association.associations import COLUMNS, Associations
from retquant.association.dates import follow_up
from retquant.association.labels import join_labels, read_labels
from retquant.association.multiplicity import effective_tests, false_discovery_rates
from retquant.association.people import first_visits, identify
from retquant.association.plan import AssociationPlan, PlannedOutcome
from retquant.association.results import read_results
from retquant.errors import AssociationError
from retquant.manifest.formulas import neutral_table

_YEARS = "years_at_risk"  # of an outcome that dates tell

FAMILY_COLUMNS: Mapping[str, tuple[str, str]] = {
    "family": ("string", "outcomes and biomarkers whose tests count together"),
    "p_effective": ("float64", "p times the effective number of tests of its family, at most 1 (Bonferroni)"),
}
"""What the table of a plan has beyond that of one outcome; its q is taken over the family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Tests that count together."""

    name: str
    tests: int  # p-values of biomarkers that count
    effective: float  # independent ones among them, by the biomarkers' correlations


@dataclass(frozen=True, eq=False, kw_only=True)
class PlannedAssociations:
    """Every outcome of a plan."""

    plan: AssociationPlan
    table: pd.DataFrame  # columns of COLUMNS and FAMILY_COLUMNS, by p
    analyses: tuple[Associations, ...]  # one an outcome that could be analysed
    families: tuple[Family, ...]
    refused: Mapping[str, str] = field(default_factory=dict)  # outcome -> why it could not be

    @property
    def headline(self) -> str:
        """The analysis in one sentence."""
        found = int((self.table["q"] < 0.05).sum())
        tests = sum(family.tests for family in self.families)
        effective = sum(family.effective for family in self.families)
        lost = f" {len(self.refused)} could not be analysed." if self.refused else ""
        return (
            f"{len(self.analyses)} outcome{'s' if len(self.analyses) != 1 else ''} against "
            f"{self.table['biomarker'].nunique():,} biomarkers: {tests:,} tests ({effective:,.0f} effective) in "
            f"{len(self.families)} {'family' if len(self.families) == 1 else 'families'}, "
            f"{found:,} with q < 0.05.{lost}"
        )

    def write_tables(self, folder: Path) -> tuple[Path, Path]:
        """`associations.parquet` and `associations.csv` in `folder`, and `levels.csv` where people were parted."""
        folder.mkdir(parents=True, exist_ok=True)
        levels = [one.levels for one in self.analyses if one.levels is not None and not one.levels.empty]
        if levels:
            hidden = folder / ".levels.csv.tmp"
            neutral_table(pd.concat(levels, ignore_index=True)).to_csv(hidden, index=False)
            hidden.replace(folder / "levels.csv")
        paths = folder / "associations.parquet", folder / "associations.csv"
        aside = [path.with_name(f".{path.name}.tmp") for path in paths]
        self.table.to_parquet(aside[0], index=False, compression="zstd")
        neutral_table(self.table).to_csv(aside[1], index=False)
        for hidden, path in zip(aside, paths, strict=True):
            hidden.replace(path)
        return paths


def associate_plan(
    results: Path | str | pd.DataFrame,
    plan: AssociationPlan,
    *,
    progress: Callable[[str], None] | None = None,
) -> PlannedAssociations:
    """Run every outcome of a plan; one that cannot be analysed is told, and the others go on.

    Raises
    ------
    AssociationError
        No outcome could be analysed; the first one's reason is given.
    """
    images = read_results(results, gate=plan.gate and not isinstance(results, pd.DataFrame))
    labels = None if plan.labels is None else read_labels(plan.labels)
    analyses: list[Associations] = []
    parts: list[pd.DataFrame] = []
    refused: dict[str, str] = {}
    first: AssociationError | None = None
    for outcome in plan.outcomes:
        if progress is not None:
            progress(outcome.column)
        try:
            known, told, notes = _with_dates(outcome, images.images, labels)
            found = associate(
                known,
                outcome=outcome.column,
                labels=told,
                covariates=plan.covariates if outcome.covariates is None else outcome.covariates,
                biomarkers=plan.biomarkers,
                eyes=plan.rows.eyes,
                visits=plan.rows.visits,
                near=plan.rows.near,
                seed=plan.rows.seed,
                modelling=plan.modelling_of(outcome),
                kind=outcome.kind,
                time=_YEARS if outcome.event_date else outcome.time,
                entry=outcome.entry,
                harmonise=plan.harmonise,
                robust=plan.robust,
                predicts=plan.prediction,
                missing=images.missing,
                source=images.source,
            )
        except AssociationError as error:
            refused[outcome.column] = str(error)
            first = first or error
            continue
        found = replace(found, study=replace(found.study, notes=(*found.study.notes, *notes)))
        analyses.append(found)
        families = [f"{outcome.family}, {plan.family_of(name)}" for name in found.table["biomarker"]]
        parts.append(found.table.assign(family=families))
    if first is not None and not analyses:
        raise first
    table = pd.concat(parts, ignore_index=True)
    counted = table["role"] == "biomarker"
    table["q"] = false_discovery_rates(table["p"], counted, table["family"])
    analyses = [_with_rates_of(found, table, plan.name) for found in analyses]
    families_found = _families(table, _people(images.images, labels, table))
    effective = table["family"].map({family.name: family.effective for family in families_found})
    table["p_effective"] = (table["p"] * effective).clip(upper=1.0).where(counted)
    table = table.sort_values("p", kind="stable", na_position="last", ignore_index=True)
    columns = {**COLUMNS, **FAMILY_COLUMNS}
    return PlannedAssociations(
        plan=plan,
        table=table[list(columns)].astype({name: dtype for name, (dtype, _) in columns.items()}),
        analyses=tuple(analyses),
        families=families_found,
        refused=refused,
    )


def _with_dates(
    outcome: PlannedOutcome, images: pd.DataFrame, labels: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame | None, list[str]]:
    """Images and labels with the event and the years at risk that an outcome's dates tell, and what was left out."""
    if not (outcome.event_date and outcome.entry_date and outcome.end_date):
        return images, labels, []
    table = images if labels is None else labels
    found = follow_up(table, event=outcome.event_date, entry=outcome.entry_date, end=outcome.end_date)
    told = table.assign(**{outcome.column: found.event, _YEARS: found.years})
    told.attrs = dict(table.attrs)
    unit = "images" if labels is None else "label rows"
    notes = [
        f"Years at risk run from {outcome.entry_date} to {outcome.event_date} or {outcome.end_date}; {found.prevalent} "
        f"{unit} with the diagnosis by entry were left out, and {found.after} with one after the end are without it."
    ]
    return (told, None, notes) if labels is None else (images, told, notes)


def _with_rates_of(found: Associations, table: pd.DataFrame, plan: str) -> Associations:
    """The analysis with the plan's false discovery rates, so that every page tells the same."""
    own = table[table["outcome"] == found.study.outcome].set_index("biomarker")
    note = f"False discovery rates are controlled within the families of the plan {plan}."
    return replace(
        found,
        table=found.table.assign(q=found.table["biomarker"].map(own["q"]).astype(float)),
        families=own.loc[own["q"].notna(), "family"].nunique(),
        study=replace(found.study, notes=(*found.study.notes, note)),
    )


def _people(images: pd.DataFrame, labels: pd.DataFrame | None, table: pd.DataFrame) -> pd.DataFrame:
    """Biomarkers that count, a row a person, for their correlations."""
    if labels is not None:
        images = join_labels(images, labels)[0]
    names = list(dict.fromkeys(table.loc[table["role"] == "biomarker", "biomarker"]))
    images = first_visits(identify(images)[0])[0]
    return images.groupby("_person")[names].mean()


def _families(table: pd.DataFrame, people: pd.DataFrame) -> tuple[Family, ...]:
    tests = table[(table["role"] == "biomarker") & table["p"].notna()]
    families = []
    for name, rows in tests.groupby("family", sort=False):
        # outcomes are taken as independent, which overstates the number of tests
        a_outcome = effective_tests(people[list(dict.fromkeys(rows["biomarker"]))])
        effective = min(a_outcome * rows["outcome"].nunique(), float(len(rows)))
        families.append(Family(name=str(name), tests=len(rows), effective=effective))
    return tuple(families)
