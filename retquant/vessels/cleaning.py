"""What is not a vessel leaves the network: spurs and specks of loops, and parts too small to be one."""

from __future__ import annotations

import networkx as nx
import numpy as np

from retquant.vessels.packing import middle
from retquant.vessels.trace import Strand, join


def remove_spurs(network: nx.MultiGraph, *, shortest_calibres: float) -> None:
    """Remove in place each side branch shorter than `shortest_calibres` local calibres, the shortest first.

    A spur is a strand with one free end; its length counts from the junction, where the local calibre is
    twice the radius of the largest disc. Where two strands remain, they become one. At a fork of two spurs
    the longer one stays, for it is the vessel's end.
    """
    queue = _spurs(network, shortest_calibres)
    while queue:
        for length, tip, node in queue:
            if network.has_node(tip) and network.has_node(node) and network.degree(node) > 2:
                key = next(iter(network[tip][node])) if network.has_edge(tip, node) else None
                if key is None or network[tip][node][key]["strand"].length > length + 1e-9:
                    continue  # joined to something longer meanwhile
                network.remove_node(tip)
                dissolve(network, node)
        queue = _spurs(network, shortest_calibres)


def _spurs(network: nx.MultiGraph, shortest_calibres: float) -> list[tuple[float, int, int]]:
    """Length, tip and junction of each spur, the shortest first."""
    found = []
    for tip, degree in network.degree():
        if degree != 1:
            continue
        node = next(iter(network[tip]))
        strand: Strand = next(iter(network[tip][node].values()))["strand"]
        # Half a pixel to each side: a radius is known from whole background pixels.
        limit = shortest_calibres * (2 * network.nodes[node]["radius"] + 1)
        if network.degree(node) < 3 or len(strand.path) > limit + 2 or strand.length >= limit:
            continue
        found.append((strand.length, tip, node))
    return sorted(found, key=lambda spur: spur[0])


def remove_small_loops(network: nx.MultiGraph) -> None:
    """Open in place each loop of one or two strands whose way round is at most two local calibres and four pixels.

    Where two edges meet at a narrow angle a mask has slivers of background, and thinning goes round them: round a
    single pixel in four to seven. Of two strands the shorter stays; a ring of its own stays too.
    """
    twins = {(min(u, v), max(u, v)) for u, v, key in network.edges(keys=True) if key > 0 or u == v}
    for u, v in sorted(twins):
        if not (network.has_node(u) and network.has_node(v)) or network.degree(u) < 3:
            continue  # dissolved with another loop, or a ring
        round_way = 2 * (2 * max(network.nodes[u]["radius"], network.nodes[v]["radius"]) + 1) + 4
        strands = sorted((data["strand"].length, key) for key, data in network[u].get(v, {}).items())
        kept = 0.0 if u == v else strands[0][0]
        for length, key in strands[u != v :]:
            if kept + length <= round_way:
                network.remove_edge(u, v, key)
        for node in {u, v}:
            if network.has_node(node):
                dissolve(network, node)


def dissolve(network: nx.MultiGraph, node: int) -> None:
    """Join in place the two strands that meet at a node of degree two."""
    if network.degree(node) != 2:
        return
    edges = list(network.edges(node, keys=True, data="strand"))
    if len(edges) == 1:
        return  # a ring that begins and ends here keeps its seam
    (_, before, _, head), (_, after, _, tail) = edges
    joined = join(head.leaving(node).leaving(before), tail.leaving(node)) if before != node else head
    network.remove_node(node)
    network.add_edge(before, after, strand=joined)


def remove_small_parts(network: nx.MultiGraph, *, shortest_px: float, shortest_calibres: float) -> None:
    """Remove in place each connected part shorter than `shortest_px` or than so many of its own calibres."""
    for part in list(nx.connected_components(network)):
        strands = [strand for *_, strand in network.edges(part, data="strand")]
        length = sum(strand.length for strand in strands)
        calibre = 2 * middle(np.concatenate([strand.radius for strand in strands])) if strands else 0.0
        if length < max(shortest_px, shortest_calibres * calibre, 1.0):
            network.remove_nodes_from(part)
