"""From masks and the manifest's words to landmarks and scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from retquant.anatomy.anatomy import Anatomy
from retquant.anatomy.disc import find_disc
from retquant.anatomy.patch import largest_patch
from retquant.anatomy.scale import ScaleFields, resolve_scale

if TYPE_CHECKING:  # types only: the stages' packages bring heavy libraries along
    import numpy as np

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
    file_um_per_px: float | None = None,
) -> Anatomy:
    """Disc, fovea, scale and laterality of one image.

    The fovea is the manifest's, else the centre of the `fovea` target. `fov` (H, W) tells where the field's edge cuts
    the disc; without it the frame does. `file_um_per_px` is the scale that the image's file tells.
    """
    disc_target = segmentation.get("disc")
    disc = find_disc(disc_target, fov) if disc_target is not None else None
    fovea = _fovea(segmentation, record.fovea_xy)
    scale = resolve_scale(record, field=field, disc=disc, fovea=fovea, file_um_per_px=file_um_per_px)
    return Anatomy(disc=disc, fovea=fovea, scale=scale, eye=record.eye)


def _fovea(segmentation: Segmentation, given: tuple[float, float] | None) -> tuple[float, float] | None:
    if given is not None:
        x, y = given
        return y, x
    target = segmentation.get("fovea")
    spot = largest_patch(target) if target is not None else None
    return spot.center if spot else None
