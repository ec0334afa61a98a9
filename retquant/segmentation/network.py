"""The network of a bundle: adapted foundation encoder, prompt encoder, target decoder, full-resolution branch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from segment_anything.modeling import PromptEncoder
from torch import Tensor, nn

from retquant.errors import ModelError
from retquant.segmentation.decoder import HighResolutionBranch, TargetDecoder
from retquant.segmentation.foundation import build_foundation
from retquant.segmentation.prompts import Prompts, encode, whole_tile
from retquant.segmentation.spec import NetworkSpec
from retquant.segmentation.vit import Fusion, VitEncoder, stem_of

_SAM_NAMES = {"fc1": "lin1", "fc2": "lin2"}  # of the same layers in LiteMedSAM and in SAM


class SamNetwork(nn.Module):
    """Segment Anything with low-rank adapters in its encoder, and one mask a target.

    LoRA (Hu et al. 2022) sits on the attention and MLP layers of the encoder, unless its rank is 0; the decoder and the
    full-resolution branch are trained whole. With fusion, convolutional features join the transformer's embedding.
    Each annotation hand has a token that joins the prompts.
    """

    def __init__(self, spec: NetworkSpec, *, pretrained: bool = True) -> None:
        super().__init__()
        self.spec = spec
        foundation = build_foundation(spec.foundation, pretrained=pretrained)
        self.tile_px = foundation.spec.tile_px
        for part in (foundation.encoder, foundation.prompt_encoder):
            part.requires_grad_(False)
        self.encoder = _adapt(foundation.encoder, spec)
        stem = stem_of(self.encoder)
        if stem is not None:
            stem.requires_grad_(True)
        self.fusion = Fusion() if spec.fusion else None
        self.prompt_encoder: PromptEncoder = foundation.prompt_encoder
        self.decoder = TargetDecoder(len(spec.targets))
        if pretrained:
            self.decoder.load_published(foundation.decoder_weights)
        self.branch = HighResolutionBranch(len(spec.targets))
        self.hands = nn.Embedding(len(spec.hands), 256)
        nn.init.normal_(self.hands.weight, std=0.02)
        self._position: Tensor | None = None

    def forward(self, tiles: Tensor, hands: Tensor, prompts: Prompts | None = None) -> Tensor:
        """Logits (B, T, 256, 256) of (B, 3, 256, 256) tiles in [0, 1].

        Parameters
        ----------
        tiles : (B, 3, 256, 256)
        hands : (B,) int, index of the annotation hand to follow
        prompts : where to look; the whole of each tile when left out
        """
        features = self.encoder(tiles)
        embedding = features.embedding if self.fusion is None else self.fusion(features)
        sparse, dense = encode(self.prompt_encoder, prompts or whole_tile(len(tiles), self.tile_px))
        token = self.hands(hands)
        logits, upscaled = self.decoder.decode(
            embedding,
            self.prompt_encoder.get_dense_pe() if self._position is None else self._position,
            torch.cat([sparse.to(token.dtype), token[:, None]], dim=1),
            dense,
        )
        corrected: Tensor = self.branch(tiles, features, upscaled, logits, token)
        return corrected

    def trained_state(self) -> dict[str, Tensor]:
        """The weights that training changes: adapters, decoder, branch and hands."""
        return {name: value.detach() for name, value in self.named_parameters() if value.requires_grad}

    def load_trained(self, state: Mapping[str, Tensor]) -> None:
        """Put trained weights in place.

        Raises
        ------
        ModelError
            The weights are not those of this network.
        """
        wanted = {name: value for name, value in self.named_parameters() if value.requires_grad}
        if wrong := _disagreements(wanted, state):
            raise ModelError(
                f"the weights do not fit the network: {', '.join(wrong[:3])} ({len(wrong)} in all)",
                remedy="use the model.json that was written with these weights",
            )
        with torch.no_grad():
            for name, value in wanted.items():
                value.copy_(state[name])

    def freeze_prompt(self) -> None:
        """Compute the embedding's positional encoding once, in full precision (for inference)."""
        self._position = self.prompt_encoder.get_dense_pe()

    def merge_adapters(self) -> None:
        """Add the low-rank updates to the weights they adapt (for inference)."""
        from peft.tuners.lora import LoraLayer

        for module in self.modules():
            if isinstance(module, LoraLayer):
                module.merge()


def _adapt(encoder: nn.Module, spec: NetworkSpec) -> nn.Module:
    """Put low-rank adapters on the attention and MLP layers of every block of a frozen encoder."""
    if not spec.lora_rank:
        return encoder
    from peft import LoraConfig, inject_adapter_in_model

    wanted = (
        [_SAM_NAMES.get(name, name) for name in spec.lora_targets] if isinstance(encoder, VitEncoder) else []
    )
    # a plain list would also match the patch embedding's `proj`
    blocks = rf"trunk\.blocks\.\d+\..*\.({'|'.join(wanted)})" if wanted else list(spec.lora_targets)
    adapters = LoraConfig(r=spec.lora_rank, lora_alpha=spec.lora_alpha, target_modules=blocks)
    return inject_adapter_in_model(adapters, encoder)


def _disagreements(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> Sequence[str]:
    odd = sorted(set(wanted) ^ set(found))
    return odd + [name for name in wanted if name in found and wanted[name].shape != found[name].shape]
