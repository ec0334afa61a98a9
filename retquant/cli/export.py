"""`retquant export DIR`: one row a person, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    results: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a cohort run.")],
    form: Annotated[
        str, typer.Option("--format", help="csv, stata, r, regenie or plink.", show_default=True)
    ] = "csv",
    biomarkers: Annotated[str, typer.Option(help="Globs of biomarkers, separated by commas.")] = "*",
    covariates: Annotated[str, typer.Option(help="Columns to write beside them, separated by commas.")] = "",
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV or Parquet with participant_id [default: the manifest's columns]."),
    ] = None,
    eyes: Annotated[str, typer.Option(help="mean, right, left or both.")] = "mean",
    transform: Annotated[str, typer.Option(help="none, zscore, log, rank or winsor, over people.")] = "none",
    ids: Annotated[
        Path | None, typer.Option(help="CSV with participant_id, IID and FID of the genotypes.")
    ] = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="Leave out values of pictures not good enough for them.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder [default: DIR/export/FORMAT].")] = None,
) -> None:
    """Write biomarkers one row a person: a wide table, or phenotype and covariate files for genome-wide studies."""
    from retquant.association.export import FORMATS, person_table, read_ids, with_genetic_ids
    from retquant.cli.associate import names_of
    from retquant.errors import AssociationError

    if form not in FORMATS:
        raise AssociationError(f"there is no format {form!r}", remedy=f"choose {', '.join(FORMATS)}")
    table = person_table(
        results,
        biomarkers=names_of(biomarkers),
        covariates=names_of(covariates),
        labels=labels,
        eyes=eyes,
        transform=transform,
        gate=gate,
    )
    people = len(table.values)
    if ids is not None:
        table = with_genetic_ids(table, read_ids(ids))
    paths = FORMATS[form](table, out or results / "export" / form)
    typer.echo(f"{len(table.values):,} people, {len(table.biomarkers):,} biomarkers. {' '.join(table.rules)}")
    if len(table.values) < people:
        typer.echo(f"  {people - len(table.values):,} people have no id in {ids} and were left out")
    for exclusion in table.exclusions:
        typer.echo(f"  {exclusion.count:,} {exclusion.what}")
    for path in paths:
        typer.echo(f"Wrote  {path}")
