"""The smoothest curve that agrees with the measured middle of a vessel, as far as that middle is known.

Each curve minimises the weighted squared distance to its data plus a penalty on its third differences (a
discrete smoothing spline of degree five). The penalty leaves straight lines and parabolas alone, so that arcs
are not flattened and length, turning and curvature keep no bias; a Gaussian filter or a cubic spline would
shrink them. The strength of the penalty is local: it starts out strong everywhere and is taken back only
where the curve departs from the data by more than their error, so that a straight vessel comes out straight
and a corner stays a corner.

Reference: P. H. C. Eilers, Analytical Chemistry 75 (2003) 3631-3636 (penalised differences).
"""

from __future__ import annotations

import numpy as np

from retquant.vessels.local_average import local_mean
from retquant.vessels.packing import owner
from retquant.vessels.penalised import solve_penalised

_WINDOW = 9.0  # points (standard deviation), about a calibre and a half, over which a departure is averaged
_WINDOWS = (
    (_WINDOW, 1.0),
    (3.0, 1.5),
)  # and the share of the error that it may reach: bends of few calibres too
_FEWEST_SCATTERED = 50  # points: their quartile is known to a few hundredths of a pixel
_ROUNDS = 14  # wavelengths shrink by the root of two each: from 60 calibres to less than one


def strength(wavelength: np.ndarray) -> np.ndarray:
    """Penalty that halves a wave of this many points."""
    return (wavelength / (2 * np.pi)) ** 6


def smooth(data: np.ndarray, weight: np.ndarray, starts: np.ndarray, *, penalty: np.ndarray) -> np.ndarray:
    """(P, 2) curve through `data` (P, 2) with `weight` (P,) > 0 and local `penalty` (P,), spacing even."""
    if not len(data):
        return data.copy()
    # Past twice the curve's own length nothing but a parabola is left; more would only cost digits.
    count = np.diff(starts)
    local = np.minimum(penalty, strength(2.0 * count)[owner(starts)])
    return solve_penalised(data, weight, local, starts)


def smooth_within_error(
    data: np.ndarray,
    weight: np.ndarray,
    starts: np.ndarray,
    *,
    longest: np.ndarray,
    shortest: np.ndarray,
    error_px: float,
    pace: float = 2**0.5,
) -> np.ndarray:
    """(P, 2) smoothest curve that nowhere departs from the data, on local average, by more than `error_px`.

    The average is of signed departures, so that the staircase of a hard mask, which the curve must not
    follow, cancels out, and a bend that the curve has cut short does not. `longest` and `shortest` are the
    (B,) wavelengths in points between which the penalty of each curve may vary, shortened by `pace` at a time.
    """
    which = owner(starts)
    wavelength = longest[which].astype(float)
    floor = np.minimum(shortest, longest)[which]
    known = (weight > 0.5) & (weight < 2)  # neither guesses nor pinned ends say anything about the fit
    curve = smooth(data, weight, starts, penalty=strength(wavelength))
    active = np.ones(len(starts) - 1, dtype=bool)
    for _ in range(_ROUNDS):
        at = np.flatnonzero(active[which])  # only curves that still depart are worked on
        part = np.concatenate([[0], np.cumsum(np.diff(starts)[active])]).astype(np.intp)
        trust = known[at].astype(float)
        poor = np.zeros(len(at), dtype=bool)
        for window, share in _WINDOWS:
            departure = local_mean(data[at] - curve[at], trust, part, sigma=window)
            poor |= np.hypot(*departure.T) > share * error_px
        poor &= wavelength[at] > 1.05 * floor[at]
        active = np.bincount(which[at[poor]], minlength=len(active)) > 0
        if not active.any():
            break
        shorter = np.where(poor, np.maximum(wavelength[at] / pace, floor[at]), wavelength[at])
        wavelength[at] = np.exp(local_mean(np.log(shorter), np.ones(len(at)), part, sigma=_WINDOW * 2 / 3))
        at = np.flatnonzero(active[which])
        part = np.concatenate([[0], np.cumsum(np.diff(starts)[active])]).astype(np.intp)
        curve[at] = smooth(data[at], weight[at], part, penalty=strength(wavelength[at]))
    return curve


def scatter(
    data: np.ndarray, weight: np.ndarray, starts: np.ndarray, *, wavelength: np.ndarray, counted: np.ndarray
) -> float:
    """How far the well measured points of the `counted` (B,) curves lie from smooth ones; 0 of too few points.

    A curve is smooth without waves of less than `wavelength` (B,) points. The lower quartile of the distances is
    taken: corners, of which the smooth curve falls short, are the largest of them.
    """
    which = owner(starts)
    known = (weight > 0.5) & (weight < 2) & counted[which]
    if np.count_nonzero(known) < _FEWEST_SCATTERED:
        return 0.0
    away = data - smooth(data, weight, starts, penalty=strength(wavelength)[which])
    return float(np.percentile(np.hypot(*away[known].T), 25))


def frame(curve: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit tangents (P, 2) and signed curvature (P,) 1/pixel of evenly spaced curves, by central differences.

    Curvature is positive where the path turns from rows to columns (clockwise on the screen is negative).
    """
    first, second = np.zeros_like(curve), np.zeros_like(curve)
    count = np.diff(starts)
    if len(curve) > 2:
        first[1:-1] = (curve[2:] - curve[:-2]) / 2
        second[1:-1] = curve[2:] - 2 * curve[1:-1] + curve[:-2]
    heads, tails = starts[:-1], starts[1:] - 1
    long = count > 2
    h, t = heads[long], tails[long]
    second[h], second[t] = second[h + 1], second[t - 1]
    first[h] = curve[h + 1] - curve[h] - second[h] / 2
    first[t] = curve[t] - curve[t - 1] + second[t] / 2
    h, t = heads[~long], tails[~long]
    first[h] = first[t] = curve[t] - curve[h]
    second[h] = second[t] = 0.0
    speed = np.hypot(*first.T)
    safe = np.where(speed > 0, speed, 1.0)
    tangent = np.where(speed[:, None] > 0, first / safe[:, None], np.array([0.0, 1.0]))
    curvature = (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / safe**3
    return tangent, np.where(speed > 0, curvature, 0.0)
