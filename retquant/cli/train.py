"""`retquant train`: adapt the foundation model to drawn masks, resumably."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[
        Path, typer.Argument(help="Training recipe (TOML), such as pipelines/training/fundus-vessels.toml.")
    ],
    data: Annotated[
        Path, typer.Option(envvar="RETQUANT_DATA", help="Folder that the recipe's paths are relative to.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for checkpoint and bundle [default: runs/NAME].")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder for packed images, which runs may share [default: OUT/packed]."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Train the model that RECIPE describes; the same command goes on after a kill."""
    from retquant.cli.progress import training_progress
    from retquant.segmentation.bundles import render_card
    from retquant.training.recipe import TrainingRecipe, load_recipe
    from retquant.training.run import run_training

    plan = load_recipe(recipe, TrainingRecipe)
    folder = out or Path("runs") / plan.name
    with training_progress(plan.optimization.steps, quiet=quiet) as report:
        bundle = run_training(
            plan, root=data, folder=folder, report=report, device=device, cache=cache or folder / "packed"
        )
    typer.echo(render_card(bundle))
    typer.echo(
        f"The bundle is in {bundle.folder}; use it with: retquant cohort run manifest.csv --model {bundle.folder}"
    )
