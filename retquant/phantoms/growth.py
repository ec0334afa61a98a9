"""Grows artery and vein trees from the disc, in a frame of the eye: millimetres, disc centre at the origin.

x runs from the disc towards the fovea (temporal), y upwards (superior), so that right and left eyes grow alike.
Temporal trunks follow a parabola about the disc-fovea axis, nasal ones fan out; side branches leave at angles of
least work (Murray 1926), those inside the arcades turn to the fovea and stop short of it, the rest fan out. Vessels
of one class keep clear of each other, so that every node of degree three is a true bifurcation; arteries and veins
may cross but not run on top of each other. Ideas and figures: RetinaSim and VPRetina, no code of either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

STEP_MM = 0.075  # 1.5 trunk radii; finer steps only cost time
FAMILY_STEPS = 9  # relatives that close along the tree may be close in space
_CLEAR_MM = 0.26  # least gap between vessels of one class
_TRUNKS_MM = 0.04  # the same between trunks, which are close at the disc
_BESIDE_MM = 0.10  # least gap between an artery and a vein that run alongside
AVASCULAR_MM = 0.5  # no vessel nearer to the fovea


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Where one trunk runs."""

    x_sign: int  # +1 temporal, -1 nasal
    y_sign: int  # +1 superior, -1 inferior
    lean_deg: float  # towards the disc-fovea axis at the disc
    bend: float  # 1/mm, a of the parabola x = a y^2 that a temporal trunk follows


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthPlan:
    """Where one class of vessel may grow, and how."""

    fovea_mm: float  # disc-fovea distance
    disc_radius_mm: float
    field_center: tuple[float, float]  # (x, y) mm
    field_radius_mm: float
    trunk_radius_mm: float  # of an arcade at the disc; an estimate that steers the branching only
    wave: float  # radians, amplitude of the heading's oscillation: 0 grows smooth vessels
    courses: tuple[Course, ...]

    @property
    def smallest_radius_mm(self) -> float:
        """No branch thinner than this is grown."""
        return 0.24 * self.trunk_radius_mm


def draw_courses(rng: np.random.Generator) -> tuple[tuple[Course, ...], tuple[Course, ...]]:
    """Courses of the four artery trunks and of the four vein trunks beside them.

    In each quadrant one of the two runs nearer to the fovea all the way, more often the artery, so that the trunks
    do not run on top of each other.
    """
    arteries, veins = [], []
    for x_sign, y_sign in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        inner = Course(
            x_sign=x_sign,
            y_sign=y_sign,
            lean_deg=float(rng.normal(10, 2)),
            bend=float(rng.normal(0.52, 0.03)),
        )
        outer = Course(
            x_sign=x_sign,
            y_sign=y_sign,
            lean_deg=float(rng.normal(-10, 2)),
            bend=float(rng.normal(0.37, 0.03)),
        )
        artery_is_inner = rng.random() < 0.65
        arteries.append(inner if artery_is_inner else outer)
        veins.append(outer if artery_is_inner else inner)
    return tuple(arteries), tuple(veins)


class Forest:
    """Nodes one step apart, each knowing the node before it. N nodes, in the order in which they grew."""

    def __init__(self) -> None:
        self.count = 0
        self._table = np.zeros((1024, 4))  # x, y, heading, estimated radius
        self.parent: list[int] = []  # -1 at a root

    def __len__(self) -> int:
        return self.count

    @property
    def position(self) -> np.ndarray:
        """(N, 2) mm, (x, y)."""
        return self._table[: self.count, :2]

    @property
    def heading(self) -> np.ndarray:
        """(N,) radians."""
        return self._table[: self.count, 2]

    @property
    def radius(self) -> np.ndarray:
        """(N,) mm; the estimate used while growing."""
        return self._table[: self.count, 3]

    def add(self, position: np.ndarray, parent: int, heading: float, radius: float) -> int:
        """Index of the new node."""
        if self.count == len(self._table):
            self._table = np.concatenate([self._table, np.zeros_like(self._table)])
        self._table[self.count] = (*position, heading, radius)
        self.parent.append(parent)
        self.count += 1
        return self.count - 1

    def ancestors(self, node: int, count: int) -> set[int]:
        """`node` and up to `count` nodes before it."""
        found = {node}
        while count > 0 and (node := self.parent[node]) >= 0:
            found.add(node)
            count -= 1
        return found


