"""What the pixels of a one-bit mask do to a vessel's edge: the stairs that a smooth edge would show.

A one-bit mask says of each pixel only whether its centre lies inside. A smooth edge so drawn departs from itself
by up to half a pixel, over as many pixels as it takes to cross to the next row: near the grid's own directions that
is longer than any local average. The departure follows from where the edge runs, so an estimate of the edge tells
most of it, and the rest is noise without a long wave.
"""

from __future__ import annotations

import numpy as np

_REACH = np.arange(-2, 3)  # pixels to either side that bear on an edge
_SPREAD_PX = 0.87  # how far: the blur of the map (0.8 px) and the reading between pixels


def stair_errors(edge: np.ndarray, outward: np.ndarray, *, doubt_px: float) -> np.ndarray:
    """(P,) pixels by which stairs move each point of a smooth edge (P, 2) along its `outward` normal (P, 2).

    The edge is straight as far as the blur reaches. A pixel is inside where its centre is. The departure is averaged
    over the doubt about where the edge lies: without it an estimate that follows the stairs would bear itself out.
    """
    is_flat = np.abs(outward[:, 0]) >= np.abs(outward[:, 1])  # an edge along the columns steps between rows
    along, across = np.where(is_flat, edge[:, 1], edge[:, 0]), np.where(is_flat, edge[:, 0], edge[:, 1])
    run, rise = (
        np.where(is_flat, outward[:, 1], outward[:, 0]),
        np.where(is_flat, outward[:, 0], outward[:, 1]),
    )
    away = np.rint(along)[:, None] + _REACH - along[:, None]
    side = np.where(rise >= 0, 1.0, -1.0)
    steep = np.abs(rise)
    # Counted outwards, so that the last pixel inside is the last whose centre is passed.
    height = (side * across)[:, None] - (run / steep)[:, None] * away
    weight = np.exp(-0.5 * (away / _SPREAD_PX) ** 2)
    phase = 2 * np.pi * height
    sine, cosine = np.sin(phase), np.cos(phase)
    # Fourier series of the way from a height to the middle of its pixel, averaged over the doubt.
    first, second, third = (np.exp(-2 * (np.pi * k * doubt_px) ** 2) / (np.pi * k) for k in (1, 2, 3))
    error = sine * (first + 2 * second * cosine + third * (3 - 4 * sine**2))
    return np.asarray(steep * (weight * error).sum(axis=1) / weight.sum(axis=1))
