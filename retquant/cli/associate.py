"""`retquant associate DIR`: which biomarkers go with an outcome."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from retquant.errors import AssociationError


def associate(
    results: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a cohort run.")],
    outcome: Annotated[str | None, typer.Option(help="Column of the labels, or COLUMN=VALUE.")] = None,
    plan: Annotated[
        Path | None, typer.Option(help="TOML plan of many outcomes, in place of the other options.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV or Parquet with participant_id [default: the manifest's columns]."),
    ] = None,
    covariates: Annotated[str, typer.Option(help="Columns to adjust for, separated by commas.")] = "",
    biomarkers: Annotated[str, typer.Option(help="Globs of biomarkers, separated by commas.")] = "*",
    eyes: Annotated[
        str,
        typer.Option(help="auto, mean, worse, right, left, random (one eye), or both: rows of the analysis."),
    ] = "auto",
    visits: Annotated[str, typer.Option(help="first, last, nearest (to --near) or all visits.")] = "first",
    near: Annotated[str | None, typer.Option(help="Column of dates that visits are to be near to.")] = None,
    seed: Annotated[int, typer.Option(help="Of eyes at random.")] = 0,
    model: Annotated[
        str, typer.Option(help="auto, clustered, gee or mixed: how the rows of a person are modelled.")
    ] = "auto",
    response: Annotated[
        str, typer.Option(help="outcome, or biomarker: what is explained by the other.")
    ] = "outcome",
    transform: Annotated[
        str, typer.Option(help="none, log, rank, winsor or zscore: of the biomarkers.")
    ] = "none",
    interaction: Annotated[
        str | None, typer.Option(help="Column that may change the effect, as sex.")
    ] = None,
    strata: Annotated[
        str | None, typer.Option(help="Column whose groups are also analysed each alone.")
    ] = None,
    site: Annotated[str | None, typer.Option(help="Column of sites.")] = None,
    site_as: Annotated[
        str, typer.Option(help="fixed (indicators), random (intercept) or meta (meta-analysis).")
    ] = "fixed",
    weights: Annotated[str | None, typer.Option(help="Column of survey weights.")] = None,
    splines: Annotated[
        int,
        typer.Option(help="Degrees of freedom of splines that straight lines are tested against; 0: none."),
    ] = 3,
    kind: Annotated[str, typer.Option(help="auto, binary, continuous, ordinal, count or survival.")] = "auto",
    time: Annotated[
        str | None, typer.Option(help="Column of follow-up times: the outcome is the event at its end.")
    ] = None,
    entry: Annotated[
        str | None, typer.Option(help="Column of the times from which people are at risk [default: 0].")
    ] = None,
    harmonise: Annotated[
        str | None,
        typer.Option(help="Column of devices or sites between which biomarkers are made alike first."),
    ] = None,
    robust: Annotated[
        int, typer.Option(help="Best biomarkers that are analysed again by eye, sex, site, …", min=0)
    ] = 10,
    prediction: Annotated[
        bool,
        typer.Option(help="Cross-validate how well the outcome is predicted, as a check (some seconds)."),
    ] = True,
    gate: Annotated[
        bool, typer.Option("--gate", help="Leave out values of pictures not good enough for them.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for table and page [default: DIR/associations].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The table for machines, on stdout.")] = False,
) -> None:
    """Test every biomarker in DIR against an outcome; two eyes of a person never count as two people."""
    from retquant.association import Modelling
    from retquant.association import associate as analyse
    from retquant.cli.outcome import say_json

    if plan is not None:
        _by_plan(results, plan, labels, out, as_json)
        return
    if outcome is None:
        raise AssociationError("there is no outcome", remedy="give --outcome COLUMN, or --plan plan.toml")
    found = analyse(
        results,
        labels=labels,
        outcome=outcome,
        covariates=names_of(covariates),
        biomarkers=names_of(biomarkers),
        eyes=eyes,
        visits=visits,
        near=near,
        seed=seed,
        modelling=Modelling(
            model=model,
            response=response,
            transform=transform,
            interaction=interaction,
            strata=strata,
            site=site,
            site_as=site_as,
            weights=weights,
            splines=splines,
        ),
        kind=kind,
        time=time,
        entry=entry,
        harmonise=harmonise,
        robust=robust,
        predicts=prediction,
        gate=gate,
    )
    folder = out or results / "associations"
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^\w.=-]+", "_", outcome)  # an outcome may hold anything, a file name may not
    table = found.to_parquet(folder / f"{stem}.parquet")
    levels = found.write_levels(folder / f"{stem}.levels.csv")
    page = found.report(folder / f"{stem}.html")
    if as_json:
        say_json(found.table.to_dict(orient="records"))
        return
    typer.echo(found.headline)
    for line in found.top(10):
        typer.echo(f"  {line}")
    typer.echo(f"Table  {table}\n" + (f"Levels {levels}\n" if levels else "") + f"Page   {page}")


def _by_plan(results: Path, path: Path, labels: Path | None, out: Path | None, as_json: bool) -> None:
    from retquant.association.many import associate_plan
    from retquant.association.plan import load_plan
    from retquant.cli.outcome import say_json
    from retquant.report.plan_page import write_plan_pages

    plan = load_plan(path)
    if labels is not None:
        plan = plan.model_copy(update={"labels": labels})
    found = associate_plan(
        results, plan, progress=None if as_json else lambda name: typer.echo(f"  {name} …", err=True)
    )
    folder = out or results / "associations" / plan.name
    table, _ = found.write_tables(folder)
    page = write_plan_pages(found, folder)
    if as_json:
        say_json(found.table.to_dict(orient="records"))
        return
    typer.echo(found.headline)
    for name, why in found.refused.items():
        typer.echo(f"  {name} could not be analysed: {why}")
    typer.echo(f"Tables {table} and .csv\nPage   {page}")


def names_of(text: str) -> tuple[str, ...]:
    """What an option lists, separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
