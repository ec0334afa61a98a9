"""Both forests of a grown OCTA field as one list of nodes that branches can be taken from and added to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retquant.phantoms.octa_forest import Forest


@dataclass(slots=True)
class Trees:
    """Both forests as one list of N nodes, parents before children. Positions (row, col) in mm."""

    position: np.ndarray  # (N, 2)
    parent: np.ndarray  # (N,) -1 at a root
    radius: np.ndarray  # (N,) mm, of the edge from the parent
    plexus: np.ndarray  # (N,)
    is_vein: np.ndarray  # (N,) bool
    tree: np.ndarray  # (N,)

    def __len__(self) -> int:
        return len(self.parent)

    @classmethod
    def of(cls, artery: Forest, vein: Forest) -> Trees:
        counts = (artery.count, vein.count)
        columns = {
            name: [getattr(forest, name)[: forest.count] for forest in (artery, vein)]
            for name in ("position", "parent", "radius", "stage")
        }
        columns["parent"][1] = np.where(columns["parent"][1] < 0, -1, columns["parent"][1] + counts[0])
        parent = np.concatenate(columns["parent"])
        tree = np.where(parent < 0, np.cumsum(parent < 0) - 1, 0)
        for node, before in enumerate(parent.tolist()):
            if before >= 0:
                tree[node] = tree[before]
        return cls(
            position=np.concatenate(columns["position"]),
            parent=parent,
            radius=np.concatenate(columns["radius"]),
            plexus=np.concatenate(columns["stage"]).astype(int),
            is_vein=np.repeat([False, True], counts),
            tree=tree,
        )

    @property
    def children(self) -> np.ndarray:
        """(N,) number of children."""
        return np.bincount(self.parent[self.parent >= 0], minlength=len(self))

    @property
    def edge_length(self) -> np.ndarray:
        """(N,) mm to the parent, 0 at a root."""
        length = np.hypot(*(self.position - self.position[self.parent]).T)
        return np.where(self.parent < 0, 0.0, length)

    def kept(self, keep: np.ndarray) -> Trees:
        """The trees without the other nodes, which must hold all that hangs on them."""
        number = np.cumsum(keep) - 1
        parent = self.parent[keep]
        return Trees(
            position=self.position[keep],
            parent=np.where(parent < 0, -1, number[parent]),
            radius=self.radius[keep],
            plexus=self.plexus[keep],
            is_vein=self.is_vein[keep],
            tree=self.tree[keep],
        )

    def grown(self, position: np.ndarray, parent: np.ndarray, plexus: int) -> Trees:
        """The trees with a further child at each of `parent`, of the parent's radius."""
        return Trees(
            position=np.concatenate([self.position, position]),
            parent=np.concatenate([self.parent, parent]),
            radius=np.concatenate([self.radius, self.radius[parent]]),
            plexus=np.concatenate([self.plexus, np.full(len(parent), plexus)]),
            is_vein=np.concatenate([self.is_vein, self.is_vein[parent]]),
            tree=np.concatenate([self.tree, self.tree[parent]]),
        )
