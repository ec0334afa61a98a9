"""Whether a vessel passes another: followed from where they meet, over its own junctions, until it is clear.

Centre lines may meet several times in one place, or run on top of each other where both masks claim one vessel, and
a vessel may divide beneath the other. So what counts is where a vessel comes clear, and on which side. A vessel that
ends inside the other has not passed it: no picture shows it on the far side.

Shapes: P points of a graph, S segment ends that leave a node.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from retquant.vessels.graph import BORDER, VesselGraph

_FARTHEST = 8.0  # half the sum of the calibres: two vessels that cross at 7 degrees are clear by then


@dataclass(frozen=True, eq=False, kw_only=True)
class Obstacle:
    """A segment that another vessel may pass, and when that is clear of it."""

    points: np.ndarray  # (P, 2) pixels
    tangent: np.ndarray  # (P, 2)
    spacing: float  # pixels between points
    half: float  # pixels: half its calibre, inside which an end is hidden
    clear: float  # pixels from its line at which the other vessel is clear
    farthest: float  # pixels along the other vessel within which that must be

    @classmethod
    def of(cls, graph: VesselGraph, segment: int, *, calibre: float, other: float) -> Obstacle:
        """A segment of `calibre` pixels that a vessel of `other` pixels meets."""
        run = graph.segment(segment)
        mean = (calibre + other) / 2
        return cls(
            points=graph.points[run],
            tangent=graph.tangent[run],
            spacing=float(graph.steps[run].max()),
            half=calibre / 2,
            clear=max(mean, calibre) / 2,
            farthest=_FARTHEST * mean,
        )

    def seen_from(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(P,) pixels from the line, and (P,) bool: on which side of it."""
        square = np.subtract.outer(points[:, 0], self.points[:, 0]) ** 2
        square += np.subtract.outer(points[:, 1], self.points[:, 1]) ** 2
        nearest = square.argmin(axis=1)
        away, along = points - self.points[nearest], self.tangent[nearest]
        across = along[:, 0] * away[:, 1] - along[:, 1] * away[:, 0]
        beyond = np.maximum(np.abs((along * away).sum(axis=1)) - self.spacing, 0.0)
        return np.hypot(across, beyond), across > 0


@dataclass(frozen=True, eq=False)
class Walks:
    """The segments of a graph by the nodes at which they can be entered."""

    graph: VesselGraph
    leaving: dict[
        int, list[tuple[int, int]]
    ]  # node -> (segment, +1 from its first point or -1 from its last)

    @classmethod
    def over(cls, graph: VesselGraph) -> Walks:
        """All of a graph."""
        leaving: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for segment, (first, last) in enumerate(
            zip(graph.source.tolist(), graph.target.tolist(), strict=True)
        ):
            leaving[first].append((segment, 1))
            leaving[last].append((segment, -1))
        return cls(graph, leaving)

    def passes(self, segment: int, at: int, obstacle: Obstacle) -> frozenset[int] | None:
        """The points where the vessel is clear of the obstacle that it meets after point `at` of `segment`.

        None where it comes clear on one side alone: it touches, ends inside, or shares the obstacle's course.
        """
        ahead = self._exits(segment, 1, at + 1, obstacle)
        behind = self._exits(segment, -1, at, obstacle)
        if not any(first != second for first in ahead.values() for second in behind.values()):
            return None
        return frozenset(ahead) | frozenset(behind)

    def _exits(self, segment: int, way: int, begin: int, obstacle: Obstacle) -> dict[int, bool]:
        """Point -> side of the obstacle, for each branch on which the vessel comes clear of it."""
        graph, found = self.graph, {}
        waiting, entered = [(segment, way, begin, obstacle.farthest)], {(segment, way)}
        while waiting:
            segment, way, begin, left = waiting.pop()
            run = graph.segment(segment)
            spacing = max(float(graph.steps[run].max()), 1e-9)
            count = int(left / spacing) + 1
            ahead = np.arange(begin, run.stop if way > 0 else run.start - 1, way)[:count]
            distance, side = obstacle.seen_from(graph.points[ahead])
            is_clear = distance >= obstacle.clear
            if is_clear.any():
                k = int(np.argmax(is_clear))
                found[int(ahead[k])] = bool(side[k])
            elif len(ahead) < count:
                node = int((graph.target if way > 0 else graph.source)[segment])
                onward = [end for end in self.leaving[node] if end != (segment, -way)]
                if not onward and (graph.nodes.kind[node] == BORDER or distance[-1] >= obstacle.half):
                    found[int(ahead[-1])] = bool(side[-1])
                for s, w in onward:
                    if (s, w) not in entered:
                        entered.add((s, w))
                        own = graph.segment(s)
                        waiting.append(
                            (s, w, own.start if w > 0 else own.stop - 1, left - len(ahead) * spacing)
                        )
        return found
