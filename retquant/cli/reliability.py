"""`retquant reliability DIR`: how far each biomarker can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def reliability(
    results: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a cohort run.")],
    against: Annotated[
        Path | None, typer.Option(help="Folder of a second run on the same pictures, by another method.")
    ] = None,
    biomarkers: Annotated[str, typer.Option(help="Globs of biomarkers, separated by commas.")] = "*",
    gate: Annotated[
        bool, typer.Option("--gate", help="Leave out values of pictures not good enough for them.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for table and page [default: DIR/reliability].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The table for machines, on stdout.")] = False,
) -> None:
    """Compare repeat pictures, the two eyes of people and, with --against, two methods on the same pictures."""
    from retquant.association.reliability import reliability as compare
    from retquant.cli.associate import names_of
    from retquant.cli.outcome import say_json
    from retquant.report.reliability_page import write_reliability_page

    found = compare(results, against=against, biomarkers=names_of(biomarkers), gate=gate)
    folder = out or results / "reliability"
    table = found.to_csv(folder / "reliability.csv")
    page = write_reliability_page(found, folder / "reliability.html")
    if as_json:
        say_json(found.table.to_dict(orient="records"))
        return
    typer.echo(found.headline)
    for line in found.middle():
        typer.echo(f"  {line}")
    typer.echo(f"Table  {table}\nPage   {page}")
