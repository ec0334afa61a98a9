"""SAM's plain vision transformers, by a tiny one of random weights that runs through the same code."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer
from typer.testing import CliRunner

from retquant.cli import app
from retquant.errors import ModelError
from retquant.segmentation import checkpoints, foundation
from retquant.segmentation.checkpoints import checkpoint_path, fetch_checkpoint, verify_checkpoint
from retquant.segmentation.foundation import FOUNDATIONS, FoundationSpec, VitShape, build_foundation
from retquant.segmentation.network import SamNetwork
from retquant.segmentation.spec import NetworkSpec
from retquant.segmentation.vit import VitEncoder

run = CliRunner().invoke

SHAPE = VitShape(width=32, depth=2, heads=2, global_blocks=(1,), input_px=256)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with the names of the published ones."""
    torch.manual_seed(0)
    encoder = VitEncoder(SHAPE).trunk
    for (
        block
    ) in encoder.blocks:  # published ones are not zero, and a zero would hide a key that was not loaded
        torch.nn.init.normal_(block.attn.rel_pos_h, std=0.1)
    prompts = PromptEncoder(
        embed_dim=256, image_embedding_size=(64, 64), input_image_size=(1024, 1024), mask_in_chans=16
    )
    decoder = MaskDecoder(
        transformer_dim=256,
        transformer=TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8),
    )
    parts = {"image_encoder": encoder, "prompt_encoder": prompts, "mask_decoder": decoder}
    weights = {f"{name}.{key}": v for name, part in parts.items() for key, v in part.state_dict().items()}
    path = tmp_path_factory.mktemp("sam") / "tiny.pth"
    torch.save(weights, path)
    return path


@pytest.fixture
def tiny(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FoundationSpec:
    """A foundation of that checkpoint, with an empty cache."""
    spec = FoundationSpec(
        name="sam-tiny",
        tile_px=256,
        embedding_px=64,
        sha256=hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        licence="CC0",
        reference="none",
        url=checkpoint.as_uri(),
        vit=SHAPE,
    )
    monkeypatch.setattr(foundation, "FOUNDATIONS", {**FOUNDATIONS, "sam-tiny": spec})
    monkeypatch.setenv("RETQUANT_CACHE", str(tmp_path / "cache"))
    return spec


def network(**options: object) -> SamNetwork:
    torch.manual_seed(1)
    settings: dict[str, object] = {"lora_rank": 4, **options}
    spec = NetworkSpec(foundation="sam-tiny", targets=("vessel", "disc"), hands=("one",), **settings)  # type: ignore[arg-type]
    return SamNetwork(spec).eval()


def tile() -> torch.Tensor:
    return torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("by_path", [True, False], ids=["from a file", "from its address"])
def test_a_checkpoint_is_fetched_once_and_checked(
    tiny: FoundationSpec, checkpoint: Path, by_path: bool
) -> None:
    with pytest.raises(ModelError, match="not on this machine") as caught:
        checkpoint_path(tiny)
    assert caught.value.remedy == "retquant models fetch sam-tiny"
    path = fetch_checkpoint(tiny, source=checkpoint if by_path else None)
    assert path.read_bytes() == checkpoint.read_bytes()
    before = path.stat().st_mtime_ns
    assert fetch_checkpoint(tiny) == verify_checkpoint(tiny) == path
    assert path.stat().st_mtime_ns == before


def test_a_file_of_other_bytes_is_refused_and_not_kept(tiny: FoundationSpec, tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    other.write_bytes(b"something else")
    with pytest.raises(ModelError, match="sha256"):
        fetch_checkpoint(tiny, source=other)
    assert not list(checkpoints.cache_folder().iterdir())


def test_an_address_that_does_not_answer_says_how_to_go_on(
    tiny: FoundationSpec, checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="could not be read") as caught:
        fetch_checkpoint(tiny, source=tmp_path / "nowhere.pth")
    assert "--from FILE" in caught.value.remedy


def test_all_published_weights_are_loaded(tiny: FoundationSpec, checkpoint: Path) -> None:
    fetch_checkpoint(tiny, source=checkpoint)
    published = torch.load(checkpoint, weights_only=True)
    found = build_foundation("sam-tiny")
    assert isinstance(found.encoder, VitEncoder)
    for key, value in found.encoder.trunk.state_dict().items():
        assert torch.equal(value, published[f"image_encoder.{key}"]), key


def test_adapters_sit_on_attention_and_mlp_of_every_block_and_nowhere_else(
    tiny: FoundationSpec, checkpoint: Path
) -> None:
    fetch_checkpoint(tiny, source=checkpoint)
    adapted = {
        name.split(".lora_A")[0]
        for name in network().trained_state()
        if ".lora_A" in name and "encoder" in name
    }
    layers = ("attn.qkv", "attn.proj", "mlp.lin1", "mlp.lin2")
    assert adapted == {f"encoder.trunk.blocks.{i}.{layer}" for i in range(2) for layer in layers}


def test_the_tile_has_full_resolution_masks_of_all_targets_from_one_pass(
    tiny: FoundationSpec, checkpoint: Path
) -> None:
    fetch_checkpoint(tiny, source=checkpoint)
    with torch.inference_mode():
        assert network()(tile(), torch.tensor([0])).shape == (1, 2, 256, 256)


def test_without_adapters_the_encoder_stays_as_published_and_decoder_and_stem_are_trained(
    tiny: FoundationSpec, checkpoint: Path
) -> None:
    fetch_checkpoint(tiny, source=checkpoint)
    trained = network(lora_rank=0, fusion=True).trained_state()
    assert {name.split(".")[0] for name in trained} == {"encoder", "decoder", "branch", "hands", "fusion"}
    assert all(name.startswith("encoder.stem.") for name in trained if name.startswith("encoder."))


def test_fusion_starts_as_nothing_and_then_teaches_stem_and_decoder(
    tiny: FoundationSpec, checkpoint: Path
) -> None:
    fetch_checkpoint(tiny, source=checkpoint)
    plain, fused = network(lora_rank=0), network(lora_rank=0, fusion=True)
    fused.load_trained({**fused.trained_state(), **plain.trained_state()})
    with torch.inference_mode():
        assert torch.equal(plain(tile(), torch.tensor([0])), fused(tile(), torch.tensor([0])))
    fused(tile(), torch.tensor([0])).square().mean().backward()
    assert fused.fusion is not None
    gradient = fused.fusion.last.weight.grad
    assert gradient is not None
    assert gradient.abs().max() > 0


def test_the_command_line_fetches_and_verifies(tiny: FoundationSpec, checkpoint: Path) -> None:
    answer = run(app, ["models", "fetch", "sam-tiny", "--from", str(checkpoint)])
    assert answer.exit_code == 0, answer.output
    assert "sam-tiny is in" in answer.output
    assert "is as published" in run(app, ["models", "verify", "sam-tiny"]).output


def test_the_published_shapes_have_the_published_sizes() -> None:
    # parameters of image encoders of segment_anything, in millions
    sizes = {"sam-vit-b": 89.7, "sam-vit-l": 308.3, "sam-vit-h": 637.0}
    for name, millions in sizes.items():
        shape = FOUNDATIONS[name].vit
        assert shape is not None
        with torch.device("meta"):
            trunk = VitEncoder(shape).trunk
        assert sum(p.numel() for p in trunk.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)
