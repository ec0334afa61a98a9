"""From masks and the manifest's words to landmarks and scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from retquant.anatomy.anatomy import Anatomy
from retquant.anatomy.disc import find_disc
from retquant.anatomy.faz import find_faz
from retquant.anatomy.outline import Outline
from retquant.anatomy.patch import largest_patch
from retquant.anatomy.scale import ScaleFields, resolve_scale

if TYPE_CHECKING:  # types only: the stages' packages bring heavy libraries along
    from retquant.images.retinal_image import Field
    from retquant.segmentation.segmentation import Segmentation


class LocationFields(ScaleFields, Protocol):
    """What a manifest's row may say about one eye; `ImageRecord` has all of it."""

    @property
    def eye(self) -> str | None: ...
    @property
    def fovea_xy(self) -> tuple[float, float] | None: ...


def locate(
    segmentation: Segmentation,
    record: LocationFields,
    *,
    field: Field,
    fov: np.ndarray | None = None,
    modality: str = "cfp",
    file_um_per_px: float | None = None,
) -> Anatomy:
    """Disc, fovea, scale and laterality of one image.

    The fovea is the manifest's, else the centre of the `fovea` target, else in an angiogram (`modality` octa, which is
    upright) that of the foveal avascular zone. `fov` (H, W) tells where the field's edge cuts the disc or the zone;
    without it the frame does. `file_um_per_px` is the scale that the image's file tells.
    """
    disc_target = segmentation.get("disc")
    disc = find_disc(disc_target, fov) if disc_target is not None else None
    fovea, fovea_source = _fovea(segmentation, record.fovea_xy)
    scale = resolve_scale(record, field=field, disc=disc, fovea=fovea, file_um_per_px=file_um_per_px)
    if fovea is None and modality == "octa":
        fovea, fovea_source = _middle_of_faz(segmentation, fov, scale.um_per_px)
    return Anatomy(
        disc=disc,
        fovea=fovea,
        scale=scale,
        eye=record.eye,
        fovea_source=fovea_source,
        is_upright=modality == "octa",
    )


Place = tuple[tuple[float, float], str] | tuple[None, None]
"""Row and column, and who says so."""


def _fovea(segmentation: Segmentation, given: tuple[float, float] | None) -> Place:
    if given is not None:
        x, y = given
        return (y, x), "manifest"
    target = segmentation.get("fovea")
    spot = largest_patch(target) if target is not None else None
    return (spot.center, "fovea") if spot else (None, None)


def _middle_of_faz(segmentation: Segmentation, fov: np.ndarray | None, um_per_px: float | None) -> Place:
    target = segmentation.get("faz")
    if target is None:
        return None, None
    everywhere = np.ones(target.probability.shape, bool)
    zone = find_faz(target, fov=everywhere if fov is None else fov, um_per_px=um_per_px)
    return (zone.center, "faz") if isinstance(zone, Outline) else (None, None)
