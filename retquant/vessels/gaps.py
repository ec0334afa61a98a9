"""Gaps in a mask bridged: two free ends that face each other across a short gap become one vessel.

The rule. Two ends are joined if all of this holds:
* the straight way from one to the other leaves the mask once, for at most `bridge_gap_calibres` calibres (the mean of
  both) of plain background inside the field, so that no third vessel lies between. What lies under the other kind of
  vessel, an artery under a vein's label or a vein under an artery's, is no background and is not counted, up to
  `_COVERED_CALIBRES`;
* each end points along that way to within `bridge_turn_deg`, or twice that where at most `_TOUCHING_PX` lie between and
  the vessel is thin: one of a pixel, turned or resampled, falls into stretches too short to have a direction;
* the narrower end has at least `bridge_calibre_ratio` of the wider one's calibre;
* they are not yet connected: vessels are trees, and a bridge never closes a loop.
Each end is joined once; the straightest and shortest bridges are made first.

A bridge is centre line without calibre: its length counts, in the length of its segment, in length density and in
tortuosity, as that of a vessel that is there and not seen; the mask, and so every area, stays as it is. Where two
vessels fork off a trunk and one is cut off at its root, nothing faces its end, and it stays a vessel of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np

from retquant.config import VesselSettings
from retquant.vessels.packing import middle
from retquant.vessels.trace import Strand, bridge, heading

_COVERED_CALIBRES = 6.0  # of the other kind's label: a vein twice as wide crossed at 30 degrees covers four
_RADII = 4.0  # of a vessel, over which its end's direction is taken
_LEAST_PX = 8.0
_TOUCHING_PX = 3.5  # two or three pixels
_TOUCHING_TURN = 2.0  # times `bridge_turn_deg`
_THIN_PX = 4.0  # a vessel so thin falls into stretches


@dataclass(frozen=True, slots=True)
class _End:
    """A free end of a strand."""

    node: int
    tip: np.ndarray  # (2,) where thinning ended
    start: np.ndarray  # (2,) two radii before it, for thinning leads to a corner where a vessel is cut aslant
    back: float  # pixels from the one to the other along the strand
    direction: np.ndarray  # (2,) unit vector outward
    radius: float
    kind: str | None  # of a vessel that ends at one of the other kind


@dataclass(frozen=True, slots=True)
class _Place:
    """What lies where: all (H, W) bool."""

    mask: np.ndarray
    field: np.ndarray
    other: np.ndarray | None  # the other kind of vessel, artery for veins and vein for arteries


def bridge_gaps(
    network: nx.MultiGraph,
    settings: VesselSettings,
    *,
    mask: np.ndarray,
    field: np.ndarray,
    other: np.ndarray | None = None,
) -> np.ndarray:
    """(X, 2) middles of the bridges that pass through a vessel of the mask itself; bridges are made in place.

    `mask`, `field` and `other` are (H, W) bool. `other` is what may hide this structure: the veins for arteries, the
    arteries for veins. In the network of all vessels, ends that a vessel of the other kind makes (`artery_vein`)
    are joined through it, and those of both kinds to their own only.
    """
    place = _Place(mask, field, other)
    ends = _free_ends(network)
    found = sorted(_facing(ends, place, settings))
    part = {node: number for number, nodes in enumerate(nx.connected_components(network)) for node in nodes}
    made: list[np.ndarray] = []
    used: set[int] = set()
    for _, i, j in found:
        first, second = ends[i], ends[j]
        if part[first.node] == part[second.node] or {i, j} & used:
            continue
        used |= {i, j}
        gone, kept = part[second.node], part[first.node]
        part.update({node: kept for node, number in part.items() if number == gone})
        if first.kind and second.kind:
            made.append((first.tip + second.tip) / 2)
        _join(network, first, second)
    return np.array(made).reshape(-1, 2)


def _free_ends(network: nx.MultiGraph) -> list[_End]:
    ends = []
    for node, degree in network.degree():
        if degree != 1:
            continue
        strand = next(iter(network.edges(node, data="strand")))[2].leaving(node)
        radius = middle(strand.radius)
        arc = strand.arc
        first = min(int(np.searchsorted(arc, 2 * radius)), len(arc) // 2, len(arc) - 2)
        inward = heading(strand.path[first:], max(_LEAST_PX, _RADII * radius))
        if inward.any():
            kind = network.nodes[node].get("kind")
            ends.append(
                _End(node, strand.path[0], strand.path[first], float(arc[first]), -inward, radius, kind)
            )
    return ends


def _facing(ends: list[_End], place: _Place, settings: VesselSettings) -> list[tuple[float, int, int]]:
    """Cost and both ends of each pair that could be joined."""
    if len(ends) < 2 or not settings.bridge_gap_calibres:
        return []
    from scipy.spatial import cKDTree

    tips = np.array([end.tip for end in ends])
    is_hidden = place.other is not None or any(end.kind for end in ends)
    most = settings.bridge_gap_calibres + 2.0 + (_COVERED_CALIBRES if is_hidden else 0.0)
    widest = max(end.radius for end in ends)
    pairs = cKDTree(tips).query_pairs(most * (2 * widest + 1), output_type="ndarray")
    found = []
    for i, j in pairs.tolist():
        first, second = ends[i], ends[j]
        calibre = first.radius + second.radius + 1.0
        chord = second.start - first.start
        length = float(np.hypot(*chord))
        ratio = (min(first.radius, second.radius) + 0.5) / (max(first.radius, second.radius) + 0.5)
        if first.kind != second.kind and first.kind and second.kind:
            continue
        if length == 0 or length > (most + 1) * calibre or ratio < settings.bridge_calibre_ratio:
            continue
        turn = max(_degrees(first.direction @ chord / length), _degrees(second.direction @ -chord / length))
        if turn > _TOUCHING_TURN * settings.bridge_turn_deg:
            continue
        gap = _open_gap(first, second, place)
        if (
            gap is None
            or (turn > settings.bridge_turn_deg and (sum(gap) > _TOUCHING_PX or calibre > _THIN_PX))
            or gap[0] > settings.bridge_gap_calibres * calibre
            or gap[1] > _COVERED_CALIBRES * calibre
        ):
            continue
        cost = length / calibre + turn / max(settings.bridge_turn_deg, 1.0)
        found.append((cost, i, j))
    return found


def _open_gap(first: _End, second: _End, place: _Place) -> tuple[float, float] | None:
    """Pixels of background and of the other kind of vessel between two ends; None where no bridge may go."""
    chord = second.start - first.start
    length = float(np.hypot(*chord))
    count = max(int(2 * length), 2)
    pixels = np.rint(first.start + np.linspace(0, 1, count + 1)[:, None] * chord).astype(np.intp)
    pixels = np.clip(pixels, 0, np.array(place.mask.shape) - 1)
    at = (pixels[:, 0], pixels[:, 1])
    outside = np.flatnonzero(~place.mask[at])
    if not len(outside):
        return 0.0, 0.0
    # A lone pixel of the mask's edge on the way is rounding; more of them are another vessel.
    between = place.mask[at][outside[0] : outside[-1] + 1]
    if np.count_nonzero(between) > 2 or not place.field[at].all():
        return None
    covered = 0 if place.other is None else int(np.count_nonzero(place.other[at][outside]))
    return (len(outside) - covered) * length / count, covered * length / count


def _degrees(cosine: float) -> float:
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _join(network: nx.MultiGraph, first: _End, second: _End) -> None:
    (_, near, head), (_, far, tail) = (
        next(iter(network.edges(end.node, data="strand"))) for end in (first, second)
    )
    radius = (first.radius + second.radius) / 2
    count = max(int(np.hypot(*(second.tip - first.tip)) / max(radius, 1.0)), 1)
    discs = first.tip + np.linspace(0, 1, count + 1)[:, None] * (second.tip - first.tip)
    blind = tuple((float(row), float(col), radius) for row, col in discs)
    inward = head.leaving(near) if near != first.node else head
    whole: Strand = bridge(inward, tail.leaving(second.node), back=(first.back, second.back), blind=blind)
    network.remove_nodes_from([first.node, second.node])
    network.add_edge(near, far, strand=whole)
