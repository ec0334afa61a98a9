"""A drawn vessel between two of root, bifurcation, crossing of the field's edge and end, with its calibre."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False, kw_only=True)
class Vessel:
    """A vessel as drawn, from the disc outwards, up to the field's edge. P points, some 25 um apart."""

    id: int
    structure: str  # artery | vein
    tree: int
    parent: int | None  # ids
    daughters: tuple[int, ...]
    points: np.ndarray  # (P, 2) pixels, (row, col)
    calibre: np.ndarray  # (P,) pixels
    is_cut: bool  # the field's edge cuts it where it leaves
    enters: bool = False  # it begins at the field's edge: a vessel that had left and comes back

    @cached_property
    def arc(self) -> np.ndarray:
        """(P,) pixels from the first point."""
        return arc_along(self.points)

    @property
    def length(self) -> float:
        """Pixels."""
        return float(self.arc[-1])


@dataclass(frozen=True, eq=False, kw_only=True)
class Piece:
    """What of a vessel lies inside a ring, without a gap."""

    vessel: Vessel
    points: np.ndarray  # (P, 2) pixels
    calibre: np.ndarray  # (P,) pixels

    @cached_property
    def length(self) -> float:
        """Pixels."""
        return float(arc_along(self.points)[-1])

    @cached_property
    def median_calibre(self) -> float:
        """Pixels; each stretch of the vessel counts by its length."""
        arc = arc_along(self.points)
        even = np.interp(np.linspace(0, arc[-1], max(len(arc), 64)), arc, self.calibre)
        return float(np.median(even))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """The part of the plane between two circles; a disc where `inner` is 0."""

    center: tuple[float, float]  # (row, col)
    inner: float  # pixels
    outer: float

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Pixels from the centre of (..., 2) points."""
        away = np.asarray(points, dtype=float) - self.center
        return np.hypot(away[..., 0], away[..., 1])

    def holds(self, points: np.ndarray) -> np.ndarray:
        """(...) bool for (..., 2) points."""
        distance = self.distance(points)
        return (distance >= self.inner) & (distance <= self.outer)

    def pieces(self, vessel: Vessel) -> Iterator[Piece]:
        """The stretches of a vessel inside the ring, cut where it meets the circles."""
        for points, calibre in self.cut(vessel.points, vessel.calibre):
            yield Piece(vessel=vessel, points=points, calibre=calibre)

    def cut(self, points: np.ndarray, calibre: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The stretches of a polyline inside the ring, with their calibres."""
        for radius in (self.inner, self.outer):
            points, calibre = _cut_at(points, calibre, self.distance, radius)
        within = self.holds((points[1:] + points[:-1]) / 2)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], within, [False]]).astype(int)))
        for first, end in edges.reshape(-1, 2):
            yield points[first : end + 1], calibre[first : end + 1]


def arc_along(points: np.ndarray) -> np.ndarray:
    """(P,) distance along a polyline from its first point."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])


def _cut_at(
    points: np.ndarray, calibre: np.ndarray, distance: Callable[[np.ndarray], np.ndarray], radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """The polyline with a point added wherever it meets the circle; runs of 2 px are straight to it."""
    away = distance(points) - radius
    met = np.flatnonzero(away[1:] * away[:-1] < 0)
    if radius <= 0 or not len(met):
        return points, calibre
    share = away[met] / (away[met] - away[met + 1])
    for _ in range(3):  # the distance is not quite linear along a run: false position to within 1e-6 px
        at = points[met] + share[:, None] * (points[met + 1] - points[met])
        slope = away[met + 1] - away[met]
        share = np.clip(share - (distance(at) - radius) / slope, 0, 1)
    at = points[met] + share[:, None] * (points[met + 1] - points[met])
    width = calibre[met] + share * (calibre[met + 1] - calibre[met])
    return np.insert(points, met + 1, at, axis=0), np.insert(calibre, met + 1, width)
