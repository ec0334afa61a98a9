"""The foveal avascular zone as one closed outline about the fovea, or why an image has none.

The outline is the line at half coverage (or probability), smoothed along itself: read between pixels, a line wavers by
some hundredths of a pixel where the map is soft and by half of one where a mask has two values only, and every waver
lengthens it. Smoothing draws a curve inwards, so the outline is moved back out until it holds the area that it had.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from retquant.anatomy.outline import Outline
from retquant.anatomy.patch import MARGIN_PX, Patch, largest_patch

if TYPE_CHECKING:  # types only: the stages' packages bring heavy libraries along
    from retquant.segmentation.segmentation import TargetMask

LARGEST_REST = 0.1  # of the zone's area: what else of the mask lies elsewhere, and what of the zone is holes
FARTHEST_FOVEA = 1.0  # radii of the zone by which a given fovea may lie outside of it
SMALLEST_PX2 = 28.0  # a zone of 3 px radius has no shape to speak of
SMALLEST_FOUND_MM2 = (
    0.02  # of a zone that a model found: healthy eyes have 0.071 and more (Samara et al. 2015)
)
WIDEST_FIELD_MM = 6.0  # of usual scans: what a pixel is taken to be at most where no scale is known
SMOOTHING = {
    False: 0.7,
    True: 2.0,
}  # points of the line, about 0.8 px apart: soft maps (False) and hard masks


def find_faz(
    target: TargetMask,
    *,
    fov: np.ndarray,
    fovea: tuple[float, float] | None = None,
    um_per_px: float | None = None,
) -> Outline | str:
    """The zone's outline in pixels, or the reason why there is none.

    The largest connected part of the mask, small holes filled. There is none (`no_faz`) where the mask is empty, where
    other parts or holes come to more than a tenth of it, so that it is no one closed region, or where a given `fovea`
    (row, col) lies farther outside of it than its own radius, or where a model found a speck: in a field away from the
    fovea a gap between capillaries may look like a zone. A zone that reaches the edge of the field `fov` (H, W) is cut
    (`region_out_of_bounds`); one of a few pixels has no shape (`resolution_too_low`).
    """
    if not target.mask.any():
        return "no_faz"
    patch = largest_patch(target)
    if patch is None:
        return "no_faz"
    if patch.area_px < SMALLEST_PX2:
        return "resolution_too_low"
    if _apart(target, patch) > LARGEST_REST * patch.area_px or _is_speck(target, patch, um_per_px):
        return "no_faz"
    if not patch.is_free(fov).all():
        return "region_out_of_bounds"
    outline = smooth_outline(patch, is_hard=target.is_hard)
    if fovea is not None:
        depth = float(outline.depth(np.array([fovea], float))[0])
        if depth < -FARTHEST_FOVEA * outline.radius_px:
            return "no_faz"
    return outline


def _is_speck(target: TargetMask, patch: Patch, um_per_px: float | None) -> bool:
    """Whether a model found it and it is smaller than any avascular zone; what was drawn is taken as it is."""
    from retquant.segmentation.segmentation import MODEL_SOURCE

    if not target.source.startswith(MODEL_SOURCE):
        return False
    pitch_mm = WIDEST_FIELD_MM / max(target.mask.shape) if um_per_px is None else um_per_px / 1000
    return bool(patch.area_px * pitch_mm**2 < SMALLEST_FOUND_MM2)


def smooth_outline(patch: Patch, *, is_hard: bool) -> Outline:
    """The line at half coverage without its wavering from pixel to pixel, about the same area."""
    from scipy.ndimage import gaussian_filter1d

    line = patch.outline
    # stairs err to either side alike, so that a hard mask's pixels tell its area better than the line between them
    area = patch.area_px if is_hard else Outline(points=line).area_px
    points = gaussian_filter1d(line, SMOOTHING[is_hard], axis=0, mode="wrap")
    smooth = Outline(points=points)
    along = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    outward = np.column_stack([along[:, 1], -along[:, 0]]) * smooth.turn
    length = np.hypot(*outward.T)
    outward /= np.where(length > 0, length, 1.0)[:, None]
    return Outline(points=points + (area - smooth.area_px) / smooth.perimeter_px * outward)


def _apart(target: TargetMask, patch: Patch) -> float:
    """Pixels of the mask outside the zone, and pixels of the zone outside the mask."""
    inside = patch.share >= 0.5
    rows, cols = (
        slice(corner + MARGIN_PX, corner + size - MARGIN_PX)
        for corner, size in zip(patch.corner, patch.share.shape, strict=True)
    )
    inner = inside[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    common = np.count_nonzero(target.mask[rows, cols] & inner)
    return math.fsum((np.count_nonzero(target.mask), np.count_nonzero(inner), -2 * common))
