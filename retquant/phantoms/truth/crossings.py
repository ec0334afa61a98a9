"""Where arteries and veins cross: position, angle, and how much narrower the vein is beside the artery.

Two centre lines that meet are a crossing if each vessel goes on beyond the other. One that ends inside the other has
no part on its far side, and its line runs past the other's only because growth goes in steps. Where a vessel divides
inside the other, its daughters do not cross that one a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retquant.phantoms.truth.vessel import Vessel

BESIDE = (0.0, 0.25)  # vein calibres from the artery's edge: where nicking shows
AWAY = (1.0, 2.0)  # and where the vein has its own calibre
_SAMPLES = 65  # of a stretch, evenly spaced


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """A point that two polylines share."""

    first: float  # index along the first, with its fraction
    second: float
    position: tuple[float, float]  # (row, col) pixels
    angle: float  # degrees, 0 to 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """An artery and a vein that cross inside the field."""

    position: tuple[float, float]  # (row, col) pixels
    angle: float  # degrees, 0 to 90
    artery: int  # ids of the vessels
    vein: int
    artery_calibre: float  # pixels, there
    vein_calibre: float  # pixels, of the vein one to two calibres away; NaN where it is too short
    depth: float  # of the notch planted here, a share of the calibre; 0 where none was
    nicking: float  # 1 - calibre beside over calibre away, NaN where the vein is too short

    def as_record(self) -> dict[str, Any]:
        """The crossing for JSON; what is not defined is null."""
        known = {"vein_calibre_px": self.vein_calibre, "nicking": self.nicking}
        return {
            "position_px": [round(n, 3) for n in self.position],
            "angle_deg": round(self.angle, 3),
            "artery": self.artery,
            "vein": self.vein,
            "artery_calibre_px": self.artery_calibre,
            "depth": self.depth,
            **{key: None if np.isnan(value) else value for key, value in known.items()},
        }


def meetings(first: np.ndarray, second: np.ndarray) -> list[Meeting]:
    """Where two polylines of (P, 2) and (Q, 2) points properly cross, along the second."""
    if (first.max(axis=0) < second.min(axis=0)).any() or (second.max(axis=0) < first.min(axis=0)).any():
        return []
    run, other = np.diff(first, axis=0), np.diff(second, axis=0)
    away = second[None, :-1] - first[:-1, None]  # (P - 1, Q - 1, 2)
    across = run[:, None, 0] * other[None, :, 1] - run[:, None, 1] * other[None, :, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        on_first = (away[..., 0] * other[None, :, 1] - away[..., 1] * other[None, :, 0]) / across
        on_second = (away[..., 0] * run[:, None, 1] - away[..., 1] * run[:, None, 0]) / across
        met = (on_first >= 0) & (on_first < 1) & (on_second >= 0) & (on_second < 1)
    found = []
    for i, j in sorted(np.argwhere(met).tolist(), key=lambda pair: pair[1]):
        position = first[i] + on_first[i, j] * run[i]
        sine = abs(float(across[i, j]))
        cosine = abs(float(run[i] @ other[j]))
        found.append(
            Meeting(
                first=i + float(on_first[i, j]),
                second=j + float(on_second[i, j]),
                position=(float(position[0]), float(position[1])),
                angle=float(np.degrees(np.arctan2(sine, cosine))),
            )
        )
    return found


def find_crossings(
    vessels: Sequence[Vessel], notches: Sequence[tuple[tuple[float, float], float]] = ()
) -> list[Crossing]:
    """All crossings inside the field; `notches` are the planted ones, position (row, col) and depth."""
    found = []
    for vein, artery, meeting in _passings(vessels):
        width = _calibre_at(artery, meeting.first)
        others = [v for v in vessels if v.structure == "vein" and v.id != vein.id]
        beside, away = _calibres_about(vein, meeting, width, others)
        found.append(
            Crossing(
                position=meeting.position,
                angle=meeting.angle,
                artery=artery.id,
                vein=vein.id,
                artery_calibre=width,
                vein_calibre=away,
                depth=_depth_at(meeting.position, notches),
                nicking=1 - beside / away,
            )
        )
    return found


def _passings(vessels: Sequence[Vessel]) -> list[tuple[Vessel, Vessel, Meeting]]:
    """Vein, artery and where they cross, each crossing once: by the widest pair of those that meet in it."""
    kept: list[tuple[Vessel, Vessel, Meeting]] = []
    for vein in (v for v in vessels if v.structure == "vein"):
        for artery in (v for v in vessels if v.structure == "artery"):
            for meeting in meetings(artery.points, vein.points):
                if _ends_inside(artery, meeting.first, vein) or _ends_inside(vein, meeting.second, artery):
                    continue
                same = [k for k, other in enumerate(kept) if _is_one((vein, artery), other)]
                group = [(vein, artery, meeting), *(kept[k] for k in same)]
                widest = max(group, key=lambda one: (_median(one[0]), _median(one[1])))
                kept = [one for k, one in enumerate(kept) if k not in same] + [widest]
    return kept


def _median(vessel: Vessel) -> float:
    """Pixels; each stretch counts by its length, for points are closer together in a notch."""
    even = np.linspace(0, vessel.length, max(len(vessel.arc), _SAMPLES))
    return float(np.median(np.interp(even, vessel.arc, vessel.calibre)))


def _ends_inside(vessel: Vessel, at: float, other: Vessel) -> bool:
    """Whether the vessel ends, to either side of the index `at`, before its line has left the other vessel."""
    stretches = []
    if vessel.parent is None and not vessel.enters:
        stretches.append(vessel.points[: int(at) + 1])
    if not vessel.daughters and not vessel.is_cut:
        stretches.append(vessel.points[int(at) + 1 :])
    return any((_distance(s, other.points) < _median(other) / 2).all() for s in stretches)


def _is_one(pair: tuple[Vessel, Vessel], other: tuple[Vessel, Vessel, Meeting]) -> bool:
    """Whether two pairs of vein and artery share one of them, and the others divide inside the shared one."""
    vein, artery, _ = other
    for shared, same, first, second in ((pair[0], vein, pair[1], artery), (pair[1], artery, pair[0], vein)):
        if shared.id != same.id or first.id == second.id:
            continue
        joint = _joint(first, second)
        half = max(_median(shared), (_median(shared) + max(_median(first), _median(second))) / 2) / 2
        if joint is not None and _distance(joint[None], shared.points)[0] < half:
            return True
    return False


def _joint(first: Vessel, second: Vessel) -> np.ndarray | None:
    """(2,) where one vessel becomes the other, or both begin; None where they are not joined."""
    if second.id in first.daughters:
        return np.asarray(first.points[-1])
    if first.id in second.daughters or (first.parent is not None and first.parent == second.parent):
        return np.asarray(first.points[0])
    return None


def _distance(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """(P,) pixels of (P, 2) points from a polyline."""
    away, _ = _from_runs(points, line)
    return np.asarray(away.min(axis=1))


def _depth_in(points: np.ndarray, vessel: Vessel) -> np.ndarray:
    """(P,) pixels by which (P, 2) points lie inside a vessel; negative outside."""
    away, share = _from_runs(points, vessel.points)
    calibre = vessel.calibre[:-1] * (1 - share) + vessel.calibre[1:] * share
    return np.asarray((calibre / 2 - away).max(axis=1))


def _from_runs(points: np.ndarray, line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P, R) pixels from each run of a polyline, and the share of the run at which it is nearest."""
    run = np.diff(line, axis=0)
    away = points[:, None] - line[None, :-1]
    square = np.maximum((run**2).sum(axis=1), 1e-12)
    share = np.clip((away * run).sum(axis=2) / square, 0, 1)
    return np.hypot(*(away - share[..., None] * run).transpose(2, 0, 1)), share


