"""All vessels of an image cut into stretches of a few calibres, and how likely neighbours are of one kind.

Stretches that follow each other along a vessel nearly always are; so are the two arms of a junction that go straight
on, while two that turn back sharply are more often an artery and a vein that touch; and two vessels that cross are
mostly of different kinds. The log odds below were chosen on the drawn arteries and veins of 16 images (DRIVE 21-36),
where of neighbours 99.5 % along a vessel were of one kind, 93 % of the arms of a junction that turn by less than 30
degrees, 12 % of those that turn by 120 to 150, and 24 % of vessels that cross.

Shapes: S stretches, P points of all stretches, L links, M meetings.
"""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np

from retquant.config import VesselSettings
from retquant.vessels.cleaning import dissolve, remove_small_loops, remove_spurs
from retquant.vessels.crossings import resolve_crossings
from retquant.vessels.packing import middle
from retquant.vessels.trace import Strand, heading, trace

ALONG, STRAIGHT_ON, AT_ALL, ACROSS = 5.0, 1.8, 0.05, -2.2
"""Log odds that two stretches are of one kind: along a vessel; at a junction, times the cosine of the turn, and
whatever the turn; and of two vessels that cross."""

_CALIBRES = 4.0  # of a stretch
_LEAST_PX = 8.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Stretches:
    """Stretches of centre line, and their neighbours."""

    points: np.ndarray  # (P, 2) row, col
    radius: np.ndarray  # (P,) pixels, of the vessel there
    vessel: np.ndarray  # (S,) int, the line that each stretch is cut from, which runs through crossings
    starts: np.ndarray  # (S + 1,) int: stretch s is points[starts[s]:starts[s + 1]]
    links: np.ndarray  # (L, 2) int, stretches
    coupling: np.ndarray  # (L,) log odds that both are of one kind
    crossings: np.ndarray  # (X, 2) int, stretches of two vessels that cross
    crossing_at: np.ndarray  # (X, 2) row, col
    meetings: tuple[
        tuple[np.ndarray, float, tuple[int, ...]], ...
    ]  # of a junction: place, radius, its stretches

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def owner(self) -> np.ndarray:
        """(P,) stretch of each point."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))


def cut_in_stretches(
    mask: np.ndarray, settings: VesselSettings, *, disc: tuple[tuple[float, float], float] | None = None
) -> Stretches:
    """The vessels of a mask (H, W) bool in stretches.

    Inside the `disc`, its centre (row, col) and radius in pixels, trunks of both kinds lie on top of each other: no
    junction there tells anything, so that each trunk is the root of a tree of its own.
    """
    network = trace(mask)
    for node in list(network):
        dissolve(network, node)
    remove_small_loops(network)
    remove_spurs(network, shortest_calibres=settings.shortest_spur_calibres)
    crossings = resolve_crossings(network, settings)
    return _Cutting(network, disc).done(crossings)


class _Cutting:
    def __init__(self, network: nx.MultiGraph, disc: tuple[tuple[float, float], float] | None) -> None:
        self.network, self.disc = network, disc
        self.paths: list[np.ndarray] = []
        self.radii: list[np.ndarray] = []
        self.vessel: list[int] = []  # strand of each stretch
        self.links: list[tuple[int, int, float]] = []
        self.arms: dict[int, list[tuple[int, Strand]]] = {}

    def done(self, crossings: np.ndarray) -> Stretches:
        for number, (u, v, strand) in enumerate(self.network.edges(data="strand")):
            first, last = self._cut(strand, number)
            far = v if strand.first == u else u
            self.arms.setdefault(strand.first, []).append((first, strand))
            self.arms.setdefault(far, []).append((last, strand.reversed(far)))
        meetings = [self._meet(node, arms) for node, arms in self.arms.items() if len(arms) > 1]
        sizes = [len(path) for path in self.paths]
        points = np.concatenate(self.paths) if self.paths else np.zeros((0, 2))
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        pairs, places = self._cross(crossings, points, starts)
        links = [*self.links, *((i, j, ACROSS) for i, j in pairs)]
        return Stretches(
            points=points,
            radius=np.concatenate(self.radii) if self.radii else np.zeros(0),
            vessel=np.array(self.vessel, dtype=np.intp),
            starts=starts,
            links=np.array([link[:2] for link in links], dtype=np.intp).reshape(-1, 2),
            coupling=np.array([link[2] for link in links], dtype=float),
            crossings=np.array(pairs, dtype=np.intp).reshape(-1, 2),
            crossing_at=np.array(places, dtype=float).reshape(-1, 2),
            meetings=tuple(meetings),
        )

    def _cut(self, strand: Strand, number: int) -> tuple[int, int]:
        """Add a strand's stretches; the first and the last of them."""
        length = max(_LEAST_PX, _CALIBRES * (2 * middle(strand.radius) + 1))
        count = max(1, round(strand.length / length))
        cuts = np.unique(np.searchsorted(strand.arc, np.linspace(0, strand.length, count + 1)[1:-1]))
        cuts = np.concatenate([[0], cuts[(cuts > 0) & (cuts < len(strand.path))], [len(strand.path)]])
        first = len(self.paths)
        for begin, end in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            self.paths.append(strand.path[begin:end])
            self.radii.append(strand.radius[begin:end])
            self.vessel.append(number)
        last = len(self.paths) - 1
        self.links += [(i, i + 1, ALONG) for i in range(first, last)]
        return first, last

    def _meet(self, node: int, arms: list[tuple[int, Strand]]) -> tuple[np.ndarray, float, tuple[int, ...]]:
        """Link the stretches that meet at a node."""
        place, radius = self.network.nodes[node]["position"], float(self.network.nodes[node]["radius"])
        if not self._is_in_disc(place):
            outward = [_direction(strand, radius) for _, strand in arms]
            for k, (stretch, _) in enumerate(arms):
                for j in range(k):
                    if arms[j][0] != stretch:
                        straight = -float(outward[j] @ outward[k])
                        self.links.append((arms[j][0], stretch, AT_ALL + STRAIGHT_ON * straight))
        return place, radius, tuple(stretch for stretch, _ in arms)

    def _is_in_disc(self, place: np.ndarray) -> bool:
        return self.disc is not None and float(np.hypot(*(place - np.array(self.disc[0])))) < self.disc[1]

    def _cross(
        self, crossings: np.ndarray, points: np.ndarray, starts: np.ndarray
    ) -> tuple[list[tuple[int, int]], list[np.ndarray]]:
        """Stretches of the two nearest vessels at each crossing, and its place."""
        vessel = np.array(self.vessel, dtype=np.intp)
        pairs, places = [], []
        for place in crossings:
            if self._is_in_disc(place):
                continue
            away = np.minimum.reduceat(((points - place) ** 2).sum(axis=1), starts[:-1])
            first = int(away.argmin())
            others = np.flatnonzero(vessel != vessel[first])
            if len(others):
                pairs.append((first, int(others[away[others].argmin()])))
                places.append(place)
        return pairs, places


def _direction(strand: Strand, radius: float) -> np.ndarray:
    """(2,) unit vector along a strand from where it is clear of the node that it leaves."""
    near = min(int(np.searchsorted(strand.arc, radius + 1.0)), len(strand.path) - 2)
    return heading(strand.path[near:], max(_LEAST_PX, 6 * middle(strand.radius)))
