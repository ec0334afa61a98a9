"""A circle through boundary points of which some lie elsewhere: on a flat cut, a notch, a shadow or the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TRIALS = 300  # circles through three random points; with half the points off the circle one in 8 is sound
MAX_POINTS = 500  # that vote on the trials; all points count in the refinement
SEED = 20260117  # the same points always give the same circle
MIN_ARC_DEG = 90.0  # less of a circle does not fix its radius


@dataclass(frozen=True, slots=True, eq=False)
class CircleFit:
    """A circle and which points lie on it. Shapes: P points."""

    row: float  # pixels
    col: float
    radius: float
    on_circle: np.ndarray  # (P,) bool
    arc_deg: float  # how much of the circle the points on it cover


def fit_circle(points: np.ndarray, *, tolerance: float) -> CircleFit | None:
    """The circle that passes within `tolerance` of most of the points, refined by least squares on those.

    RANSAC [Fischler & Bolles 1981] and then an algebraic fit [Kasa 1976], which is unbiased enough on the long
    arcs of a field of view. None where the points lie on a line or on less than `MIN_ARC_DEG` of a circle.

    Parameters
    ----------
    points : (P, 2) float, row and column in pixels
    tolerance : float, pixels
    """
    if len(points) < 8:
        return None
    few = points[:: max(1, len(points) // MAX_POINTS)]
    triples = np.random.default_rng(SEED).integers(0, len(few), size=(TRIALS, 3))
    rows, cols, radii = _through_three(few[triples])
    sound = np.isfinite(radii) & (radii < 4 * np.ptp(points, axis=0).max())
    if not sound.any():
        return None
    rows, cols, radii = rows[sound], cols[sound], radii[sound]
    squared = (few[:, 0] - rows[:, None]) ** 2 + (few[:, 1] - cols[:, None]) ** 2
    away = np.sqrt(squared) - radii[:, None]  # a fifth of the time of hypot, whose range nothing here needs
    best = int(np.argmax((np.abs(away) < tolerance).sum(axis=1)))
    circle = (rows[best], cols[best], radii[best])
    for _ in range(5):
        on = _on_circle(points, circle, tolerance)
        if on.sum() < 8:
            return None
        circle = _least_squares(points[on])
    on = _on_circle(points, circle, tolerance)
    arc = _arc_deg(points[on], circle)
    return CircleFit(*circle, on_circle=on, arc_deg=arc) if arc >= MIN_ARC_DEG else None


def _through_three(triples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b, c = triples[:, 0], triples[:, 1], triples[:, 2]
    ab, ac = b - a, c - a
    cross = 2.0 * (ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0])
    cross[cross == 0] = np.nan
    ab2, ac2 = (ab**2).sum(axis=1), (ac**2).sum(axis=1)
    row = (ac[:, 1] * ab2 - ab[:, 1] * ac2) / cross
    col = (ab[:, 0] * ac2 - ac[:, 0] * ab2) / cross
    return a[:, 0] + row, a[:, 1] + col, np.hypot(row, col)


def _least_squares(points: np.ndarray) -> tuple[float, float, float]:
    middle = points.mean(axis=0)
    p = points - middle
    design = np.column_stack([2.0 * p, np.ones(len(p))])
    row, col, rest = np.linalg.lstsq(design, (p**2).sum(axis=1), rcond=None)[0]
    radius = float(np.sqrt(max(rest + row**2 + col**2, 0.0)))
    return float(middle[0] + row), float(middle[1] + col), radius


def _on_circle(points: np.ndarray, circle: tuple[float, float, float], tolerance: float) -> np.ndarray:
    row, col, radius = circle
    return np.abs(np.hypot(points[:, 0] - row, points[:, 1] - col) - radius) < tolerance


def _arc_deg(points: np.ndarray, circle: tuple[float, float, float]) -> float:
    angles = np.degrees(np.arctan2(points[:, 0] - circle[0], points[:, 1] - circle[1]))
    return 5.0 * len(np.unique(np.floor(angles / 5.0)))
