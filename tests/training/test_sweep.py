"""Folds, seeds and several recipes: planned, run on workers, resumed, and summed up."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from distributed import Client, LocalCluster, Scheduler, SpecCluster, Worker, get_worker

import retquant.training.sweep as sweep
from retquant.errors import ConfigError
from retquant.segmentation.bundles import HeldOutResult
from retquant.training.recipe import TrainingRecipe
from retquant.training.sweep import Outcome, Trial, Workplace, plan_trials, run_sweep
from retquant.training.sweep_table import render_summary, write_tables


@pytest.fixture
def recipe(toy_recipe: Callable[..., TrainingRecipe]) -> TrainingRecipe:
    """Nobody is held out by name."""
    return toy_recipe(optimization={"seed": 5}, dataset={"validation": []})


def place_in(root: Path, out: Path) -> Workplace:
    return Workplace(root=root, out=out, cache=out / "packed", device="cpu")


def result(trial: Trial, dice: float) -> Outcome:
    figures = dict.fromkeys(HeldOutResult.model_fields) | {
        "dataset": "Toy",
        "role": "validation",
        "target": "vessel",
        "hand": "toy",
        "images": 3,
        "mirrors": False,
        "dice": dice,
        "dice_sd": 0.2,
    }
    return Outcome(trial=trial, results=(HeldOutResult.model_validate(figures),))


def test_a_sweep_is_every_recipe_with_every_seed_and_fold(root: Path, recipe: TrainingRecipe) -> None:
    trials = plan_trials({"a": recipe, "b": recipe}, root, folds=2, seeds=2)
    assert [t.name for t in trials[:3]] == [
        "a-seed-5-fold-1-of-2",
        "a-seed-5-fold-2-of-2",
        "a-seed-6-fold-1-of-2",
    ]
    assert len({t.name for t in trials}) == 8
    assert [t.recipe.datasets[0].validation for t in trials[:2]] == [("1",), ("2",)]
    assert trials[2].recipe.optimization.seed == 6
    with pytest.raises(ConfigError, match="nobody is held out"):
        plan_trials({"a": recipe}, root)


def test_folds_are_trained_on_a_worker_and_a_second_call_trains_nothing(
    root: Path, recipe: TrainingRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials, place = plan_trials({"toy": recipe}, root, folds=2), place_in(root, tmp_path)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        outcomes = run_sweep(trials, place, client=client)
    assert [o.error for o in outcomes] == ["", ""]
    assert [o.trial.fold for o in outcomes] == [1, 2]
    assert all(o.results[0].images == 1 and o.results[0].role == "validation" for o in outcomes)

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("these runs are done")

    monkeypatch.setattr(sweep, "run_training", never)
    assert run_sweep(trials, place) == outcomes


def test_a_gpu_takes_one_run_at_a_time_and_other_workers_get_none(
    root: Path, recipe: TrainingRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, most, seen, guard = [0], [0], set(), threading.Lock()

    def stand_in(recipe: TrainingRecipe, *, folder: Path, **rest: object) -> SimpleNamespace:
        with guard:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
            seen.add(get_worker().name)
        time.sleep(0.05)
        with guard:
            busy[0] -= 1
        folder.mkdir(parents=True)
        return SimpleNamespace(results=())

    monkeypatch.setattr(sweep, "run_training", stand_in)
    trials = plan_trials({"toy": recipe}, root, folds=2, seeds=3)
    workers = {
        "plain": {"cls": Worker, "options": {"nthreads": 4}},
        "gpu": {"cls": Worker, "options": {"nthreads": 4, "resources": {"GPU": 1}}},
    }
    scheduler = {"cls": Scheduler, "options": {"dashboard": False, "dashboard_address": "127.0.0.1:0"}}
    with SpecCluster(workers=workers, scheduler=scheduler) as cluster, Client(cluster) as client:
        client.wait_for_workers(2)
        outcomes = run_sweep(trials, place_in(root, tmp_path), client=client)
    assert [o.trial.name for o in outcomes] == [t.name for t in trials]
    assert seen == {"gpu"}
    assert most == [1]


def test_one_failure_does_not_take_the_others_with_it(
    root: Path, recipe: TrainingRecipe, tmp_path: Path
) -> None:
    trials = plan_trials({"toy": recipe}, root, folds=2)
    lost = recipe.datasets[0].model_copy(update={"images": "nowhere/*.png"})
    broken = trials[0].recipe.model_copy(update={"datasets": (lost,)})
    bad = Trial(variant="bad", seed=0, fold=None, folds=None, recipe=broken)
    seen: list[Outcome] = []
    outcomes = run_sweep([bad, trials[1]], place_in(root, tmp_path), report=seen.append)
    assert "no image matches nowhere" in outcomes[0].error
    assert outcomes[1].results
    assert seen == outcomes
    by_run, _ = write_tables(outcomes, tmp_path)
    with by_run.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert "no image matches" in rows[0]["error"]
    assert rows[1]["dataset"] == "Toy"
    assert "bad-seed-0 failed: ConfigError" in render_summary(outcomes)


def test_tables_give_mean_and_sd_over_runs(root: Path, recipe: TrainingRecipe, tmp_path: Path) -> None:
    trials = plan_trials({"toy": recipe}, root, folds=2)
    outcomes = [result(trial, dice) for trial, dice in zip(trials, (0.7, 0.8), strict=True)]
    by_run, summary = write_tables(outcomes, tmp_path)
    with by_run.open(encoding="utf-8") as file:
        assert [row["dice"] for row in csv.DictReader(file)] == ["0.7", "0.8"]
    with summary.open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["runs"], row["images"]) == ("2", "6")
    assert float(row["dice_mean"]) == pytest.approx(0.75)
    assert float(row["dice_sd"]) == pytest.approx(np.std([0.7, 0.8], ddof=1))
    assert row["auc_mean"] == ""
    assert "dice_low_mean" not in row
    assert "| toy | Toy | vessel | 2 | 0.750 ± 0.071 | – | – | – |" in render_summary(outcomes)
