"""The adapted network: what trains, what does not, and that its answer does not depend on company."""

from __future__ import annotations

import pytest
import torch

from retquant.errors import ModelError
from retquant.segmentation.network import SamNetwork
from retquant.segmentation.prompts import Prompts


def tiles(n: int) -> torch.Tensor:
    return torch.rand(n, 3, 256, 256, generator=torch.Generator().manual_seed(1))


def test_a_tile_has_one_full_resolution_mask_a_target(untrained: SamNetwork) -> None:
    with torch.inference_mode():
        assert untrained(tiles(1), torch.tensor([0])).shape == (1, 2, 256, 256)


def test_a_tiles_answer_does_not_depend_on_its_batch(untrained: SamNetwork) -> None:
    pair, hands = tiles(2), torch.tensor([0, 1])
    with torch.inference_mode():
        together = untrained(pair, hands)
        alone = torch.cat([untrained(pair[i : i + 1], hands[i : i + 1]) for i in range(2)])
    assert (together - alone).abs().max() < 1e-3


def test_a_box_prompt_of_half_the_tile_changes_the_answer(untrained: SamNetwork) -> None:
    half = Prompts(boxes=torch.tensor([[0.0, 0.0, 128.0, 256.0]]))
    with torch.inference_mode():
        whole, part = untrained(tiles(1), torch.tensor([0])), untrained(tiles(1), torch.tensor([0]), half)
    assert (whole - part).abs().max() > 1e-3


def test_point_prompts_are_taken(untrained: SamNetwork) -> None:
    points = Prompts(points=torch.tensor([[[10.0, 20.0], [100.0, 90.0]]]), labels=torch.tensor([[1, 0]]))
    with torch.inference_mode():
        assert untrained(tiles(1), torch.tensor([0]), points).shape == (1, 2, 256, 256)


def test_only_adapters_decoder_branch_and_hands_are_trained(untrained: SamNetwork) -> None:
    parts = {name.split(".")[0] for name in untrained.trained_state()}
    assert parts == {"encoder", "decoder", "branch", "hands"}
    assert all("lora_" in name for name in untrained.trained_state() if name.startswith("encoder."))
    assert not any(p.requires_grad for p in untrained.prompt_encoder.parameters())


def test_trained_weights_survive_a_round_trip_and_merging_keeps_the_answer(untrained: SamNetwork) -> None:
    torch.manual_seed(3)
    state = {
        name: value + 0.01 * torch.randn_like(value) for name, value in untrained.trained_state().items()
    }
    first, second = (SamNetwork(untrained.spec).eval() for _ in range(2))
    first.load_trained(state)
    second.load_trained(state)
    second.merge_adapters()
    with torch.inference_mode():
        a, b = (network(tiles(1), torch.tensor([1])) for network in (first, second))
        fresh = untrained(tiles(1), torch.tensor([1]))
    assert (a - b).abs().max() < 1e-2
    assert (a - fresh).abs().max() > 1e-1


def test_weights_of_another_network_are_refused(untrained: SamNetwork) -> None:
    state = untrained.trained_state()
    state.pop("hands.weight")
    with pytest.raises(ModelError, match=r"hands\.weight"):
        untrained.load_trained(state)
