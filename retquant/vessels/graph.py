"""The vessel graph: smooth centre lines between nodes, with calibre, as packed arrays.

Legend of shapes: B segments, P centre-line points summed over segments, N nodes, J bifurcations, X crossings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

END, BRANCH, BORDER, CROSSING, LOOP = range(5)
"""Kinds of node: free end, junction, cut by the field's edge, vessels passing each other, seam of a loop."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Nodes:
    """Where segments end or meet."""

    position: np.ndarray  # (N, 2) float, (row, col) pixels
    degree: np.ndarray  # (N,) int, segment ends that meet here
    kind: np.ndarray  # (N,) int, END | BRANCH | BORDER | CROSSING | LOOP


@dataclass(frozen=True, eq=False, kw_only=True)
class Bifurcations:
    """One entry a junction where a parent divides into two daughters (crossings are not among them).

    Without a disc the parent is the segment that makes the other two the smallest turn: see `branching`.
    """

    position: np.ndarray  # (J, 2) float, (row, col) pixels
    node: np.ndarray  # (J,) int
    parent: np.ndarray  # (J,) int, segment
    daughters: np.ndarray  # (J, 2) int, segments, the wider first
    angle: np.ndarray  # (J,) degrees between the daughters' tangents; NaN where a daughter is too short
    asymmetry: np.ndarray  # (J,) degrees, |theta1 - theta2| of the daughters to the parent's direction
    parent_calibre: np.ndarray  # (J,) pixels
    daughter_calibre: np.ndarray  # (J, 2) pixels, the wider first


@dataclass(frozen=True, eq=False, kw_only=True)
class VesselGraph:
    """Vessel segments of one structure (`vessel`, `artery`, `vein`, ...) of one image."""

    structure: str
    shape: tuple[int, int]  # (H, W) of the image, pixels
    points: np.ndarray  # (P, 2) float, (row, col) pixels, evenly spaced along each smooth centre line
    starts: np.ndarray  # (B + 1,) int: segment b is points[starts[b]:starts[b + 1]]
    tangent: np.ndarray  # (P, 2) unit vectors along the segment
    curvature: np.ndarray  # (P,) signed, 1/pixel
    calibre: np.ndarray  # (P,) pixels, edge to edge; NaN where the sample was dropped
    source: np.ndarray  # (B,) int, node at the first point
    target: np.ndarray  # (B,) int, node at the last point
    is_loop: np.ndarray  # (B,) bool, closed on itself
    nodes: Nodes
    bifurcations: Bifurcations
    crossings: np.ndarray  # (X, 2) float, (row, col) pixels
    is_united: bool = False  # of all vessels, made of the arteries' and the veins' graphs (`vessels.union`)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def segment(self, index: int) -> slice:
        """Slice of the packed arrays that holds segment `index`."""
        return slice(int(self.starts[index]), int(self.starts[index + 1]))

    @cached_property
    def steps(self) -> np.ndarray:
        """(P,) pixels from each point to the next of its segment; 0 at a segment's last point."""
        steps = np.zeros(len(self.points))
        if len(self.points) > 1:
            steps[:-1] = np.hypot(*np.diff(self.points, axis=0).T)
        steps[self.starts[1:] - 1] = 0.0  # no step between two segments
        return steps

    @cached_property
    def arc_length(self) -> np.ndarray:
        """(B,) pixels along each segment's centre line."""
        return np.add.reduceat(self.steps, self.starts[:-1]) if len(self) else np.zeros(0)

    @cached_property
    def chord_length(self) -> np.ndarray:
        """(B,) pixels from each segment's first point to its last; 0 for a closed loop."""
        first, last = self.points[self.starts[:-1]], self.points[self.starts[1:] - 1]
        return np.hypot(*(last - first).T)
