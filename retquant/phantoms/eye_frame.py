"""Where a digital eye lies in its picture: millimetres of the eye to pixels, with side, tilt and centring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retquant.phantoms.geometry import Ellipse, Tube
from retquant.phantoms.growth import AVASCULAR_MM, Course, GrowthPlan
from retquant.phantoms.trees import TreeSegment

FIELD_MM = 13.05  # 45 degrees at 0.290 mm a degree (Bennett 1994, axial length 24 mm)
_FIELD_SHARE = 0.48  # radius of the field over the shorter side of the frame
_DISC_RADIUS_MM = 0.9
_DISC_FOVEA_MM = 4.76


@dataclass(frozen=True, kw_only=True)
class EyeFrame:
    """Places an eye in a frame. Eye coordinates are (x, y) mm from the disc, x towards the fovea, y upwards."""

    fovea_mm: float  # disc-fovea distance
    disc_radius_mm: float
    disc_ovality: float  # minor over major axis
    disc_turn_deg: float
    tilt_deg: float  # the fovea lies this far below the disc's horizontal
    side: int  # +1 where temporal is to the right (OS), -1 where it is to the left (OD)
    field_center_mm: tuple[float, float]  # (x, y) in the eye
    field_radius_mm: float
    size: tuple[int, int]

    @classmethod
    def drawn(
        cls, rng: np.random.Generator, eye: str, size: tuple[int, int], field_mm: float, centring: float
    ) -> EyeFrame:
        """A frame with the spread of real eyes (RetinaSim's figures, narrowed to adults without disease)."""
        fovea_mm = float(np.clip(rng.normal(_DISC_FOVEA_MM, 0.18), 4.3, 5.2))
        return cls(
            fovea_mm=fovea_mm,
            disc_radius_mm=float(np.clip(rng.normal(_DISC_RADIUS_MM, 0.05), 0.75, 1.05)),
            disc_ovality=float(rng.uniform(0.86, 0.97)),
            disc_turn_deg=float(rng.normal(0, 8)),
            tilt_deg=float(rng.normal(6.5, 2.0)),
            side=1 if eye == "OS" else -1,
            field_center_mm=(fovea_mm * (1 - centring), float(rng.normal(0, 0.15))),
            field_radius_mm=field_mm / 2,
            size=size,
        )

    @property
    def px_per_mm(self) -> float:
        """Pixels a millimetre."""
        return _FIELD_SHARE * min(self.size) / self.field_radius_mm

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """(P, 2) positions (row, col) in pixels of (P, 2) positions (x, y) in mm."""
        tilt = np.deg2rad(self.tilt_deg)
        turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
        right, up = ((np.atleast_2d(points) - self.field_center_mm) @ turn.T).T * self.px_per_mm
        rows, cols = ((n - 1) / 2 for n in self.size)
        return np.column_stack([rows - up, cols + self.side * right])

    def plan(self, trunk_radius_mm: float, wave: float, courses: tuple[Course, ...]) -> GrowthPlan:
        """How one class of vessel grows in this eye."""
        return GrowthPlan(
            fovea_mm=self.fovea_mm,
            disc_radius_mm=self.disc_radius_mm,
            field_center=self.field_center_mm,
            field_radius_mm=self.field_radius_mm,
            trunk_radius_mm=trunk_radius_mm,
            wave=wave,
            courses=courses,
        )

    def tubes(self, segments: Sequence[TreeSegment], trunk_um: float) -> tuple[Tube, ...]:
        """The segments in pixels; the two widest trunks are `trunk_um` across, on average, at the disc."""
        trunks = sorted((segment.flow[0] for segment in segments if segment.parent < 0), reverse=True)[:2]
        unit_px = trunk_um / 1000 * self.px_per_mm / float(np.mean(np.cbrt(trunks)))
        return tuple(
            Tube(points=self.pixels(segment.points), diameter=unit_px * np.cbrt(segment.flow))
            for segment in segments
        )

    def foveal_circle(self, factor: float) -> tuple[float, float, float] | None:
        """(x, y, radius) mm of a circle about the fovea `factor` times that in which nothing grows; None for 1."""
        return (self.fovea_mm, 0.0, AVASCULAR_MM * factor) if factor > 1 else None

    @property
    def disc(self) -> Ellipse:
        """The optic disc, taller than wide."""
        major = self.disc_radius_mm / np.sqrt(self.disc_ovality) * self.px_per_mm
        row, col = self.pixels(np.zeros(2))[0]
        return Ellipse(
            center=(float(row), float(col)),
            semi_axes=(float(major), float(major * self.disc_ovality)),
            angle_deg=self.disc_turn_deg * self.side,
        )

    @property
    def fovea(self) -> tuple[float, float]:
        """(row, col) pixels."""
        row, col = self.pixels(np.array([self.fovea_mm, 0.0]))[0]
        return float(row), float(col)

    @property
    def fov(self) -> Ellipse:
        """The circular field of view."""
        radius = _FIELD_SHARE * min(self.size)
        return Ellipse(center=((self.size[0] - 1) / 2, (self.size[1] - 1) / 2), semi_axes=(radius, radius))
