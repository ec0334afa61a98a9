"""`retquant biomarkers list|show`: what each column means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from retquant.errors import ConfigError

if TYPE_CHECKING:
    from retquant.biomarkers import Column

app = typer.Typer(help="What each biomarker is: unit, definition, source.", no_args_is_help=True)


@app.command("list")
def list_(
    match: Annotated[str, typer.Argument(help="Glob over the names, such as 'artery_*'.")] = "*",
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """List the columns of the biomarker table with their units; those of a slab where only they match."""
    from fnmatch import fnmatchcase

    from retquant.biomarkers import BIOMARKERS, slab_columns
    from retquant.cli.outcome import say_json

    chosen = [column for name, column in BIOMARKERS.items() if fnmatchcase(name, match)]
    chosen = chosen or [column for column in slab_columns() if fnmatchcase(column.name, match)]
    if as_json:
        say_json([_as_dict(column) for column in chosen])
        return
    width = max((len(column.name) for column in chosen), default=0)
    for column in chosen:
        typer.echo(f"{column.name:<{width}}  {column.unit}")
    typer.echo(f"{len(chosen)} biomarkers", err=True)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A column's name.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show one biomarker's definition, unit, region rule and source."""
    from retquant.biomarkers import BIOMARKERS, find_column
    from retquant.biomarkers.gates import gates, needed_text
    from retquant.cli.outcome import say_json

    column = find_column(name)
    if column is None:
        from difflib import get_close_matches

        near = get_close_matches(name, list(BIOMARKERS), n=3, cutoff=0.5)
        raise ConfigError(
            f"there is no biomarker {name!r}", remedy=", ".join(near) if near else "retquant biomarkers list"
        )
    facts = _as_dict(column)
    for modality in column.modalities:
        if needed := gates(modality).get(column.definition_id):
            facts[f"needs_quality_{modality}"] = tuple(needed_text(*line) for line in needed.items())
    if as_json:
        say_json(facts)
        return
    width = max(map(len, facts))
    for key, value in facts.items():
        text = ", ".join(map(str, value)) if isinstance(value, tuple) else value
        typer.echo(f"{key.replace('_', ' '):<{width}}  {text}")


def _as_dict(column: Column) -> dict[str, object]:
    """The column's facts; what is empty is left out."""
    from dataclasses import asdict

    return {name: value for name, value in asdict(column).items() if value not in (None, "", ())}
