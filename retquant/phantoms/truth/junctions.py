"""The bifurcations of a digital eye: daughters, calibres and angles by the definitions of the biomarkers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retquant.phantoms.truth.vessel import Vessel

_FIT = (1.0, 3.0)  # parent calibres from the junction: the stretch on which tangents are fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Junction:
    """One vessel dividing into two inside the field."""

    structure: str
    tree: int
    position: tuple[float, float]  # (row, col) pixels
    parent: int  # id of the vessel
    daughters: tuple[int, int]  # the wider first
    d0: float  # pixels, calibre of the parent where it ends
    d1: float  # of the wider daughter where it begins
    d2: float
    angle: float  # degrees between the daughters' tangents; NaN where a daughter is too short
    turns: tuple[float, float]  # degrees of each daughter to the parent's direction

    @property
    def asymmetry(self) -> float:
        """Degrees, the difference of the two turns."""
        return abs(self.turns[0] - self.turns[1])

    @property
    def area_ratio(self) -> float:
        """(d1^2 + d2^2) / d0^2."""
        return (self.d1**2 + self.d2**2) / self.d0**2

    @property
    def optimality_ratio(self) -> float:
        """Cube root of (d1^3 + d2^3) / (2 d0^3)."""
        return float(np.cbrt((self.d1**3 + self.d2**3) / (2 * self.d0**3)))

    @property
    def deviation(self) -> float:
        """Signed cube root of d0^3 - d1^3 - d2^3, over d0; rounding noise under the root is 0."""
        rest = 1 - (self.d1 / self.d0) ** 3 - (self.d2 / self.d0) ** 3
        return float(np.cbrt(rest)) if abs(rest) > 1e-9 else 0.0

    @property
    def exponent(self) -> float:
        """x of d0^x = d1^x + d2^x; infinite where a daughter is as wide as the parent."""
        first, second = self.d1 / self.d0, self.d2 / self.d0
        if first >= 1:
            return float("inf")
        low, high = 0.0, 1.0
        while first**high + second**high > 1:
            high *= 2
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if first**middle + second**middle > 1 else (low, middle)
        return (low + high) / 2

    def as_record(self) -> dict[str, Any]:
        """The junction for JSON; unknown angles are null."""
        angles = [None if np.isnan(a) else round(a, 4) for a in (self.angle, *self.turns)]
        return {
            "structure": self.structure,
            "tree": self.tree,
            "position_px": [round(n, 3) for n in self.position],
            "parent": self.parent,
            "daughters": list(self.daughters),
            "d0_px": self.d0,
            "d1_px": self.d1,
            "d2_px": self.d2,
            "angle_deg": angles[0],
            "turns_deg": angles[1:],
        }


def find_junctions(vessels: Sequence[Vessel]) -> list[Junction]:
    """All bifurcations inside the field, in the order of their parents. `vessels` are numbered by `id`."""
    found = []
    for vessel in vessels:
        if len(vessel.daughters) != 2 or vessel.is_cut:
            continue
        wide, thin = sorted((vessels[d] for d in vessel.daughters), key=lambda v: -v.calibre[0])
        unit = float(vessel.calibre[-1])
        ahead = -_direction(vessel, unit, from_end=True)
        first, second = _direction(wide, unit), _direction(thin, unit)
        row, col = vessel.points[-1]
        found.append(
            Junction(
                structure=vessel.structure,
                tree=vessel.tree,
                position=(float(row), float(col)),
                parent=vessel.id,
                daughters=(wide.id, thin.id),
                d0=unit,
                d1=float(wide.calibre[0]),
                d2=float(thin.calibre[0]),
                angle=_angle(first, second),
                turns=(_angle(ahead, first), _angle(ahead, second)),
            )
        )
    return found


def _direction(vessel: Vessel, unit: float, *, from_end: bool = False) -> np.ndarray:
    """(2,) unit vector away from the junction, by least squares over one to three `unit` px of the centre line.

    At least half of that stretch must exist, else NaN.
    """
    arc, points = vessel.arc, vessel.points
    if from_end:
        arc, points = (arc[-1] - arc)[::-1], points[::-1]
    start, stop = _FIT[0] * unit, min(_FIT[1] * unit, float(arc[-1]))
    if stop - start < (_FIT[1] - _FIT[0]) / 2 * unit:
        return np.full(2, np.nan)
    at = np.linspace(start, stop, 33)
    line = np.column_stack([np.interp(at, arc, points[:, axis]) for axis in (0, 1)])
    slope = (at - at.mean()) @ line
    return np.asarray(slope / np.hypot(*slope))


def _angle(first: np.ndarray, second: np.ndarray) -> float:
    """Degrees between two unit vectors, 0 to 180."""
    cross = first[0] * second[1] - first[1] * second[0]
    return float(np.degrees(np.arctan2(abs(cross), first @ second)))
