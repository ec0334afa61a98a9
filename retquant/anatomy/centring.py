"""What an upright picture itself tells of its eye and of its centring, to hold against the manifest's words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from retquant.anatomy.anatomy import Anatomy

if TYPE_CHECKING:  # types only: the stages' packages bring heavy libraries along
    from retquant.images.retinal_image import Field

NEAR_SPAN = 0.45  # of the disc-fovea distance: centred there, and not half way between the two
NEAR_FIELD = 0.18  # of the field's diameter: about as much in a field of 45 degrees
ASIDE = 0.15  # of the field's diameter: a disc farther to one side than this tells the eye without the fovea


def infer_eye(anatomy: Anatomy, field: Field) -> str | None:
    """OD or OS as an upright picture shows it: the disc lies to the right of a right eye's fovea.

    Without the fovea, the disc's place in the field tells, if it lies well to one side, as in a picture of the macula.
    None where the disc is unknown, or neither side is meant: a disc in the middle, or an axis steeper than 45 degrees.
    """
    if anatomy.disc is None:
        return None
    row, col = anatomy.disc.center
    if anatomy.fovea is not None:
        down, right = row - anatomy.fovea[0], col - anatomy.fovea[1]
        least = 0.0
    else:
        down, right = row - field.center[0], col - field.center[1]
        least = ASIDE * field.diameter_px
    if abs(right) <= max(abs(down), least):
        return None
    return "OD" if right > 0 else "OS"


def infer_centring(anatomy: Anatomy, field: Field) -> str | None:
    """macula, disc or other: which of fovea and disc lies in the middle of the field.

    Where both are known, the nearer to the field's centre, if it is nearer than 0.45 of their distance; where one is,
    that one, if it is nearer than 0.18 of the field's diameter. None where neither is known.
    """
    places = {"macula": anatomy.fovea, "disc": anatomy.disc.center if anatomy.disc is not None else None}
    away = {name: math.dist(place, field.center) for name, place in places.items() if place is not None}
    if not away:
        return None
    reach = NEAR_FIELD * field.diameter_px
    if anatomy.disc is not None and anatomy.fovea is not None:
        reach = NEAR_SPAN * math.dist(anatomy.disc.center, anatomy.fovea)
    nearest = min(away, key=away.__getitem__)
    return nearest if away[nearest] < reach else "other"
