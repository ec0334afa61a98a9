"""From the nodes of grown OCTA trees to smooth vessels: splines, tortuosity, the ring round the fovea, the border.

A vessel is followed through its bifurcations into the thicker daughter (a chain), so that waves run on past side
branches; the side branches are carried along. All truth is taken from the polylines made here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from retquant.phantoms.faz_outline import HarmonicOutline
from retquant.phantoms.octa_trees import Trees

SPACING_MM = 0.005  # of a polyline's points
_CARRIED_MM = 0.15  # along which a side branch returns from where its parent's wave has carried its root
_WAVE = 0.3  # share of the published amplitudes that a healthy vessel has
RING = 2  # plexus number of the capillary ring round the avascular zone
_CLEARANCE_MM = 0.008  # between the avascular zone and a centre line: the vessels there are capillaries


@dataclass(frozen=True, eq=False, kw_only=True)
class Lines:
    """Smooth chains. S samples of all chains, one chain after another; K knots, the nodes that they pass."""

    points: np.ndarray  # (S, 2) mm
    knot_at: np.ndarray  # (K,) index of each knot's sample
    knot_node: np.ndarray  # (K,) node
    first_knot: np.ndarray  # (C,) index of each chain's first knot

    @property
    def last_knot(self) -> np.ndarray:
        """(C,) index of each chain's last knot."""
        return np.append(self.first_knot[1:], len(self.knot_node)) - 1

    @cached_property
    def starts(self) -> np.ndarray:
        """(C + 1,) chain c is points[starts[c]:starts[c + 1]]."""
        return np.append(self.knot_at[self.first_knot], len(self.points))

    @cached_property
    def chain_of(self) -> np.ndarray:
        """(S,) chain of each sample."""
        return np.repeat(np.arange(len(self.first_knot)), np.diff(self.starts))

    @cached_property
    def step(self) -> np.ndarray:
        """(S,) mm from the sample before, 0 where a chain begins."""
        step = np.hypot(*np.diff(self.points, axis=0, prepend=self.points[:1]).T)
        step[self.starts[:-1]] = 0
        return step

    @cached_property
    def along(self) -> tuple[np.ndarray, np.ndarray]:
        """(S,) mm from the beginning of the chain, and (S,) mm to its end."""
        along = np.cumsum(self.step)
        along -= np.repeat(along[self.starts[:-1]], np.diff(self.starts))
        return along, along[self.starts[1:] - 1][self.chain_of] - along


def smooth_lines(
    trees: Trees, faz: HarmonicOutline, rng: np.random.Generator, *, artery_wave: float, vein_wave: float
) -> Lines:
    """Centripetal splines through the nodes with two sine waves added, kept out of the avascular zone."""
    knot_node, chain = _chains(trees)
    first_knot = np.flatnonzero(np.diff(chain, prepend=-1))
    points, knot_at, knot_of = _splines(trees.position[knot_node], chain)
    lines = Lines(points=points, knot_at=knot_at, knot_node=knot_node, first_knot=first_knot)
    radius = trees.radius[knot_node[knot_of]]
    strength = np.where(trees.is_vein[knot_node[knot_of]], vein_wave, artery_wave) * _WAVE
    # Waves die out where a chain begins and where it ends, so that joints stay joints.
    along, left = lines.along
    taper = np.minimum(0.04 + 2 * radius, (along + left) / 2 + 1e-9)
    shift = strength[:, None] * _waves(lines, radius, rng)
    shift *= np.clip(np.minimum(along, left) / taper, 0, 1)[:, None]
    fading = np.exp(-along / _CARRIED_MM)
    ends_on_ring = (trees.plexus[knot_node[lines.last_knot]] == RING)[lines.chain_of]
    fading = np.where(ends_on_ring, fading * np.clip(left / taper, 0, 1), fading)
    _carry(lines, shift, fading)
    return replace(lines, points=_pushed_out(points + shift, faz))


def _chains(trees: Trees) -> tuple[np.ndarray, np.ndarray]:
    """The nodes along each chain, its parent's node first, and the number of the chain of each."""
    count = len(trees)
    main = np.full(count, -1)
    by_radius = np.argsort(trees.radius, kind="stable")  # the thickest child is written last
    hanging = by_radius[trees.parent[by_radius] >= 0]
    main[trees.parent[hanging]] = hanging
    following = main.tolist()
    order: list[int] = []
    chain: list[int] = []
    number = 0
    parent = trees.parent.tolist()
    for node in range(count):
        if parent[node] >= 0 and following[parent[node]] == node:
            continue  # it lies on its parent's chain
        at = node
        length = len(order)
        if parent[node] >= 0:
            order.append(parent[node])
        while at >= 0:
            order.append(at)
            at = following[at]
        if len(order) - length < 2:  # a root without vessel
            del order[length:]
            continue
        chain += [number] * (len(order) - length)
        number += 1
    return np.array(order, dtype=int), np.array(chain, dtype=int)


