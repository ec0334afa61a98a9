"""How wide a one-bit mask is over a stretch too short for the calibre of its graph.

That calibre is a mean along the vessel, with a standard deviation of half a calibre, for stairs of a one-bit edge are
as long as that: of a notch it shows two thirds. Four short stretches of edge, two to either side of a crossing,
average stairs as well, and flatten nothing.
"""

from __future__ import annotations

import numpy as np

from retquant.vessels.graph import VesselGraph

_BEYOND = 4  # pixels that the blur of the map looks beyond an edge


def width_in_mask(
    mask: np.ndarray, graph: VesselGraph, segment: int, arc: np.ndarray, wanted: np.ndarray, *, calibre: float
) -> np.ndarray:
    """(W,) pixels from edge to edge across the mask (H, W) bool, along a segment of its graph; NaN without two edges.

    Read at `wanted` (W,) pixels along the segment, whose points lie at `arc` pixels (P,); edges are looked for as far
    as a vessel of `calibre` pixels may have them.
    """
    from retquant.vessels.edges import edge_map, edges

    run = graph.segment(segment)
    points, tangent = (
        np.column_stack([np.interp(wanted, arc[run], column) for column in values[run].T])
        for values in (graph.points, graph.tangent)
    )
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]]) / np.hypot(*tangent.T)[:, None]
    limit = 0.75 * calibre + 2.0
    low = np.maximum(np.floor(points.min(axis=0) - limit).astype(np.intp) - _BEYOND, 0)
    high = np.ceil(points.max(axis=0) + limit).astype(np.intp) + _BEYOND
    part = mask[low[0] : high[0] + 1, low[1] : high[1] + 1]
    target = edge_map(np.where(part, np.uint8(255), np.uint8(0)), np.ones(part.shape, bool), is_hard=True)
    return edges(target, points - low, normal, limit=np.full(len(points), limit))[:, 2]
