"""What segmentation hands on: for each target a probability map and a mask, at the image's own resolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TargetMask:
    """Where one target (vessel, artery, disc, ...) lies.

    Probabilities are rounded to 8 bits before anything is measured, so that a stored map gives the same numbers
    as the map in memory.
    """

    probability: np.ndarray  # (H, W) uint8, 0..255; a hard mask holds 0 and 255 only
    source: str  # "model:<bundle>" or "manifest"
    is_hard: bool = False  # True where the source had two values only (no sub-pixel edge information)

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool: probability (or coverage) of at least one half."""
        return self.probability >= 128


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Segmentation:
    """All targets of one image, by name (`vessel`, `artery`, `vein`, `disc`, ...)."""

    targets: Mapping[str, TargetMask] = field(default_factory=lambda: MappingProxyType({}))

    def get(self, name: str) -> TargetMask | None:
        """The target, or None where nobody segmented or supplied it."""
        return self.targets.get(name)
