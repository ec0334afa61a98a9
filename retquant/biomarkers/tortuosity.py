"""How much the vessels wind: per segment, from arc length, chord and curvature of the smooth centre line.

Curvature comes from the graph's smooth sub-pixel centre line, length from its points: never from a count of
pixels, which reads 7 % too long on real eyes. Only segments long enough for the question enter (BIOMARKERS
section 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from retquant.biomarkers.octa_places import IN_FIELD
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View
from retquant.vessels.graph import VesselGraph
from retquant.vessels.packing import owner

DEAD_BAND = 0.02  # of 1/calibre: a flatter stretch has no sign of curvature; 0.05 px of jitter stays below it
LEAST_TURN = 0.1  # rad, 6 degrees: a bend that turns less is no piece of its own

REGIONS = ("fov", "zone_b", "zone_c")
HALVES = ("superior_half", "inferior_half", "nasal_half", "temporal_half")

per_segment = partial(
    biomarker,
    structures=("vessel", "artery", "vein"),
    regions=REGIONS,
    octa=IN_FIELD,
    over="segments",
    statistics=("median", "p90", "length_weighted"),
    direction="higher_is_worse",
)


@per_segment(
    unit="1",
    reference="Hart1999",
    regions=REGIONS + HALVES,
    aliases=("distance tortuosity", "distance factor", "arc-chord ratio"),
)
def tortuosity_hart1(view: View) -> np.ndarray:
    """Arc length of a segment divided by its chord, 1 for a straight vessel.

    Hart's own tau1 is this minus 1. Closed loops, whose chord is zero, are left out.
    """
    return _entering(view, view.graph.arc_length / _chord(view.graph))


@per_segment(unit="rad", reference="Hart1999")
def tortuosity_hart2(view: View) -> np.ndarray:
    """Total curvature of a segment, the integral of |curvature| along it."""
    return _entering(view, _turning(view))


@per_segment(unit="1/mm", reference="Hart1999")
def tortuosity_hart3(view: View) -> np.ndarray:
    """Total squared curvature of a segment, the integral of curvature squared along it."""
    return _entering(view, _bending(view))


@per_segment(unit="1/mm", reference="Hart1999")
def tortuosity_hart4(view: View) -> np.ndarray:
    """Total curvature of a segment divided by its arc length."""
    return _entering(view, _turning(view) / _length(view.graph))


@per_segment(unit="1/mm2", reference="Hart1999")
def tortuosity_hart5(view: View) -> np.ndarray:
    """Total squared curvature of a segment divided by its arc length."""
    return _entering(view, _bending(view) / _length(view.graph))


@per_segment(unit="1/mm", reference="Hart1999")
def tortuosity_hart6(view: View) -> np.ndarray:
    """Total curvature of a segment divided by its chord."""
    return _entering(view, _turning(view) / _chord(view.graph))


@per_segment(unit="1/mm2", reference="Hart1999")
def tortuosity_hart7(view: View) -> np.ndarray:
    """Total squared curvature of a segment divided by its chord."""
    return _entering(view, _bending(view) / _chord(view.graph))


@per_segment(unit="mm-0.75", reference="Trucco2010")
def tortuosity_trucco(view: View) -> np.ndarray:
    """Fourth root of the integral of curvature to the fourth power along a segment.

    The high power makes it a measure of the sharpest bends rather than of all.
    """
    return _entering(view, _along(view, (view.graph.curvature**2) ** 2) ** 0.25)


@per_segment(unit="1/mm", reference="Grisan2008", aliases=("tortuosity density",))
def tortuosity_grisan(view: View) -> np.ndarray:
    """Tortuosity density of a segment, (n-1)/L sum(L_i/C_i - 1) over its n pieces of one curvature sign.

    0 for a vessel that bends one way only. Pieces are told apart as for `inflections`.
    """
    pieces = find_pieces(view)
    excess = np.bincount(pieces.segment, weights=pieces.arc / pieces.chord - 1.0, minlength=len(view.graph))
    return _entering(view, (pieces.count - 1) / _length(view.graph) * excess)


@per_segment(unit="1", reference="Bullitt2003", aliases=("inflection count metric",))
def tortuosity_icm(view: View) -> np.ndarray:
    """Inflection count metric of a segment, its inflections plus one times arc length over chord.

    Closed loops, whose chord is zero, are left out.
    """
    return _entering(view, find_pieces(view).count * view.graph.arc_length / _chord(view.graph))


@per_segment(
    unit="1/mm", reference="Bullitt2003", aliases=("sum of angles metric",), derived_from="tortuosity_hart4"
)
def tortuosity_soam(view: View) -> np.ndarray:
    """Sum of the turning angles between consecutive steps of a segment, divided by its arc length.

    On a smooth centre line it equals `tortuosity_hart4`.
    """
    graph = view.graph
    cosine = np.einsum("ij,ij->i", graph.tangent[:-1], graph.tangent[1:])
    sine = graph.tangent[:-1, 0] * graph.tangent[1:, 1] - graph.tangent[:-1, 1] * graph.tangent[1:, 0]
    turn = np.zeros(len(graph.points))
    turn[:-1] = np.abs(np.arctan2(sine, cosine))
    turn[graph.starts[1:] - 1] = 0.0  # no turn between two segments
    return _entering(view, _sum(graph, turn) / _length(graph))


@per_segment(unit="1", reference="Bribiesca2013", aliases=("slope chain code",))
def tortuosity_scc(view: View) -> np.ndarray:
    """Slope chain code of a segment, the sum of |slope change| / pi over steps of one median calibre.

    The segment is cut into the whole number of equal steps nearest to its own calibre.
    """
    graph = view.graph
    if not len(graph):
        return np.zeros(0)
    steps = np.maximum(1, np.rint(graph.arc_length / _width(view))).astype(int)
    segment = np.repeat(np.arange(len(graph)), steps + 1)
    first = np.cumsum(steps + 1) - (steps + 1)
    share = (np.arange(len(segment)) - first[segment]) / steps[segment]
    # an own unit of distance between segments keeps the abscissa increasing over all of them
    position = _distance_along(graph) + owner(graph.starts)
    wanted = position[graph.starts[:-1]][segment] + share * graph.arc_length[segment]
    corners = np.stack([np.interp(wanted, position, graph.points[:, axis]) for axis in (0, 1)], axis=1)
    chain = np.diff(corners, axis=0)
    sine = chain[:-1, 0] * chain[1:, 1] - chain[:-1, 1] * chain[1:, 0]
    turn = np.abs(np.arctan2(sine, np.einsum("ij,ij->i", chain[:-1], chain[1:])))
    same = (segment[:-2] == segment[1:-1]) & (segment[1:-1] == segment[2:])
    total = np.bincount(segment[1:-1][same], weights=turn[same], minlength=len(graph))
    return _entering(view, total / np.pi)


@per_segment(unit="1", reference="Bullitt2003")
def inflections(view: View) -> np.ndarray:
    """Number of points of a segment at which its curvature changes sign.

    Where |curvature| is below 0.02 over the calibre there is no sign, and a bend that turns by less than 0.1
    rad does not count, so that noise on a straight vessel gives none.
    """
    return _entering(view, find_pieces(view).count - 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The pieces of constant curvature sign of all segments (K pieces)."""

    segment: np.ndarray  # (K,) int
    arc: np.ndarray  # (K,) pixels
    chord: np.ndarray  # (K,) pixels
    count: np.ndarray  # (B,) int, at least one a segment


