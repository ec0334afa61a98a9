"""All vessels as the union of arteries and veins, where each vessel pixel is known to be one or the other.

Two vessels that touch or cross share pixels of a mask of all vessels, and its one centre line and its edges are
neither's. Measured by themselves they have a line and a calibre each, none ends or divides where the other passes,
and nothing is measured twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from retquant.vessels.av_crossings import crossing_positions
from retquant.vessels.clip import segment_calibre
from retquant.vessels.graph import END, Bifurcations, Nodes, VesselGraph
from retquant.vessels.packing import owner

_NEIGHBOURS = np.ones((3, 3), np.uint8)
_MOST_TURN_DEG = 45.0  # between the ends of an artery and a vein, where one label takes over from the other
_SLACK_PX = 3.0
_LONGEST_CROSSING = 8.0  # calibres for which one vessel lies in the other's mask: they cross at 7 degrees
_MOST_SHARED = 0.25  # of all the length


def make_up(parts: Sequence[np.ndarray], whole: np.ndarray) -> bool:
    """Whether the masks `parts` (H, W) bool make up `whole` (H, W) bool, but for a pixel's width along edges.

    Of touching vessels that each cover less than half of a pixel, both together may cover more.
    """
    together = np.logical_or.reduce(parts)
    if np.array_equal(together, whole):
        return True
    first, second = together.view(np.uint8), np.ascontiguousarray(whole).view(np.uint8)
    return not (
        np.any(first > cv2.dilate(second, _NEIGHBOURS)) or np.any(second > cv2.dilate(first, _NEIGHBOURS))
    )


def change_along_a_vessel(artery: VesselGraph, vein: VesselGraph) -> bool:
    """Whether an artery somewhere ends where a vein goes on: one vessel whose label changes on its way.

    Both ends point at each other, one within the other's width, with no more between them than what both lines stop
    short of their tips.
    """
    first, second = _free_ends(artery), _free_ends(vein)
    way = second.at[None] - first.at[:, None]
    calibre = (first.calibre[:, None] + second.calibre[None]) / 2
    forward = (way * first.outward[:, None]).sum(axis=2), (-way * second.outward[None]).sum(axis=2)
    aside = np.sqrt(np.maximum((way**2).sum(axis=2) - np.minimum(*forward) ** 2, 0.0))
    is_facing = first.outward @ second.outward.T < -np.cos(np.radians(_MOST_TURN_DEG))
    is_near = (np.abs(forward[0]) <= calibre + _SLACK_PX) & (aside <= calibre / 2 + 1.0)
    return bool((is_facing & is_near).any())


def share_a_course(graph: VesselGraph, other: VesselGraph, other_mask: np.ndarray) -> bool:
    """Whether a vessel of the graph runs inside the other's mask (H, W) bool for longer than two that cross do.

    Both masks then claim one vessel, which would be counted twice.
    """
    if not (len(graph) and len(other)):
        return False
    pixel = np.clip(np.rint(graph.points).astype(np.intp), 0, np.array(other_mask.shape) - 1)
    inside = other_mask[pixel[:, 0], pixel[:, 1]]
    shared = graph.steps * inside
    if shared.sum() > _MOST_SHARED * graph.arc_length.sum():
        return True
    is_first = np.zeros(len(inside), dtype=bool)
    is_first[graph.starts[:-1]] = True
    run = np.cumsum(~inside | is_first)
    calibre = np.nan_to_num(segment_calibre(graph), nan=1.0)
    typical = float(np.median(np.nan_to_num(segment_calibre(other), nan=1.0)))
    limit = np.zeros(run[-1] + 1)
    limit[run] = _LONGEST_CROSSING * np.maximum(calibre, typical)[owner(graph.starts)]
    return bool((np.bincount(run, shared) > limit).any())


@dataclass(frozen=True, slots=True, eq=False)
class _Ends:
    """Free ends of a graph, K of them."""

    at: np.ndarray  # (K, 2) row, column
    outward: np.ndarray  # (K, 2) unit vectors
    calibre: np.ndarray  # (K,) pixels


def _free_ends(graph: VesselGraph) -> _Ends:
    outermost = np.concatenate([graph.starts[:-1], graph.starts[1:] - 1])
    sign = np.repeat([-1.0, 1.0], len(graph))
    is_free = graph.nodes.kind[np.concatenate([graph.source, graph.target])] == END
    typical = np.nan_to_num(segment_calibre(graph), nan=1.0)
    return _Ends(
        at=graph.points[outermost[is_free]],
        outward=graph.tangent[outermost[is_free]] * sign[is_free, None],
        calibre=np.tile(typical, 2)[is_free],
    )


def united(artery: VesselGraph, vein: VesselGraph) -> VesselGraph:
    """The graph of all vessels: both graphs side by side, and the points at which one passes the other."""
    nodes, segments = len(artery.nodes.position), len(artery)
    first, second = artery.bifurcations, vein.bifurcations

    def both(name: str) -> np.ndarray:
        return np.concatenate([getattr(artery, name), getattr(vein, name)])

    return VesselGraph(
        structure="vessel",
        shape=artery.shape,
        points=both("points"),
        starts=np.concatenate([artery.starts, vein.starts[1:] + artery.starts[-1]]),
        tangent=both("tangent"),
        curvature=both("curvature"),
        calibre=both("calibre"),
        source=np.concatenate([artery.source, vein.source + nodes]),
        target=np.concatenate([artery.target, vein.target + nodes]),
        is_loop=both("is_loop"),
        nodes=Nodes(
            position=np.concatenate([artery.nodes.position, vein.nodes.position]),
            degree=np.concatenate([artery.nodes.degree, vein.nodes.degree]),
            kind=np.concatenate([artery.nodes.kind, vein.nodes.kind]),
        ),
        bifurcations=Bifurcations(
            position=np.concatenate([first.position, second.position]),
            node=np.concatenate([first.node, second.node + nodes]),
            parent=np.concatenate([first.parent, second.parent + segments]),
            daughters=np.concatenate([first.daughters, second.daughters + segments]),
            angle=np.concatenate([first.angle, second.angle]),
            asymmetry=np.concatenate([first.asymmetry, second.asymmetry]),
            parent_calibre=np.concatenate([first.parent_calibre, second.parent_calibre]),
            daughter_calibre=np.concatenate([first.daughter_calibre, second.daughter_calibre]),
        ),
        crossings=np.concatenate([artery.crossings, vein.crossings, crossing_positions(artery, vein)]),
        is_united=True,
    )
