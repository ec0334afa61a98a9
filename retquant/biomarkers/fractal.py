"""How the vessel mask fills the plane: generalised dimensions by box counting with the least cover.

For each box size the grid is laid at every offset and the one that needs the fewest boxes is taken: averaging
over offsets reads a filled square as 1.90 to 1.94 instead of 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View

SMALLEST_IN_CALIBRES = 2.0
LARGEST_IN_FIELDS = 1 / 8
BOXES_PER_OCTAVE = 2
FEWEST_BOXES = 4  # box sizes for a slope with a standard error

dimension = partial(
    biomarker,
    unit="1",
    structures=("vessel", "artery", "vein"),
    regions=("fov",),
    direction="higher_is_better",
    has_standard_error=True,
)


@dimension(reference="Mainster1990", aliases=("fractal dimension", "box-counting dimension"))
def fractal_d0(view: View) -> Measurement:
    """Capacity (box-counting) dimension of the vessel mask.

    Slope of log count on log 1/size over boxes from two median calibres to an eighth of the field's diameter,
    two an octave; least cover over grid offsets. The standard error is the slope's.
    """
    return _measured(view, 0)


@dimension(reference="Stosic2006", aliases=("information dimension",))
def fractal_d1(view: View) -> Measurement:
    """Information dimension of the vessel mask.

    Slope of the sum of p log p on log size, p the share of vessel pixels in a box; boxes as for `fractal_d0`.
    """
    return _measured(view, 1)


@dimension(reference="Stosic2006", aliases=("correlation dimension",))
def fractal_d2(view: View) -> Measurement:
    """Correlation dimension of the vessel mask.

    Slope of the log of the sum of p squared on log size, p the share of vessel pixels in a box; boxes as for
    `fractal_d0`.
    """
    return _measured(view, 2)


def box_sizes(smallest: float, largest: float) -> np.ndarray:
    """Whole box sizes in pixels from `smallest` to `largest`, two an octave."""
    if not smallest <= largest:
        return np.zeros(0, int)
    steps = math.floor(BOXES_PER_OCTAVE * math.log2(largest / smallest) + 1e-9)
    sizes = np.rint(smallest * 2 ** (np.arange(steps + 1) / BOXES_PER_OCTAVE)).astype(int)
    return np.unique(sizes)


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """For each box size, what the dimensions of order 0, 1 and 2 regress on its logarithm."""

    sizes: np.ndarray  # (K,) pixels
    moments: np.ndarray  # (3, K): -log count, sum of p log p, log of the sum of p squared


def least_cover(mask: np.ndarray, sizes: np.ndarray) -> Cover:
    """Count boxes over a mask (H, W) bool at the grid offset that needs the fewest, for each size.

    Returns an empty cover for an empty mask.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return Cover(np.zeros(0, int), np.zeros((3, 0)))
    tight = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    moments = np.array([_moments(_boxes(tight, int(size))) for size in sizes]).reshape(-1, 3).T
    return Cover(np.asarray(sizes), moments)


def _boxes(mask: np.ndarray, size: int) -> np.ndarray:
    """Vessel pixels in each occupied box of the least cover."""
    import cv2

    height, width = (math.ceil(extent / size) * size + size for extent in mask.shape)
    padded = np.zeros((height, width), np.uint8)
    padded[size : size + mask.shape[0], size : size + mask.shape[1]] = mask[: height - size, : width - size]
    # whether the box that begins at a pixel holds anything, for all pixels: one running maximum
    kernel = np.ones((size, size), np.uint8)
    occupied = cv2.dilate(padded, kernel, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    by_offset = occupied.reshape(height // size, size, width // size, size).sum(axis=(0, 2), dtype=np.int64)
    row, column = np.unravel_index(np.argmin(by_offset), by_offset.shape)
    framed = np.zeros_like(padded)
    framed[: height - row, : width - column] = padded[row:, column:]
    counts = framed.reshape(height // size, size, width // size, size).sum(axis=(1, 3), dtype=np.int64)
    return counts[counts > 0]


def _moments(counts: np.ndarray) -> tuple[float, float, float]:
    share = counts / counts.sum()
    return -math.log(len(counts)), float(share @ np.log(share)), math.log(share @ share)


def slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Least-squares slope of y on x and its standard error."""
    offset = x - x.mean()
    spread = offset @ offset
    value = float(offset @ y / spread)
    rest = y - y.mean() - value * offset
    return value, math.sqrt(float(rest @ rest) / (len(x) - 2) / spread)


def _measured(view: View, order: int) -> Measurement:
    cover = view.shared("least_cover", _cover_of)
    if not view.vessel_area_px or not math.isfinite(view.median_calibre):
        return missing("too_few_vessels")
    if len(cover.sizes) < FEWEST_BOXES:
        return missing("resolution_too_low")
    value, standard_error = slope(np.log(cover.sizes), cover.moments[order])
    return Measurement(value=value, standard_error=standard_error, n=len(cover.sizes))


def _cover_of(view: View) -> Cover:
    mask = view.inputs.segmentation.targets[view.structure].mask & view.inputs.fov
    largest = LARGEST_IN_FIELDS * view.inputs.field.diameter_px
    return least_cover(mask, box_sizes(SMALLEST_IN_CALIBRES * view.median_calibre, largest))
