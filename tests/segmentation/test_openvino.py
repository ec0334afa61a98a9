"""OpenVINO gives what torch gives, is exported once, and is only used where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from retquant.config import RunConfig
from retquant.errors import ModelError
from retquant.segmentation import openvino_session, runtime
from retquant.segmentation.bundles import Bundle
from retquant.segmentation.compact import CompactNetwork
from retquant.segmentation.network import SamNetwork
from retquant.segmentation.openvino_session import open_session
from retquant.segmentation.predict import predict_field
from retquant.segmentation.runtime import pick_runtime, with_runtime
from retquant.segmentation.segmenter import to_bytes
from retquant.segmentation.spec import NetworkSpec

SIDE = 144  # of the field in the compact network's frame: a glance of 48
_RNG = np.random.default_rng(0)
NOISE = _RNG.random((1, 3, SIDE, SIDE), np.float32), 0, _RNG.random((1, 6, SIDE // 3, SIDE // 3), np.float32)


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One for all tests here, since exporting takes seconds."""
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'retquant[openvino]'")
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETQUANT_CACHE", str(folder))
        yield folder / "openvino"


@pytest.fixture(scope="module")
def compact() -> CompactNetwork:
    """Random weights, scaled up so that probabilities are spread from 0 to 1, and ready for inference."""
    torch.manual_seed(1)
    network = CompactNetwork(
        NetworkSpec(foundation="compact", targets=("vessel", "artery", "disc"), hands=("one", "other"))
    )
    with torch.no_grad():
        network.look_head.weight *= 200
    network.eval().requires_grad_(False)
    network.fold_norms()
    return network


def card(network: CompactNetwork | SamNetwork, working_px: int, **changes: object) -> Bundle:
    spec = network.spec
    return Bundle(
        name="toy", title="", modality="cfp", intended_use="", foundation=spec.foundation, foundation_sha256="",
        targets=spec.targets, hands=spec.hands, default_hand="one", working_px=working_px, lora_rank=8, lora_alpha=16,
        lora_targets=(), recipe_digest="", steps=0, seed=0, retquant_version="", training_data=(), weights_sha256="0",
    ).model_copy(update=changes)  # fmt: skip


@pytest.fixture(scope="module")
def photograph() -> tuple[np.ndarray, np.ndarray]:
    row, col = np.mgrid[:120, :120] - 59.5
    noise = np.random.default_rng(2).integers(0, 40, (120, 120, 3))
    pixels = (120 + 60 * np.sin(col / 5)[..., None] + noise).astype(np.uint8)
    return pixels, np.hypot(row, col) < 58


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(("precision", "mean", "most"), [("float32", 0.01, 1), ("bfloat16", 0.5, 25)])
def test_the_compact_network_answers_as_in_torch(
    compact: CompactNetwork, photograph: tuple[np.ndarray, np.ndarray], precision: str, mean: float, most: int
) -> None:
    """In steps of the 8 bits in which probabilities are kept; bfloat16 has three digits."""
    session = open_session(compact, card(compact, SIDE), precision)
    for hand in (0, 1):
        wanted = {t: to_bytes(m) for t, m in predict_field(compact, *photograph, working_px=SIDE, hand=hand)}
        answers = predict_field(compact, *photograph, working_px=SIDE, hand=hand, session=session)
        assert wanted["vessel"].std() > 10
        for target, probability in answers:
            difference = np.abs(to_bytes(probability).astype(int) - wanted[target].astype(int))
            assert difference.max() <= most, target
            assert difference.mean() <= mean, target


def test_a_network_is_exported_once_for_its_weights_and_size(
    compact: CompactNetwork, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_session(compact, card(compact, SIDE), "float32")(*NOISE)
    (path,) = own_cache.glob("toy-*")
    monkeypatch.setattr(openvino_session, "_export", lambda *_: pytest.fail("exported"))
    np.testing.assert_array_equal(open_session(compact, card(compact, SIDE), "float32")(*NOISE), first)
    for other in (card(compact, SIDE, weights_sha256="1"), card(compact, SIDE + 48)):
        with pytest.raises(pytest.fail.Exception, match="exported"):
            open_session(compact, other, "float32")

    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(pytest.fail.Exception, match="exported"):
        open_session(compact, card(compact, SIDE), "float32")
    assert not path.exists()


@pytest.mark.usefixtures("own_cache")
def test_an_export_that_answers_otherwise_is_refused(
    compact: CompactNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    inferred = openvino_session.Session.__call__
    monkeypatch.setattr(openvino_session.Session, "__call__", lambda *given: inferred(*given) + 0.1)
    with pytest.raises(ModelError, match=r"probabilities of toy differ from torch's by 0\.0"):
        open_session(compact, card(compact, SIDE, weights_sha256="odd"), "float32")


@pytest.mark.slow
@pytest.mark.usefixtures("own_cache")
def test_tiles_of_the_foundation_model_answer_as_in_torch(untrained: SamNetwork) -> None:
    """The published encoder and decoder with fresh adapters, on one tile."""
    tile = np.random.default_rng(0).random((1, 3, 256, 256), dtype=np.float32)
    session = open_session(untrained, card(untrained, 256), "float32")
    with torch.inference_mode():
        wanted = untrained(torch.from_numpy(tile), torch.tensor([1])).numpy()
    np.testing.assert_allclose(session(tile, 1), wanted, atol=1e-3)


def test_openvino_is_used_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RunConfig().segmentation.runtime == "torch"
    monkeypatch.setattr(runtime, "find_spec", lambda _: object())
    assert pick_runtime("torch") == "torch"
    assert pick_runtime("auto", "cpu") == "openvino"
    assert pick_runtime("auto", "cuda:0") == "torch"
    with pytest.raises(ModelError, match="runs on the CPU"):
        pick_runtime("openvino", "cuda:0")
    with pytest.raises(ModelError, match="there is no runtime"):
        pick_runtime("onnx", "cpu")


def test_where_openvino_is_not_installed_auto_is_torch_and_asking_for_it_says_how(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runtime, "find_spec", lambda _: None)
    assert pick_runtime("auto", "cpu") == "torch"
    with pytest.raises(ModelError, match=r"pip install 'retquant\[openvino\]'"):
        pick_runtime("openvino", "cpu")


def test_a_run_keeps_what_multiplied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "find_spec", lambda _: object())
    ran = with_runtime(RunConfig(), "cpu", "auto")
    assert 'runtime = "openvino"' in ran.as_toml()
    assert ran.digest() != RunConfig().digest()
    assert with_runtime(RunConfig(), "cpu") == RunConfig()