def find_pieces(view: View) -> Pieces:
    """Cut each segment where its curvature changes sign, outside a dead-band; done once a view."""
    pieces: Pieces = view.shared("pieces", _cut_into_pieces)
    return pieces


def _cut_into_pieces(view: View) -> Pieces:
    graph = view.graph
    segment = owner(graph.starts)
    first, last = _bends(view, segment)
    # the curvature passes through zero midway between the last point of one bend and the first of the next
    cuts = ((last[:-1] + first[1:]) // 2)[segment[last[:-1]] == segment[first[1:]]]
    starts = np.sort(np.concatenate([graph.starts[:-1], cuts]))
    piece_segment = segment[starts]
    stops = np.append(starts, 0)[1:]
    is_last = np.append(piece_segment, -1)[1:] != piece_segment
    stops[is_last] = graph.starts[1:] - 1
    distance = _distance_along(graph)
    chord = np.hypot(*(graph.points[stops] - graph.points[starts]).T)
    chord[chord == 0] = np.nan  # closed loops
    return Pieces(
        piece_segment,
        distance[stops] - distance[starts],
        chord,
        np.bincount(piece_segment, minlength=len(graph)),
    )


def _bends(view: View, segment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(K,) first and (K,) last point of each stretch of one sign of curvature that turns enough to count."""
    curvature = view.graph.curvature
    signed = np.flatnonzero((np.abs(curvature) >= (DEAD_BAND / _width(view))[segment]) & (curvature != 0))
    kind = 2 * segment[signed] + (curvature[signed] > 0)  # of one segment and one sign
    begin, end = _runs(kind)
    first, last = signed[begin], signed[end]
    turned = np.append(0.0, np.cumsum(curvature * _integration_weights(view)))
    counts = np.abs(turned[last + 1] - turned[first]) >= LEAST_TURN
    # bends that one which does not count had parted are one bend
    rejoined, until = _runs(kind[begin[counts]])
    return first[counts][rejoined], last[counts][until]


def _runs(kind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(K,) first and (K,) last index of each run of equal numbers."""
    if not len(kind):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    changes = np.flatnonzero(kind[1:] != kind[:-1])
    return np.append(0, changes + 1), np.append(changes, len(kind) - 1)


def _entering(view: View, values: np.ndarray) -> np.ndarray:
    return np.where(view.is_long_enough, values, np.nan)


def _length(graph: VesselGraph) -> np.ndarray:
    """(B,) pixels along each segment; NaN for one without length, as between junctions that are all but one."""
    return np.where(graph.arc_length > 0, graph.arc_length, np.nan)


def _chord(graph: VesselGraph) -> np.ndarray:
    chord = graph.chord_length
    return np.where(graph.is_loop | (chord == 0), np.nan, chord)


def _width(view: View) -> np.ndarray:
    """(B,) calibre, the region's median where a segment has too few samples of its own."""
    width = np.where(np.isfinite(view.segment_calibre), view.segment_calibre, view.median_calibre)
    return np.where(np.isfinite(width), width, np.inf)


def _integration_weights(view: View) -> np.ndarray:
    """(P,) trapezoid rule along each segment."""
    steps = view.graph.steps
    weights: np.ndarray = view.shared(
        # before a segment's first point there is no step, since none joins two segments
        "integration_weights",
        lambda _: (np.roll(steps, 1) + steps) / 2,
    )
    return weights


def _turning(view: View) -> np.ndarray:
    """(B,) integral of |curvature|."""
    total: np.ndarray = view.shared("turning", lambda view: _along(view, np.abs(view.graph.curvature)))
    return total


def _bending(view: View) -> np.ndarray:
    """(B,) integral of curvature squared."""
    total: np.ndarray = view.shared("bending", lambda view: _along(view, view.graph.curvature**2))
    return total


def _along(view: View, values: np.ndarray) -> np.ndarray:
    return _sum(view.graph, values * _integration_weights(view))


def _sum(graph: VesselGraph, values: np.ndarray) -> np.ndarray:
    return np.add.reduceat(values, graph.starts[:-1]) if len(graph) else np.zeros(0)


def _distance_along(graph: VesselGraph) -> Any:
    """(P,) pixels, running on over all segments."""
    return np.cumsum(graph.steps) - graph.steps
