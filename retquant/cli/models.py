"""`retquant models list|show`: the bundles that ship, and their cards."""

from __future__ import annotations

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
