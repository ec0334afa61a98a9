"""`retquant associate DIR`: which biomarkers go with an outcome."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer


def associate(
    results: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a cohort run.")],
    outcome: Annotated[str, typer.Option(help="Column of the labels: binary or continuous.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV or Parquet with participant_id [default: the manifest's columns]."),
    ] = None,
    covariates: Annotated[str, typer.Option(help="Columns to adjust for, separated by commas.")] = "",
    biomarkers: Annotated[str, typer.Option(help="Globs of biomarkers, separated by commas.")] = "*",
    eyes: Annotated[str, typer.Option(help="auto, person or eye: what a row of the analysis is.")] = "auto",
    gate: Annotated[
        bool, typer.Option("--gate", help="Leave out values of pictures not good enough for them.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for table and page [default: DIR/associations].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The table for machines, on stdout.")] = False,
) -> None:
    """Test every biomarker in DIR against an outcome; two eyes of a person never count as two people."""
    from retquant.association import associate as analyse
    from retquant.cli.outcome import say_json

    found = analyse(
        results,
        labels=labels,
        outcome=outcome,
        covariates=_names(covariates),
        biomarkers=_names(biomarkers),
        eyes=eyes,
        gate=gate,
    )
    folder = out or results / "associations"
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^\w.=-]+", "_", outcome)  # an outcome may hold anything, a file name may not
    table = found.to_parquet(folder / f"{stem}.parquet")
    page = found.report(folder / f"{stem}.html")
    if as_json:
        say_json(found.table.to_dict(orient="records"))
        return
    typer.echo(found.headline)
    for line in found.top(10):
        typer.echo(f"  {line}")
    typer.echo(f"Table  {table}\nPage   {page}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
