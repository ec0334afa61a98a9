"""Where things are in one eye: disc, fovea, scale and laterality, in pixels of the image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Disc:
    """The optic disc as its area-equivalent circle."""

    center: tuple[float, float]  # (row, col), pixels
    radius_px: float  # sqrt(area / pi)
    is_cut: bool = False  # by the edge of the field: centre and radius are those of a fitted ellipse


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Micrometres per pixel, and where that figure comes from (BIOMARKERS.md section 1)."""

    um_per_px: float | None
    source: str  # um_per_px | fov_mm | fov_deg | file | disc | disc_fovea | unknown
    magnification_corrected: bool = False
    magnification_source: str | None = None  # axial_length_mm | refraction

    @property
    def is_nominal(self) -> bool:
        """True where the scale is a property of the camera or was given, not assumed from anatomy."""
        return self.source in ("um_per_px", "fov_mm", "fov_deg", "file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """Landmarks and scale of one image."""

    disc: Disc | None
    fovea: tuple[float, float] | None  # (row, col), pixels
    scale: Scale
    eye: str | None  # OD | OS | unknown
    fovea_source: str | None = None  # manifest | fovea | faz: who says where it is
    is_upright: bool = False  # superior is up in the picture, as in an angiogram, and no disc need tell
