"""A second, closer look at the avascular zone of wide angiograms.

Readers drew the zones that models learn from in fields of 3 mm. Across 6 mm a zone has a quarter of those pixels, the
finest vessels of its rim are gone, and it is found too large; of the middle of such a scan alone it is not.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from retquant.images.retinal_image import RetinalImage
from retquant.segmentation.segmentation import TargetMask
from retquant.segmentation.single_area import keep_one_area

ZONE = "faz"
CLOSE_MM = 3.0  # side of the field that is looked at again
WIDE_MM = 4.5  # narrower fields are not: 3 mm is nearer to them than what a second look would gain
MOST_OF_SIDE = 0.6  # that a zone may take of the closer field: what lies beyond would be cut off


def closer_side(image: RetinalImage) -> int | None:
    """Pixels across the closer field, or None where the field is no wider or nobody tells its size."""
    if image.modality != "octa" or image.pitch_um is None:
        return None
    if max(image.shape) * image.pitch_um < 1000.0 * WIDE_MM:
        return None
    side = round(1000.0 * CLOSE_MM / image.pitch_um)
    return side if side >= 2 else None


def closer_field(image: RetinalImage, zone: TargetMask | None) -> RetinalImage | None:
    """The image with nothing in its field but a square about the zone that was found.

    Returns
    -------
    RetinalImage, or None where `closer_side` is, no zone was found, or it fills too much of that square.
    """
    side = closer_side(image)
    if side is None or zone is None:
        return None
    found = keep_one_area(zone).mask
    if not found.any():
        return None
    corner = []
    for axis, length in enumerate(found.shape):
        place = np.flatnonzero(found.any(axis=1 - axis))
        if place[-1] + 1 - place[0] > MOST_OF_SIDE * side:
            return None
        middle = found.sum(axis=1 - axis) @ (np.arange(length) + 0.5) / found.sum()
        corner.append(int(np.clip(math.floor(middle - side / 2), 0, max(0, length - side))))
    square = np.zeros(found.shape, bool)
    square[corner[0] : corner[0] + side, corner[1] : corner[1] + side] = True
    fov = image.fov & square
    return replace(image, fov=fov) if fov.any() else None
