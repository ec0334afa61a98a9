"""What segmentation hands on: for each target a probability map and a mask, at the image's own resolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from retquant.errors import ImageError

MODEL_SOURCE = "model:"  # what `TargetMask.source` begins with where a model made the map


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TargetMask:
    """Where one target (vessel, artery, disc, ...) lies.

    Probabilities are rounded to 8 bits before anything is measured, so that a stored map gives the same numbers
    as the map in memory.

    Raises
    ------
    ImageError
        The map is not (H, W) uint8 with at least a pixel, or is coded 0 and 1, which would read as empty.
    """

    probability: np.ndarray  # (H, W) uint8, 0..255; a hard mask holds 0 and 255 only
    source: str  # "model:<bundle>" or "manifest"
    is_hard: bool = False  # True where the source had two values only (no sub-pixel edge information)

    def __post_init__(self) -> None:
        found = self.probability
        if not isinstance(found, np.ndarray) or found.dtype != np.uint8:
            raise _wrong_kind(found)
        if found.ndim != 2 or not found.size:
            raise ImageError(
                f"a mask of shape {found.shape} is not a picture",
                where="TargetMask",
                remedy="give an array of (height, width), at the image's own size",
            )
        # a model may find next to nothing in an image; a person who drew a mask of ones meant 255
        is_drawn = self.is_hard or not self.source.startswith(MODEL_SOURCE)
        if is_drawn and found.max() == 1:
            raise ImageError(
                "the mask is coded 0 and 1, and probabilities run from 0 to 255",
                where="TargetMask",
                remedy="probability=mask * np.uint8(255)",
            )

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool: probability (or coverage) of at least one half."""
        return self.probability >= 128


def _wrong_kind(found: object) -> ImageError:
    if not isinstance(found, np.ndarray):
        return ImageError(
            f"a mask is a NumPy array, not a {type(found).__name__}",
            where="TargetMask",
            remedy="probability=np.asarray(mask)",
        )
    if found.dtype == bool:
        return ImageError(
            "the mask is bool, and probabilities are uint8 from 0 to 255",
            where="TargetMask",
            remedy="probability=np.where(mask, np.uint8(255), np.uint8(0)), is_hard=True",
        )
    problem = f"the mask is {found.dtype}, and probabilities are uint8 from 0 to 255"
    remedy = "probability=np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8) of a share in [0, 1]"
    if found.dtype.kind in "fc" and not np.isfinite(found).all():
        problem = f"the mask is {found.dtype} and holds NaN or infinity"
        remedy = f"write 0 where nothing is known, then {remedy}"
    return ImageError(problem, where="TargetMask", remedy=remedy)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Segmentation:
    """All targets of one image, by name (`vessel`, `artery`, `vein`, `disc`, ...).

    Raises
    ------
    ImageError
        Two targets differ in size.
    """

    targets: Mapping[str, TargetMask] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        sizes = {name: target.probability.shape for name, target in self.targets.items()}
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{name} {rows} × {cols}" for name, (rows, cols) in sizes.items())
            raise ImageError(
                f"the targets differ in size: {listed} (height × width)",
                where="Segmentation",
                remedy="give every mask at the image's own size",
            )

    def get(self, name: str) -> TargetMask | None:
        """The target, or None where nobody segmented or supplied it."""
        return self.targets.get(name)
