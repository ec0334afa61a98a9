"""The compact network: shapes, what depends on the hand, conjunctions, and windows of the glance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from retquant.errors import ModelError
from retquant.segmentation.build import build_network
from retquant.segmentation.bundles import read_bundle
from retquant.segmentation.compact import CompactNetwork, conjunction, window
from retquant.segmentation.predict import frame_logits, predict_field, to_probability
from retquant.segmentation.segmenter import segmenter_of
from retquant.segmentation.spec import NetworkSpec

TARGETS = ("vessel", "artery", "vein", "disc", "fovea")


@pytest.fixture(scope="module")
def network() -> CompactNetwork:
    """The real architecture, with heads strong enough for their inputs to show."""
    torch.manual_seed(0)
    found = build_network(NetworkSpec(foundation="compact", targets=TARGETS, hands=("one", "other")))
    assert isinstance(found, CompactNetwork)
    assert found.drawn is not None
    with torch.no_grad():
        for weight in (found.look_head.weight, found.glance_head.weight, found.drawn.style.weight):
            weight.normal_(std=0.5)
    return found.eval()


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_conjunction_is_the_product_of_two_probabilities() -> None:
    first, second = torch.linspace(-9, 9, 7), torch.linspace(8, -5, 7)
    found = torch.sigmoid(conjunction(first, second))
    assert torch.allclose(found, torch.sigmoid(first) * torch.sigmoid(second), rtol=1e-5)


def test_an_artery_is_never_surer_than_its_vessel(network: CompactNetwork) -> None:
    with torch.inference_mode():
        logits, _ = network(noise(1, 3, 64, 64), torch.tensor([0]), noise(1, 6, 64, 64), torch.zeros(1, 2))
    assert (logits[:, 1:3] <= logits[:, :1] + 1e-5).all()


def test_the_hand_changes_vessels_and_nothing_of_disc_and_fovea(network: CompactNetwork) -> None:
    tiles, glance = noise(1, 3, 64, 64), noise(1, 6, 64, 64)
    with torch.inference_mode():
        one, other = (network(tiles, torch.tensor([h]), glance, torch.zeros(1, 2))[0] for h in (0, 1))
    assert (one[:, 0] - other[:, 0]).abs().max() > 1e-2
    assert torch.equal(one[:, 3:], other[:, 3:])


def test_the_glance_reaches_the_tile(network: CompactNetwork) -> None:
    tiles = noise(1, 3, 64, 64)
    with torch.inference_mode():
        one, other = (
            network(tiles, torch.tensor([0]), noise(1, 6, 64, 64, seed=s), torch.zeros(1, 2))[0]
            for s in (2, 3)
        )
    assert (one - other).abs().max() > 1e-2


def test_a_window_reads_a_ramp_where_it_lies() -> None:
    # a map that holds its own x in working pixels: cell j of the glance covers 3 j to 3 j + 3
    x = (torch.arange(64) + 0.5) * 3
    ramp = x.expand(1, 1, 64, 64)
    found = window(ramp, torch.tensor([[30.0, 60.0]]), (4, 8), 4, 192)
    assert torch.allclose(found[0, 0, 0], 30 + 4 * (torch.arange(8) + 0.5), atol=1e-3)
    down = window(ramp.transpose(2, 3), torch.tensor([[30.0, 60.0]]), (4, 8), 4, 192)
    assert torch.allclose(down[0, 0, :, 0], 60 + 4 * (torch.arange(4) + 0.5), atol=1e-3)


@pytest.mark.parametrize(("shrink", "side"), [(3, 480), (4, 512)])
def test_a_tile_of_the_field_gets_the_fields_answer_in_its_middle(
    network: CompactNetwork, monkeypatch: pytest.MonkeyPatch, shrink: int, side: int
) -> None:
    monkeypatch.setattr(network, "spec", replace(network.spec, glance_shrink=shrink))
    field, glance = noise(1, 3, side, side), noise(1, 6, side // shrink, side // shrink)
    hand = torch.tensor([0])
    with torch.inference_mode():
        whole, _ = network(field, hand, glance, torch.zeros(1, 2))
        # corners at multiples of 8 keep the pooling grid; the middle sees no border: the detail network reaches 92 px
        part, _ = network(field[..., 96:352, 112:368], hand, glance, torch.tensor([[112.0, 96.0]]))
    middle = slice(108, 148)
    difference = part[..., middle, middle] - whole[..., 96 + 108 : 96 + 148, 112 + 108 : 112 + 148]
    assert difference.abs().max() < 1e-3


def test_it_predicts_a_photograph_at_its_own_size(network: CompactNetwork) -> None:
    rows, cols = np.mgrid[:150, :180]
    fov = np.hypot(rows - 74.5, cols - 89.5) < 70
    pixels = np.random.default_rng(0).integers(0, 255, (150, 180, 3), np.uint8) * fov[..., None]
    found = dict(predict_field(network, pixels, fov, working_px=96, hand=0))
    assert set(found) == set(TARGETS)
    assert all(m.shape == (150, 180) and m.dtype == np.float32 and not m[~fov].any() for m in found.values())


def test_it_refuses_a_field_without_its_glance(network: CompactNetwork) -> None:
    with pytest.raises(ModelError, match="glance"):
        frame_logits(network, np.zeros((96, 96, 3), np.float32), None, hand=0)


def test_its_state_goes_round_with_the_statistics_of_its_normalisations(network: CompactNetwork) -> None:
    state = network.trained_state()
    assert any(name.endswith("running_var") for name in state)
    other = CompactNetwork(network.spec).eval()
    other.load_trained(state)
    inputs = noise(1, 3, 64, 64), torch.tensor([1]), noise(1, 6, 64, 64), torch.zeros(1, 2)
    with torch.inference_mode():
        assert torch.equal(network(*inputs)[0], other(*inputs)[0])
    with pytest.raises(ModelError, match="do not fit"):
        other.load_trained({name: value for name, value in state.items() if "drawn" not in name})


def test_folding_its_normalisations_keeps_the_answer(network: CompactNetwork) -> None:
    other = CompactNetwork(network.spec)
    other.load_trained(network.trained_state())
    inputs = noise(2, 3, 64, 64), torch.tensor([0, 1]), noise(2, 6, 64, 64), torch.zeros(2, 2)
    other.train()
    for _ in range(3):  # statistics that are not 0 and 1
        other(*inputs)
    other.eval()
    with torch.inference_mode():
        before = other(*inputs)[0]
    other.fold_norms()
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in other.modules())
    with torch.inference_mode():
        assert torch.allclose(other(*inputs)[0], before, atol=1e-3)


@pytest.mark.parametrize(("wanted", "found"), [("auto", "float32"), ("bfloat16", "bfloat16")])
def test_numbers_do_not_depend_on_the_processor_unless_asked_for(wanted: str, found: str):
    torch.manual_seed(0)
    spec = NetworkSpec(foundation="compact", targets=("vessel",), hands=("one",))
    bundle = read_bundle("fundus-vessels").model_copy(
        update={"foundation": "compact", "targets": spec.targets, "hands": spec.hands, "default_hand": "one"}
    )
    made = segmenter_of(
        bundle, CompactNetwork(spec), device="cpu", precision=wanted, hand="one", runtime="torch"
    )
    assert made.precision == found


def test_a_network_that_is_very_sure_warns_of_nothing(
    network: CompactNetwork, monkeypatch: pytest.MonkeyPatch
):
    sure = torch.full((1, len(TARGETS), 48, 48), -200.0)
    monkeypatch.setattr(network, "forward", lambda *_: (sure, sure))
    contrast, glance = np.zeros((48, 48, 3), np.float32), np.zeros((16, 16, 6), np.float32)
    assert not to_probability(frame_logits(network, contrast, glance, hand=0)).any()


def test_in_mirrors_a_mirrored_photograph_gets_the_mirrored_answer(network: CompactNetwork) -> None:
    rows, cols = np.mgrid[:150, :180]
    fov = np.hypot(rows - 74.5, cols - 89.5) < 70
    pixels = np.random.default_rng(0).integers(0, 255, (150, 180, 3), np.uint8) * fov[..., None]
    turned = np.ascontiguousarray(pixels[:, ::-1])

    def apart(mirrors: bool) -> float:
        one, other = (
            dict(predict_field(network, seen, fov, working_px=96, hand=0, mirrors=mirrors))["vessel"]
            for seen in (pixels, turned)
        )
        return float(np.abs(one[:, ::-1] - other).max())

    assert apart(mirrors=True) < 0.02 * apart(mirrors=False)
