"""Arteries parted from veins in the network of all vessels, where labels say which is which.

Wherever strands of both kinds meet, the place is taken apart: the arteries' arms meet among themselves and the veins'
among themselves. Two arms of a kind become one vessel that runs through, three or more keep a junction of their own,
and a single one ends there: an artery does not branch off a vein. Labels are believed only where all arms are clear;
elsewhere direction and calibre decide (`vessels.crossings`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx
import numpy as np

from retquant.config import VesselSettings
from retquant.vessels.packing import middle
from retquant.vessels.trace import Strand, bridge

KINDS = ("artery", "vein")
_CLEAR_MARGIN = 0.5  # one label's share of a strand's pixels must exceed the other's by this much
_SHORT_CALIBRES = 1.5  # junctions this close are one place, whatever the link's own label


@dataclass(frozen=True, slots=True)
class _Arm:
    """A strand that leaves a place where arteries and veins meet."""

    node: int
    far: int
    key: int
    strand: Strand  # from `node` outward
    clear: float  # pixels from the node to where the arm is by itself
    kind: str | None


def part_kinds(
    network: nx.MultiGraph, settings: VesselSettings, labels: Mapping[str, np.ndarray]
) -> np.ndarray:
    """(X, 2) positions where arteries cross veins; in place, the two kinds no longer meet.

    `labels` holds the (H, W) bool masks of `artery` and `vein`, which may overlap. A new end that a vessel of the
    other kind makes is a node with `kind` among its attributes.
    """
    found = []
    for place in _places(network, settings.crossing_width_calibres, labels):
        if not all(network.has_node(node) for node in place):
            continue
        arms = _arms(network, place, labels)
        of_kind = {kind: [arm for arm in arms if arm.kind == kind] for kind in KINDS}
        if None in {arm.kind for arm in arms} or not all(of_kind.values()):
            continue
        if len({(min(a.node, a.far), max(a.node, a.far), a.key) for a in arms}) < len(arms):
            continue  # a ring that begins and ends here
        if any(arm.far in place for arm in arms):
            continue
        center = np.mean([network.nodes[node]["position"] for node in place], axis=0)
        discs = _discs(network, place)
        network_radius = max(network.nodes[node]["radius"] for node in place)
        for kind, held in of_kind.items():
            _rejoin(network, held, kind, center=center, radius=network_radius, discs=discs)
        network.remove_nodes_from(place)
        if min(map(len, of_kind.values())) > 1:
            found.append(center)
    return np.array(found).reshape(-1, 2)


def _places(
    network: nx.MultiGraph, widest_calibres: float, labels: Mapping[str, np.ndarray]
) -> list[tuple[int, ...]]:
    """Groups of junctions that are one place: linked closely, or by a stretch that is neither kind's alone."""
    links = nx.Graph()
    links.add_nodes_from(node for node, degree in network.degree() if degree > 2)
    for u, v, strand in network.edges(data="strand"):
        if u == v or network.degree(u) < 3 or network.degree(v) < 3:
            continue
        at_nodes = min(network.nodes[u]["radius"], network.nodes[v]["radius"])
        calibre = 2 * max(at_nodes, middle(strand.radius)) + 1
        is_shared = strand.length < widest_calibres * calibre and _kind(strand.path, labels) is None
        if is_shared or strand.length < _SHORT_CALIBRES * calibre:
            links.add_edge(u, v)
    return [tuple(sorted(group)) for group in nx.connected_components(links)]


def _arms(network: nx.MultiGraph, place: tuple[int, ...], labels: Mapping[str, np.ndarray]) -> list[_Arm]:
    arms = []
    inside = set(place)
    for node in place:
        for _, far, key, strand in network.edges(node, keys=True, data="strand"):
            if far in inside and far != node:
                continue  # a link
            strand = strand.leaving(node)
            reach = network.nodes[node]["radius"] + 1.0
            arc = strand.arc
            near = min(int(np.searchsorted(arc, reach)), len(arc) - 2)
            end = max(int(np.searchsorted(arc, reach + max(20.0, 8 * reach))), near + 1)
            kind = _kind(strand.path[near : end + 1], labels)
            arms.append(_Arm(node, far, key, strand, float(arc[near]), kind))
    return arms


def _kind(path: np.ndarray, labels: Mapping[str, np.ndarray]) -> str | None:
    """Which kind a path is clearly of."""
    shape = labels["artery"].shape
    pixels = np.clip(np.rint(path).astype(np.intp), 0, np.array(shape) - 1)
    share = {kind: float(np.mean(labels[kind][pixels[:, 0], pixels[:, 1]])) for kind in KINDS}
    lead = share["artery"] - share["vein"]
    if abs(lead) < _CLEAR_MARGIN:
        return None
    return "artery" if lead > 0 else "vein"


def _discs(network: nx.MultiGraph, place: tuple[int, ...]) -> tuple[tuple[float, float, float], ...]:
    """Row, column and radius of discs that cover what is neither kind's alone."""
    discs = [(*network.nodes[node]["position"], network.nodes[node]["radius"]) for node in place]
    for _, _, link in network.subgraph(place).edges(data="strand"):
        every = max(int(middle(link.radius)), 1)
        discs += [(*at, radius) for at, radius in zip(link.path[::every], link.radius[::every], strict=True)]
    return tuple((float(row), float(col), float(radius)) for row, col, radius in discs)


def _rejoin(
    network: nx.MultiGraph,
    arms: list[_Arm],
    kind: str,
    *,
    center: np.ndarray,
    radius: float,
    discs: tuple[tuple[float, float, float], ...],
) -> None:
    """Add in place what the arms of one kind become once the place is gone."""
    if len(arms) == 2:
        first, second = arms
        inward = first.strand.leaving(first.far)
        whole = bridge(inward, second.strand, back=(first.clear, second.clear), blind=discs)
        network.add_edge(first.far, second.far, strand=whole)
        return
    node = max(network) + 1
    if len(arms) == 1:
        path, thickness = _from(arms[0])
        network.add_node(node, position=path[0], radius=float(thickness[0]), kind=kind)
        strand = Strand(first=node, path=path, radius=thickness, blind=arms[0].strand.blind)
        network.add_edge(node, arms[0].far, strand=strand)
        return
    own = np.unique([arm.node for arm in arms])
    position = center if len(own) > 1 else network.nodes[own[0]]["position"]
    network.add_node(node, position=position, radius=radius)
    for arm in arms:
        path, thickness = _from(arm)
        strand = Strand(
            first=node,
            path=np.concatenate([position[None], path]),
            radius=np.concatenate([thickness[:1], thickness]),
            blind=arm.strand.blind + discs,
        )
        network.add_edge(node, arm.far, strand=strand)


def _from(arm: _Arm) -> tuple[np.ndarray, np.ndarray]:
    """The arm's path and radius from where it is by itself."""
    arc = arm.strand.arc
    first = min(int(np.searchsorted(arc, arm.clear)), len(arc) - 2)
    return arm.strand.path[first:], arm.strand.radius[first:]
