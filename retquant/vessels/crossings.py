"""Crossings told from bifurcations: where two vessels pass each other, their arms are joined straight on."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np

from retquant.vessels.packing import middle
from retquant.vessels.trace import Strand, join

_PAIRINGS = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))


@dataclass(frozen=True, slots=True)
class _Arm:
    """A strand that leaves a crossing, its direction away from it and the vessel's radius along it."""

    node: int  # at the crossing
    far: int
    key: int
    strand: Strand
    direction: np.ndarray  # (2,) unit vector
    radius: float


def resolve_crossings(
    network: nx.MultiGraph, *, widest_calibres: float, largest_turn_deg: float, smallest_calibre_ratio: float
) -> np.ndarray:
    """(X, 2) positions of the crossings found; in place, the arms of each become two vessels that run
    through.

    A crossing is a node of four arms, or two nodes of three arms at most `widest_calibres` calibres apart,
    whose arms pair up so that each pair turns by no more than `largest_turn_deg` and keeps its calibre within
    `smallest_calibre_ratio`. Two nodes must each give one arm to each pair.
    """
    found: list[np.ndarray] = []
    for nodes, link in _candidates(network, widest_calibres):
        if not all(network.has_node(n) for n in nodes):
            continue
        arms = _arms(network, nodes)
        if len(arms) != 4 or len({(min(a.node, a.far), max(a.node, a.far), a.key) for a in arms}) != 4:
            continue
        pairing = _best_pairing(arms, largest_turn_deg, smallest_calibre_ratio)
        if pairing is not None:
            found.append(np.mean([network.nodes[n]["position"] for n in nodes], axis=0))
            _run_through(network, nodes, link, [(arms[i], arms[j]) for i, j in pairing])
    return np.array(found).reshape(-1, 2)


def _candidates(
    network: nx.MultiGraph, widest_calibres: float
) -> list[tuple[tuple[int, ...], Strand | None]]:
    single = [((node,), None) for node, degree in network.degree() if degree == 4]
    pairs = []
    for u, v, strand in network.edges(data="strand"):
        if u == v or network.degree(u) != 3 or network.degree(v) != 3 or network.number_of_edges(u, v) != 1:
            continue
        calibre = 2 * min(network.nodes[u]["radius"], network.nodes[v]["radius"]) + 1
        if len(strand.path) <= widest_calibres * calibre + 2 and strand.length < widest_calibres * calibre:
            pairs.append((strand.length, u, v, strand))
    pairs.sort(key=lambda pair: pair[:3])
    return [*single, *(((u, v), strand) for _, u, v, strand in pairs)]


def _arms(network: nx.MultiGraph, nodes: tuple[int, ...]) -> list[_Arm]:
    arms = []
    for node in nodes:
        reach = network.nodes[node]["radius"] + 1.0
        for _, far, key, strand in network.edges(node, keys=True, data="strand"):
            if far in nodes:
                continue
            strand = strand.leaving(node)
            steps = np.hypot(*np.diff(strand.path, axis=0).T)
            arc = np.concatenate([[0.0], np.cumsum(steps)])
            near, end = np.searchsorted(arc, (reach, reach + max(4.0, 4 * reach)))
            near = min(int(near), len(arc) - 2)
            end = min(max(int(end), near + 1), len(arc) - 1)
            direction = strand.path[end] - strand.path[near]
            norm = float(np.hypot(*direction))
            if norm == 0:
                continue
            arms.append(_Arm(node, far, key, strand, direction / norm, middle(strand.radius[near : end + 1])))
    return arms


def _best_pairing(
    arms: list[_Arm], largest_turn_deg: float, smallest_calibre_ratio: float
) -> tuple[tuple[int, int], ...] | None:
    best, best_turn = None, np.inf
    two_nodes = len({arm.node for arm in arms}) == 2
    for pairing in _PAIRINGS:
        if two_nodes and any(arms[i].node == arms[j].node for i, j in pairing):
            continue
        turns = [180 - _angle_between(arms[i].direction, arms[j].direction) for i, j in pairing]
        ratios = [_ratio(arms[i].radius, arms[j].radius) for i, j in pairing]
        if (
            max(turns) <= largest_turn_deg
            and min(ratios) >= smallest_calibre_ratio
            and sum(turns) < best_turn
        ):
            best, best_turn = pairing, sum(turns)
    return best


def _angle_between(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


def _ratio(a: float, b: float) -> float:
    # Half a pixel each, so that vessels of one or two pixels are not told apart by rounding.
    return (min(a, b) + 0.5) / (max(a, b) + 0.5)


def _run_through(
    network: nx.MultiGraph, nodes: tuple[int, ...], link: Strand | None, pairs: list[tuple[_Arm, _Arm]]
) -> None:
    blind = tuple(
        (float(at["position"][0]), float(at["position"][1]), float(at["radius"]))
        for at in (network.nodes[n] for n in nodes)
    )
    for first, second in pairs:
        inward = first.strand.leaving(first.far) if first.far != first.node else _reversed(first.strand)
        whole = inward
        if first.node != second.node and link is not None:
            whole = join(whole, link.leaving(first.node))
        whole = join(whole, second.strand)
        whole = Strand(first=first.far, path=whole.path, radius=whole.radius, blind=whole.blind + blind)
        network.add_edge(first.far, second.far, strand=whole)
    network.remove_nodes_from(nodes)


def _reversed(strand: Strand) -> Strand:
    return Strand(first=strand.first, path=strand.path[::-1], radius=strand.radius[::-1], blind=strand.blind)
