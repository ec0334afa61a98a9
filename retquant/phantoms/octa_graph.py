"""The vessels of a digital OCTA field as smooth polylines, and what each of them measures.

Shapes use E for edges (vessels between two of: root, bifurcation, end, the field's border), P for the polylines' points
summed over edges, and N for nodes. Positions are (row, col) in mm from the frame's corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from retquant.phantoms.geometry import Tube

LARGE_MM = 0.010  # radius above which a vessel is one that would be traced by eye
CLASSES = ("artery", "vein")
PLEXUSES = ("svc", "dvc", "ring")
NODE_TYPES = ("root", "branch", "end", "border")


@dataclass(frozen=True, eq=False, kw_only=True)
class OctaGraph:
    """Edges inside the field as packed arrays, with the nodes that they join."""

    field_mm: float
    points: np.ndarray  # (P, 2) mm; edge e is points[starts[e]:starts[e + 1]]
    starts: np.ndarray  # (E + 1,) int
    radius: np.ndarray  # (E,) mm
    is_vein: np.ndarray  # (E,) bool
    plexus: np.ndarray  # (E,) int, index into PLEXUSES
    tree: np.ndarray  # (E,) int, which root the edge hangs on
    nodes: np.ndarray  # (E, 2) int, first and last node
    node_position: np.ndarray  # (N, 2) mm
    node_type: np.ndarray  # (N,) int, index into NODE_TYPES

    def __len__(self) -> int:
        return len(self.radius)

    def chosen(self, structure: str) -> np.ndarray:
        """(E,) which edges belong to `structure`: capillary (all), large_vessel, artery, vein, large_artery…"""
        if structure in ("large_artery", "large_vein"):
            return self.chosen("large_vessel") & self.chosen(structure.removeprefix("large_"))
        if structure == "artery":
            return ~self.is_vein
        if structure == "vein":
            return self.is_vein
        if structure == "large_vessel":
            return self.radius > LARGE_MM
        return np.ones(len(self), dtype=bool)

    @cached_property
    def edge_of_run(self) -> np.ndarray:
        """(R,) edge of each straight run between two consecutive points of one polyline."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts) - 1)

    @cached_property
    def run_start(self) -> np.ndarray:
        """(R,) index of the run's first point; the next point is its last."""
        is_last = np.zeros(len(self.points), dtype=bool)
        is_last[self.starts[1:] - 1] = True
        return np.flatnonzero(~is_last)

    @cached_property
    def run_length(self) -> np.ndarray:
        """(R,) mm."""
        return np.hypot(*(self.points[self.run_start + 1] - self.points[self.run_start]).T)

    @cached_property
    def length(self) -> np.ndarray:
        """(E,) mm along each polyline."""
        return np.bincount(self.edge_of_run, weights=self.run_length, minlength=len(self))

    @cached_property
    def chord(self) -> np.ndarray:
        """(E,) mm from end to end."""
        return np.hypot(*(self.points[self.starts[1:] - 1] - self.points[self.starts[:-1]]).T)

    @cached_property
    def _turns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Edge, |turn| in radians and mean adjoining run length in mm, at each inner point of a polyline."""
        run = self.points[self.run_start + 1] - self.points[self.run_start]
        inner = np.flatnonzero(self.edge_of_run[1:] == self.edge_of_run[:-1])
        first, second = run[inner], run[inner + 1]
        cross = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
        turn = np.abs(np.arctan2(cross, (first * second).sum(axis=1)))
        return self.edge_of_run[inner], turn, (self.run_length[inner] + self.run_length[inner + 1]) / 2

    @cached_property
    def total_abs_curvature(self) -> np.ndarray:
        """(E,) radians; the integral of |curvature|."""
        edge, turn, _ = self._turns
        return np.bincount(edge, weights=turn, minlength=len(self))

    @cached_property
    def total_sq_curvature(self) -> np.ndarray:
        """(E,) 1/mm; the integral of curvature squared."""
        edge, turn, spacing = self._turns
        return np.bincount(edge, weights=turn**2 / np.maximum(spacing, 1e-9), minlength=len(self))

    @cached_property
    def degree(self) -> np.ndarray:
        """(N,) number of edges that end at each node, inside the field."""
        return np.bincount(self.nodes.ravel(), minlength=len(self.node_position))

    @cached_property
    def crossings(self) -> tuple[np.ndarray, np.ndarray]:
        """(C, 2) mm where two edges cross in projection without joining, and (C, 2) the edges."""
        from scipy.spatial import cKDTree

        start, stop = self.points[self.run_start], self.points[self.run_start + 1]
        reach = float(self.run_length.max()) if len(self.run_length) else 1.0
        pairs = cKDTree((start + stop) / 2).query_pairs(reach, output_type="ndarray")
        edges = self.edge_of_run[pairs]
        pairs = pairs[edges[:, 0] != edges[:, 1]]
        first, second = pairs.T
        run, other = stop[first] - start[first], stop[second] - start[second]
        between = start[second] - start[first]
        area = run[:, 0] * other[:, 1] - run[:, 1] * other[:, 0]
        safe = np.where(area == 0, np.inf, area)
        along = (between[:, 0] * other[:, 1] - between[:, 1] * other[:, 0]) / safe
        across = (between[:, 0] * run[:, 1] - between[:, 1] * run[:, 0]) / safe
        meets = (area != 0) & (along >= 0) & (along < 1) & (across >= 0) & (across < 1)
        at = start[first[meets]] + along[meets, None] * run[meets]
        edges = self.edge_of_run[pairs[meets]]
        # Edges that join at a node touch there; that is no crossing.
        joined = np.zeros(len(at), dtype=bool)
        for mine in (0, 1):
            node = self.nodes[edges[:, 0], mine]
            shares = (self.nodes[edges[:, 1]] == node[:, None]).any(axis=1)
            joined |= shares & (np.hypot(*(at - self.node_position[node]).T) < 1e-6)
        return at[~joined], edges[~joined]

    def tubes(self, px_per_mm: float) -> list[Tube]:
        """One tube an edge, in pixels."""
        pixels = self.points * px_per_mm - 0.5
        return [
            Tube(points=part, diameter=float(2 * radius * px_per_mm))
            for part, radius in zip(np.split(pixels, self.starts[1:-1]), self.radius, strict=True)
        ]

    def plain_edges(self) -> list[dict[str, Any]]:
        """One entry an edge, ready for JSON; lengths in mm, points rounded to 0.1 um."""
        polylines = np.split(self.points.round(4), self.starts[1:-1])
        columns = zip(
            self.nodes.tolist(),
            self.radius.round(6).tolist(),
            self.is_vein.tolist(),
            self.plexus.tolist(),
            self.tree.tolist(),
            self.length.tolist(),
            self.chord.tolist(),
            self.total_abs_curvature.tolist(),
            self.total_sq_curvature.tolist(),
            (line.tolist() for line in polylines),
            strict=True,
        )
        return [
            {
                "id": number,
                "u": u,
                "v": v,
                "radius_mm": radius,
                "class": CLASSES[vein],
                "plexus": PLEXUSES[plexus],
                "tree": tree,
                "length_mm": length,
                "chord_mm": chord,
                "tortuosity": length / chord if chord > 0 else None,
                "total_abs_curvature": bend,
                "total_sq_curvature_per_mm": squared,
                "polyline_mm": line,
            }
            for number, ((u, v), radius, vein, plexus, tree, length, chord, bend, squared, line) in enumerate(
                columns
            )
        ]

    def plain_nodes(self) -> list[dict[str, Any]]:
        """One entry a node, ready for JSON."""
        listed = zip(
            self.node_position.round(6).tolist(), self.node_type.tolist(), self.degree.tolist(), strict=True
        )
        return [
            {"id": number, "row_mm": row, "col_mm": col, "degree": degree, "type": NODE_TYPES[kind]}
            for number, ((row, col), kind, degree) in enumerate(listed)
        ]

    def plain_crossings(self) -> list[dict[str, Any]]:
        """One entry a projected crossing, ready for JSON."""
        at, edges = self.crossings
        return [
            {"row_mm": row, "col_mm": col, "edges": pair}
            for (row, col), pair in zip(at.round(6).tolist(), edges.tolist(), strict=True)
        ]
