"""Where an artery's centre line crosses a vein's, and how wide both are there.

Both graphs are of one image, each built from its own mask. Where labels interrupt one vessel under the other, its
graph bridges the gap (`vessels.gaps`), and the crossing is found on the bridge. Two vessels cross where each passes
the other (`vessels.passing`).

Shapes: X crossings, P points of a graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from retquant.vessels.clip import segment_calibre
from retquant.vessels.graph import VesselGraph
from retquant.vessels.one_bit_width import width_in_mask
from retquant.vessels.packing import arc_positions, middle, owner
from retquant.vessels.passing import Obstacle, Walks

BESIDE_CALIBRES = 0.25
"""The vein beside the artery: up to this many of its calibres from the artery's edge."""

AWAY_CALIBRES = (1.0, 2.0)
"""The vein's own calibre: this far from the artery's edge, in its calibres."""

LEAST_ANGLE_DEG = 30.0
"""Below this angle a vein runs in the artery's shadow for more than two artery calibres, and is not measured."""

LEAST_CALIBRE_PX = 4.0
"""Under this width a quarter of a calibre beside the artery is less than the map's own blur."""

_LOCAL_CALIBRES = 3.0  # to either side of the crossing, for a vessel's own calibre there
_WINDOW = 25  # positions at which a stretch of the vein is read
_STRETCHES = np.stack([np.linspace(*stretch, _WINDOW) for stretch in ((0.0, BESIDE_CALIBRES), AWAY_CALIBRES)])


@dataclass(frozen=True, eq=False, kw_only=True)
class AVCrossings:
    """One entry a point at which an artery and a vein cross."""

    position: np.ndarray  # (X, 2) float, (row, col) pixels
    angle: np.ndarray  # (X,) degrees between the centre lines, 0 to 90
    artery: np.ndarray  # (X,) int, segment of the artery graph
    vein: np.ndarray  # (X,) int, segment of the vein graph
    artery_calibre: np.ndarray  # (X,) pixels, near the crossing; NaN where it has no sample there
    vein_calibre: np.ndarray  # (X,) pixels, near the crossing, both sides
    vein_beside: np.ndarray  # (X,) pixels, next to the artery; NaN where it cannot be measured
    vein_away: np.ndarray  # (X,) pixels, one to two calibres from the artery

    def __len__(self) -> int:
        return len(self.position)

    @property
    def nicking(self) -> np.ndarray:
        """(X,) share of its calibre that the vein has lost beside the artery; negative where it is wider."""
        return 1 - self.vein_beside / self.vein_away


def find_av_crossings(
    artery: VesselGraph, vein: VesselGraph, *, vein_mask: np.ndarray | None = None
) -> AVCrossings:
    """The crossings of the arteries and veins of one image, in order of artery, vein and place along it.

    The vein is measured to both sides of the crossing, or to one where it ends or branches too soon on the other:
    beside the artery as the mean up to a quarter of the vein's calibre from the artery's edge, away from it as the
    median from one to two. The artery's edge lies half its calibre over the sine of the angle from the crossing.
    `vein_mask` (H, W) bool is given where the veins were drawn with one bit: beside the artery it is read itself, for
    the calibre in the graph of such a mask is a mean along the vessel.
    """
    arcs = [arc_positions(graph.points, graph.starts) for graph in (artery, vein)]
    found = []
    for first, second, at_first, at_second in _changes_of_side(artery, vein):
        tangents = artery.tangent[first], vein.tangent[second]
        angle = float(np.degrees(np.arccos(min(1.0, abs(float(tangents[0] @ tangents[1]))))))
        segments = [_segment(graph, point) for graph, point in ((artery, first), (vein, second))]
        along = [_profile(g, s, arc) for g, s, arc in zip((artery, vein), segments, arcs, strict=True)]
        widths = [
            _local_calibre(*profile, at) for profile, at in zip(along, (at_first, at_second), strict=True)
        ]

        def width(wanted: np.ndarray, segment: int = segments[1], calibre: float = widths[1]) -> np.ndarray:
            assert vein_mask is not None
            return width_in_mask(vein_mask, vein, segment, arcs[1], wanted, calibre=calibre)

        beside, away = _beside_and_away(
            *along[1],
            at_second,
            angle=angle,
            artery=widths[0],
            vein=widths[1],
            one_bit=None if vein_mask is None else width,
        )
        found.append((angle, *segments, *widths, beside, away))
    columns = list(zip(*found, strict=True)) if found else [()] * 7
    return AVCrossings(
        position=crossing_positions(artery, vein),
        angle=np.array(columns[0], dtype=float),
        artery=np.array(columns[1], dtype=np.intp),
        vein=np.array(columns[2], dtype=np.intp),
        artery_calibre=np.array(columns[3], dtype=float),
        vein_calibre=np.array(columns[4], dtype=float),
        vein_beside=np.array(columns[5], dtype=float),
        vein_away=np.array(columns[6], dtype=float),
    )


