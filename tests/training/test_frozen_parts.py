"""Parts of a network that training leaves as it found them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from retquant.segmentation.build import build_network
from retquant.segmentation.bundles import read_weights
from retquant.training.export import write_bundle
from retquant.training.recipe import TrainingRecipe
from retquant.training.trainer import network_spec, train

MakeRecipe = Callable[..., TrainingRecipe]
NETWORK = {"targets": ["vessel"], "working_px": 144}
FROZEN = ("glance", "glance_head")


def test_frozen_parts_stay_to_the_bit_and_the_others_learn(
    toy_recipe: MakeRecipe, draw_people: Callable[[int], Path], tmp_path: Path
) -> None:
    root, first = draw_people(2), toy_recipe(network=NETWORK)
    start = write_bundle(build_network(network_spec(first)), first, root=root, folder=tmp_path / "start")
    options = {"steps": 4, "frozen": list(FROZEN)}
    recipe = toy_recipe(init=str(start.folder), network=NETWORK, optimization=options)
    train(recipe, root=root, folder=tmp_path / "run", report=lambda r: None, stop_at=2)
    done = train(recipe, root=root, folder=tmp_path / "run", report=lambda r: None)  # resumed

    before = {name: value.float() for name, value in load(read_weights(start)).items()}
    after = done.network.trained_state()
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert not {name for name in moved if name.startswith("glance")}  # statistics neither
    assert {"look.down.0.0.0.weight", "look.down.0.0.1.running_mean"} <= moved


def test_a_part_can_stay_only_where_something_trained_it(toy_recipe: MakeRecipe) -> None:
    with pytest.raises(ValueError, match="there is none"):
        toy_recipe(network=NETWORK, optimization={"frozen": ["glance"]})
    with pytest.raises(ValueError, match="drawn is frozen"):
        toy_recipe(
            init="x",
            network={**NETWORK, "targets": ["disc"]},
            dataset={"truth": {"disc": "truth/{id}.png"}},
            optimization={"frozen": ["drawn"]},
        )
    with pytest.raises(ValueError, match="glance"):
        toy_recipe(init="x", network=NETWORK, optimization={"frozen": ["encoder"]})


def test_what_stays_is_part_of_a_runs_identity(toy_recipe: MakeRecipe) -> None:
    plain = toy_recipe(init="x", network=NETWORK)
    assert (
        plain.digest() != toy_recipe(init="x", network=NETWORK, optimization={"frozen": ["glance"]}).digest()
    )
