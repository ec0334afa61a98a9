"""Vessel trees rooted at the disc: which segment feeds which, and how far up the tree each one stands.

Rules
* A tree's root is the node nearest the disc's centre in each connected piece of the vessels inside the disc
  (nodes within one radius of its centre, and the segments between them), so that trunks that part inside the disc
  are one tree and trunks that only touch farther out are two. A connected part without a node inside the disc
  takes its roots likewise from within one and a half radii: a mask may stop short of the disc's margin. What
  comes no nearer belongs to no tree.
* Each node is reached from the root at the least distance along the vessels. A segment that is on no shortest
  way closes a loop, within a tree or between two; the loop is broken at that segment's farther end: it hangs on
  the nearer end, has no daughters and counts as an end.
* Strahler's order is topological: 1 for a segment without daughters; that of its highest daughter, or one more
  where two or more daughters share the highest.

Shapes: B segments, N nodes, T trees.
References: A. N. Strahler, Transactions of the American Geophysical Union 38 (1957) 913-920; R. E. Horton,
Bulletin of the Geological Society of America 56 (1945) 275-370.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np

from retquant.vessels.graph import BORDER, VesselGraph

INSIDE_RADII, NEAR_RADII = 1.0, 1.5
"""Roots are sought within the first of these many disc radii, then within the second."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Trees:
    """The disc-rooted trees of one vessel graph, segment by segment."""

    tree: np.ndarray  # (B,) int, number of the tree; -1 where the segment belongs to none
    parent: np.ndarray  # (B,) int, the segment upstream; -1 at a root and outside the trees
    first: np.ndarray  # (B,) int, node at the end towards the root; -1 outside the trees
    order: np.ndarray  # (B,) int, Strahler's order; 0 outside the trees
    ends: np.ndarray  # (B,) int, ends downstream, 1 for a segment without daughters; 0 outside the trees
    closes_loop: np.ndarray  # (B,) bool, broken off at its farther end
    root: np.ndarray  # (T,) int, node
    is_cut: np.ndarray  # (T,) bool, the border of the field cuts one of its segments
    length: np.ndarray  # (T,) pixels along all its segments

    def __len__(self) -> int:
        return len(self.root)


def grow_trees(graph: VesselGraph, disc_center: tuple[float, float], disc_radius: float) -> Trees:
    """The trees of `graph` that are rooted at the disc, its centre (row, col) and radius in pixels."""
    ends = np.column_stack([graph.source, graph.target])
    length = graph.arc_length
    away = np.hypot(*(graph.nodes.position - np.asarray(disc_center)).T)
    root = _roots(ends, away, disc_radius)
    feeding, tree_of, distance = _shortest_ways(ends, length, root)

    is_way = np.zeros(len(graph), dtype=bool)
    is_way[feeding[feeding >= 0]] = True
    # The nearer end is the upstream one; of two as near, the one that the segment does not feed.
    at_target = distance[ends[:, 1]] < distance[ends[:, 0]]
    at_target |= (distance[ends[:, 1]] == distance[ends[:, 0]]) & (
        feeding[ends[:, 0]] == np.arange(len(graph))
    )
    first = np.where(at_target, ends[:, 1], ends[:, 0])
    is_rooted = tree_of[first] >= 0
    parent = np.where(is_rooted, feeding[first], -1)
    order, tips = _orders(parent, is_rooted)
    tree = np.where(is_rooted, tree_of[first], -1)
    is_border = (graph.nodes.kind[ends] == BORDER).any(axis=1)
    return Trees(
        tree=tree,
        parent=parent,
        first=np.where(is_rooted, first, -1),
        order=order,
        ends=tips,
        closes_loop=is_rooted & ~is_way,
        root=root,
        is_cut=np.bincount(tree[is_rooted & is_border], minlength=len(root)) > 0,
        length=np.bincount(tree[is_rooted], length[is_rooted], minlength=len(root)),
    )


def _roots(ends: np.ndarray, away: np.ndarray, radius: float) -> np.ndarray:
    """(T,) nodes: in each part of the network the nearest of each piece inside the disc, or just outside it."""
    found: list[int] = []
    has_root = np.zeros(len(away), dtype=bool)
    part = _labels(ends, len(away))
    for reach in (INSIDE_RADII * radius, NEAR_RADII * radius):
        near = (away <= reach) & ~has_root
        piece = _labels(ends[near[ends].all(axis=1)], len(away))
        nodes = np.flatnonzero(near)
        nodes = nodes[np.lexsort((away[nodes], piece[nodes]))]
        new = nodes[np.flatnonzero(np.diff(piece[nodes], prepend=-1))]
        found += new.tolist()
        has_root |= np.isin(part, part[new])
    return np.array(found, dtype=np.intp)


def _labels(ends: np.ndarray, count: int) -> np.ndarray:
    """(N,) int: connected part of each node."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.intp)


def _shortest_ways(
    ends: np.ndarray, length: np.ndarray, root: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each node (N,): the segment that feeds it, its tree, and its pixels from the root.

    -1, -1 and infinity where no root reaches; a root is fed by no segment.
    """
    count = int(ends.max(initial=-1)) + 1
    count = max(count, int(root.max(initial=-1)) + 1)
    feeding, tree = np.full(count, -1, dtype=np.intp), np.full(count, -1, dtype=np.intp)
    distance = np.full(count, np.inf)
    leaving: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for segment, (u, v) in enumerate(ends.tolist()):
        leaving[u].append((segment, v))
        leaving[v].append((segment, u))
    # Of ways of one length the one through the lower segment, whatever the order in which they were found.
    waiting = [(0.0, -1, node, number) for number, node in enumerate(root.tolist())]
    heapify(waiting)
    while waiting:
        so_far, segment, node, number = heappop(waiting)
        if tree[node] >= 0:
            continue
        feeding[node], tree[node], distance[node] = segment, number, so_far
        for onward, far in leaving[node]:
            if tree[far] < 0:
                heappush(waiting, (so_far + float(length[onward]), onward, far, number))
    return feeding, tree, distance


def _orders(parent: np.ndarray, is_rooted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B,) Strahler's order and (B,) ends downstream; 0 for segments of no tree."""
    daughters: list[list[int]] = [[] for _ in parent]
    outward = []  # parents before daughters
    for segment in np.flatnonzero(is_rooted).tolist():
        if parent[segment] >= 0:
            daughters[parent[segment]].append(segment)
        else:
            outward.append(segment)
    for segment in outward:  # grows while it is walked
        outward += daughters[segment]
    order, ends = np.zeros(len(parent), dtype=np.intp), np.zeros(len(parent), dtype=np.intp)
    for segment in reversed(outward):
        orders = sorted((int(order[daughter]) for daughter in daughters[segment]), reverse=True)
        rises = len(orders) > 1 and orders[0] == orders[1]
        order[segment] = orders[0] + rises if orders else 1
        ends[segment] = sum(int(ends[daughter]) for daughter in daughters[segment]) or 1
    return order, ends
