"""Micrometres per pixel: from the manifest where it says so, else assumed from anatomy, else unknown.

The order, the constants and what may correct what are BIOMARKERS.md section 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from retquant.anatomy.anatomy import Disc, Scale

if TYPE_CHECKING:  # types only: the stages' packages bring heavy libraries along
    from retquant.images.retinal_image import Field, RetinalImage

DISC_RADIUS_UM = 900.0  # assumed where nothing else tells the scale
DISC_FOVEA_UM = 4760.0  # likewise
REFERENCE_AXIAL_LENGTH_MM = 24.0
DEVICE_AXIAL_LENGTH_MM = {
    "angiovue": 23.95,
    "cirrus": 24.46,
    "plex": 24.46,
}  # eye length a maker's scale assumes


class ScaleFields(Protocol):
    """What a manifest's row may say about size; `ImageRecord` has all of it."""

    @property
    def um_per_px(self) -> float | None: ...
    @property
    def fov_mm(self) -> float | None: ...
    @property
    def fov_deg(self) -> float | None: ...
    @property
    def axial_length_mm(self) -> float | None: ...
    @property
    def spherical_equivalent_d(self) -> float | None: ...
    @property
    def corneal_radius_mm(self) -> float | None: ...
    @property
    def device(self) -> str | None: ...


def resolve_scale(
    record: ScaleFields,
    *,
    field: Field,
    disc: Disc | None = None,
    fovea: tuple[float, float] | None = None,
    file_um_per_px: float | None = None,
) -> Scale:
    """The first source of scale that is there: um_per_px, fov_mm, fov_deg, the file, disc, disc and fovea.

    `fov_mm` and `fov_deg` are the field's diameter. They, and what the image's file tells, are corrected for the
    person's own eye where the manifest tells its length, or its refraction and corneal radius; a given um_per_px
    and assumed scales never are.
    """
    if record.um_per_px is not None:
        return Scale(um_per_px=record.um_per_px, source="um_per_px")
    reference = reference_axial_length_mm(record.device)
    if record.fov_mm is not None:
        return _corrected(record.fov_mm, "fov_mm", record, field=field, reference=reference)
    if record.fov_deg is not None:
        field_mm = record.fov_deg * mm_per_degree(reference)
        return _corrected(field_mm, "fov_deg", record, field=field, reference=reference)
    if file_um_per_px is not None:
        field_mm = file_um_per_px * field.diameter_px / 1000.0
        return _corrected(field_mm, "file", record, field=field, reference=reference)
    if disc is not None and disc.radius_px > 0:
        return Scale(um_per_px=DISC_RADIUS_UM / disc.radius_px, source="disc")
    if disc is not None and fovea is not None and disc.center != fovea:  # a disc known by its centre alone
        return Scale(um_per_px=DISC_FOVEA_UM / math.dist(disc.center, fovea), source="disc_fovea")
    return Scale(um_per_px=None, source="unknown")


def nominal_pitch(record: ScaleFields, image: RetinalImage) -> float | None:
    """Micrometres in a pixel of an angiogram, for no eye in particular; None where nobody tells."""
    if image.modality != "octa":
        return None
    if record.um_per_px is not None:
        return record.um_per_px
    diameter = image.field.diameter_px
    if record.fov_mm is not None:
        return 1000.0 * record.fov_mm / diameter
    if record.fov_deg is not None:
        return 1000.0 * record.fov_deg * mm_per_degree(reference_axial_length_mm(record.device)) / diameter
    return image.um_per_px


def reference_axial_length_mm(device: str | None) -> float:
    """Eye length for which a device's nominal field holds."""
    name = (device or "").lower()
    return next(
        (mm for word, mm in DEVICE_AXIAL_LENGTH_MM.items() if word in name), REFERENCE_AXIAL_LENGTH_MM
    )


def mm_per_degree(axial_length_mm: float) -> float:
    """Millimetres on the retina that a degree of visual field covers: 0.01306 (AL - 1.82) [Bennett1994]."""
    return 0.01306 * (axial_length_mm - 1.82)


def mm_per_degree_by_refraction(spherical_equivalent_d: float, corneal_radius_mm: float) -> float:
    """The same from refraction and corneal radius: 1 / (17.21/r + 1.247 + A/17.455) [GarwayHeath1998].

    The method of Littmann and Bengtsson with the constants of a later study of eyes of known length; from -10 to +6
    dioptres and radii of 7 to 8.6 mm it stays within 1 % of Bengtsson's own 1 / (1 + (A + 0.84 dD)/60), dD the
    cornea's power over the usual one [Bengtsson1992].
    """
    return 1.0 / (17.21 / corneal_radius_mm + 1.247 + spherical_equivalent_d / 17.455)


def _corrected(field_mm: float, source: str, record: ScaleFields, *, field: Field, reference: float) -> Scale:
    nominal = field_mm * 1000.0 / field.diameter_px
    if record.axial_length_mm is not None:
        own, because = mm_per_degree(record.axial_length_mm), "axial_length_mm"
    elif record.spherical_equivalent_d is not None and record.corneal_radius_mm is not None:
        own = mm_per_degree_by_refraction(record.spherical_equivalent_d, record.corneal_radius_mm)
        because = "refraction"
    else:
        return Scale(um_per_px=nominal, source=source)
    return Scale(
        um_per_px=nominal * own / mm_per_degree(reference),
        source=source,
        magnification_corrected=True,
        magnification_source=because,
    )
