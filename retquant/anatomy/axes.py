"""Which way is temporal and which superior in a picture: along the disc-fovea axis, by right or left eye."""

from __future__ import annotations

import math
from dataclasses import dataclass

from retquant.anatomy.anatomy import Anatomy

Direction = tuple[float, float]
"""(row, col), of length 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EyeAxes:
    """Directions in the picture, at right angles to each other."""

    temporal: Direction
    superior: Direction

    def toward(self, sector: str) -> Direction:
        """Direction of the middle of a sector: superior, nasal, inferior or temporal."""
        row, col = self.temporal if sector in ("temporal", "nasal") else self.superior
        return (row, col) if sector in ("temporal", "superior") else (-row, -col)


def eye_axes(anatomy: Anatomy) -> EyeAxes | None:
    """Temporal from the disc's centre to the fovea, superior at right angles to it.

    Which of the two right angles follows from the eye: in a right eye superior is a quarter turn clockwise from
    temporal as displayed, in a left eye anticlockwise, however the picture is turned. The wrong eye thus exchanges
    superior and inferior, never temporal and nasal; `infer_eye` finds it out. None where disc, fovea or eye is
    unknown. An upright picture has its own axes, and needs the eye alone.
    """
    if anatomy.is_upright:
        return upright_axes(anatomy.eye)
    if anatomy.disc is None or anatomy.fovea is None or anatomy.eye not in ("OD", "OS"):
        return None
    temporal = unit_vector(anatomy.disc.center, anatomy.fovea)
    return EyeAxes(temporal=temporal, superior=_superior(temporal, anatomy.eye)) if temporal else None


def upright_axes(eye: str | None) -> EyeAxes | None:
    """The same for an upright picture, whose superior is up: for what the field measures along the image's axes."""
    if eye not in ("OD", "OS"):
        return None
    return EyeAxes(temporal=(0.0, -1.0 if eye == "OD" else 1.0), superior=(-1.0, 0.0))


def unit_vector(start: tuple[float, float], end: tuple[float, float]) -> Direction | None:
    """From one point towards another; None where they coincide."""
    length = math.dist(start, end)
    return ((end[0] - start[0]) / length, (end[1] - start[1]) / length) if length > 0 else None


def _superior(temporal: Direction, eye: str) -> Direction:
    row, col = temporal
    return (col, -row) if eye == "OD" else (-col, row)