@dataclass(slots=True)
class _Tip:
    """A growing end of a vessel."""

    forest: int  # 0 artery, 1 vein
    node: int
    heading: float  # radians, without the oscillation
    radius: float  # mm
    course: Course | None  # of a trunk; None for side branches
    is_inward: bool  # a side branch that left its trunk towards the fovea, or what grew from it
    until_split: float  # mm
    wavelength: float  # mm
    travelled: float  # mm
    side: int  # on which side the next branch leaves


class Growth:
    """Two forests, artery and vein, that grow side by side: all trunks first, then the branches in turn."""

    def __init__(self, plans: tuple[GrowthPlan, GrowthPlan], rng: np.random.Generator) -> None:
        self.plans = plans
        self.rng = rng
        self.forests = (Forest(), Forest())

    def run(self) -> tuple[Forest, Forest]:
        """Grow until no tip is left; the artery and the vein forest."""
        tips = [self._root(kind, course) for kind in (0, 1) for course in self.plans[kind].courses]
        waiting: list[_Tip] = []
        for tip in tips:
            trunk: _Tip | None = tip
            while trunk is not None:
                after = self._advance(trunk)
                waiting += [t for t in after if t.course is None]
                trunk = next((t for t in after if t.course is not None), None)
        while waiting:
            waiting = [after for tip in waiting for after in self._advance(tip)]
        return self.forests

    def _root(self, kind: int, course: Course) -> _Tip:
        """A trunk that leaves the disc steeply when temporal, aslant when nasal."""
        plan = self.plans[kind]
        angle = np.deg2rad((74 if course.x_sign > 0 else 42) - course.lean_deg)
        heading = float(np.arctan2(course.y_sign * np.sin(angle), course.x_sign * np.cos(angle)))
        start = 0.5 * plan.disc_radius_mm * np.array([np.cos(heading), np.sin(heading)])
        radius = plan.trunk_radius_mm * (1.0 if course.x_sign > 0 else 0.72)
        return _Tip(
            forest=kind,
            node=self.forests[kind].add(start, -1, heading, radius),
            heading=heading,
            radius=radius,
            course=course,
            is_inward=False,
            until_split=float(plan.disc_radius_mm * self.rng.uniform(0.4, 0.9)),
            wavelength=float(self.rng.uniform(18, 30) * radius),
            travelled=float(self.rng.uniform(0, 1)),
            side=1 if self.rng.random() < 0.5 else -1,
        )

    def _advance(self, tip: _Tip) -> list[_Tip]:
        """One step: no tip where the vessel ends, two where it divides."""
        plan, forest = self.plans[tip.forest], self.forests[tip.forest]
        here = forest.position[tip.node]
        bias = (0.25 if tip.course else 0.07) * _turn(_guidance(here, tip, plan) - tip.heading)
        tip.heading += bias + float(self.rng.normal(0, 0.02))
        tip.travelled += STEP_MM
        heading = tip.heading + plan.wave * float(np.sin(2 * np.pi * tip.travelled / tip.wavelength))
        there = here + STEP_MM * np.array([np.cos(heading), np.sin(heading)])
        if not self._may_grow(tip, there, heading):
            return []
        tip.node = forest.add(there, tip.node, heading, tip.radius)
        tip.until_split -= STEP_MM
        return [tip] if tip.until_split > 0 else self._split(tip)

    def _split(self, tip: _Tip) -> list[_Tip]:
        """Two daughters by Murray's law and angles, the thinner on alternate sides (one time in ten not)."""
        rng, plan = self.rng, self.plans[tip.forest]
        ratio = rng.uniform(0.45, 0.7) if tip.course else rng.uniform(0.55, 1.0)
        main = float(tip.radius / np.cbrt(1 + ratio**3))
        thin = float(main * ratio)
        if thin < plan.smallest_radius_mm:
            tip.until_split = np.inf if main < plan.smallest_radius_mm else float(rng.uniform(0.4, 0.8))
            return [tip]
        side = tip.side if rng.random() > 0.1 else -tip.side
        main_turn = -side * _murray_angle(tip.radius, main, thin) * (0.4 if tip.course else 1.0)
        thin_turn = side * _murray_angle(tip.radius, thin, main) * float(rng.uniform(0.85, 1.15))
        here = self.forests[tip.forest].position[tip.node]
        is_inward = tip.is_inward
        if tip.course and tip.course.x_sign > 0:
            thin_heading = tip.heading + thin_turn
            to_fovea = np.array([plan.fovea_mm, 0.0]) - here
            is_inward = bool(to_fovea @ [np.cos(thin_heading), np.sin(thin_heading)] > 0)
            is_inward &= bool(np.sin(thin_heading) * here[1] < 0) or bool(here[0] > plan.fovea_mm)
        reach = 0.6 if tip.course else 0.85
        trunk = replace(
            tip,
            heading=tip.heading + main_turn,
            radius=main,
            until_split=float(reach * rng.uniform(0.7, 1.5)),
            side=-side,
        )
        branch = replace(
            trunk,
            heading=tip.heading + thin_turn,
            radius=thin,
            course=None,
            is_inward=is_inward,
            until_split=float(reach * rng.uniform(0.9, 1.7)),
            wavelength=float(max(rng.uniform(18, 30) * thin, 0.6)),
            travelled=0.0,
        )
        return [trunk, branch]

    def _may_grow(self, tip: _Tip, there: np.ndarray, heading: float) -> bool:
        plan, forest = self.plans[tip.forest], self.forests[tip.forest]
        if np.hypot(*(there - plan.field_center)) > plan.field_radius_mm * 1.02:
            return False
        if np.hypot(there[0] - plan.fovea_mm, there[1]) < AVASCULAR_MM:
            return False
        near = _near(forest, there, tip.radius + (_TRUNKS_MM if tip.course else _CLEAR_MM))
        if len(near):
            family = forest.ancestors(tip.node, FAMILY_STEPS)
            if any(family.isdisjoint(forest.ancestors(int(other), FAMILY_STEPS)) for other in near):
                return False
        if tip.course:
            return True
        beside = self.forests[1 - tip.forest]
        near = _near(beside, there, tip.radius + _BESIDE_MM)
        return not np.any(np.abs(np.cos(beside.heading[near] - heading)) > 0.75)


