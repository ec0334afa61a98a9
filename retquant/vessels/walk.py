"""A skeleton's pixels walked: which of them are nodes, and the paths of pixels between those.

Neighbours are the eight pixels around one. Where three or more meet, the pixels of a junction are neighbours crosswise,
too; of their links those of a minimum spanning tree are kept, so that a junction is mostly one pixel, as in skan
(J. Nunez-Iglesias et al., PeerJ 6 (2018) e4312).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retquant.kernels import kernel


@dataclass(frozen=True, eq=False, slots=True)
class Walk:
    """K pixels, row by row, and L paths over them."""

    rows: np.ndarray  # (K,)
    columns: np.ndarray  # (K,)
    node: np.ndarray  # (K,) which node the pixel is part of, -1 for the ordinary pixels of a path
    steps: np.ndarray  # (S,) pixels of all paths, one path after another, from node to node, both included
    starts: np.ndarray  # (L + 1,)


def walk(skeleton: np.ndarray) -> Walk:
    """The nodes and paths of a skeleton (H, W) of 0 and 1 in uint8 that has a border of background.

    Linked junction pixels are one node, and so is each end. A closed ring has a node at its first pixel. A lone pixel
    is a node without a path.
    """
    flat = np.flatnonzero(skeleton.view(bool))  # ten times as fast as of whole numbers
    rows, columns = np.divmod(flat, skeleton.shape[1])
    links = np.full((len(flat), 8), -1, np.int32)
    _link(flat, skeleton.shape[1], links)
    node, known = _nodes(links)
    steps, starts, paths = _paths(links, node, known)
    return Walk(rows, columns, node, steps[: starts[paths]], starts[: paths + 1])


_EAST, _SOUTHEAST, _SOUTH, _SOUTHWEST = range(4)  # of eight directions; their opposites are four further on


@kernel
def _link(flat, stride, links):  # type: ignore[no-untyped-def]
    """Fill `links` (K, 8) with each pixel's neighbour in each direction; crosswise links of junctions left out."""
    below = 0
    for k in range(len(flat)):
        if k + 1 < len(flat) and flat[k + 1] == flat[k] + 1:
            links[k, _EAST], links[k + 1, _EAST + 4] = k + 1, k
        while below < len(flat) and flat[below] < flat[k] + stride - 1:
            below += 1
        for other in range(below, min(below + 3, len(flat))):
            ahead = flat[other] - flat[k] - stride  # -1, 0 or 1 columns to the right
            if ahead <= 1:
                links[k, _SOUTH - ahead], links[other, _SOUTH - ahead + 4] = other, k
    is_junction = np.zeros(len(flat), np.bool_)
    for k in range(len(flat)):
        is_junction[k] = _degree(links, k) > 2
    root = np.arange(len(flat))
    for diagonal in range(2):  # the shorter links first
        for k in range(len(flat)):
            for way in ((_EAST, _SOUTH), (_SOUTHEAST, _SOUTHWEST))[diagonal]:
                other = links[k, way]
                if other < 0 or not (is_junction[k] and is_junction[other]):
                    continue
                one, two = _root(root, k), _root(root, other)
                if one == two:
                    links[k, way] = links[other, way + 4] = -1
                root[two] = one


@kernel
def _nodes(links):  # type: ignore[no-untyped-def]
    """(K,) the node of each pixel, -1 along paths and in rings, and how many nodes."""
    count = len(links)
    root = np.arange(count)
    degree = np.empty(count, np.int64)
    for k in range(count):
        degree[k] = _degree(links, k)
    for k in range(count):
        for way in range(4):
            other = links[k, way]
            if other >= 0 and degree[k] > 2 and degree[other] > 2:
                root[_root(root, other)] = _root(root, k)
    node, names, known = np.full(count, -1), np.full(count, -1), 0
    for k in range(count):
        if degree[k] != 2:
            top = _root(root, k)
            if names[top] < 0:
                names[top] = known
                known += 1
            node[k] = names[top]
    return node, known


@kernel
def _paths(links, node, known):  # type: ignore[no-untyped-def]
    """Steps and starts of the paths between nodes, and how many; each is walked once, and rings get their nodes."""
    count = len(links)
    ends = 0
    for k in range(count):
        ends += 0 if node[k] < 0 else _degree(links, k)
    steps, starts = np.empty(2 * ends + 2 * count, np.int64), np.empty(ends + count + 1, np.int64)
    walked, seen = np.zeros((count, 8), np.bool_), np.zeros(count, np.bool_)
    for k in range(count):
        seen[k] = node[k] >= 0
    size, paths = 0, 0
    starts[0] = 0
    for is_ring in (False, True):
        for k in range(count):
            if is_ring and not seen[k]:  # no walk from a node came here
                node[k] = known
                known += 1
            elif is_ring or node[k] < 0:
                continue
            for way in range(8):
                if links[k, way] < 0 or walked[k, way]:
                    continue
                steps[size] = k
                size += 1
                came, at = k, links[k, way]
                while node[at] < 0:
                    seen[at] = True
                    steps[size] = at
                    size += 1
                    came, at = at, _onward(links, at, came)
                steps[size] = at
                size += 1
                for back in range(8):
                    walked[at, back] |= links[at, back] == came
                paths += 1
                starts[paths] = size
    return steps, starts, paths


@kernel
def _onward(links, at, came):  # type: ignore[no-untyped-def]
    """The neighbour of an ordinary pixel that is not the one walked from."""
    for way in range(8):
        if links[at, way] >= 0 and links[at, way] != came:
            return links[at, way]
    return -1


@kernel
def _degree(links, k):  # type: ignore[no-untyped-def]
    found = 0
    for way in range(8):
        found += links[k, way] >= 0
    return found


@kernel
def _root(root, k):  # type: ignore[no-untyped-def]
    while root[k] != k:
        root[k] = root[root[k]]
        k = root[k]
    return k
