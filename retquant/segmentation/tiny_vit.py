"""LiteMedSAM's TinyViT image encoder, built from timm's blocks.

Differences from timm's TinyViT (Wu et al. 2022) that LiteMedSAM's checkpoint needs: both convolutions of the patch
embedding are 1x1 with stride 1, the last downsampling has stride 1, and SAM's neck follows. The encoder hands out,
beside the 64x64 embedding, the full- and half-resolution features of its convolutional stem: thin vessels need them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from segment_anything.modeling.common import LayerNorm2d
from timm.models.tiny_vit import Attention, ConvNorm, TinyVit
from torch import Tensor, nn


class Features(NamedTuple):
    """What the encoder says of a batch of B tiles of 256x256."""

    embedding: Tensor  # (B, 256, 64, 64)
    fine: Tensor  # (B, 64, 256, 256), convolutional stem at full resolution
    middle: Tensor  # (B, 128, 128, 128), after the first downsampling


class TinyVitEncoder(nn.Module):
    """TinyViT of 5.7 million parameters, with SAM's neck."""

    def __init__(self) -> None:
        super().__init__()
        trunk = TinyVit(
            num_classes=0,
            embed_dims=(64, 128, 160, 320),
            depths=(2, 2, 6, 2),
            num_heads=(2, 4, 5, 10),
            window_sizes=(7, 7, 14, 7),
            drop_path_rate=0.0,
        )
        for name in ("conv1", "conv2"):
            old = getattr(trunk.patch_embed, name)
            setattr(trunk.patch_embed, name, ConvNorm(old.conv.in_channels, old.conv.out_channels, ks=1))
        trunk.stages[3].downsample.conv2.conv.stride = (1, 1)
        self.patch_embed = trunk.patch_embed
        self.stages = trunk.stages
        self.neck = nn.Sequential(
            nn.Conv2d(320, 256, kernel_size=1, bias=False),
            LayerNorm2d(256),
            nn.Conv2d(256, 256, kernel_size=3, padding=1, bias=False),
            LayerNorm2d(256),
        )
        for module in self.modules():
            if isinstance(module, Attention):
                # timm's additive mask is 3-D, which sends the fused kernel to its slow path on CPUs
                module.fused_attn = False

    def forward(self, tiles: Tensor) -> Features:
        """Encode (B, 3, 256, 256) tiles in [0, 1]."""
        with torch.no_grad():  # no adapter lies this early
            fine = self.stages[0](self.patch_embed(tiles))
            middle = self.stages[1].downsample(fine)
        x = _blocks(self.stages[1], middle)
        for stage in (self.stages[2], self.stages[3]):
            x = _blocks(stage, stage.downsample(x))
        return Features(self.neck(x), fine, middle)

    def load_vendored(self, weights: Mapping[str, Tensor]) -> None:
        """Load the encoder's weights from LiteMedSAM's checkpoint, whose layers are named otherwise."""
        renamed = {_timm_name(key): value for key, value in weights.items()}
        ours = self.state_dict()
        self.load_state_dict({key: value for key, value in renamed.items() if key in ours}, strict=True)

    def fold_batch_norms(self) -> None:
        """Fold each frozen batch norm into its convolution (the same function, fewer passes over memory)."""
        for module in list(self.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, ConvNorm):
                    setattr(module, name, child.fuse())


def _blocks(stage: nn.Module, x: Tensor) -> Tensor:
    out: Tensor = stage.get_submodule("blocks")(x.permute(0, 2, 3, 1))
    return out.permute(0, 3, 1, 2)


def _timm_name(key: str) -> str:
    if key.startswith("neck."):
        return key
    key = key.replace("patch_embed.seq.0.", "patch_embed.conv1.").replace(
        "patch_embed.seq.2.", "patch_embed.conv2."
    )
    key = key.replace(".c.", ".conv.")
    parts = key.split(".")
    if parts[0] == "layers":
        stage = int(parts[1]) + (parts[2] == "downsample")
        parts = ["stages", str(stage), *parts[2:]]
    return ".".join(parts)