def _splines(knots: np.ndarray, chain: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples of centripetal Catmull-Rom splines; the sample of each knot; the knot that ends each sample's piece."""
    is_first = np.diff(chain, prepend=-1) != 0
    is_last = np.append(is_first[1:], True)
    piece = np.flatnonzero(~is_last)  # from this knot to the next
    p1, p2 = knots[piece], knots[piece + 1]
    p0 = np.where(is_first[piece][:, None], 2 * p1 - p2, knots[np.maximum(piece - 1, 0)])
    p3 = np.where(is_last[piece + 1][:, None], 2 * p2 - p1, knots[np.minimum(piece + 2, len(knots) - 1)])
    gaps = [np.sqrt(np.maximum(np.hypot(*(b - a).T), 1e-6)) for a, b in ((p0, p1), (p1, p2), (p2, p3))]
    count = np.maximum(np.ceil(np.hypot(*(p2 - p1).T) * 1.08 / SPACING_MM).astype(int), 1)
    # The first sample of a piece is its first knot; the last knot of a chain is added after its last piece.
    total = count + is_last[piece + 1]
    of = np.repeat(np.arange(len(piece)), total)
    share = (np.arange(len(of)) - np.repeat(np.cumsum(total) - total, total)) / count[of]
    t1, t2, t3 = gaps[0], gaps[0] + gaps[1], gaps[0] + gaps[1] + gaps[2]
    t1, t2, t3 = (t[of][:, None] for t in (t1, t2, t3))
    t = t1 + share[:, None] * (t2 - t1)
    q0, q1, q2, q3 = p0[of], p1[of], p2[of], p3[of]
    a1 = (t1 - t) / t1 * q0 + t / t1 * q1
    a2 = (t2 - t) / (t2 - t1) * q1 + (t - t1) / (t2 - t1) * q2
    a3 = (t3 - t) / (t3 - t2) * q2 + (t - t2) / (t3 - t2) * q3
    b1 = (t2 - t) / t2 * a1 + t / t2 * a2
    b2 = (t3 - t) / (t3 - t1) * a2 + (t - t1) / (t3 - t1) * a3
    points = (t2 - t) / (t2 - t1) * b1 + (t - t1) / (t2 - t1) * b2
    begin = np.cumsum(total) - total
    knot_at = np.zeros(len(knots), dtype=int)
    knot_at[piece] = begin
    knot_at[is_last] = (begin + total - 1)[is_last[piece + 1]]
    points[knot_at] = knots
    return points, knot_at, piece[of] + 1


def _waves(lines: Lines, radius: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(S, 2) mm across each chain: a fine and a coarse sine wave (Brown et al., Nat Commun 2024)."""
    points, step, chain_of = lines.points, lines.step, lines.chain_of
    chains = chain_of[-1] + 1
    draw = {
        name: rng.uniform(low, high, chains)[chain_of]
        for name, low, high in (
            ("swing", 1.0, 3.5),
            ("fine", 15.0, 25.0),
            ("coarse", 30.0, 50.0),
            ("fine_phase", 0.0, 2 * np.pi),
            ("coarse_phase", 0.0, 2 * np.pi),
        )
    }
    fine_period = np.where(radius > 0.03, 1.0, radius * draw["fine"])
    fine = 0.7 * np.maximum(0.010, radius * draw["swing"])
    coarse = 0.3 * np.maximum(0.025, 2.5 * radius)
    offset = fine * np.sin(np.cumsum(2 * np.pi * step / fine_period) + draw["fine_phase"])
    offset += coarse * np.sin(np.cumsum(2 * np.pi * step / (radius * draw["coarse"])) + draw["coarse_phase"])
    ahead = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    begins, finishes = lines.starts[:-1], lines.starts[1:] - 1
    ahead[begins] = points[begins + 1] - points[begins]
    ahead[finishes] = points[finishes] - points[finishes - 1]
    ahead /= np.maximum(np.hypot(*ahead.T), 1e-12)[:, None]
    return offset[:, None] * np.column_stack([-ahead[:, 1], ahead[:, 0]])


def _carry(lines: Lines, shift: np.ndarray, fading: np.ndarray) -> None:
    """Add to each chain the shift of its parent's chain where it leaves, fading along it; parents first."""
    starts, knot_at, knot_node = lines.starts, lines.knot_at, lines.knot_node
    is_first = np.zeros(len(knot_node), dtype=bool)
    is_first[lines.first_knot] = True
    own = np.full(knot_node.max() + 1, -1)  # the knot at which a node lies on a chain of its own
    own[knot_node[~is_first]] = np.flatnonzero(~is_first)
    leaves = own[knot_node[lines.first_knot]]  # the parent's knot; -1 at a root
    chain_of_knot = lines.chain_of[knot_at]
    above = np.where(leaves >= 0, chain_of_knot[np.maximum(leaves, 0)], -1)
    depth = [0] * len(lines.first_knot)
    for number, before in enumerate(above.tolist()):  # a chain's parent has a lower number
        if before >= 0:
            depth[number] = depth[before] + 1
    level = np.array(depth)
    for now in range(1, int(level.max(initial=0)) + 1):
        members = np.flatnonzero(level == now)
        sizes = starts[members + 1] - starts[members]
        samples = np.repeat(starts[members] - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
        carried = np.repeat(shift[knot_at[leaves[members]]], sizes, axis=0)
        shift[samples] += carried * fading[samples, None]


def _pushed_out(points: np.ndarray, faz: HarmonicOutline) -> np.ndarray:
    """The points, those too near to the avascular zone moved straight away from its centre."""
    away = points - np.array(faz.center)
    distance = np.hypot(*away.T)
    near = np.flatnonzero(distance < 2 * faz.radius)
    needed = faz.radius_at(np.arctan2(away[near, 1], away[near, 0])) + _CLEARANCE_MM
    factor = np.maximum(needed / np.maximum(distance[near], 1e-9), 1.0)
    points[near] = np.array(faz.center) + away[near] * factor[:, None]
    return points
