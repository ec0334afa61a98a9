"""The main temporal arcades of a digital eye: how wide they open, and the parabola that they follow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retquant.phantoms.truth.vessel import Vessel

RING = (0.67, 0.79)  # of the disc-fovea distance, from the disc's centre
_COURSE = (0.35, 1.1)  # likewise: where a parabola is laid through the arcades
_BEARINGS = (15.0, 110.0)  # degrees from the direction of the fovea, within which an arcade lies
_CIRCLES = 16


def main_courses(vessels: Sequence[Vessel]) -> list[np.ndarray]:
    """(P, 2) pixels for each tree: its centre line from the root, following the wider daughter at each junction."""
    by_id = {v.id: v for v in vessels}
    courses = []
    for root in (v for v in vessels if v.parent is None and not v.enters):
        line, here = [root.points], root
        while here.daughters:
            here = max((by_id[d] for d in here.daughters), key=lambda v: float(v.calibre[0]))
            line.append(here.points[1:])
        courses.append(np.concatenate(line))
    return courses


def temporal_arcades(
    vessels: Sequence[Vessel], disc: tuple[float, float], fovea: tuple[float, float]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(P, 2) points (along, across) of the upper and the lower main arcade of one class, in disc-fovea distances.

    Along the axis from disc to fovea, and across it, upwards in the picture for the first of the two. None where no
    main course of a tree runs through the ring on that side of the axis, temporal of the disc.
    """
    axis = np.subtract(fovea, disc)
    span = float(np.hypot(*axis))
    along = axis / span
    up = np.array([along[1], -along[0]]) if along[1] < 0 else np.array([-along[1], along[0]])
    best: dict[bool, tuple[float, np.ndarray]] = {}
    for course in main_courses(vessels):
        local = (course - disc) @ np.column_stack([along, up]) / span
        away = np.hypot(*local.T)
        inside = (away >= RING[0]) & (away <= RING[1])
        if not inside.any() or local[inside, 0].mean() <= 0:
            continue
        is_upper = bool(local[inside, 1].mean() > 0)
        height = abs(float(local[inside, 1].mean()))
        if is_upper not in best or height > best[is_upper][0]:
            best[is_upper] = (height, local)
    upper, lower = (best[side][1] if side in best else None for side in (True, False))
    return upper, lower


def arcade_angle(upper: np.ndarray, lower: np.ndarray) -> float:
    """Degrees at the disc's centre between the two arcades' mean directions inside the ring."""
    bearings = []
    for arcade in (upper, lower):
        away = np.hypot(*arcade.T)
        inside = arcade[(away >= RING[0]) & (away <= RING[1])]
        bearings.append(np.arctan2(inside[:, 1], inside[:, 0]).mean())
    return float(np.degrees(bearings[0] - bearings[1]))


def parabola_a(
    vessels: Sequence[Vessel], disc: tuple[float, float], fovea: tuple[float, float]
) -> float | None:
    """Disc-fovea distances: a of the parabola (y - y0)^2 = 4 a (x - x0) through the widest vessel of either side.

    x along the axis from disc to fovea, y across, on 16 circles about the disc; fitted a second time without the
    points farther off than twice the median. None where a side has less than half of its points or the fit bends
    backwards.
    """
    axis = np.subtract(fovea, disc)
    span = float(np.hypot(*axis))
    along = axis / span
    basis = np.column_stack([along, (-along[1], along[0])])
    lines = [((v.points - disc) @ basis / span, float(np.median(v.calibre))) for v in vessels]
    sides: dict[int, list[np.ndarray]] = {1: [], -1: []}
    for radius in np.linspace(*_COURSE, _CIRCLES):
        met = [(width, point) for line, width in lines for point in _on_circle(line, radius)]
        for side, points in sides.items():
            inside = [
                (width, point)
                for width, point in met
                if _BEARINGS[0] < side * np.degrees(np.arctan2(point[1], point[0])) < _BEARINGS[1]
            ]
            if inside:
                points.append(max(inside, key=lambda pair: pair[0])[1])
    if min(map(len, sides.values())) < _CIRCLES / 2:
        return None
    x, y = np.concatenate([*sides.values()]).T
    fit = np.polyfit(y, x, 2)
    off = np.abs(np.polyval(fit, y) - x)
    near = off <= 2 * np.median(off)
    bend = np.polyfit(y[near], x[near], 2)[0]
    return float(0.25 / bend) if bend > 0 else None


def _on_circle(line: np.ndarray, radius: float) -> np.ndarray:
    """(K, 2) points at which a polyline meets the circle about the origin."""
    away = np.hypot(*line.T) - radius
    at = np.flatnonzero(away[1:] * away[:-1] < 0)
    share = (away[at] / (away[at] - away[at + 1]))[:, None]
    return np.asarray(line[at] * (1 - share) + line[at + 1] * share)
