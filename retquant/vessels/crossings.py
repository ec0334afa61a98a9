"""Crossings told from bifurcations: where two vessels pass each other, their arms are joined straight on.

Two vessels that cross at a narrow angle share a stretch of the mask: thinning gives two forks that face each other,
linked by the stretch's own axis. The largest disc inside the mask touches both outer edges where the vessels part,
which puts the forks 2a(1 - s)/(s(1 + s)) apart, a being half a calibre and s the sine of half the angle: one and a
half calibres at 45 degrees, three at 25, six at 15.
"""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np

from retquant.config import VesselSettings
from retquant.vessels.packing import middle
from retquant.vessels.trace import Strand, bridge, heading

_PAIRINGS = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))
_SHORT_CALIBRES = 1.5  # up to this distance two forks may be one crossing at any angle
_STRETCH_SLACK = (
    1.6  # of the shared stretch's length by the formula: 4 degrees of error in 20 are a factor 1.3
)
_STRETCH_SLACK_PX = 4.0


@dataclass(frozen=True, slots=True)
class _Arm:
    """A strand that leaves a crossing, its direction away from it and the vessel's radius along it."""

    node: int  # at the crossing
    far: int
    key: int
    strand: Strand
    clear: float  # pixels from the node to where the arm is by itself
    start: np.ndarray  # (2,) point there
    direction: np.ndarray  # (2,) unit vector
    radius: float


def resolve_crossings(network: nx.MultiGraph, settings: VesselSettings) -> np.ndarray:
    """(X, 2) positions of the crossings found; in place, the arms of each become two vessels that run
    through.

    A crossing is a node of four arms, or two linked nodes of three arms, whose arms pair up so that each pair turns
    by no more than `crossing_turn_deg` and keeps its calibre within `crossing_calibre_ratio`; of the pairings that do,
    the one that bends the least. Two nodes must each give one arm to each pair and lie at most
    `crossing_width_calibres` calibres apart; beyond one and a half calibres only as far as vessels of these calibres
    share a stretch at the angle at which they cross, and both arms of each must lead away from the other.
    """
    found: list[np.ndarray] = []
    for nodes, link in _candidates(network, settings.crossing_width_calibres):
        if not all(network.has_node(n) for n in nodes):
            continue
        arms = _arms(network, nodes, link)
        if len(arms) != 4 or len({(min(a.node, a.far), max(a.node, a.far), a.key) for a in arms}) != 4:
            continue
        pairing = _best_pairing(arms, settings.crossing_turn_deg, settings.crossing_calibre_ratio)
        if pairing is None or (link is not None and not _is_one_place(network, nodes, link, arms, pairing)):
            continue
        found.append(np.mean([network.nodes[n]["position"] for n in nodes], axis=0))
        run_through(network, nodes, link, [(arms[i], arms[j]) for i, j in pairing])
    return np.array(found).reshape(-1, 2)


def _candidates(
    network: nx.MultiGraph, widest_calibres: float
) -> list[tuple[tuple[int, ...], Strand | None]]:
    single = [((node,), None) for node, degree in network.degree() if degree == 4]
    pairs = []
    for u, v, strand in network.edges(data="strand"):
        if u == v or network.degree(u) != 3 or network.degree(v) != 3 or network.number_of_edges(u, v) != 1:
            continue
        limit = widest_calibres * _calibre_at(network, (u, v), strand)
        if len(strand.path) <= limit + 2 and strand.length < limit:
            pairs.append((strand.length, u, v, strand))
    pairs.sort(key=lambda pair: pair[:3])
    return [*single, *(((u, v), strand) for _, u, v, strand in pairs)]


def _calibre_at(network: nx.MultiGraph, nodes: tuple[int, ...], link: Strand) -> float:
    """Pixels across the mask at the narrower of two nodes or along the link, half a pixel to each side."""
    at_nodes = min(network.nodes[node]["radius"] for node in nodes)
    return float(2 * max(at_nodes, middle(link.radius)) + 1)


