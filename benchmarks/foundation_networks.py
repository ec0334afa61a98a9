"""The networks that `foundation_worth` compares: LiteMedSAM adapted in several ways, its controls, a plain U-Net."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from retquant.segmentation.compact import LOOK_WIDTHS, UNet
from retquant.segmentation.network import SamNetwork
from retquant.segmentation.spec import NetworkSpec
from retquant.segmentation.tiny_vit import Features, TinyVitEncoder, _blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One network and what of it is trained."""

    name: str
    says: str
    is_sam: bool = True
    pretrained: bool = True
    lora_rank: int = 0
    fusion: bool = False
    branch: bool = False
    trains_encoder: bool = False
    batch: int = 2
    # what is pretrained moves slowly, what starts from random weights fast
    rate_encoder: float = 8e-4
    rate_decoder: float = 2e-4
    rate_rest: float = 2e-3


KINDS = (
    Kind(
        name="lora",
        says="LiteMedSAM, LoRA of rank 8, decoder, full-resolution branch",
        lora_rank=8,
        branch=True,
    ),
    Kind(name="unet", says="plain U-Net from random weights", is_sam=False, batch=4),
    Kind(
        name="lora-random",
        says="as `lora`, on random weights",
        pretrained=False,
        lora_rank=8,
        branch=True,
        rate_decoder=8e-4,
    ),
    Kind(
        name="all-random",
        says="as `lora-random`, every weight trained, batch normalisation kept",
        pretrained=False,
        branch=True,
        trains_encoder=True,
        rate_decoder=8e-4,
    ),
    Kind(name="decoder", says="encoder as published, decoder alone"),
    Kind(name="decoder-branch", says="as `decoder`, with the full-resolution branch", branch=True),
    Kind(name="decoder-fusion", says="as `decoder`, with fused convolutional features", fusion=True),
    Kind(name="decoder-fusion-branch", says="as `decoder`, with both", fusion=True, branch=True),
    Kind(name="lora-plain", says="as `lora`, without the branch", lora_rank=8),
)


class PlainUNet(nn.Module):
    """The 0.5 million parameter U-Net, dressed as a network of tiles."""

    tile_px = 256

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = UNet(3, LOOK_WIDTHS)
        self.head = nn.Conv2d(LOOK_WIDTHS[0], 1, 1)
        nn.init.constant_(self.head.bias, -2.0)  # type: ignore[arg-type]

    def forward(self, tiles: Tensor, hands: Tensor, prompts: None = None) -> Tensor:
        """(B, 1, 256, 256) logits."""
        logits: Tensor = self.head(self.encoder(tiles - 0.5))
        return logits


class WholeEncoder(TinyVitEncoder):
    """The same encoder with gradients in its stem too, for training from random weights."""

    def forward(self, tiles: Tensor) -> Features:
        """Encode (B, 3, 256, 256) tiles in [0, 1]."""
        fine = self.stages[0](self.patch_embed(tiles))
        middle = self.stages[1].downsample(fine)
        x = _blocks(self.stages[1], middle)
        for stage in (self.stages[2], self.stages[3]):
            x = _blocks(stage, stage.downsample(x))
        return Features(self.neck(x), fine, middle)


class NoBranch(nn.Module):
    """Leaves the decoder's logits as they are."""

    def forward(
        self, tiles: Tensor, features: Features, upscaled: Tensor, logits: Tensor, hand: Tensor
    ) -> Tensor:
        """The logits."""
        return logits


def build(kind: Kind, *, hand: str) -> nn.Module:
    """The network of a kind, its trained weights requiring gradients."""
    spec = NetworkSpec(
        foundation="litemedsam",
        targets=("vessel",),
        hands=(hand,),
        lora_rank=kind.lora_rank,
        fusion=kind.fusion,
    )
    if not kind.is_sam:
        return PlainUNet(spec).to(memory_format=torch.channels_last)
    network = SamNetwork(spec, pretrained=kind.pretrained)
    if kind.trains_encoder:
        network.encoder = WholeEncoder()
    if not kind.branch:
        network.branch = NoBranch()  # type: ignore[assignment]
    return network


def optimizer_of(network: nn.Module, kind: Kind) -> torch.optim.AdamW:
    """AdamW with a rate a part."""
    rates = {"encoder": kind.rate_encoder, "decoder": kind.rate_decoder}
    if not kind.is_sam:
        rates = {"encoder": kind.rate_rest}
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault(rates.get(name.split(".")[0], kind.rate_rest), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "peak": rate} for rate, p in groups.items()], lr=1e-3, weight_decay=1e-3
    )


def learned(network: nn.Module) -> dict[str, Tensor]:
    """Trained weights and running statistics, as views."""
    parameters = {n: p.detach() for n, p in network.named_parameters() if p.requires_grad}
    return {**parameters, **{n: b for n, b in network.named_buffers() if "running_" in n}}
