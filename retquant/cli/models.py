"""`retquant models list|show|fetch|verify`: the bundles that ship, their cards, and foundation weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The segmentation models that ship, and their cards.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """List the models with their targets and what their training data allow."""
    from retquant.cli.outcome import say_json
    from retquant.segmentation.bundles import list_bundles

    bundles = list_bundles()
    if as_json:
        say_json([bundle.model_dump() for bundle in bundles])
        return
    for bundle in bundles:
        terms = "open data" if bundle.is_open else "includes research-use data"
        typer.echo(f"{bundle.name}  {bundle.modality}  {', '.join(bundle.targets)}  {terms}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A model's name, or the folder of a bundle.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show a model's card: training data, licences, held-out figures, intended use."""
    from retquant.cli.outcome import say_json
    from retquant.segmentation.bundles import read_bundle, render_card

    bundle = read_bundle(name)
    if as_json:
        say_json(bundle.model_dump())
        return
    typer.echo(render_card(bundle))


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A foundation model: sam-vit-b, sam-vit-l or sam-vit-h.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="Take this checkpoint file, instead of downloading it.")
    ] = None,
) -> None:
    """Put a foundation model's published weights into the cache, checked by sha256."""
    from retquant.segmentation.checkpoints import fetch_checkpoint
    from retquant.segmentation.foundation import find_foundation

    typer.echo(f"{name} is in {fetch_checkpoint(find_foundation(name), source=source)}")


@app.command()
def verify(
    name: Annotated[
        str | None,
        typer.Argument(help="A model, the folder of one, or a foundation [default: all that ship]."),
    ] = None,
) -> None:
    """Check the weights of models and foundations against their pinned sha256."""
    from retquant.segmentation.bundles import list_bundles, read_bundle, read_weights
    from retquant.segmentation.checkpoints import verify_checkpoint
    from retquant.segmentation.foundation import FOUNDATIONS

    if name is not None and name in FOUNDATIONS:
        typer.echo(f"{name}: {verify_checkpoint(FOUNDATIONS[name])} is as published")
        return
    for bundle in list_bundles() if name is None else [read_bundle(name)]:
        read_weights(bundle)
        typer.echo(f"{bundle.name}: the weights are those of its card")
        if bundle.foundation in FOUNDATIONS:
            path = verify_checkpoint(FOUNDATIONS[bundle.foundation])
            typer.echo(f"{bundle.name}: its foundation {bundle.foundation}, {path}, is as published")