def crossing_positions(artery: VesselGraph, vein: VesselGraph) -> np.ndarray:
    """(X, 2) row and column of the crossings that `find_av_crossings` finds, in its order."""
    arc = arc_positions(vein.points, vein.starts)
    at = [
        [np.interp(place, *_line(vein, _segment(vein, point), arc, axis)) for axis in (0, 1)]
        for _, point, _, place in _changes_of_side(artery, vein)
    ]
    return np.array(at, dtype=float).reshape(-1, 2)


def _intersections(first: VesselGraph, second: VesselGraph) -> np.ndarray:
    """(K, 4): a point of each graph after which their centre lines cross, and the shares of those two steps."""
    starts = [np.flatnonzero(graph.steps > 0) for graph in (first, second)]
    if not all(len(begin) for begin in starts):
        return np.zeros((0, 4))
    from scipy.spatial import cKDTree

    here = [graph.points[begin] for graph, begin in zip((first, second), starts, strict=True)]
    run = [
        graph.points[begin + 1] - at for graph, begin, at in zip((first, second), starts, here, strict=True)
    ]
    reach = sum(float(graph.steps.max()) for graph in (first, second)) / 2
    trees = [
        cKDTree(at + step / 2, balanced_tree=False, compact_nodes=False)
        for at, step in zip(here, run, strict=True)
    ]
    near = trees[0].sparse_distance_matrix(trees[1], reach + 1e-9, output_type="ndarray")
    i, j = near["i"], near["j"]
    apart, along, across = here[1][j] - here[0][i], run[0][i], run[1][j]
    turn = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (apart[:, 0] * across[:, 1] - apart[:, 1] * across[:, 0]) / turn
        other = (apart[:, 0] * along[:, 1] - apart[:, 1] * along[:, 0]) / turn
    # A step holds its first point and not its last, so that a crossing on a point counts once.
    meets = (turn != 0) & (share >= 0) & (share < 1) & (other >= 0) & (other < 1)
    return np.column_stack([starts[0][i], starts[1][j], share, other])[meets]


class _Place(NamedTuple):
    """Meetings between which no vessel is clear of the other."""

    exits: set[tuple[str, int, frozenset[int]]]  # what is passed, and where the other vessel is clear of it
    meetings: list[
        tuple[int, int, int, int, float, float]
    ]  # segments, points and arc positions, artery first


