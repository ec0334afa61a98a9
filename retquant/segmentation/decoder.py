"""SAM's mask decoder with one mask token a target, and the full-resolution branch beside it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from segment_anything.modeling import MaskDecoder, TwoWayTransformer
from torch import Tensor, nn
from torch.nn import functional

from retquant.segmentation.tiny_vit import Features


class TargetDecoder(MaskDecoder):
    """SAM's mask decoder for batches of tiles, with T mask tokens, one for each target.

    The published decoder repeats the image for every prompt, so a batch of B images with B prompts fails; here one
    prompt goes with one tile. The mask-quality head is left out: nothing reads it.
    """

    def __init__(self, n_targets: int) -> None:
        super().__init__(
            transformer_dim=256,
            transformer=TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8),
            num_multimask_outputs=n_targets - 1,
        )
        del self.iou_prediction_head

    def load_published(self, weights: Mapping[str, Tensor]) -> None:
        """Start every target's token and hypernetwork from SAM's single-mask token."""
        own = self.state_dict()
        start = {}
        for key in own:
            if key == "mask_tokens.weight":
                start[key] = weights[key][:1].expand_as(own[key]).clone()
            elif key.startswith("output_hypernetworks_mlps."):
                layer = key.split(".", 2)[2]
                start[key] = weights[f"output_hypernetworks_mlps.0.{layer}"].clone()
            else:
                start[key] = weights[key]
        self.load_state_dict(start, strict=True)

    def decode(
        self, embedding: Tensor, position: Tensor, sparse: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Masks from embeddings.

        Parameters
        ----------
        embedding : (B, 256, 64, 64)
        position : (1, 256, 64, 64) positional encoding
        sparse : (B, n, 256) prompt tokens
        dense : (B or 1, 256, 64, 64) prompt map

        Returns
        -------
        logits : (B, T, 256, 256)
        upscaled : (B, 32, 256, 256) the embedding at full resolution
        """
        n = embedding.shape[0]
        output = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([output.unsqueeze(0).expand(n, -1, -1), sparse], dim=1)
        source = embedding + dense
        _, channels, height, width = source.shape
        hidden, source = self.transformer(source, position.expand(n, -1, -1, -1), tokens)
        upscaled = self.output_upscaling(source.transpose(1, 2).reshape(n, channels, height, width))
        weights = torch.stack(
            [mlp(hidden[:, 1 + i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1
        )
        logits = (weights @ upscaled.flatten(2)).unflatten(2, upscaled.shape[2:])
        return logits, upscaled


class HighResolutionBranch(nn.Module):
    """Corrects the decoder's logits from features at full resolution; starts as the identity.

    It sees the tile, the encoder's stem (full and half resolution), the decoder's upscaled embedding and its logits.
    The annotation hand scales and shifts its hidden layer: how wide a vessel is drawn is the hand's habit, which this
    layer decides, more than the eye's.
    """

    def __init__(self, n_targets: int, *, hidden: int = 32, token: int = 256) -> None:
        super().__init__()
        self.fine = nn.Conv2d(64, 16, 1)
        self.middle = nn.Conv2d(128, 16, 1)
        self.first = nn.Conv2d(3 + 16 + 16 + 32 + n_targets, hidden, 3, padding=1)
        self.second = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.last = nn.Conv2d(hidden, n_targets, 3, padding=1)
        self.style = nn.Linear(token, 2 * hidden)
        for parameter in (*self.last.parameters(), *self.style.parameters()):
            nn.init.zeros_(parameter)

    def forward(
        self, tiles: Tensor, features: Features, upscaled: Tensor, logits: Tensor, hand: Tensor
    ) -> Tensor:
        """Corrected (B, T, 256, 256) logits; `hand` is the (B, 256) token of each tile's annotation hand."""
        middle = functional.interpolate(
            self.middle(features.middle), scale_factor=2, mode="bilinear", align_corners=False
        )
        x = torch.cat([tiles, self.fine(features.fine), middle, upscaled, logits.clamp(-8, 8)], dim=1)
        x = functional.gelu(self.first(x))
        scale, shift = self.style(hand)[:, :, None, None].chunk(2, dim=1)
        x = functional.gelu(self.second(x) * (1 + scale) + shift)
        correction: Tensor = self.last(x)
        return logits + correction
