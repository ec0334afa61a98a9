"""No model runs code: weights are safetensors of the card's hash, or checkpoints of a pinned one, tensors only."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from retquant.errors import ModelError
from retquant.resources import MODELS
from retquant.segmentation.bundles import CARD_FILE, WEIGHTS_FILE
from retquant.segmentation.checkpoints import fetch_checkpoint, read_checkpoint
from retquant.segmentation.foundation import FOUNDATIONS
from retquant.segmentation.segmenter import load_segmenter

NAME = "fundus-general"


class Trap:
    """Leaves a mark on the disk when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


def trap(folder: Path) -> bytes:
    """A checkpoint of torch's with a trap in it."""
    import io

    import torch

    stream = io.BytesIO()
    torch.save({"weight": torch.zeros(2), "trap": Trap(folder / "sprung")}, stream)
    return stream.getvalue()


def bundle(folder: Path, weights: bytes, **card: object) -> Path:
    """A bundle with other weights, whose card tells their hash rightly."""
    made = folder / "bundle"
    shutil.copytree(MODELS / NAME, made)
    (made / WEIGHTS_FILE).write_bytes(weights)
    told = json.loads((made / CARD_FILE).read_text(encoding="utf-8"))
    told |= {"weights_sha256": hashlib.sha256(weights).hexdigest(), **card}
    (made / CARD_FILE).write_text(json.dumps(told), encoding="utf-8")
    return made


def test_the_trap_works(tmp_path: Path) -> None:
    import io

    import torch

    torch.load(io.BytesIO(trap(tmp_path)), weights_only=False)
    assert (tmp_path / "sprung").is_dir()


def test_weights_that_are_a_pickle_are_refused_and_not_run(tmp_path: Path) -> None:
    made = bundle(tmp_path, trap(tmp_path))
    with pytest.raises(ModelError, match="no safetensors"):
        load_segmenter(str(made), device="cpu")
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_hash_than_the_cards_are_not_read(tmp_path: Path) -> None:
    made = bundle(tmp_path, trap(tmp_path), weights_sha256="0" * 64)
    with pytest.raises(ModelError, match="the card says 0000"):
        load_segmenter(str(made), device="cpu")


def test_a_card_cannot_name_a_foundation_that_is_not_pinned(tmp_path: Path) -> None:
    made = bundle(tmp_path, b"", foundation="../../evil")
    with pytest.raises(ModelError, match="evil"):
        load_segmenter(str(made), device="cpu")


def test_even_a_checkpoint_of_the_pinned_hash_runs_no_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pickle

    monkeypatch.setenv("RETQUANT_CACHE", str(tmp_path / "cache"))
    data = trap(tmp_path)
    (tmp_path / "weights.pth").write_bytes(data)
    spec = replace(FOUNDATIONS["sam-vit-b"], sha256=hashlib.sha256(data).hexdigest())
    fetch_checkpoint(spec, source=tmp_path / "weights.pth")
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        read_checkpoint(spec)
    assert not (tmp_path / "sprung").exists()


def test_a_checkpoint_of_another_hash_is_not_even_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETQUANT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "weights.pth").write_bytes(trap(tmp_path))
    with pytest.raises(ModelError, match="sha256"):
        fetch_checkpoint(FOUNDATIONS["sam-vit-b"], source=tmp_path / "weights.pth")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
