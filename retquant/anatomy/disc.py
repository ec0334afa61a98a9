"""The optic disc as its area-equivalent circle: the origin and the unit of zones B and C."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from retquant.anatomy.anatomy import Disc
from retquant.anatomy.coverage import coverage

if TYPE_CHECKING:  # types only: the stages' packages bring heavy libraries along
    from retquant.segmentation.segmentation import TargetMask


def find_disc(target: TargetMask) -> Disc | None:
    """The disc whose area and centroid are those of the mask's largest part, holes filled.

    Centre and radius are sub-pixel where the mask is anti-aliased or a probability. None where the mask is
    empty.
    """
    import cv2

    outlines, _ = cv2.findContours(target.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return None
    filled = np.zeros(target.mask.shape, np.uint8)
    largest = max(outlines, key=lambda outline: (cv2.contourArea(outline), len(outline)))
    cv2.drawContours(filled, [largest], -1, 1, cv2.FILLED)
    share = _with_soft_edge(filled, target)
    rows, columns = np.nonzero(share)
    weights = share[rows, columns].astype(np.float64)
    area = weights.sum()
    center = (float(rows @ weights / area), float(columns @ weights / area))
    return Disc(center=center, radius_px=math.sqrt(area / math.pi))


def _with_soft_edge(filled: np.ndarray, target: TargetMask) -> np.ndarray:
    import cv2

    neighbourhood = np.ones((3, 3), np.uint8)
    near = cv2.dilate(filled, neighbourhood).astype(bool)
    inside = cv2.erode(filled, neighbourhood).astype(bool)
    return np.where(inside, np.float32(1.0), np.where(near, coverage(target), np.float32(0.0)))
