"""What the pixels of a one-bit mask do to a vessel's edge: the stairs that a smooth edge would show.

A one-bit mask says of each pixel only whether its centre lies inside. A smooth edge so drawn departs from itself
by up to half a pixel, over as many pixels as it takes to cross to the next row: near the grid's own directions that
is longer than any local average. The departure follows from where the edge runs, so an estimate of the edge tells
most of it, and the rest is noise without a long wave.
"""

from __future__ import annotations

import math

import numpy as np

from retquant.kernels import kernel

_REACH = 2  # pixels to either side that bear on an edge
_SPREAD_PX = 0.87  # how far: the blur of the map (0.8 px) and the reading between pixels


def stair_errors(edge: np.ndarray, outward: np.ndarray, *, doubt_px: float) -> np.ndarray:
    """(P,) pixels by which stairs move each point of a smooth edge (P, 2) along its `outward` normal (P, 2).

    The edge is straight as far as the blur reaches. A pixel is inside where its centre is. The departure is averaged
    over the doubt about where the edge lies: without it an estimate that follows the stairs would bear itself out.
    """
    # Fourier series of the way from a height to the middle of its pixel, averaged over the doubt.
    series = tuple(math.exp(-2 * (math.pi * k * doubt_px) ** 2) / (math.pi * k) for k in (1, 2, 3))
    bell = np.exp(-0.5 * (np.arange(_REACH + 1) / _SPREAD_PX) ** 2)
    error = np.empty(len(edge))
    _find_errors(
        np.ascontiguousarray(edge, dtype=np.float64),
        np.ascontiguousarray(outward, dtype=np.float64),
        series,
        bell,
        error,
    )
    return error


@kernel
def _find_errors(edge, outward, series, bell, error):  # type: ignore[no-untyped-def]
    first, second, third = series
    for p in range(len(edge)):
        is_flat = abs(outward[p, 0]) >= abs(outward[p, 1])  # an edge along the columns steps between rows
        a, b = (1, 0) if is_flat else (0, 1)
        along, across, run, rise = edge[p, a], edge[p, b], outward[p, a], outward[p, b]
        steep = abs(rise)
        away = np.rint(along) - along
        # Counted outwards, so that the last pixel inside is the last whose centre is passed.
        phase = 2 * math.pi * (math.copysign(across, across * rise) - run / steep * away)
        turn = -2 * math.pi * run / steep
        sine, cosine = math.sin(phase - _REACH * turn), math.cos(phase - _REACH * turn)
        turn_sine, turn_cosine = math.sin(turn), math.cos(turn)
        # The bell about the point is that about its pixel times a power, up to a factor.
        power = math.exp(-away / _SPREAD_PX**2)
        lean = power**-_REACH
        total = mass = 0.0
        for k in range(-_REACH, _REACH + 1):
            weight = bell[abs(k)] * lean
            total += weight * sine * (first + 2 * second * cosine + third * (3 - 4 * sine**2))
            mass += weight
            lean *= power
            sine, cosine = sine * turn_cosine + cosine * turn_sine, cosine * turn_cosine - sine * turn_sine
        error[p] = steep * total / mass
