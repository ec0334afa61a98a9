"""The benchmark of foundation models: its networks, its order of runs, and the page it writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks.foundation_networks import KINDS, build, learned
from benchmarks.foundation_worth import course, judge, page, plan, read_lines, run
from retquant.training.datasets import find_examples
from retquant.training.recipe import TrainingRecipe

BY_NAME = {kind.name: kind for kind in KINDS}


def test_what_says_most_runs_first_and_nothing_runs_twice() -> None:
    runs = [(s, n, k.name) for s, n, k in plan([0, 1], [5, None, 2], KINDS[:2])]
    assert runs[:4] == [(0, 2, "lora"), (0, 2, "unet"), (0, None, "lora"), (0, None, "unet")]
    assert len(set(runs)) == len(runs) == 12


@pytest.mark.parametrize("name", ["unet", "decoder", "decoder-fusion-branch"])
def test_a_network_trains_what_its_kind_says(name: str) -> None:
    kind = BY_NAME[name]
    trained = {n.split(".")[0] for n, p in build(kind, hand="toy").named_parameters() if p.requires_grad}
    wanted = {"unet": {"encoder", "head"}}.get(name, {"decoder", "hands"})
    wanted |= {"branch"} if kind.branch else set()
    wanted |= {"fusion"} if kind.fusion else set()
    assert trained == wanted


def test_the_control_from_random_weights_learns_in_its_first_layer() -> None:
    network = build(BY_NAME["all-random"], hand="toy").train()
    encoder = network.get_submodule("encoder")
    encoder(torch.rand(1, 3, 64, 64)).embedding.square().mean().backward()
    first = encoder.get_parameter("patch_embed.conv1.conv.weight")
    assert first.grad is not None
    assert first.grad.abs().max() > 0
    assert any("running_mean" in name for name in learned(network))


def test_a_run_is_trained_for_its_seconds_and_judged(
    draw_people: Callable[[int], Path], toy_recipe: Callable[..., TrainingRecipe]
) -> None:
    root = draw_people(3)
    recipe = toy_recipe(
        network={"foundation": "litemedsam", "working_px": 256}, optimization={"centerline_from": 0.3}
    )
    about = run(BY_NAME["unet"], recipe, data=root, cache=None, images=1, seed=0, budget=0.5)
    assert about["cpu_seconds"] >= 0.5
    assert about["steps"] >= 1
    assert len(about["persons"]) == 1
    assert "2" not in about["persons"]
    held_out = [e for e in find_examples(recipe.datasets[0], root) if e.person == "2"]
    figures = judge(about["network"], held_out, working_px=256)
    assert 0 <= figures["dice"] <= 1
    assert figures["images"] == 1


def test_the_rate_rises_and_falls_within_the_budget() -> None:
    assert course(0.0) > 0
    assert course(0.05) == 1.0
    assert course(1.0) == pytest.approx(0.0)


def test_the_page_gives_mean_and_spread_over_seeds_and_a_cut_line_does_no_harm(tmp_path: Path) -> None:
    lines = [
        {
            "kind": "unet",
            "images": 2,
            "seed": seed,
            "budget": 600.0,
            "cpu_seconds": 600.0,
            "tiles": 1200,
            "trained": 480000,
            "figures": {"DRIVE": {"dice": dice, "auc": 0.97, "centerline_dice": 0.8}},
        }
        for seed, dice in ((0, 0.80), (1, 0.82))
    ]
    path = tmp_path / "results.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines) + '\n{"kind": "lo', encoding="utf-8")
    text = page(read_lines(path))
    assert "| `unet` | 2 | 0.810 ± 0.014 | 0.970 ± 0.000 | 0.800 ± 0.000 |" in text
    assert "600 CPU seconds, 2 training images" in text
    assert "| 2.00 |" in text  # tiles a second
