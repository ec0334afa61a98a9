"""Where vessels divide: the point at which the arms meet, the parent and its daughters, and their angles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import networkx as nx
import numpy as np

from retquant.vessels.graph import BRANCH, Bifurcations, Nodes
from retquant.vessels.packing import middle

_TIE_DEG = 20.0  # parents whose daughters' turns differ by less than this are told apart by their calibre


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Arm:
    """A segment seen from a junction, its points in order away from it."""

    segment: int
    points: np.ndarray  # (P, 2)
    arc: np.ndarray  # (P,) pixels from the junction
    calibre: np.ndarray  # (P,) pixels, NaN where dropped
    clear: float  # pixels from the junction to where the arm is by itself

    def near_calibre(self) -> float:
        """Pixels: median of the samples over about six calibres next to the junction, else of all."""
        known = np.isfinite(self.calibre)
        if not known.any():
            return np.nan
        typical = middle(self.calibre[known])
        near = known & (self.arc <= self.clear + 6 * typical)
        return middle(self.calibre[near]) if near.sum() >= 5 else typical

    def direction(self, unit_px: float) -> np.ndarray:
        """(2,) unit vector away from the junction, fitted over one to three `unit_px`; NaN where the arm is
        short.

        The stretch begins where the arm is by itself if that is farther out, and is two `unit_px` long; at
        least half of it must exist.
        """
        low = max(unit_px, self.clear)
        inside = (self.arc >= low) & (self.arc <= low + 2 * unit_px)
        if inside.sum() < 3 or self.arc[-1] < low + unit_px:
            return np.full(2, np.nan)
        return _fitted_direction(self.points[inside])


def _fitted_direction(points: np.ndarray) -> np.ndarray:
    slope = _even(len(points)) @ points  # the places add up to nothing, so the points need no centring
    norm = math.hypot(*slope)
    return slope / norm if norm > 0 else np.full(2, np.nan)


@lru_cache(maxsize=256)
def _even(count: int) -> np.ndarray:
    """(count,) places from -1 to 1."""
    return np.linspace(-1.0, 1.0, count)


def meeting_point(arms: Sequence[np.ndarray], *, skeleton_node: np.ndarray, radius: float) -> np.ndarray:
    """(2,) point nearest, in least squares, to the straight lines through the arms' first clear stretches.

    Thinning puts a junction where the largest disc fits, which for narrow angles lies far downstream of where
    the axes meet. `arms` holds (P, 2) points of each arm away from the junction. Falls back on
    `skeleton_node` where the lines are too parallel to meet or meet farther off than two and a half radii.
    """
    # the 2 x 2 normal equations by hand: thousands of them an image, and a library call costs more than the sums
    rows, both, cols, right_row, right_col = 0.0, 0.0, 0.0, 0.0, 0.0
    used = 0
    for points in arms:
        direction = _fitted_direction(points) if len(points) >= 3 else np.full(2, np.nan)
        if not np.isfinite(direction).all():
            continue
        along_row, along_col = float(direction[0]), float(direction[1])
        row, col = points.mean(axis=0).tolist()
        rows += 1 - along_row**2
        both -= along_row * along_col
        cols += 1 - along_col**2
        right_row += (1 - along_row**2) * row - along_row * along_col * col
        right_col += (1 - along_col**2) * col - along_row * along_col * row
        used += 1
    least = (rows + cols) / 2 - math.hypot((rows - cols) / 2, both)  # the lesser eigenvalue
    if used < 2 or least < 0.03 * used:
        return skeleton_node
    scale = rows * cols - both**2
    point = np.array([cols * right_row - both * right_col, rows * right_col - both * right_row]) / scale
    return point if np.hypot(*(point - skeleton_node)) <= 2.5 * radius + 1.0 else skeleton_node


def find_bifurcations(
    arms_of: dict[int, list[Arm]],
    nodes: Nodes,
    *,
    ends: np.ndarray,
    arc_length: np.ndarray,
    disc_center: tuple[float, float] | None,
) -> Bifurcations:
    """One entry for each junction of three different segments.

    The parent is, with a disc, the segment that leads to the disc along the tree. Without one it is the
    segment from which the other two go on with the least turning in sum; of those within 20 degrees of the
    least, the widest. `ends` (B, 2) are the segments' nodes.
    """
    upstream = _upstream(nodes, ends, arc_length, disc_center) if disc_center is not None else {}
    rows = []
    for node, arms in arms_of.items():
        if nodes.kind[node] != BRANCH or len(arms) != 3 or len({arm.segment for arm in arms}) != 3:
            continue
        calibre = [arm.near_calibre() for arm in arms]
        parent = _parent(arms, calibre, upstream.get(node))
        first, second = (i for i in range(3) if i != parent)
        if not calibre[first] >= calibre[second]:  # NaN goes last
            first, second = second, first
        unit = calibre[parent] if np.isfinite(calibre[parent]) else np.nanmax([*calibre, 1.0])
        back, left, right = (arms[i].direction(unit) for i in (parent, first, second))
        turns = _angle(-back, left), _angle(-back, right)
        rows.append(
            (
                node,
                arms[parent].segment,
                (arms[first].segment, arms[second].segment),
                _angle(left, right),
                abs(turns[0] - turns[1]),
                calibre[parent],
                (calibre[first], calibre[second]),
            )
        )
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    at = np.array(columns[0], dtype=np.intp)
    return Bifurcations(
        position=nodes.position[at].reshape(-1, 2),
        node=at,
        parent=np.array(columns[1], dtype=np.intp),
        daughters=np.array(columns[2], dtype=np.intp).reshape(-1, 2),
        angle=np.array(columns[3], dtype=float),
        asymmetry=np.array(columns[4], dtype=float),
        parent_calibre=np.array(columns[5], dtype=float),
        daughter_calibre=np.array(columns[6], dtype=float).reshape(-1, 2),
    )


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arctan2(abs(a[0] * b[1] - a[1] * b[0]), a @ b)))


def _parent(arms: Sequence[Arm], calibre: Sequence[float], upstream: int | None) -> int:
    for i, arm in enumerate(arms):
        if arm.segment == upstream:
            return i
    away = []
    for arm, width in zip(arms, calibre, strict=True):
        direction = arm.direction(width if np.isfinite(width) else 1.0)
        if not np.isfinite(direction).all():  # a short arm: its chord
            direction = arm.points[-1] - arm.points[0]
        away.append(direction)
    turning = [sum(_angle(-away[i], away[j]) for j in range(3) if j != i) for i in range(3)]
    least = min(turning)
    return max(
        (i for i in range(3) if turning[i] <= least + _TIE_DEG),
        key=lambda i: calibre[i] if np.isfinite(calibre[i]) else -np.inf,
    )


def _upstream(
    nodes: Nodes, ends: np.ndarray, arc_length: np.ndarray, disc_center: tuple[float, float]
) -> dict[int, int]:
    """Node to the segment that leads from it towards the disc, by the shortest way to its root."""
    network = nx.MultiGraph()
    for segment, (u, v) in enumerate(ends.tolist()):
        network.add_edge(u, v, key=segment, weight=float(arc_length[segment]))
    to_disc = np.hypot(*(nodes.position - np.asarray(disc_center)).T)
    # Of equals the end of a vessel, so that a tree is entered by its stem.
    roots = [
        min(part, key=lambda n: (to_disc[n], network.degree(n))) for part in nx.connected_components(network)
    ]
    distance = nx.multi_source_dijkstra_path_length(network, set(roots)) if roots else {}
    toward: dict[int, int] = {}
    for node in network:
        steps = [
            (distance[far] + data["weight"], key)
            for _, far, key, data in network.edges(node, keys=True, data=True)
            if far != node
        ]
        if steps and node not in roots:
            toward[node] = min(steps)[1]
    return toward
