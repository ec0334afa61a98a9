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

    Shapes: H, W are the image's height and width in pixels, S an angiogram's slabs.
    """

    pixels: np.ndarray  # (H, W, 3) uint8, RGB; grey images, and angiograms always, have three equal channels
    fov: np.ndarray  # (H, W) bool, True inside the field of view
    field: Field
    modality: str  # "cfp" or "octa"
    eye: str | None  # "OD", "OS" or unknown; the manifest's word, else the file's
    bit_depth: int = 8  # of the file
    is_grey: bool = False
    slabs: np.ndarray | None = None  # (S, H, W) uint8, of an angiogram; the first of them is in `pixels`
    slab_names: tuple[str, ...] = ()  # S words of the manifest's `slab_<n>_name`, or none of them
    um_per_px: float | None = None  # as the file itself tells it
    fov_deg: float | None = None  # likewise
    pitch_um: float | None = None  # of an angiogram, by manifest or file, as in an eye of usual length
    device: str | None = None  # likewise
    acquired_at: str | None = None  # likewise; ISO date, or date and time
    remarks: tuple[str, ...] = ()  # sentences on what was found odd in reading; quality repeats them
    doubt: str | None = None  # what speaks against its being of this modality; quality rejects it then

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return int(self.pixels.shape[0]), int(self.pixels.shape[1])

    def slab(self, name: str) -> np.ndarray | None:
        """(H, W) uint8, the slab of that name, or None where the image has none."""
        if self.slabs is None or name not in self.slab_names:
            return None
        return np.asarray(self.slabs[self.slab_names.index(name)])
