"""Where arteries and veins cross: position, angle, and how much narrower the vein is beside the artery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retquant.phantoms.truth.vessel import Vessel

BESIDE = (0.0, 0.25)  # vein calibres from the artery's edge: where nicking shows
AWAY = (1.0, 2.0)  # and where the vein has its own calibre


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
    for vein in (v for v in vessels if v.structure == "vein"):
        for artery in (v for v in vessels if v.structure == "artery"):
            for meeting in meetings(artery.points, vein.points):
                index = np.arange(len(artery.points))
                width = float(np.interp(meeting.first, index, artery.calibre))
                beside, away = _calibres_about(vein, meeting, width)
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


def _depth_at(position: tuple[float, float], notches: Sequence[tuple[tuple[float, float], float]]) -> float:
    near = [depth for at, depth in notches if np.hypot(*np.subtract(at, position)) < 0.5]
    return near[0] if near else 0.0


def _calibres_about(vein: Vessel, meeting: Meeting, artery_calibre: float) -> tuple[float, float]:
    """Pixels: mean calibre of the vein beside the artery and median farther off, both sides where both exist."""
    at = float(np.interp(meeting.second, np.arange(len(vein.arc)), vein.arc))
    shadow = artery_calibre / 2 / max(float(np.sin(np.deg2rad(meeting.angle))), 0.1)
    unit = _own_calibre(vein, at)

    def samples(low: float, high: float) -> np.ndarray:
        stretches = [(at + shadow + low, at + shadow + high), (at - shadow - high, at - shadow - low)]
        whole = [s for s in stretches if s[0] >= 0 and s[1] <= vein.length]
        return np.array([np.interp(np.linspace(*s, 65), vein.arc, vein.calibre) for s in whole])

    beside, away = (samples(low * unit, high * unit) for low, high in (BESIDE, AWAY))
    return (
        float(beside.mean()) if beside.size else float("nan"),
        float(np.median(away)) if away.size else float("nan"),
    )


def _own_calibre(vein: Vessel, at: float) -> float:
    """Pixels: the vein's calibre near the place `at` along it, whatever notch it has there."""
    near = np.abs(vein.arc - at) <= 4 * float(np.median(vein.calibre))
    return float(np.median(vein.calibre[near])) if near.any() else float(np.median(vein.calibre))
