"""Cuts smooth chains into edges at the bifurcations and at the field's border."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from retquant.phantoms.faz_outline import HarmonicOutline
from retquant.phantoms.octa_graph import NODE_TYPES, OctaGraph
from retquant.phantoms.octa_paths import RING, Lines
from retquant.phantoms.octa_ring import RING_RADIUS_MM, ring_arcs
from retquant.phantoms.octa_trees import Trees

_ROOT, _BRANCH, _END, _BORDER = range(len(NODE_TYPES))


def graph_of(
    trees: Trees, lines: Lines, field_mm: float, *, faz: HarmonicOutline, calibres: Mapping[str, float]
) -> OctaGraph:
    """The edges inside the field; `calibres` holds a factor for artery and vein, which spares the ring."""
    children = trees.children
    is_joint = (trees.plexus == RING) & (children == 0)
    is_joint &= is_joint.sum() > 1  # a ring through one joint would be a loop
    node_type = np.where((children == 0) & ~is_joint, _END, _BRANCH)
    node_type = np.where(trees.parent < 0, _ROOT, node_type)
    last_knot = np.append(lines.first_knot[1:], len(lines.knot_node)) - 1
    is_stop = children[lines.knot_node] >= 2
    is_stop[lines.first_knot] = is_stop[last_knot] = True
    stops = np.flatnonzero(is_stop)
    begins = np.setdiff1d(stops, last_knot, assume_unique=True)
    finishes = np.setdiff1d(stops, lines.first_knot, assume_unique=True)
    first, last = lines.knot_at[begins], lines.knot_at[finishes]
    sizes = last - first + 1
    index = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes - first, sizes)
    leading = lines.knot_node[begins + 1]  # the first node after the edge's beginning
    factor = np.where(trees.is_vein, calibres["vein"], calibres["artery"])
    columns = {
        "radius": _mean_radius(trees, lines, begins, finishes) * factor[leading],
        "is_vein": trees.is_vein[leading],
        "plexus": trees.plexus[leading],
        "tree": trees.tree[leading],
    }
    columns["nodes"] = nodes = lines.knot_node[np.column_stack([begins, finishes])]
    points = lines.points[index]
    node_position = np.zeros((len(trees), 2))
    node_position[nodes[:, 0]], node_position[nodes[:, 1]] = lines.points[first], lines.points[last]
    joints = np.flatnonzero(is_joint)
    if len(joints) > 1:
        order, arcs = ring_arcs(node_position[joints], faz)
        joints = joints[order]
        points = np.concatenate([points, *arcs])
        sizes = np.concatenate([sizes, [len(arc) for arc in arcs]])
        more = {
            "nodes": np.column_stack([joints, np.roll(joints, -1)]),
            "radius": np.full(len(joints), RING_RADIUS_MM),
            "is_vein": trees.is_vein[joints],
            "plexus": np.full(len(joints), RING),
            "tree": trees.tree[joints],
        }
        columns = {name: np.concatenate([column, more[name]]) for name, column in columns.items()}
    return _clipped(points, sizes, columns, node_position, node_type, field_mm)


def _mean_radius(trees: Trees, lines: Lines, begins: np.ndarray, finishes: np.ndarray) -> np.ndarray:
    """(E,) mean radius of the nodes after each edge's beginning; they differ only where side branches were lost."""
    radius = np.concatenate([[0.0], np.cumsum(trees.radius[lines.knot_node])])
    return (radius[finishes + 1] - radius[begins + 1]) / (finishes - begins)


def _clipped(
    points: np.ndarray,
    sizes: np.ndarray,
    columns: dict[str, np.ndarray],
    node_position: np.ndarray,
    node_type: np.ndarray,
    field_mm: float,
) -> OctaGraph:
    """The graph with everything outside the field cut away, nodes renumbered."""
    nodes = columns["nodes"]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    is_in = np.asarray(((points >= 0) & (points <= field_mm)).all(axis=1))
    whole = np.asarray(np.logical_and.reduceat(is_in, starts[:-1]))
    lines, edges, ends = [], [], []
    more_position: list[np.ndarray] = []
    for edge in np.flatnonzero(~whole).tolist():
        line, inside = points[starts[edge] : starts[edge + 1]], is_in[starts[edge] : starts[edge + 1]]
        change = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(int)))
        for begin, finish in change.reshape(-1, 2).tolist():  # samples begin to finish - 1 are inside
            part, joined = [line[begin:finish]], [int(nodes[edge, 0]), int(nodes[edge, 1])]
            if begin > 0:
                part.insert(0, _at_border(line[begin], line[begin - 1], field_mm)[None])
                joined[0] = len(node_position) + len(more_position)
                more_position.append(part[0][0])
            if finish < len(line):
                part.append(_at_border(line[finish - 1], line[finish], field_mm)[None])
                joined[1] = len(node_position) + len(more_position)
                more_position.append(part[-1][0])
            joined_line = np.concatenate(part)
            if len(joined_line) > 1:
                lines.append(joined_line)
                edges.append(edge)
                ends.append(joined)
    keep = np.repeat(whole, sizes)
    points = np.concatenate([points[keep], *lines])
    sizes = np.concatenate([sizes[whole], np.array([len(line) for line in lines], dtype=int)])
    chosen = np.concatenate([np.flatnonzero(whole), np.array(edges, dtype=int)])
    nodes = np.concatenate([nodes[whole], np.array(ends, dtype=int).reshape(-1, 2)])
    node_position = np.concatenate([node_position, np.array(more_position).reshape(-1, 2)])
    node_type = np.concatenate([node_type, np.full(len(more_position), _BORDER)])
    used, numbered = np.unique(nodes, return_inverse=True)
    return OctaGraph(
        field_mm=field_mm,
        points=points,
        starts=np.concatenate([[0], np.cumsum(sizes)]),
        radius=columns["radius"][chosen],
        is_vein=columns["is_vein"][chosen],
        plexus=columns["plexus"][chosen],
        tree=columns["tree"][chosen],
        nodes=numbered.reshape(-1, 2),
        node_position=node_position[used],
        node_type=node_type[used],
    )


def _at_border(inside: np.ndarray, outside: np.ndarray, field_mm: float) -> np.ndarray:
    """(2,) where the run from `inside` to `outside` leaves the field."""
    run = outside - inside
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(run > 0, (field_mm - inside) / run, np.where(run < 0, -inside / run, np.inf))
    return np.clip(inside + min(float(reach.min()), 1.0) * run, 0, field_mm)