def _calibre_at(vessel: Vessel, index: float) -> float:
    return float(np.interp(index, np.arange(len(vessel.points)), vessel.calibre))


def _depth_at(position: tuple[float, float], notches: Sequence[tuple[tuple[float, float], float]]) -> float:
    near = [depth for at, depth in notches if np.hypot(*np.subtract(at, position)) < 0.5]
    return near[0] if near else 0.0


def _calibres_about(
    vein: Vessel, meeting: Meeting, artery_calibre: float, others: Sequence[Vessel]
) -> tuple[float, float]:
    """Pixels: mean calibre of the vein beside the artery and median farther off, of the sides that have both.

    A stretch is whole where the vein does not end, and where neither of its edges lies in one of the `others`: at a
    junction a vein has no calibre of its own.
    """
    at = float(np.interp(meeting.second, np.arange(len(vein.arc)), vein.arc))
    shadow = artery_calibre / 2 / max(float(np.sin(np.deg2rad(meeting.angle))), 0.1)
    unit = _own_calibre(vein, at)
    kept = []
    for way in (1.0, -1.0):
        close, far = (
            at + way * (shadow + np.linspace(low * unit, high * unit, _SAMPLES))
            for low, high in (BESIDE, AWAY)
        )
        if _has_edges(vein, np.concatenate([close, far]), others):
            widths = [np.interp(arc, vein.arc, vein.calibre) for arc in (close, far)]
            kept.append((widths[0].mean(), np.median(widths[1])))
    return tuple(np.mean(kept, axis=0).tolist()) if kept else (float("nan"), float("nan"))


def _has_edges(vein: Vessel, arc: np.ndarray, others: Sequence[Vessel]) -> bool:
    """Whether the vein runs on through all places `arc` along it, and both its edges there are its own."""
    if arc.min() < 0 or arc.max() > vein.length:
        return False
    middle, ahead = (
        np.column_stack([np.interp(arc + step, vein.arc, column) for column in vein.points.T])
        for step in (0.0, 0.01)
    )
    behind = np.column_stack([np.interp(arc - 0.01, vein.arc, column) for column in vein.points.T])
    along = ahead - behind
    normal = np.column_stack([-along[:, 1], along[:, 0]]) / np.hypot(*along.T)[:, None]
    half = np.interp(arc, vein.arc, vein.calibre)[:, None] / 2
    edges = np.concatenate([middle + half * normal, middle - half * normal])
    low, high = edges.min(axis=0), edges.max(axis=0)
    for other in others:
        reach = float(other.calibre.max()) / 2
        if (other.points.max(axis=0) < low - reach).any() or (other.points.min(axis=0) > high + reach).any():
            continue
        if (_depth_in(edges, other) > 0).any():
            return False
    return True


def _own_calibre(vein: Vessel, at: float) -> float:
    """Pixels: the vein's calibre near the place `at` along it, whatever notch it has there."""
    reach = 4 * _median(vein)
    near = np.linspace(max(at - reach, 0.0), min(at + reach, vein.length), _SAMPLES)
    return float(np.median(np.interp(near, vein.arc, vein.calibre)))
