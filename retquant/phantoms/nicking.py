"""Arteriovenous nicking: where an artery passes over a vein, the vein narrows on both sides of it.

The notch is as deep as planted all the way under the artery and falls off beside it as a Gaussian, so that the vein
is whole again one of its calibres from the artery's edge, where the biomarker looks for its own calibre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from retquant.phantoms.geometry import Tube
from retquant.phantoms.truth.crossings import Meeting, meetings

SIGMA = 0.4  # of the vein's calibre
_STEEPEST = 30.0  # degrees; a vein that an artery follows for longer is not nicked
_REACH = 3.5  # sigmas, beyond which the notch is below 0.3 % of its depth


@dataclass(frozen=True, slots=True, kw_only=True)
class Notch:
    """One planted narrowing of a vein."""

    position: tuple[float, float]  # (row, col) pixels
    depth: float  # share of the vein's calibre lost


def nick_veins(
    arteries: Sequence[Tube], veins: Sequence[Tube], depth: float, rng: np.random.Generator
) -> tuple[tuple[Tube, ...], tuple[Notch, ...]]:
    """The veins with a notch at each crossing by an artery, and the list of notches.

    Depths are spread evenly over 0.6 to 1 of `depth`. A crossing too near to a bifurcation or too aslant is left as
    it is.
    """
    nicked, notches = [], []
    for vein in veins:
        arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(vein.points, axis=0).T))])
        planned = []
        for artery in arteries:
            for meeting in meetings(artery.points, vein.points):
                own = depth * float(rng.uniform(0.6, 1.0))  # drawn for each, planted or not
                notch = _plan(meeting, artery, vein, arc)
                if notch is not None:
                    planned.append((*notch, own))
                    row, col = meeting.position
                    notches.append(Notch(position=(row, col), depth=own))
        nicked.append(_cut(vein, arc, planned) if planned else vein)
    return tuple(nicked), tuple(notches)


def _plan(meeting: Meeting, artery: Tube, vein: Tube, arc: np.ndarray) -> tuple[float, float, float] | None:
    """Where along the vein, half the width of the artery's shadow, and sigma; None where there is no room."""
    if meeting.angle < _STEEPEST:
        return None
    at = float(np.interp(meeting.second, np.arange(len(arc)), arc))
    index = np.arange(len(artery.points))
    artery_radius = float(np.interp(meeting.first, index, artery.radii))
    vein_calibre = 2 * float(np.interp(at, arc, vein.radii))
    shadow = artery_radius / float(np.sin(np.deg2rad(meeting.angle)))
    sigma = SIGMA * vein_calibre
    room = shadow + _REACH * sigma
    return (at, shadow, sigma) if room <= at <= arc[-1] - room else None


def _cut(vein: Tube, arc: np.ndarray, planned: Sequence[tuple[float, float, float, float]]) -> Tube:
    """The vein with its notches, its points dense enough to follow them and on the same smooth line."""
    from scipy.interpolate import CubicSpline

    fine = [
        np.arange(at - shadow - _REACH * sigma, at + shadow + _REACH * sigma, sigma / 5)
        for at, shadow, sigma, _ in planned
    ]
    along = np.unique(np.concatenate([arc, *fine]))
    diameter = 2 * np.interp(along, arc, vein.radii)
    for at, shadow, sigma, depth in planned:
        beside = np.maximum(np.abs(along - at) - shadow, 0)
        diameter *= 1 - depth * np.exp(-((beside / sigma) ** 2) / 2)
    return replace(vein, points=CubicSpline(arc, vein.points)(along), diameter=diameter)
