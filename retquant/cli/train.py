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
    fold: Annotated[
        str | None, typer.Option(help="K/N: hold out the Kth of N folds of the persons of every data set.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Train the model that RECIPE describes; the same command goes on after a kill."""
    from retquant.cli.progress import training_progress
    from retquant.segmentation.bundles import render_card
    from retquant.training.datasets import with_fold
    from retquant.training.recipe import TrainingRecipe, load_recipe
    from retquant.training.run import run_training

    plan = load_recipe(recipe, TrainingRecipe)
    if fold is not None:
        plan = with_fold(plan, data, **_fold(fold))
    folder = out or Path("runs") / (
        plan.name if fold is None else f"{plan.name}-fold-{fold.replace('/', '-of-')}"
    )
    with training_progress(plan.optimization.steps, quiet=quiet) as report:
        bundle = run_training(
            plan, root=data, folder=folder, report=report, device=device, cache=cache or folder / "packed"
        )
    typer.echo(render_card(bundle))
    typer.echo(
        f"The bundle is in {bundle.folder}; use it with: retquant cohort run manifest.csv --model {bundle.folder}"
    )


def _fold(text: str) -> dict[str, int]:
    first, _, last = text.partition("/")
    if not (first.isdigit() and last.isdigit()):
        raise typer.BadParameter(f"{text} is not K/N, such as 1/5", param_hint="--fold")
    return {"fold": int(first), "folds": int(last)}
