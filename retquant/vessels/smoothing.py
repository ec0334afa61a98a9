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

import math

import numpy as np

from retquant.kernels import kernel
from retquant.vessels import local_average, penalised
from retquant.vessels.local_average import reaches
from retquant.vessels.packing import owner
from retquant.vessels.penalised import solve_penalised

_WINDOW = 9.0  # points (standard deviation), about a calibre and a half, over which a departure is averaged
_WINDOWS = (
    (_WINDOW, 1.0),
    (3.0, 1.5),
)  # and the share of the error that it may reach: bends of few calibres too
_FEWEST_SCATTERED = 50  # points: their quartile is known to a few hundredths of a pixel
_TWO_PI = math.log(2 * math.pi)
_JUST_LONGER = math.log(1.05)
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
    curve = np.empty((len(data), 2))
    if not len(data):
        return curve
    known = (weight > 0.5) & (weight < 2)  # neither guesses nor pinned ends say anything about the fit
    _fit_all(
        np.ascontiguousarray(data, dtype=np.float64),
        weight.astype(float),
        known.astype(float),
        starts,
        np.log(longest),
        np.log(np.minimum(shortest, longest)),
        math.log(pace),
        int(np.diff(starts).max()),
        tuple(reaches(window) for window, _ in _WINDOWS),
        tuple(share * error_px for _, share in _WINDOWS),
        reaches(_WINDOW * 2 / 3),
        curve,
    )
    return curve


@kernel
def _fit_all(data, weight, known, starts, longest, shortest, pace, most, windows, bars, evener, curve):  # type: ignore[no-untyped-def]
    """Fill `curve`; wavelengths as logarithms, `windows` and `evener` as `local_average.reaches`.

    Loops over numbers throughout: expressions of arrays would take seconds to compile.
    """
    room, averages = penalised.room_for(most), local_average.room_for(most, windows[0])
    departure, mean, penalty = np.empty((2, most)), np.empty((2, most)), np.empty(most)
    wavelength, even, ones = np.empty(most), np.empty(most), np.ones(most)
    shares, even_share = np.empty((len(windows), most)), np.empty(most)
    departs = np.empty(most, np.bool_)
    for b in range(len(starts) - 1):
        first, last = starts[b], starts[b + 1]
        count = last - first
        whole = math.log(2.0 * count)  # past it nothing but a parabola is left; more would only cost digits
        wavelength[:count] = longest[b]
        for window, share in zip(windows, shares):  # noqa: B905 - numba knows no strict
            local_average.find_share(known[first:last], window, averages, share)
        local_average.find_share(ones[:count], evener, averages, even_share)
        is_new = True  # else the curve stays as it is
        for turn in range(_ROUNDS + 1):
            if is_new:
                for i in range(count):
                    penalty[i] = math.exp(6 * (min(wavelength[i], whole) - _TWO_PI))
                penalised.solve_one(
                    data[first:last], weight[first:last], penalty[:count], room, curve[first:last]
                )
                for i in range(count):
                    departs[i] = False
                    departure[0, i] = data[first + i, 0] - curve[first + i, 0]
                    departure[1, i] = data[first + i, 1] - curve[first + i, 1]
                for window, share, bar in zip(windows, shares, bars):  # noqa: B905
                    for axis in range(2):
                        local_average.average_one(
                            departure[axis], known[first:last], share, window, averages, mean[axis]
                        )
                    for i in range(count):
                        departs[i] |= mean[0, i] ** 2 + mean[1, i] ** 2 > bar * bar
            is_poor = False
            for i in range(count):
                if departs[i] and wavelength[i] > shortest[b] + _JUST_LONGER:
                    even[i] = max(wavelength[i] - pace, shortest[b])
                    is_poor = True
                else:
                    even[i] = wavelength[i]
            if turn == _ROUNDS or not is_poor:
                break
            local_average.average_one(even, ones[:count], even_share, evener, averages, wavelength)
            is_new = False
            for i in range(count):
                is_new |= wavelength[i] < whole


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
    speed = np.sqrt(np.einsum("ij,ij->i", first, first))
    safe = np.where(speed > 0, speed, 1.0)
    tangent = np.where(speed[:, None] > 0, first / safe[:, None], np.array([0.0, 1.0]))
    curvature = (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / safe**3
    return tangent, np.where(speed > 0, curvature, 0.0)
