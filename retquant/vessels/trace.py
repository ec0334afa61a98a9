"""From skeleton pixels to a network: junction clusters as nodes, pixel paths between them as edges.

The network is a `networkx.MultiGraph`. A node has `position` (row, col) and `radius` (pixels, of the largest
disc inside the vessel there); an edge has a `Strand`. Later steps of the clean-up edit that network; nothing
past `vessels.build` sees it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import networkx as nx
import numpy as np

from retquant.vessels.radius import radii_at
from retquant.vessels.thinning import bordered, thin
from retquant.vessels.walk import walk

_HEADING_PX = 8.0  # a skeleton's direction over fewer pixels is off by more than 5 degrees
_SMALLEST_RING = 3  # pixels beside the junction's own that it takes to go round one background pixel


@dataclass(frozen=True, eq=False, kw_only=True)
class Strand:
    """One edge of the network: the pixels from node `first` to the node at the other end."""

    first: int
    path: np.ndarray  # (P, 2) float, (row, col) pixels, both nodes' positions included
    radius: np.ndarray  # (P,) pixels, distance to the nearest background
    blind: tuple[tuple[float, float, float], ...] = field(default=())  # (row, col, radius) where others cross

    def leaving(self, node: int) -> Strand:
        """The same strand, seen from `node`."""
        return self if node == self.first else self.reversed(node)

    def reversed(self, first: int | None = None) -> Strand:
        """The same strand, from its other end, which is node `first` unless the strand begins where it ends."""
        node = self.first if first is None else first
        return Strand(first=node, path=self.path[::-1], radius=self.radius[::-1], blind=self.blind)

    @cached_property
    def arc(self) -> np.ndarray:
        """(P,) pixels along the path to each of its points."""
        return arc_along(self.path)

    @property
    def length(self) -> float:
        """Pixels along the path."""
        return float(self.arc[-1])


def arc_along(path: np.ndarray) -> np.ndarray:
    """(P,) pixels from the first point of a path (P, 2) to each, along it."""
    arc = np.zeros(len(path))
    steps = path[1:] - path[:-1]
    np.cumsum(np.sqrt(np.einsum("ij,ij->i", steps, steps)), out=arc[1:])
    return arc


def join(head: Strand, tail: Strand) -> Strand:
    """`head`, then `tail`, which must begin where `head` ends."""
    return Strand(
        first=head.first,
        path=np.concatenate([head.path, tail.path[1:]]),
        radius=np.concatenate([head.radius, tail.radius[1:]]),
        blind=head.blind + tail.blind,
    )


def bridge(
    head: Strand, tail: Strand, *, back: tuple[float, float], blind: tuple[tuple[float, float, float], ...]
) -> Strand:
    """`head`, a smooth curve over what lies between, then `tail`, which begins on the other side.

    Both are cut back by `back` pixels, since thinning bends their ends; the curve leaves each in its own
    direction. `blind` says where along the curve the vessel is not seen by itself.
    """
    before, after = (
        _cut_back(head.path[::-1], head.radius[::-1], back[0]),
        _cut_back(tail.path, tail.radius, back[1]),
    )
    start, stop = before[0][0], after[0][0]
    chord = float(np.hypot(*(stop - start)))
    count = max(int(chord), 1)
    share = (np.arange(1, count) / count)[:, None]
    leaving, entering = -chord * heading(before[0]), chord * heading(after[0])
    curve = (
        (1 + 2 * share) * (1 - share) ** 2 * start
        + share * (1 - share) ** 2 * leaving
        + share**2 * (3 - 2 * share) * stop
        - share**2 * (1 - share) * entering
    )
    radius = before[1][0] + share[:, 0] * (after[1][0] - before[1][0])
    return Strand(
        first=head.first,
        path=np.concatenate([before[0][::-1], curve, after[0]]),
        radius=np.concatenate([before[1][::-1], radius, after[1]]),
        blind=head.blind + tail.blind + blind,
    )


def _cut_back(path: np.ndarray, radius: np.ndarray, back: float) -> tuple[np.ndarray, np.ndarray]:
    """What is left of a path once its first `back` pixels are gone, two points at the least."""
    first = min(int(np.searchsorted(arc_along(path), back)), len(path) - 2)
    return path[first:], radius[first:]


def heading(path: np.ndarray, reach: float = _HEADING_PX) -> np.ndarray:
    """(2,) unit vector along a path from its first point, over `reach` pixels; zero for a path without length."""
    arc = arc_along(path[: 2 * int(reach) + 4])  # a pixel a step, but for the first and along bridges
    last = max(int(np.searchsorted(arc, reach, "right")) - 1, 1)
    run = path[last] - path[0]
    length = float(np.hypot(*run))
    return run / length if length > 0 else np.zeros(2)


def trace(mask: np.ndarray) -> nx.MultiGraph:
    """The network of the skeleton of a mask (H, W) bool, with the radius of the vessel at each of its pixels.

    Neighbouring junction pixels become one node at their centroid, and each path is led to it. A closed ring
    gets one node of its own. A lone pixel is no vessel and is left out.
    """
    network = nx.MultiGraph()
    inside = bordered(mask)
    skeleton = inside.copy()
    thin(skeleton)
    found = walk(skeleton)
    thickness = radii_at(inside, found.rows, found.columns)
    where = np.column_stack([found.rows, found.columns]) - 1.0  # the frame's own pixels
    members = np.flatnonzero(found.node >= 0)
    node = found.node[members]
    size = np.bincount(node)
    position = np.column_stack([np.bincount(node, where[members, axis]) / size for axis in (0, 1)])
    radius = np.zeros(len(size))
    np.maximum.at(radius, node, thickness[members])
    network.add_nodes_from(
        (name, {"position": at, "radius": thick})
        for name, (at, thick) in enumerate(zip(position, radius.tolist(), strict=True))
    )
    for begin, end in pairwise(found.starts.tolist()):
        _add_path(network, found.steps[begin:end], found.node, where, thickness)
    network.remove_nodes_from([n for n, degree in network.degree() if degree == 0])
    return network


def _add_path(
    network: nx.MultiGraph, path: np.ndarray, node_of: np.ndarray, where: np.ndarray, thickness: np.ndarray
) -> None:
    source, target = int(node_of[path[0]]), int(node_of[path[-1]])
    inner = path[1:-1] if len(path) > 2 else path[:0]
    if (
        source == target
        and len(inner) < _SMALLEST_RING
        and len(path) - len(inner) == 2
        and path[0] != path[-1]
    ):
        return  # between two pixels of one junction, with no room for a hole
    ends = network.nodes[source]["position"], network.nodes[target]["position"]
    strand = Strand(
        first=source,
        path=np.concatenate([ends[0][None], where[inner], ends[1][None]]),
        radius=np.concatenate([thickness[path[:1]], thickness[inner], thickness[path[-1:]]]),
    )
    network.add_edge(source, target, strand=strand)
