"""The optic disc as its area-equivalent circle: the origin and the unit of zones B and C.

A disc that the edge of the field cuts shows too little of itself: its circle is that of an ellipse fitted to the
part of its outline that does not run along the edge, and its own sizes are not measured (`Disc.is_cut`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from retquant.anatomy.anatomy import Disc
from retquant.anatomy.patch import Patch, largest_patch

if TYPE_CHECKING:  # types only: the stages' packages bring heavy libraries along
    from retquant.segmentation.segmentation import TargetMask

CUT_SHARE = (
    0.05  # of the outline along the field's edge: a disc that only touches it has less, and loses nothing
)
LEAST_SHOWN = 0.5  # of the fitted ellipse's area: of less, the outline does not tell the rest


def find_disc(target: TargetMask, fov: np.ndarray | None = None) -> Disc | None:
    """The disc whose area and centroid are those of the mask's largest part, holes filled.

    Centre and radius are sub-pixel where the mask is anti-aliased or a probability. Where more than 5 % of the
    outline run along the edge of the field `fov` (H, W; the frame, if it is not given), they are those of an ellipse
    fitted to the rest.

    None where the mask is empty, or holds less than half of the fitted ellipse.
    """
    patch = largest_patch(target)
    if patch is None:
        return None
    free = patch.is_free(np.ones(target.probability.shape, bool) if fov is None else fov)
    seen = _share_of_length(patch, free)
    if seen >= 1 - CUT_SHARE:
        return Disc(center=patch.center, radius_px=math.sqrt(patch.area_px / math.pi))
    disc = _completed(patch.outline[free])
    is_shown = disc is not None and patch.area_px >= LEAST_SHOWN * math.pi * disc.radius_px**2
    return disc if is_shown else None


def _share_of_length(patch: Patch, free: np.ndarray) -> float:
    steps = np.hypot(*(np.roll(patch.outline, -1, axis=0) - patch.outline).T)
    return float(steps[free].sum() / steps.sum())


def _completed(points: np.ndarray) -> Disc | None:
    """The circle of the ellipse that fits an open stretch of outline."""
    import cv2

    if len(points) < 6:
        return None
    (x, y), diameters, _ = cv2.fitEllipseDirect(points[:, ::-1].astype(np.float32))
    radius = math.sqrt(diameters[0] * diameters[1]) / 2
    if not (math.isfinite(radius) and math.isfinite(x) and math.isfinite(y)) or radius <= 0:
        return None
    return Disc(center=(float(y), float(x)), radius_px=radius, is_cut=True)
