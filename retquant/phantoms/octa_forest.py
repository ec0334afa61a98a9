"""The trees of a growing OCTA field and the points of tissue that draw them on, in millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TERMINAL_MM = 0.0025  # radius of a capillary
ROOT_CAP_MM = 0.055  # no vessel has a larger radius


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One vascular plexus: how far its vessels see and how closely they are packed at first, in millimetres."""

    name: str
    iterations: int
    expansion: float  # growth of all distances' divisor an iteration
    between_sinks: float
    kill: float
    perception: float
    cone_deg: float  # full angle
    inertia: float
    kappa: float  # Murray's exponent
    circling_floor: float


STAGES = (
    Stage(
        name="svc",
        iterations=50,
        expansion=0.04,
        between_sinks=0.135,
        kill=0.135,
        perception=0.2925,
        cone_deg=50.0,
        inertia=0.3,
        kappa=2.55,
        circling_floor=0.0,
    ),
    Stage(
        name="dvc",
        iterations=75,
        expansion=0.04,
        between_sinks=0.0675,
        kill=0.0675,
        perception=0.14625,
        cone_deg=90.0,
        inertia=0.0,
        kappa=2.9,
        circling_floor=0.01,
    ),
)


class Forest:
    """Trees of one class. N nodes in the order in which they grew, so that parents come before children."""

    def __init__(self) -> None:
        self.count = 0
        self.position = np.zeros((4096, 2))  # mm, (row, col)
        self.heading = np.zeros((4096, 2))  # unit vector from the parent
        self.parent = np.full(4096, -1)
        self.children = np.zeros(4096, dtype=int)  # number of them
        self.stage = np.zeros(4096, dtype=np.int8)  # index into STAGES
        self.radius = np.full(4096, TERMINAL_MM)  # mm, of the edge from the parent

    def add(self, position: np.ndarray, heading: np.ndarray, parent: np.ndarray, stage: int) -> np.ndarray:
        """Indices of the new nodes."""
        first, last = self.count, self.count + len(position)
        while last > len(self.position):
            for name in ("position", "heading", "parent", "children", "stage", "radius"):
                table = getattr(self, name)
                setattr(self, name, np.concatenate([table, np.zeros_like(table)]))
        self.position[first:last], self.heading[first:last] = position, heading
        self.parent[first:last], self.stage[first:last] = parent, stage
        self.children[first:last], self.radius[first:last] = 0, TERMINAL_MM
        np.add.at(self.children, parent[parent >= 0], 1)
        self.count = last
        return np.arange(first, last)

    def update_radii(self) -> None:
        """Murray's law from the ends up, with the exponent of the stage in which each node grew."""
        kappas = np.array([stage.kappa for stage in STAGES]).take(self.stage[: self.count]).tolist()
        parent, radius = self.parent[: self.count].tolist(), [0.0] * self.count
        for node in range(self.count - 1, -1, -1):
            kappa = kappas[node]
            mine = radius[node] ** (1 / kappa) if radius[node] else TERMINAL_MM
            radius[node] = mine = min(mine, ROOT_CAP_MM)
            if parent[node] >= 0:
                radius[parent[node]] += mine ** kappas[parent[node]]
        self.radius[: self.count] = radius


class Sinks:
    """Points that draw vessels of one forest, each with its nearest node that can still branch."""

    def __init__(self, forest: Forest) -> None:
        self.forest = forest
        self.position = np.zeros((0, 2))
        self.node = np.zeros(0, dtype=int)  # -1 where none is in sight
        self.gap = np.zeros(0)  # mm to that node

    def add(self, position: np.ndarray, perception: float) -> None:
        node, gap = self._look(position, perception)
        self.position = np.concatenate([self.position, position])
        self.node, self.gap = np.concatenate([self.node, node]), np.concatenate([self.gap, gap])

    def keep(self, chosen: np.ndarray) -> None:
        self.position, self.node, self.gap = self.position[chosen], self.node[chosen], self.gap[chosen]

    def look_again(self, perception: float) -> None:
        """Find another node for the sinks whose node has forked."""
        lost = np.flatnonzero((self.node >= 0) & (self.forest.children[self.node] > 1))
        self.node[lost], self.gap[lost] = self._look(self.position[lost], perception)

    def see(self, grown: np.ndarray, perception: float, kill: float) -> np.ndarray:
        """Take notice of new nodes; (S,) whether one of them is within `kill`."""
        from scipy.spatial import cKDTree

        if not len(grown) or not len(self.position):
            return np.zeros(len(self.position), dtype=bool)
        tree = cKDTree(self.forest.position[grown], balanced_tree=False, compact_nodes=False)
        gap, at = tree.query(self.position, distance_upper_bound=max(perception, kill))
        nearer = np.flatnonzero(gap < np.where(self.node < 0, perception, self.gap))
        self.node[nearer], self.gap[nearer] = grown[at[nearer]], gap[nearer]
        return np.asarray(gap < kill)

    def _look(self, position: np.ndarray, perception: float) -> tuple[np.ndarray, np.ndarray]:
        from scipy.spatial import cKDTree

        active = np.flatnonzero(
            (self.forest.children[: self.forest.count] < 2) & (self.forest.parent[: self.forest.count] >= 0)
        )
        tree = cKDTree(self.forest.position[active], balanced_tree=False, compact_nodes=False)
        gap, at = tree.query(position, distance_upper_bound=perception)
        seen = np.isfinite(gap)
        return np.where(seen, active[np.where(seen, at, 0)], -1), gap
