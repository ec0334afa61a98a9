"""The pieces that phantoms are made of, as geometry: transforms move the geometry, never a raster.

All positions are (row, col) in pixels with pixel centres at integers. P is the number of points of a centre
line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

Move = Callable[[np.ndarray], np.ndarray]
"""Takes (P, 2) positions to (P, 2) positions."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Tube:
    """A vessel: a centre line with a diameter, closed by round caps."""

    points: np.ndarray  # (P, 2) float, (row, col) pixels, P >= 2
    diameter: float | np.ndarray  # pixels; one figure or (P,) along the centre line

    def moved(self, move: Move, *, factor: float = 1.0) -> Tube:
        """The tube with its points sent through `move` and its diameter multiplied by `factor`."""
        return Tube(points=move(self.points), diameter=self.diameter * factor)

    def narrowed(self, factor: float) -> Tube:
        """The same centre line with `factor` times the diameter."""
        return replace(self, diameter=self.diameter * factor)

    @property
    def radii(self) -> np.ndarray:
        """(P,) pixels, half the diameter at each point."""
        return np.broadcast_to(np.asarray(self.diameter, dtype=float) / 2, len(self.points))

    @property
    def arc_length(self) -> float:
        """Pixels along the centre line."""
        return float(np.hypot(*np.diff(self.points, axis=0).T).sum())

    @property
    def chord_length(self) -> float:
        """Pixels from the first point to the last."""
        return float(np.hypot(*(self.points[-1] - self.points[0])))


@dataclass(frozen=True, kw_only=True)
class Ellipse:
    """A filled ellipse, for the disc, the cup, a foveal avascular zone or a circular field."""

    center: tuple[float, float]  # (row, col) pixels
    semi_axes: tuple[float, float]  # pixels; the first lies along `angle_deg`
    angle_deg: float = 0.0  # direction of the first semi-axis, from the row axis towards the column axis

    def moved(self, move: Move, *, factor: float = 1.0, turn_deg: float = 0.0) -> Ellipse:
        """The ellipse with its centre sent through `move`, scaled by `factor` and turned by `turn_deg`."""
        row, col = move(np.array([self.center], dtype=float))[0]
        first, second = self.semi_axes
        return Ellipse(
            center=(float(row), float(col)),
            semi_axes=(first * factor, second * factor),
            angle_deg=self.angle_deg + turn_deg,
        )

    @property
    def area(self) -> float:
        """Square pixels."""
        return float(np.pi * self.semi_axes[0] * self.semi_axes[1])

    @property
    def radius(self) -> float:
        """Pixels; radius of the circle of equal area."""
        return float(np.sqrt(self.semi_axes[0] * self.semi_axes[1]))


@dataclass(frozen=True, kw_only=True)
class Block:
    """A filled rectangle, or a rectangular hole; the disjoint pieces of squares and carpets."""

    center: tuple[float, float]  # (row, col) pixels
    sides: tuple[float, float]  # pixels; the first lies along `angle_deg`
    angle_deg: float = 0.0  # direction of the first side, from the row axis towards the column axis
    is_hole: bool = False

    def moved(self, move: Move, *, factor: float = 1.0, turn_deg: float = 0.0) -> Block:
        """The block with its centre sent through `move`, scaled by `factor` and turned by `turn_deg`."""
        row, col = move(np.array([self.center], dtype=float))[0]
        return replace(
            self,
            center=(float(row), float(col)),
            sides=(self.sides[0] * factor, self.sides[1] * factor),
            angle_deg=self.angle_deg + turn_deg,
        )


def turn_about(center: tuple[float, float], degrees: float) -> Move:
    """A turn about `center` that takes the row axis towards the column axis (anticlockwise as displayed)."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    pivot = np.asarray(center, dtype=float)
    return lambda points: (points - pivot) @ turn.T + pivot


def resize_by(factor: float) -> Move:
    """A change of pixel size: the frame's corner, at (-0.5, -0.5), stays where it is."""
    return lambda points: (points + 0.5) * factor - 0.5


def shift_by(offset: tuple[float, float]) -> Move:
    """A shift by (rows, columns) pixels."""
    step = np.asarray(offset, dtype=float)
    return lambda points: points + step
