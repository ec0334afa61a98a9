"""The capillary ring round the foveal avascular zone: it joins the nearest ends, so that the zone's border shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retquant.phantoms.faz_outline import HarmonicOutline, Polygon
from retquant.phantoms.octa_growth import TERMINAL_MM
from retquant.phantoms.octa_paths import SPACING_MM, Trees

_RING = 2  # index into PLEXUSES
_NEAR_MM = 0.15  # ends this near to the ring are joined to it
_SECTORS = 40  # at most one joint in each
_GAP_MM = (0.015, 0.030)  # between the avascular zone and the ring's centre line
RING_RADIUS_MM = 1.2 * TERMINAL_MM


@dataclass(frozen=True, kw_only=True)
class Ring:
    """The course of the ring: a distance outside the avascular zone that changes slowly with direction."""

    faz: HarmonicOutline
    waves: int
    phase: float  # radians

    @classmethod
    def drawn(cls, faz: HarmonicOutline, rng: np.random.Generator) -> Ring:
        return cls(faz=faz, waves=int(rng.integers(2, 5)), phase=float(rng.uniform(0, 2 * np.pi)))

    def radius_at(self, turn: np.ndarray) -> np.ndarray:
        """(…) mm from the zone's centre in direction `turn`."""
        middle, swing = sum(_GAP_MM) / 2, (_GAP_MM[1] - _GAP_MM[0]) / 2
        return self.faz.radius_at(turn) + middle + swing * np.cos(self.waves * turn + self.phase)

    def inner_polygon(self, count: int = 720) -> Polygon:
        """The inner edge of the ring of undisturbed course: the border that a grader sees."""
        turn = np.arange(count) * (2 * np.pi / count)
        reach = self.radius_at(turn) - RING_RADIUS_MM
        points = np.array(self.faz.center) + reach[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
        return Polygon(points=points)

    def join(self, trees: Trees) -> Trees:
        """The trees with a node on the ring added to the ends nearest to it."""
        ends = np.flatnonzero((trees.children == 0) & (trees.parent >= 0))
        away = trees.position[ends] - np.array(self.faz.center)
        turn, distance = np.arctan2(away[:, 1], away[:, 0]), np.hypot(*away.T)
        gap = distance - self.radius_at(turn)
        order = np.argsort(np.abs(gap), kind="stable")
        order = order[np.abs(gap[order]) < _NEAR_MM]
        sector = np.floor((turn[order] / (2 * np.pi) + 0.5) * _SECTORS).astype(int)
        chosen = order[np.unique(sector, return_index=True)[1]]
        turn = turn[chosen]
        unit = np.column_stack([np.cos(turn), np.sin(turn)])
        position = np.array(self.faz.center) + self.radius_at(turn)[:, None] * unit
        return trees.grown(position, ends[chosen], _RING)

    def arcs(self, joints: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Order of the (J, 2) joints round the ring, and the polyline from each to the next."""
        away = joints - np.array(self.faz.center)
        turn, distance = np.arctan2(away[:, 1], away[:, 0]), np.hypot(*away.T)
        order = np.argsort(turn)
        turn, extra = turn[order], (distance - self.radius_at(turn))[order]
        lines = []
        for number in range(len(order)):
            after = (number + 1) % len(order)
            span = (turn[after] - turn[number]) % (2 * np.pi) or 2 * np.pi
            count = max(int(np.ceil(span * distance[order[number]] / SPACING_MM)), 2)
            share = np.linspace(0, 1, count + 1)
            angle = turn[number] + share * span
            reach = self.radius_at(angle) + extra[number] + share * (extra[after] - extra[number])
            line = np.array(self.faz.center) + reach[:, None] * np.column_stack(
                [np.cos(angle), np.sin(angle)]
            )
            line[0], line[-1] = joints[order[number]], joints[order[after]]
            lines.append(line)
        return order, lines