def _arms(network: nx.MultiGraph, nodes: tuple[int, ...], link: Strand | None) -> list[_Arm]:
    # Thinning may put a fork right into the notch between two vessels, where no disc fits.
    least = 0.0 if link is None else middle(link.radius)
    arms = []
    for node in nodes:
        reach = max(network.nodes[node]["radius"], least) + 1.0
        for _, far, key, strand in network.edges(node, keys=True, data="strand"):
            if far in nodes:
                continue
            strand = strand.leaving(node)
            arc = strand.arc
            near = min(int(np.searchsorted(arc, reach)), len(arc) - 2)
            end = min(max(int(np.searchsorted(arc, reach + max(8.0, 4 * reach))), near + 1), len(arc) - 1)
            radius = middle(strand.radius[near : end + 1])
            direction = heading(strand.path[near:], max(8.0, 6 * radius))
            if direction.any():
                clear = float(arc[near])
                arms.append(_Arm(node, far, key, strand, clear, strand.path[near], direction, radius))
    return arms


def _best_pairing(
    arms: list[_Arm], largest_turn_deg: float, smallest_calibre_ratio: float
) -> tuple[tuple[int, int], ...] | None:
    best, least = None, np.inf
    two_nodes = len({arm.node for arm in arms}) == 2
    for pairing in _PAIRINGS:
        if two_nodes and any(arms[i].node == arms[j].node for i, j in pairing):
            continue
        turns = [180 - _angle_between(arms[i].direction, arms[j].direction) for i, j in pairing]
        ratios = [_ratio(arms[i].radius, arms[j].radius) for i, j in pairing]
        bent = sum(turns) + sum(_bend(arms[i], arms[j]) for i, j in pairing)
        if max(turns) <= largest_turn_deg and min(ratios) >= smallest_calibre_ratio and bent < least:
            best, least = pairing, bent
    return best


def _bend(first: _Arm, second: _Arm) -> float:
    """Degrees by which a vessel turns onto the straight way from one arm to the other, and off it."""
    chord = second.start - first.start
    length = float(np.hypot(*chord))
    if length == 0:
        return 0.0
    return _angle_between(-first.direction, chord / length) + _angle_between(chord / length, second.direction)


def _is_one_place(
    network: nx.MultiGraph,
    nodes: tuple[int, ...],
    link: Strand,
    arms: list[_Arm],
    pairing: tuple[tuple[int, int], ...],
) -> bool:
    """Whether the forks at both ends of a link are near enough to be one crossing of the paired arms."""
    if link.length < _SHORT_CALIBRES * _calibre_at(network, nodes, link):
        return True
    along = network.nodes[nodes[1]]["position"] - network.nodes[nodes[0]]["position"]
    if any(arm.direction @ (along if arm.node == nodes[0] else -along) > 0 for arm in arms):
        return False  # a branch that goes on along the link
    ways = [arms[j].start - arms[i].start for i, j in pairing]
    ways = [way if arms[i].node == nodes[0] else -way for way, (i, _) in zip(ways, pairing, strict=True)]
    half_angle = np.radians(_angle_between(*(way / np.hypot(*way) for way in ways))) / 2
    sine = max(float(np.sin(half_angle)), 1e-3)
    half_calibre = float(np.mean([arm.radius for arm in arms])) + 0.5
    shared = 2 * half_calibre * (1 - sine) / (sine * (1 + sine))
    return link.length <= _STRETCH_SLACK * shared + _STRETCH_SLACK_PX


def _angle_between(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


def _ratio(a: float, b: float) -> float:
    # Half a pixel each, so that vessels of one or two pixels are not told apart by rounding.
    return (min(a, b) + 0.5) / (max(a, b) + 0.5)


def run_through(
    network: nx.MultiGraph, nodes: tuple[int, ...], link: Strand | None, pairs: list[tuple[_Arm, _Arm]]
) -> None:
    """Replace in place the nodes of a crossing by one strand a pair, which no longer meet."""
    discs = [(*network.nodes[n]["position"], network.nodes[n]["radius"]) for n in nodes]
    if link is not None:  # a long shared stretch is neither vessel's own
        every = max(int(middle(link.radius)), 1)
        discs += [(*at, radius) for at, radius in zip(link.path[::every], link.radius[::every], strict=True)]
    blind = tuple((float(row), float(col), float(radius)) for row, col, radius in discs)
    for first, second in pairs:
        inward = first.strand.leaving(first.far) if first.far != first.node else first.strand.reversed()
        whole = bridge(inward, second.strand, back=(first.clear, second.clear), blind=blind)
        whole = Strand(first=first.far, path=whole.path, radius=whole.radius, blind=whole.blind)
        network.add_edge(first.far, second.far, strand=whole)
    network.remove_nodes_from(nodes)
