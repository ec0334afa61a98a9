"""Many runs of one kind: folds of persons, seeds, several recipes; in turn, or one a worker of a Dask cluster.

Each run keeps its state in a folder of its own and leaves its held-out figures there, so that a sweep which is given
again trains only what is missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from retquant.errors import ConfigError
from retquant.segmentation.bundles import HeldOutResult
from retquant.training.datasets import with_fold
from retquant.training.recipe import TrainingRecipe
from retquant.training.run import run_training

if TYPE_CHECKING:
    from distributed import Client

FIGURES_FILE = "figures.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run of a sweep."""

    variant: str  # the recipe's file name, without its ending
    seed: int
    fold: int | None  # from 1; None: the persons that the recipe holds out
    folds: int | None
    recipe: TrainingRecipe

    @property
    def name(self) -> str:
        """Its folder below the sweep's."""
        fold = "" if self.fold is None else f"-fold-{self.fold}-of-{self.folds}"
        return f"{self.variant}-seed-{self.seed}{fold}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where a sweep reads and writes; on a cluster every worker sees these folders."""

    root: Path  # of the data
    out: Path
    cache: Path
    device: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a trial."""

    trial: Trial
    results: tuple[HeldOutResult, ...] = ()
    error: str = ""  # why there are none


def plan_trials(
    recipes: Mapping[str, TrainingRecipe], root: Path, *, folds: int | None = None, seeds: int = 1
) -> list[Trial]:
    """Every recipe with so many seeds, from its own upwards, and each of these with every fold of persons.

    Raises
    ------
    ConfigError
        A data set has fewer persons than folds, or a recipe holds out nobody and there are no folds.
    """
    trials = []
    for variant, recipe in recipes.items():
        if folds is None and not any(dataset.validation for dataset in recipe.datasets):
            raise ConfigError(
                "nobody is held out, so there would be no figures", where=variant, remedy="--folds 5"
            )
        parts: list[tuple[int | None, TrainingRecipe]] = [(None, recipe)]
        if folds is not None:
            parts = [(k, with_fold(recipe, root, fold=k, folds=folds)) for k in range(1, folds + 1)]
        first = recipe.optimization.seed
        for seed in range(first, first + seeds):
            for fold, part in parts:
                options = part.optimization.model_copy(update={"seed": seed})
                seeded = part.model_copy(update={"optimization": options})
                trials.append(Trial(variant=variant, seed=seed, fold=fold, folds=folds, recipe=seeded))
    return trials


def run_trial(trial: Trial, place: Workplace) -> Outcome:
    """Train, export and judge one run, or go on with it; a run that is done is only read.

    Raises
    ------
    ModelError
        Its folder holds a run of another recipe.
    """
    folder = place.out / trial.name
    done = _read(folder / FIGURES_FILE, trial.recipe.digest())
    if done is not None:
        return Outcome(trial=trial, results=done)
    bundle = run_training(
        trial.recipe,
        root=place.root,
        folder=folder,
        report=lambda _: None,
        device=place.device,
        cache=place.cache,
    )
    _write(folder / FIGURES_FILE, trial.recipe.digest(), bundle.results)
    return Outcome(trial=trial, results=bundle.results)


def run_sweep(
    trials: Sequence[Trial],
    place: Workplace,
    *,
    client: Client | None = None,
    report: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Run trials in this process one after another, or as tasks of a Dask cluster, and return them in their order.

    Where workers offer the resource `GPU`, a trial takes one, and workers without it get none. A trial that fails is
    an outcome with its error, and the others go on; a worker that ends under a trial hands it to another, which goes
    on from its checkpoint.
    """
    outcomes: dict[str, Outcome] = {}
    for outcome in _in_turn(trials, place) if client is None else _on_workers(trials, place, client):
        outcomes[outcome.trial.name] = outcome
        report(outcome)
    return [outcomes[trial.name] for trial in trials]


def _in_turn(trials: Sequence[Trial], place: Workplace) -> Iterator[Outcome]:
    for trial in trials:
        try:
            yield run_trial(trial, place)
        except Exception as error:  # the boundary of a trial: hours of others must not be lost with it
            yield Outcome(trial=trial, error=_say(error))


def _on_workers(trials: Sequence[Trial], place: Workplace, client: Client) -> Iterator[Outcome]:
    from distributed import as_completed

    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    gpus = int(sum(worker["resources"].get("GPU", 0) for worker in workers))
    needs = {"GPU": 1} if gpus else {}
    waiting, under_way = list(trials), {}
    pending = as_completed(loop=client.loop)

    def send() -> None:
        trial = waiting.pop(0)
        # a task that needs a resource is not queued by the scheduler, so no more are sent than can run
        future = client.submit(
            run_trial, trial, place, resources=needs, key=f"train-{trial.name}", pure=False
        )
        under_way[future] = trial
        pending.add(future)

    for _ in range(min(len(waiting), gpus or max(1, len(workers)))):
        send()
    for future in pending:
        trial, error = under_way.pop(future), future.exception()
        yield future.result() if error is None else Outcome(trial=trial, error=_say(error))
        future.release()
        if waiting:
            send()


def _say(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _read(path: Path, digest: str) -> tuple[HeldOutResult, ...] | None:
    if not path.is_file():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept["recipe"] != digest:
        return None  # `train` says what is wrong
    return tuple(HeldOutResult.model_validate(row) for row in kept["results"])


def _write(path: Path, digest: str, results: Sequence[HeldOutResult]) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    rows = [result.model_dump() for result in results]
    aside.write_text(json.dumps({"recipe": digest, "results": rows}, indent=2) + "\n", encoding="utf-8")
    os.replace(aside, path)
