"""One row of a manifest, checked: what every later stage may rely on about an image before opening it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """An image of the cohort with everything the manifest says that measuring reads.

    Labels and covariates are not here: they go from the manifest to the `participants` table untouched, so
    that correcting one of them measures nothing again.
    """

    image_id: str  # unique in the manifest and safe as a file name
    image: Path  # absolute, resolved; of a file in an archive `eyes.zip::left/1.png`; or an `Address`
    row: int  # line of the manifest (header = 1), for messages
    participant_id: str | None = None
    eye: str | None = None  # "OD" or "OS"
    modality: str = "cfp"  # "cfp" or "octa"
    visit: str | None = None
    acquired_at: str | None = None  # ISO date or date-time text
    device: str | None = None
    site: str | None = None
    um_per_px: float | None = None
    fov_mm: float | None = None  # diameter of the field of view; side of an OCTA scan
    fov_deg: float | None = None
    axial_length_mm: float | None = None
    spherical_equivalent_d: float | None = None
    corneal_radius_mm: float | None = None
    fovea_xy: tuple[float, float] | None = None  # x, y pixels from the top left
    # target -> file, from columns <target>_mask: "vessel", "artery", "vein", "av", "disc", "cup", "fov", ...
    masks: Mapping[str, Path] = field(default_factory=dict)
    slabs: tuple[Path, ...] = ()  # slab_2, slab_3, ... in order; slab 1 is the image itself
    slab_names: tuple[str, ...] = ()  # of slab 1, 2, ...; "" where unnamed
