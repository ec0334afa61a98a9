"""SAM's plain vision transformer as an encoder of small tiles, with a convolutional stem beside it.

A tile of 256 pixels is enlarged to the 1024 that the transformer was trained on, so that its 64 x 64 embedding and the
decoder's masks are as fine as LiteMedSAM's: four pixels a token, and full resolution. What a transformer of 16-pixel
patches loses of thin vessels comes from the stem's 3 x 3 convolutions, which are trained from random weights.
"""

from __future__ import annotations

from functools import partial

from segment_anything.modeling import ImageEncoderViT
from torch import Tensor, nn
from torch.nn import functional

from retquant.segmentation.foundation import VitShape
from retquant.segmentation.tiny_vit import Features
from retquant.segmentation.working_image import CONTRAST_RANGE


class VitEncoder(nn.Module):
    """ImageEncoderViT of `segment_anything` (Kirillov et al. 2023) and a stem for the features finer than its own."""

    def __init__(self, shape: VitShape) -> None:
        super().__init__()
        self.input_px = shape.input_px
        self.trunk = ImageEncoderViT(
            img_size=shape.input_px,
            patch_size=shape.input_px // 64,
            embed_dim=shape.width,
            depth=shape.depth,
            num_heads=shape.heads,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=shape.window,
            global_attn_indexes=shape.global_blocks,
            out_chans=256,
        )
        self.stem = ConvStem()

    def forward(self, tiles: Tensor) -> Features:
        """Encode (B, 3, 256, 256) tiles in [0, 1]."""
        enlarged = functional.interpolate(
            tiles, size=(self.input_px,) * 2, mode="bilinear", align_corners=False
        )
        # local contrast was squeezed into [0, 1]; the transformer expects mean 0 and standard deviation 1
        embedding = self.trunk((enlarged - 0.5) * CONTRAST_RANGE)
        fine, middle = self.stem(tiles)
        return Features(embedding, fine, middle)


class ConvStem(nn.Module):
    """Features of a tile at full and half resolution by 3 x 3 convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 32, 3, padding=1)
        self.fine = nn.Conv2d(32, 64, 3, padding=1)
        self.middle = nn.Conv2d(64, 128, 3, stride=2, padding=1)

    def forward(self, tiles: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 64, h, w) and (B, 128, h / 2, w / 2) features of (B, 3, h, w) tiles."""
        fine = functional.gelu(self.fine(functional.gelu(self.first(tiles - 0.5))))
        return fine, functional.gelu(self.middle(fine))


class Fusion(nn.Module):
    """Adds features of the stem to the transformer's embedding; starts as nothing."""

    def __init__(self, channels: int = 256) -> None:
        super().__init__()
        self.down = nn.Conv2d(128, channels, 3, stride=2, padding=1)
        self.last = nn.Conv2d(channels, channels, 1)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Features) -> Tensor:
        """The fused (B, 256, 64, 64) embedding."""
        added: Tensor = self.last(functional.gelu(self.down(features.middle)))
        return features.embedding + added


def stem_of(encoder: nn.Module) -> nn.Module | None:
    """The part of an encoder that is trained from random weights, where it has one."""
    return encoder.stem if isinstance(encoder, VitEncoder) else None
