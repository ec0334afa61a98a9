"""The benchmark of foundation models: its networks, its order of runs, and the page it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.foundation_networks import KINDS, build, learned
from benchmarks.foundation_worth import course, judge, page, plan, read_lines, run
from retquant.training.datasets import find_examples
from retquant.training.recipe import TrainingRecipe

BY_NAME = {kind.name: kind for kind in KINDS}

SETTINGS = {
    "name": "toy",
    "title": "Toy",
    "intended_use": "Tests.",
    "network": {"default_hand": "toy", "working_px": 256},
    "optimization": {"steps": 1},
    "datasets": [
        {
            "name": "Toy",
            "licence": "CC0",
            "hand": "toy",
            "images": "*.png",
            "pattern": r"p(?P<person>\d)",
            "person": "{person}",
            "truth": {"vessel": "truth/p{person}.png"},
            "validation": ["2"],
        }
    ],
}


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


def test_a_run_is_trained_for_its_seconds_and_judged(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    rows, cols = np.mgrid[:160, :160]
    field = np.hypot(rows - 79.5, cols - 79.5) < 76
    for person in (1, 2, 3):
        bar = (np.abs(rows - 40 * person) < 4) & field
        pixels = np.where(field[..., None], [200, 120, 60], 0) - 60 * bar[..., None]
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(tmp_path / f"p{person}.png")
        Image.fromarray(bar).save(tmp_path / "truth" / f"p{person}.png")
    recipe = TrainingRecipe.model_validate(SETTINGS)
    about = run(BY_NAME["unet"], recipe, data=tmp_path, cache=None, images=1, seed=0, budget=0.5)
    assert about["cpu_seconds"] >= 0.5
    assert about["steps"] >= 1
    assert len(about["persons"]) == 1
    assert "2" not in about["persons"]
    held_out = [e for e in find_examples(recipe.datasets[0], tmp_path) if e.person == "2"]
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
