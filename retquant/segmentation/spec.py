"""What has to be known to build a bundle's network; plain data, read without torch."""

from __future__ import annotations

from dataclasses import dataclass

COMPACT = "compact"
"""The `foundation` of the network that adapts none: two small U-Nets trained from random weights."""

GLANCE_SHRINK = 3
"""Working pixels in a pixel of the compact network's view of the whole field, where nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """What has to be known to build a bundle's network."""

    foundation: str
    targets: tuple[str, ...]
    hands: tuple[str, ...]  # annotation hands (data sets) seen in training, in the order of their tokens
    lora_rank: int = 8  # 0: the encoder stays as it was published, and the decoder alone is trained
    lora_alpha: int = 16
    lora_targets: tuple[str, ...] = ("qkv", "proj", "fc1", "fc2")
    fusion: bool = False  # convolutional features are added to the transformer's embedding
    width: int = 1  # the compact network's channels, as a multiple of the usual ones
    glance_shrink: int = (
        GLANCE_SHRINK  # working pixels in a pixel of the compact network's view of the whole field
    )
