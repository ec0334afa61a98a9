"""The capillary ring round the foveal avascular zone: it joins the nearest ends, so that the zone's border shows.

The ring's inner wall is the zone's outline, so that the zone's area and perimeter are those of what is left dark.
"""

from __future__ import annotations

import numpy as np

from retquant.phantoms.faz_outline import HarmonicOutline
from retquant.phantoms.octa_forest import TERMINAL_MM
from retquant.phantoms.octa_paths import RING, SPACING_MM
from retquant.phantoms.octa_trees import Trees

RING_RADIUS_MM = 1.2 * TERMINAL_MM
_NEAR_MM = 0.15  # ends this near to the ring are joined to it
_SECTORS = 40  # at most one joint in each


def join_ring(trees: Trees, faz: HarmonicOutline) -> Trees:
    """The trees with a node on the ring added to the nearest end in each of forty directions, where one is near."""
    ends = np.flatnonzero((trees.children == 0) & (trees.parent >= 0))
    turn, distance = _polar(trees.position[ends], faz)
    gap = distance - _ring_at(turn, faz)
    order = np.argsort(np.abs(gap), kind="stable")
    order = order[np.abs(gap[order]) < _NEAR_MM]
    sector = np.floor((turn[order] / (2 * np.pi) + 0.5) * _SECTORS).astype(int)
    chosen = order[np.unique(sector, return_index=True)[1]]
    return trees.grown(_on_ring(turn[chosen], faz), ends[chosen], RING)


def ring_arcs(joints: np.ndarray, faz: HarmonicOutline) -> tuple[np.ndarray, list[np.ndarray]]:
    """Order of the (J, 2) joints round the ring, and the polyline from each to the next."""
    turn, _ = _polar(joints, faz)
    order = np.argsort(turn, kind="stable")
    lines = []
    for number, here in enumerate(order):
        after = order[(number + 1) % len(order)]
        span = (turn[after] - turn[here]) % (2 * np.pi) or 2 * np.pi
        count = max(int(np.ceil(span * faz.radius / SPACING_MM)), 2)
        line = _on_ring(turn[here] + np.linspace(0, span, count + 1), faz)
        line[0], line[-1] = joints[here], joints[after]
        lines.append(line)
    return order, lines


def _polar(points: np.ndarray, faz: HarmonicOutline) -> tuple[np.ndarray, np.ndarray]:
    away = points - np.array(faz.center)
    return np.arctan2(away[:, 1], away[:, 0]), np.hypot(*away.T)


def _ring_at(turn: np.ndarray, faz: HarmonicOutline) -> np.ndarray:
    """Distance of the ring's centre line from the zone's centre, mm: a radius outside the outline, square to it."""
    reach, step = faz.radius_at(turn), 1e-4
    slope = (faz.radius_at(turn + step) - faz.radius_at(turn - step)) / (2 * step)
    return reach + RING_RADIUS_MM * np.sqrt(1 + (slope / reach) ** 2)


def _on_ring(turn: np.ndarray, faz: HarmonicOutline) -> np.ndarray:
    unit = np.column_stack([np.cos(turn), np.sin(turn)])
    return np.array(faz.center) + _ring_at(turn, faz)[:, None] * unit
