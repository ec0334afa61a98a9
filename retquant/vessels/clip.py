"""The part of a vessel graph that lies inside a region, its centre lines cut at the region's edge."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from retquant.vessels.graph import BORDER, Bifurcations, Nodes, VesselGraph
from retquant.vessels.packing import owner, segment_median

Inside = np.ndarray | Callable[[np.ndarray], np.ndarray]
"""A region: (H, W) bool, or a function from points (P, 2) row, col to (P,) bool."""

_HALVINGS = 12  # of a step of a few pixels: the cut lies within a thousandth of a pixel of the edge


def clip(graph: VesselGraph, inside: Inside) -> VesselGraph:
    """What of `graph` lies inside a region: segments cut where they leave it, one segment a stretch.

    New ends are nodes of kind BORDER. Bifurcations and crossings count if they lie inside; their calibres and
    angles stay those of the whole graph, while `parent` and `daughters` name the stretches that remain.
    """
    contains = _as_function(inside)
    within = contains(graph.points) if len(graph.points) else np.zeros(0, dtype=bool)
    keep_junction = _inside(contains, graph.bifurcations.position)
    crossings = graph.crossings[_inside(contains, graph.crossings)]
    runs = _runs(within, graph.starts)
    if not len(runs):
        return _taken(graph, runs, keep_junction & False, crossings, contains)
    return _taken(graph, runs, keep_junction, crossings, contains)


def origins(graph: VesselGraph, inside: Inside) -> np.ndarray:
    """(B',) segment of `graph` that each segment of `clip(graph, inside)` is a stretch of."""
    within = _as_function(inside)(graph.points) if len(graph.points) else np.zeros(0, dtype=bool)
    return _runs(within, graph.starts)[:, 0]


def long_enough(
    graph: VesselGraph,
    radius_px: float | None,
    field_diameter_px: float,
    *,
    calibre: np.ndarray | None = None,
) -> np.ndarray:
    """(B,) bool: segments that enter length- and curvature-based statistics.

    The arc must be at least four of the segment's calibres (median of its samples) and at least 0.3 disc
    radii, or 2 % of the field's diameter where the radius is unknown. A segment without a sample of its
    calibre is not measured. `calibre` (B,) spares the medians where they are known (`segment_calibre`).
    """
    shortest = 0.3 * radius_px if radius_px is not None else 0.02 * field_diameter_px
    calibre = segment_calibre(graph) if calibre is None else calibre
    with np.errstate(invalid="ignore"):
        return (graph.arc_length >= 4 * calibre) & (graph.arc_length >= shortest)


def segment_calibre(graph: VesselGraph) -> np.ndarray:
    """(B,) pixels: median of each segment's samples; NaN where all were dropped."""
    return segment_median(graph.calibre, graph.starts)


def _as_function(inside: Inside) -> Callable[[np.ndarray], np.ndarray]:
    if not isinstance(inside, np.ndarray):
        return inside
    region = inside

    def contains(points: np.ndarray) -> np.ndarray:
        pixel = np.floor(points + 0.5).astype(np.intp)
        held = ((pixel >= 0) & (pixel < region.shape)).all(axis=1)
        found = np.zeros(len(points), dtype=bool)
        found[held] = region[pixel[held, 0], pixel[held, 1]] != 0
        return found

    return contains


def _inside(contains: Callable[[np.ndarray], np.ndarray], points: np.ndarray) -> np.ndarray:
    return contains(points).astype(bool) if len(points) else np.zeros(0, dtype=bool)


def _runs(within: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(R, 3) segment, first point, end (exclusive) of each stretch of inside points."""
    if not within.any():
        return np.zeros((0, 3), dtype=np.intp)
    which = owner(starts)
    change = np.ones(len(within) + 1, dtype=bool)
    change[1:-1] = (within[1:] != within[:-1]) | (which[1:] != which[:-1])
    edges = np.flatnonzero(change)
    first, end = edges[:-1], edges[1:]
    held = within[first]
    return np.column_stack([which[first], first, end])[held]


def _cut_share(
    graph: VesselGraph, contains: Callable[[np.ndarray], np.ndarray], held: np.ndarray, lost: np.ndarray
) -> np.ndarray:
    """(K,) share of the step from inside points `held` to outside points `lost` that is still inside."""
    low, high = np.zeros(len(held)), np.ones(len(held))
    start, step = graph.points[held], graph.points[lost] - graph.points[held]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        good = contains(start + middle[:, None] * step)
        low, high = np.where(good, middle, low), np.where(good, high, middle)
    return low


def _taken(
    graph: VesselGraph,
    runs: np.ndarray,
    keep_junction: np.ndarray,
    crossings: np.ndarray,
    contains: Callable[[np.ndarray], np.ndarray],
) -> VesselGraph:
    segment, first, end = runs.T if len(runs) else np.zeros((3, 0), dtype=np.intp)
    whole_head, whole_tail = first == graph.starts[segment], end == graph.starts[segment + 1]
    columns = np.column_stack([graph.points, graph.tangent, graph.curvature, graph.calibre])
    heads = _cut_rows(graph, contains, columns, first[~whole_head], first[~whole_head] - 1)
    tails = _cut_rows(graph, contains, columns, end[~whole_tail] - 1, end[~whole_tail])
    count = (end - first) + ~whole_head + ~whole_tail
    starts = np.concatenate([[0], np.cumsum(count)]).astype(np.intp)
    out = np.empty((int(starts[-1]), columns.shape[1]))
    body = np.ones(len(out), dtype=bool)
    head_at, tail_at = starts[:-1][~whole_head], starts[1:][~whole_tail] - 1
    body[head_at] = body[tail_at] = False
    within = np.zeros(len(graph.points), dtype=bool)
    inside_index = (
        np.concatenate([np.arange(a, b) for a, b in zip(first, end, strict=True)]) if len(first) else first
    )
    within[inside_index] = True
    out[body] = columns[within]
    out[head_at], out[tail_at] = heads, tails
    tangent = out[:, 2:4] / np.maximum(np.hypot(*out[:, 2:4].T), 1e-12)[:, None]

    old = np.full(len(graph.nodes.kind), -1, dtype=np.intp)
    kept = np.unique(np.concatenate([graph.source[segment[whole_head]], graph.target[segment[whole_tail]]]))
    kept = np.union1d(kept, graph.bifurcations.node[keep_junction]).astype(np.intp)
    old[kept] = np.arange(len(kept))
    source, target = old[graph.source[segment]], old[graph.target[segment]]
    source[~whole_head] = len(kept) + np.arange(len(head_at))
    target[~whole_tail] = len(kept) + len(head_at) + np.arange(len(tail_at))
    fresh = len(head_at) + len(tail_at)
    position = np.concatenate([graph.nodes.position[kept], out[head_at, :2], out[tail_at, :2]])
    kind = np.concatenate([graph.nodes.kind[kept], np.full(fresh, BORDER)])
    degree = np.bincount(np.concatenate([source, target]), minlength=len(position))
    return VesselGraph(
        structure=graph.structure,
        shape=graph.shape,
        points=out[:, :2],
        starts=starts,
        tangent=tangent,
        curvature=out[:, 4],
        calibre=out[:, 5],
        source=source,
        target=target,
        is_loop=(source == target) & whole_head & whole_tail,
        nodes=Nodes(position=position, degree=degree, kind=kind),
        bifurcations=_bifurcations(graph, keep_junction, old, runs, whole_head, whole_tail),
        crossings=crossings,
    )


def _cut_rows(
    graph: VesselGraph,
    contains: Callable[[np.ndarray], np.ndarray],
    columns: np.ndarray,
    held: np.ndarray,
    lost: np.ndarray,
) -> np.ndarray:
    share = _cut_share(graph, contains, held, lost)[:, None]
    return columns[held] * (1 - share) + columns[lost] * share


def _bifurcations(
    graph: VesselGraph,
    keep: np.ndarray,
    node: np.ndarray,
    runs: np.ndarray,
    whole_head: np.ndarray,
    whole_tail: np.ndarray,
) -> Bifurcations:
    was = graph.bifurcations
    head, tail = np.full(len(graph), -1, dtype=np.intp), np.full(len(graph), -1, dtype=np.intp)
    stretch = np.arange(len(runs))
    head[runs[whole_head, 0]], tail[runs[whole_tail, 0]] = stretch[whole_head], stretch[whole_tail]

    def renamed(segments: np.ndarray, at: np.ndarray) -> np.ndarray:
        return np.where(graph.source[segments] == at, head[segments], tail[segments])

    at = was.node[keep]
    return Bifurcations(
        position=was.position[keep],
        node=node[at],
        parent=renamed(was.parent[keep], at),
        daughters=renamed(was.daughters[keep], at[:, None]),
        angle=was.angle[keep],
        asymmetry=was.asymmetry[keep],
        parent_calibre=was.parent_calibre[keep],
        daughter_calibre=was.daughter_calibre[keep],
    )
