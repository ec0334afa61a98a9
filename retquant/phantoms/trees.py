"""From grown nodes to vessel segments: stubs pruned, centre lines smoothed, flow summed from the ends up.

Murray's law (radius to the third goes with flow) holds exactly at each bifurcation, since flow is conserved there.
Between bifurcations vessels taper a little, as if twigs too small to draw left them.

All truth is taken from the smooth polylines made here, never from the grown nodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retquant.phantoms.growth import STEP_MM, Forest

_STUB_STEPS = 5  # an end branch of fewer steps (0.4 mm) is no vessel that one would draw
_TWIGS_PER_MM = 2.5  # flow lost to undrawn twigs, in units of what one drawn end carries
_SAMPLES_A_STEP = 3  # 25 um: the polyline falls short of a 0.3 mm bend by a quarter of a micrometre


@dataclass(frozen=True, eq=False, kw_only=True)
class TreeSegment:
    """A vessel between two of: root, bifurcation, end."""

    points: np.ndarray  # (P, 2) mm, (x, y), from the disc outwards
    parent: int  # index of the segment before it, -1 at a root
    tree: int  # which root it hangs on
    flow: np.ndarray  # (P,) blood flow at each point, any unit; the radius goes with its cube root


def segments_of(
    forest: Forest,
    rng: np.random.Generator,
    *,
    dropout: float = 0.0,
    bare: tuple[float, float, float] | None = None,
) -> list[TreeSegment]:
    """The segments of a forest, parents before daughters.

    `bare` is a circle (x, y, radius; mm) that vessels end at. `dropout` removes random small branches until that
    share of the length is gone; what is left obeys Murray's law.
    """
    children: list[list[int]] = [[] for _ in range(len(forest))]
    for node, parent in enumerate(forest.parent):
        if parent >= 0:
            children[parent].append(node)
    if bare is not None:
        _end_at(bare, forest, children)
    _prune_stubs(forest, children)
    _drop_out(forest, children, rng, dropout)
    _prune_stubs(forest, children)
    chains: list[tuple[np.ndarray, int, int]] = []  # points, parent, tree
    roots = [node for node, parent in enumerate(forest.parent) if parent < 0 and children[node]]
    pending = [(root, -1, tree) for tree, root in enumerate(roots)]
    while pending:
        node, parent, tree = pending.pop(0)
        for first in children[node]:
            chain = [node, first]
            while len(children[chain[-1]]) == 1:
                chain += children[chain[-1]]
            chains.append((_smooth(forest.position[chain]), parent, tree))
            pending.append((chain[-1], len(chains) - 1, tree))
    outflow = np.zeros(len(chains))  # at each segment's far end
    flows: list[np.ndarray] = [np.zeros(0)] * len(chains)
    for index in reversed(range(len(chains))):  # daughters come after their parents
        points, parent, _ = chains[index]
        beyond = np.hypot(*np.diff(points, axis=0).T)[::-1].cumsum()[::-1]
        flows[index] = (outflow[index] or 1.0) + _TWIGS_PER_MM * np.append(beyond, 0.0)
        if parent >= 0:
            outflow[parent] += flows[index][0]
    return [
        TreeSegment(points=points, parent=parent, tree=tree, flow=flow)
        for (points, parent, tree), flow in zip(chains, flows, strict=True)
    ]


def _prune_stubs(forest: Forest, children: list[list[int]]) -> None:
    """Take away end branches that are too short, until none is left."""
    ends = [node for node in _reached(forest, children) if not children[node]]
    while ends:
        node, steps = ends.pop(), 1
        while forest.parent[node] >= 0 and len(children[forest.parent[node]]) == 1:
            node, steps = forest.parent[node], steps + 1
        fork = forest.parent[node]
        if fork >= 0 and steps < _STUB_STEPS:
            children[fork].remove(node)


def _end_at(circle: tuple[float, float, float], forest: Forest, children: list[list[int]]) -> None:
    """Take away whatever lies in the circle, and what grew from it."""
    x, y, radius = circle
    inside = np.hypot(*(forest.position - (x, y)).T) < radius
    for node in np.flatnonzero(inside).tolist():
        if forest.parent[node] >= 0 and node in children[forest.parent[node]]:
            children[forest.parent[node]].remove(node)


def _drop_out(forest: Forest, children: list[list[int]], rng: np.random.Generator, share: float) -> None:
    """Take away random branches of at most four ends until `share` of the nodes is gone."""
    left = len(_reached(forest, children))
    wanted = left * (1 - share)
    while left > wanted:
        leaves = _count_leaves(forest, children)
        reached = _reached(forest, children)
        small = [n for n in reached if leaves[n] <= 4 and len(children[max(forest.parent[n], 0)]) > 1]
        small = [n for n in small if forest.parent[n] >= 0]
        if not small:
            return
        node = int(rng.choice(small))
        children[forest.parent[node]].remove(node)
        left = len(_reached(forest, children))


def _reached(forest: Forest, children: list[list[int]]) -> list[int]:
    """Nodes that still hang on a root."""
    found = [node for node, parent in enumerate(forest.parent) if parent < 0]
    for node in found:  # grows while it is walked
        found += children[node]
    return found


def _count_leaves(forest: Forest, children: list[list[int]]) -> list[int]:
    leaves = [0] * len(forest)
    for node in reversed(range(len(forest))):  # daughters grew after their parents
        leaves[node] = sum(leaves[child] for child in children[node]) or 1
    return leaves


def _smooth(points: np.ndarray) -> np.ndarray:
    """A cubic spline through the points, once the kinks of pruned branches are taken out; ends stay."""
    from scipy.interpolate import CubicSpline

    points = points.copy()
    for _ in range(2):
        if len(points) > 2:
            points[1:-1] = (points[:-2] + 2 * points[1:-1] + points[2:]) / 4
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    count = max(round(along[-1] / STEP_MM * _SAMPLES_A_STEP), 2)
    kind = "natural" if len(points) > 2 else "not-a-knot"
    return CubicSpline(along, points, bc_type=kind)(np.linspace(0, along[-1], count + 1))
