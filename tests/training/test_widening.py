"""A wider network begins with what a narrow one says, and its twin channels do not stay twins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from retquant.errors import ConfigError
from retquant.segmentation.build import build_network
from retquant.segmentation.bundles import Bundle, read_weights, render_card
from retquant.segmentation.compact import CompactNetwork
from retquant.segmentation.segmenter import load_segmenter
from retquant.segmentation.spec import NetworkSpec
from retquant.training.export import write_bundle
from retquant.training.recipe import TrainingRecipe
from retquant.training.start import begin_from
from retquant.training.trainer import network_spec, train
from retquant.training.widening import widened

MakeRecipe = Callable[..., TrainingRecipe]

SPEC = NetworkSpec(foundation="compact", targets=("large_vessel", "artery", "faz"), hands=("one", "other"))


def compact(spec: NetworkSpec) -> CompactNetwork:
    """A fresh network whose every weight and statistic shows in what it says."""
    network = build_network(spec)
    assert isinstance(network, CompactNetwork)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2.0)
            elif name.startswith("drawn.style") or name.endswith("running_mean"):
                value.normal_(std=0.3)
    return network.eval()


def says(network: CompactNetwork, hand: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    tiles, glance = (torch.rand(1, c, 48, 48, generator=generator) for c in (3, 6))
    with torch.inference_mode():
        found, overview = network(tiles, torch.tensor([hand]), glance, torch.zeros(1, 2))
    return torch.cat([found, overview])


@pytest.mark.parametrize("width", [2, 3])
@pytest.mark.parametrize("hand", [0, 1])
def test_a_wider_network_says_what_the_narrow_one_said(width: int, hand: int) -> None:
    torch.manual_seed(1)
    narrow, wide = compact(SPEC), compact(replace(SPEC, width=width))
    before = says(wide, hand)
    wide.load_trained(widened(narrow.trained_state(), wide.trained_state()))
    assert torch.allclose(says(wide, hand), says(narrow, hand), atol=2e-4)
    assert not torch.allclose(before, says(narrow, hand), atol=1e-2)


def test_training_parts_the_twins(
    toy_recipe: MakeRecipe, draw_people: Callable[[int], Path], tmp_path: Path
) -> None:
    root = draw_people(2)
    network = {"targets": ["vessel"], "working_px": 144}
    first = toy_recipe(name="narrow", network=network)
    narrow = write_bundle(build_network(network_spec(first)), first, root=root, folder=tmp_path / "narrow")
    recipe = toy_recipe(name="wide", init=str(narrow.folder), network={**network, "width": 2})

    fresh = build_network(network_spec(recipe))
    begin_from(fresh, recipe, str(narrow.folder))
    name = "look.down.1.0.0.weight"
    start = fresh.trained_state()[name]
    assert torch.allclose(
        start[0::2].unflatten(1, (-1, 2)).sum(2), load(read_weights(narrow))[name].float(), atol=1e-3
    )

    done = train(recipe, root=root, folder=tmp_path / "run", report=lambda r: None)
    trained = done.network.trained_state()["look.down.0.0.0.weight"]
    assert (trained[0::2] - trained[1::2]).abs().amax() > 1e-5

    bundle = write_bundle(done.network, recipe, root=root, folder=tmp_path / "wide")
    assert bundle.width == 2
    assert "2 times the usual channels" in render_card(bundle)
    assert load_segmenter(str(bundle.folder), device="cpu").bundle.width == 2


def test_a_narrower_network_is_refused(
    toy_recipe: MakeRecipe, draw_people: Callable[[int], Path], tmp_path: Path
) -> None:
    network = {"targets": ["vessel"], "working_px": 144}
    wide = toy_recipe(name="wide", network={**network, "width": 2})
    bundle: Bundle = write_bundle(
        build_network(network_spec(wide)), wide, root=draw_people(2), folder=tmp_path / "wide"
    )
    narrow = toy_recipe(name="narrow", network=network)
    with pytest.raises(ConfigError, match="a multiple of 2"):
        begin_from(build_network(network_spec(narrow)), narrow, str(bundle.folder))


def test_a_foundation_model_has_the_width_it_was_published_with(toy_recipe: MakeRecipe) -> None:
    with pytest.raises(ValueError, match="width is of the compact network"):
        toy_recipe(network={"foundation": "litemedsam", "width": 2})
