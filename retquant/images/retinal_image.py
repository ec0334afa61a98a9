"""The photograph or angiogram as every later stage sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Field:
    """The field of view as a circle: what `fov_mm` and `fov_deg` are the diameter of."""

    center: tuple[float, float]  # (row, col), pixels
    diameter_px: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RetinalImage:
    """One decoded retinal image.

    Shapes: H, W are the image's height and width in pixels.
    """

    pixels: np.ndarray  # (H, W, 3) uint8, RGB; grey images have three equal channels
    fov: np.ndarray  # (H, W) bool, True inside the field of view
    field: Field
    modality: str  # "cfp" or "octa"
    eye: str | None  # "OD", "OS" or unknown
    bit_depth: int = 8  # of the file
    is_grey: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return int(self.pixels.shape[0]), int(self.pixels.shape[1])