@lru_cache(maxsize=4)  # the graph of all vessels asks for them, and so do the biomarkers
def _changes_of_side(artery: VesselGraph, vein: VesselGraph) -> list[tuple[int, int, float, float]]:
    """Artery point, vein point and both arc positions of each crossing.

    Each vessel must pass the other. Meetings between which a vessel is not clear of the other are one crossing, of
    the widest vein and artery that meet there, in the middle.
    """
    step = _intersections(artery, vein)
    arcs = [arc_positions(graph.points, graph.starts) for graph in (artery, vein)]
    widths = _typical(artery), _typical(vein)
    owners = owner(artery.starts), owner(vein.starts)
    walks = Walks.over(artery), Walks.over(vein)
    groups: list[_Place] = []
    for first, second, share, other in sorted(map(tuple, step.tolist())):
        i, j = int(first), int(second)
        a, v = int(owners[0][i]), int(owners[1][j])
        across = float(widths[0][a]), float(widths[1][v])
        by_vein = walks[1].passes(v, j, Obstacle.of(artery, a, calibre=across[0], other=across[1]))
        if by_vein is None:
            continue
        by_artery = walks[0].passes(a, i, Obstacle.of(vein, v, calibre=across[1], other=across[0]))
        if by_artery is None:
            continue
        at = arcs[0][i] + share * artery.steps[i], arcs[1][j] + other * vein.steps[j]
        here = _Place(
            {("artery", a, by_vein), ("vein", v, by_artery)}, [(a, v, i, j, float(at[0]), float(at[1]))]
        )
        for group in [group for group in groups if group.exits & here.exits]:
            groups.remove(group)
            here = _Place(group.exits | here.exits, group.meetings + here.meetings)
        groups.append(here)
    crossings = []
    for group in groups:
        a, v, *_ = max(group.meetings, key=lambda meet: (widths[1][meet[1]], widths[0][meet[0]]))
        own = sorted((meet for meet in group.meetings if meet[:2] == (a, v)), key=lambda meet: meet[5])
        crossings.append(own[len(own) // 2])
    return [meet[2:] for meet in sorted(crossings)]


def _typical(graph: VesselGraph) -> np.ndarray:
    """(B,) pixels across each segment, at least one; known also where no sample was kept."""
    width = segment_calibre(graph)
    return np.where(np.isfinite(width), np.maximum(width, 1.0), 1.0)


def _segment(graph: VesselGraph, point: int) -> int:
    return int(np.searchsorted(graph.starts, point, "right")) - 1


def _line(graph: VesselGraph, segment: int, arc: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    run = graph.segment(segment)
    return arc[run], graph.points[run, axis]


def _profile(graph: VesselGraph, segment: int, arc: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Arc positions and calibres of a segment's samples that were kept, and the pixels between points."""
    run = graph.segment(segment)
    known = np.isfinite(graph.calibre[run])
    spacing = float(graph.arc_length[segment]) / max(run.stop - run.start - 1, 1)
    return arc[run][known], graph.calibre[run][known], spacing


def _local_calibre(at: np.ndarray, width: np.ndarray, spacing: float, crossing: float) -> float:
    """Pixels: median within three calibres of the crossing, NaN where there is no sample."""
    if not len(width):
        return np.nan
    near = np.abs(at - crossing) <= _LOCAL_CALIBRES * middle(width) + spacing
    return middle(width[near]) if near.any() else np.nan


def _beside_and_away(
    at: np.ndarray,
    width: np.ndarray,
    spacing: float,
    crossing: float,
    *,
    angle: float,
    artery: float,
    vein: float,
    one_bit: Callable[[np.ndarray], np.ndarray] | None,
) -> tuple[float, float]:
    """Pixels across the vein next to the artery and away from it; NaN where neither side has both.

    `one_bit` gives the width at positions along the vein where its samples are means along it.
    """
    if not (np.isfinite(artery) and np.isfinite(vein) and angle >= LEAST_ANGLE_DEG):
        return np.nan, np.nan
    edge = artery / 2 / np.sin(np.radians(angle))
    away_from = edge + _STRETCHES * vein
    wanted = crossing + np.stack([-away_from, away_from])  # (2 sides, 2 stretches, W)
    sides = _read(at, width, wanted, spacing)
    if one_bit is not None:
        sides = np.where(np.isfinite(sides), one_bit(wanted.ravel()).reshape(sides.shape), np.nan)
    kept = [side for side in sides if np.isfinite(side).all()]
    if not kept:
        return np.nan, np.nan
    beside = sum(close.sum() for close, _ in kept) / (_WINDOW * len(kept))
    away = sum(middle(far) for _, far in kept) / len(kept)
    return (float(beside), float(away)) if away >= LEAST_CALIBRE_PX else (np.nan, np.nan)


def _read(at: np.ndarray, width: np.ndarray, wanted: np.ndarray, spacing: float) -> np.ndarray:
    """Calibre at the wanted positions, straight between samples; NaN where samples were dropped or end."""
    after = np.searchsorted(at, wanted)
    low, high = np.clip(after - 1, 0, len(at) - 1), np.clip(after, 0, len(at) - 1)
    known = (wanted >= at[0]) & (wanted <= at[-1]) & (at[high] - at[low] <= 2.5 * spacing)
    return np.where(known, np.interp(wanted, at, width), np.nan)
