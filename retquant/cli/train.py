"""`retquant train`: adapt a network to drawn masks, resumably; once, or over folds, seeds and recipes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retquant.training.recipe import TrainingRecipe
    from retquant.training.sweep import Trial, Workplace


def train(
    recipes: Annotated[
        list[str],
        typer.Argument(
            metavar="RECIPE...", help="Training recipe (TOML file, or the name of one that ships)."
        ),
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
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="A run for each of so many folds of persons, and their mean and SD."),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Runs of each, with seeds from the recipe's upwards.")
    ] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Dask scheduler (tcp://host:8786) for such runs, one a worker with a GPU."),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Local processes for such runs; 0: in this one, one after another.")
    ] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Train the model that RECIPE describes; the same command goes on after a kill.

    Several recipes, --folds or --seeds make a sweep: a folder a run below OUT, and tables of the held-out figures.
    """
    plans = _load(recipes)
    if len(plans) == 1 and folds is None and seeds == 1:
        _train_one(*plans.values(), data=data, out=out, cache=cache, fold=fold, device=device, quiet=quiet)
        return
    from retquant.training.sweep import Workplace, plan_trials

    if fold is not None:
        raise typer.BadParameter("a sweep has all folds, by --folds", param_hint="--fold")
    folder = out or Path("runs") / "-".join(plans)
    # workers may have been started in another folder
    root, folder = data.resolve(), folder.resolve()
    place = Workplace(root=root, out=folder, cache=(cache or folder / "packed").resolve(), device=device)
    trials = plan_trials(plans, root, folds=folds, seeds=seeds)
    _sweep(trials, place, scheduler=scheduler, workers=workers, quiet=quiet)


def _load(names: Sequence[str]) -> dict[str, TrainingRecipe]:
    from retquant.resources import resource_folder
    from retquant.training.recipe import TrainingRecipe, load_recipe

    plans = {}
    for name in names:
        shipped = resource_folder("pipelines") / "training" / f"{name}.toml"
        path = shipped if shipped.is_file() else Path(name)
        if path.stem in plans:
            raise typer.BadParameter(f"two recipes are called {path.stem}", param_hint="RECIPE")
        plans[path.stem] = load_recipe(path, TrainingRecipe)
    return plans


def _train_one(
    plan: TrainingRecipe,
    *,
    data: Path,
    out: Path | None,
    cache: Path | None,
    fold: str | None,
    device: str,
    quiet: bool,
) -> None:
    from retquant.cli.progress import training_progress
    from retquant.segmentation.bundles import render_card
    from retquant.training.datasets import with_fold
    from retquant.training.run import run_training

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


def _sweep(
    trials: Sequence[Trial], place: Workplace, *, scheduler: str | None, workers: int, quiet: bool
) -> None:
    from contextlib import closing, nullcontext

    from retquant.cli.outcome import DONE_WITH_FAILURES
    from retquant.cli.progress import counted
    from retquant.cohort.cluster import ClusterSettings, connect
    from retquant.training.sweep import run_sweep
    from retquant.training.sweep_table import render_summary, write_tables

    on_cluster = scheduler is not None or workers > 0
    settings = ClusterSettings(workers=workers or None, scheduler=scheduler, threads=_threads(workers))
    with (
        closing(connect(settings, most=len(trials))) if on_cluster else nullcontext() as client,
        counted("runs", len(trials), quiet=quiet) as done,
    ):
        outcomes = run_sweep(trials, place, client=client, report=lambda _: done())
    by_run, summary = write_tables(outcomes, place.out)
    typer.echo(render_summary(outcomes))
    typer.echo(f"Figures by run are in {by_run}, their means in {summary}.")
    if failed := sum(bool(outcome.error) for outcome in outcomes):
        typer.echo(f"{failed} of {len(outcomes)} runs failed; the same command tries them again.", err=True)
        raise typer.Exit(DONE_WITH_FAILURES)


def _threads(workers: int) -> int:
    """Threads a local worker, so that together they use the machine."""
    import os

    return max(1, (os.cpu_count() or 1) // max(1, workers))


def _fold(text: str) -> dict[str, int]:
    first, _, last = text.partition("/")
    if not (first.isdigit() and last.isdigit()):
        raise typer.BadParameter(f"{text} is not K/N, such as 1/5", param_hint="--fold")
    return {"fold": int(first), "folds": int(last)}
