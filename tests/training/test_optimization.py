"""The course of the learning rate, the optimisers and what they remember across a kill, and stopping early."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

import retquant.training.trainer as trainer
from retquant.training.optimization import rate_at
from retquant.training.recipe import OptimizationRecipe, TrainingRecipe
from retquant.training.trainer import Report, train

MakeRecipe = Callable[..., TrainingRecipe]


@pytest.fixture(scope="module")
def changed(toy_recipe: MakeRecipe) -> MakeRecipe:
    """Makes the toy recipe of four steps with other settings of the optimisation."""
    return lambda **options: toy_recipe(network={"working_px": 288}, optimization={"steps": 4, **options})


def course(peak: float, **options: object) -> list[float]:
    settings = OptimizationRecipe.model_validate(options)
    return [rate_at(step, peak, settings) for step in range(settings.steps)]


def test_the_rate_warms_up_from_1e_5_to_1e_3_and_decays() -> None:
    rates = course(1e-3, steps=110, warmup_steps=10, warmup_from=1e-5)
    assert rates[0] == 1e-5
    assert rates[10] == 1e-3 == max(rates)
    assert np.allclose(np.diff(rates[:11]), (1e-3 - 1e-5) / 10)  # linear
    assert all(np.diff(rates[10:]) < 0)
    assert rates[60] == pytest.approx(0.5e-3)  # half way down the cosine
    assert rates[-1] < 1e-6


def test_a_warm_up_from_nought_loses_no_step() -> None:
    assert course(1.0, steps=20, warmup_steps=4)[:4] == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("options", "at", "wanted"),
    [
        ({"schedule": "poly"}, 50, 0.5**0.9),
        ({"schedule": "poly", "poly_power": 2.0}, 50, 0.25),
        ({"schedule": "poly", "floor": 0.1}, 50, 0.1 + 0.9 * 0.5**0.9),
        ({"schedule": "cosine", "floor": 0.2}, 25, 0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi / 4))),
        ({"schedule": "step"}, 49, 1.0),
        ({"schedule": "step"}, 50, 0.1),
        ({"schedule": "step"}, 75, 0.01),
        ({"schedule": "step", "step_at": [0.2], "step_factor": 0.5}, 99, 0.5),
        ({"schedule": "constant"}, 99, 1.0),
    ],
)
def test_each_schedule_has_its_closed_form(options: dict[str, object], at: int, wanted: float) -> None:
    assert course(2.0, steps=100, warmup_steps=0, **options)[at] == pytest.approx(2.0 * wanted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step_at": [0.8, 0.5]}, "rising shares"),
        ({"step_at": [0.5, 1.5]}, "rising shares"),
        ({"method": "sgd", "nesterov": True, "momentum": 0.0}, "needs a momentum"),
        ({"method": "adam"}, "adamw"),
        ({"patience": 0}, "greater than or equal to 1"),
    ],
)
def test_a_course_that_cannot_be_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        OptimizationRecipe.model_validate({"steps": 10, **options})


def test_sgd_with_momentum_takes_the_step_of_its_closed_form(changed: MakeRecipe) -> None:
    recipe = changed(method="sgd", momentum=0.5, weight_decay=0.0)
    network = trainer.build_network(trainer.network_spec(recipe))
    optimizer = trainer.optimizer_of(network, recipe.optimization)
    weight = next(network.parameters())
    start = weight.detach().clone()
    for group in optimizer.param_groups:
        group["lr"] = 0.1
    for _ in range(2):
        optimizer.zero_grad()
        weight.sum().backward()  # a gradient of one everywhere
        optimizer.step()
    # moves by 0.1, then by 0.1 (1 + 0.5)
    assert torch.allclose(weight, start - 0.25, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "sgd", "nesterov": True, "schedule": "poly", "rate_compact": 0.05},
        {"method": "sgd", "momentum": 0.0, "schedule": "step", "rate_compact": 0.05},
        {"method": "adamw", "warmup_from": 1e-5, "precision": "float32"},
    ],
    ids=["nesterov", "plain sgd", "adamw"],
)
def test_a_killed_run_ends_like_an_undisturbed_one_with_either_optimiser(
    root: Path, changed: MakeRecipe, tmp_path: Path, options: dict[str, object]
) -> None:
    recipe, cache = changed(steps=3, **options), tmp_path / "packed"
    whole = train(recipe, root=root, folder=tmp_path / "whole", report=lambda r: None, cache=cache)
    train(recipe, root=root, folder=tmp_path / "halves", report=lambda r: None, cache=cache, stop_at=2)
    resumed = train(recipe, root=root, folder=tmp_path / "halves", report=lambda r: None, cache=cache)
    for name, value in whole.network.trained_state().items():
        assert torch.equal(value, resumed.network.trained_state()[name]), name


def test_the_average_follows_the_weights_and_the_seed_decides_where_they_start(
    root: Path, changed: MakeRecipe, tmp_path: Path
) -> None:
    starts = []
    for seed in (0, 1):
        recipe = changed(seed=seed, average_decay=0.9)
        torch.manual_seed(seed)
        start = trainer.build_network(trainer.network_spec(recipe)).trained_state()
        starts.append({name: value.clone() for name, value in start.items()})
    train(recipe, root=root, folder=tmp_path, report=lambda r: None, stop_at=1)
    saved = load_file(tmp_path / "checkpoint.safetensors")
    for name, value in starts[1].items():
        # the first step counts for nine tenths, so that a short run does not ship its random start
        wanted = torch.lerp(value, saved[f"weights/{name}"], 0.9)
        assert torch.allclose(saved[f"average/{name}"], wanted, atol=1e-6), name
    assert not torch.equal(starts[0]["look_head.weight"], starts[1]["look_head.weight"])


def test_a_run_stops_when_validation_gets_no_better_and_stays_stopped(
    root: Path, changed: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores: Iterator[float] = iter([0.5, 0.6, 0.6, 0.55, 0.9, 0.9])
    monkeypatch.setattr(trainer, "validate", lambda *args, **kwargs: {"Toy vessel": next(scores)})
    recipe = changed(steps=9, validate_every=1, patience=2)
    seen: list[Report] = []
    done = train(recipe, root=root, folder=tmp_path, report=seen.append)
    assert [line.step for line in seen] == [1, 2, 3, 4]
    assert (done.progress.best_step, done.progress.best_dice) == (2, 0.6)
    again = train(recipe, root=root, folder=tmp_path, report=seen.append)
    assert len(seen) == 4  # the command given again does not go on
    for name, value in done.network.trained_state().items():
        assert torch.equal(value, again.network.trained_state()[name]), name


def test_new_settings_leave_the_digest_of_older_recipes_as_it_was(changed: MakeRecipe) -> None:
    recipe = changed()
    # written when neither SGD, schedules nor precision could be set: checkpoints of that time must go on
    assert recipe.digest() == "ed6aea1e7fcf5107"
    for options in ({"method": "sgd"}, {"schedule": "poly"}, {"warmup_from": 1e-5}, {"step_at": [0.5]}):
        assert changed(**options).digest() != recipe.digest()
