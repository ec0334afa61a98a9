"""The course of the main temporal vessels about the disc-fovea axis.

On a circle about the disc, the arcade of either side is the widest vessel that crosses it temporally, between 15 and
110 degrees from the direction of the fovea. Which side is superior does not matter here, so that no eye is asked for.
"""

from __future__ import annotations

import math

import numpy as np

from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View
from retquant.vessels.clip import segment_calibre

RING = (0.67, 0.79)  # of the disc-fovea distance, from the disc's centre
COURSE = (0.35, 1.1)  # likewise: from clear of the disc to beyond the fovea
BEARINGS_DEG = (
    15.0,
    110.0,
)  # from the direction of the fovea: within lie the vessels of the macula, beyond the nasal
CIRCLES = 16
LEAST_SHARE = 0.5  # of the circles that an arcade must cross
LEAST_VISIBLE = 0.6  # of the circles' temporal arcs inside the field


@biomarker(
    unit="deg",
    reference="Fledelius2010",
    structures=("artery", "vein"),
    landmarks=("disc", "fovea"),
    aliases=("temporal arcade angle",),
)
def arcade_angle(view: View) -> Measurement:
    """Angle at the disc's centre between the two main temporal arcades, 0.67 to 0.79 of the way to the fovea.

    On 16 circles across that ring each arcade is the widest vessel on its side of the disc-fovea axis; its bearing is
    the median over the circles. Either arcade must cross half of them, and 0.6 of the circles' temporal arcs must
    lie in the field.
    """
    sides = _arcades(view, RING)
    if isinstance(sides, Measurement):
        return sides
    bearings = [np.median(np.arctan2(np.abs(side[:, 1]), side[:, 0])) for side in sides]
    return Measurement(value=math.degrees(float(sum(bearings))), n=sum(map(len, sides)))


@biomarker(
    unit="mm",
    reference="Oloumi2012",
    structures=("vessel",),
    landmarks=("disc", "fovea"),
    aliases=("arcade openness",),
)
def arcade_parabola_a(view: View) -> Measurement:
    """Focal length a of the parabola (y - y0)^2 = 4 a (x - x0) along the disc-fovea axis through both main arcades.

    x runs from the disc's centre to the fovea and y across; the fit is least squares of x in y over the widest vessel
    of either side on 16 circles from 0.35 to 1.1 of the way to the fovea, once more without the points farther off
    than twice the median. The larger a, the more open the arcades.
    """
    sides = _arcades(view, COURSE)
    if isinstance(sides, Measurement):
        return sides
    along, across = np.concatenate(sides).T
    kept = np.ones(len(along), bool)
    for _ in range(2):
        fit = np.polynomial.Polynomial.fit(across[kept], along[kept], 2)
        off = np.abs(fit(across) - along)
        kept = off <= max(
            2.0 * float(np.median(off)), 1.0
        )  # px: a parabola met to a pixel keeps all its points
        if kept.sum() < 6:
            return missing("fit_failed")
    bend = float(fit.convert().coef[2])
    return Measurement(value=0.25 / bend, n=int(kept.sum())) if bend > 0 else missing("fit_failed")


def _arcades(view: View, reach: tuple[float, float]) -> list[np.ndarray] | Measurement:
    """Of either side, (K, 2) pixels along and across the disc-fovea axis where its arcade crosses the circles."""
    anatomy = view.inputs.anatomy
    assert anatomy.disc is not None  # the engine asks for both landmarks
    assert anatomy.fovea is not None
    axis = np.subtract(anatomy.fovea, anatomy.disc.center)
    distance = float(np.hypot(*axis))
    along = axis / distance
    basis = np.column_stack([along, (-along[1], along[0])])
    radii = np.linspace(*reach, CIRCLES) * distance
    if _visible(view, anatomy.disc.center, basis, radii) < LEAST_VISIBLE:
        return missing("region_out_of_bounds")
    graph = view.whole
    if not len(graph):
        return missing("too_few_vessels")
    local = (graph.points - anatomy.disc.center) @ basis
    away = np.hypot(*local.T)
    last = np.zeros(len(local), bool)
    last[graph.starts[1:] - 1] = True
    segment = np.repeat(np.arange(len(graph)), np.diff(graph.starts))
    width = np.nan_to_num(segment_calibre(graph), nan=0.0)
    sides: list[list[np.ndarray]] = [[], []]
    for radius in radii:
        at = np.flatnonzero(((away[:-1] < radius) != (away[1:] < radius)) & ~last[:-1])
        share = ((radius - away[at]) / (away[at + 1] - away[at]))[:, None]
        points = local[at] * (1 - share) + local[at + 1] * share
        bearing = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
        for side, sign in zip(sides, (1, -1), strict=True):
            temporal = (sign * bearing > BEARINGS_DEG[0]) & (sign * bearing < BEARINGS_DEG[1])
            if temporal.any():
                side.append(points[temporal][np.argmax(width[segment[at]][temporal])])
    if min(map(len, sides)) < LEAST_SHARE * CIRCLES:
        return missing("too_few_vessels")
    return [np.array(side) for side in sides]


def _visible(view: View, center: tuple[float, float], basis: np.ndarray, radii: np.ndarray) -> float:
    """Share of the circles' temporal arcs inside the field."""
    bearing = np.deg2rad(np.linspace(-BEARINGS_DEG[1], BEARINGS_DEG[1], 181))
    arc = np.column_stack([np.cos(bearing), np.sin(bearing)])
    points = (radii[:, None, None] * arc) @ basis.T + center
    return float(view.extent.region.contains(points).mean())