def _guidance(here: np.ndarray, tip: _Tip, plan: GrowthPlan) -> float:
    """Radians; the direction that a vessel at `here` turns to."""
    x, y = here
    if tip.course:
        if tip.course.x_sign < 0:
            return float(np.arctan2(y, x) - tip.course.y_sign * 0.10)
        closing = 0.12 * max(x - plan.fovea_mm * 0.6, 0.0)  # beyond the fovea the arcades draw together
        return float(tip.course.y_sign * (np.arctan2(1.0, 2 * tip.course.bend * abs(y)) - closing))
    if tip.is_inward:
        return float(np.arctan2(-y, plan.fovea_mm - x))
    center = 0.55 * plan.fovea_mm if x > 0 else 0.0
    return float(np.arctan2(y, x - center))


def _near(forest: Forest, there: np.ndarray, reach: float) -> np.ndarray:
    """Nodes whose vessel comes within `reach` mm of `there`."""
    gap = np.hypot(*(forest.position - there).T) - forest.radius
    return np.flatnonzero(gap < reach)


def _murray_angle(parent: float, self_radius: float, sister: float) -> float:
    """Radians from the parent's direction at which least work puts a daughter of `self_radius`."""
    cosine = (parent**4 + self_radius**4 - sister**4) / (2 * parent**2 * self_radius**2)
    return float(np.arccos(np.clip(cosine, -1, 1)))


def _turn(angle: float) -> float:
    """The angle between -pi and pi."""
    return float((angle + np.pi) % (2 * np.pi) - np.pi)
