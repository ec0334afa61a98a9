"""Image measures that need no segmentation, each of the field of view at a fixed size, so that cameras compare.

fov_fraction               share of the frame that the field fills; no direction
illumination_uniformity    10th over 90th percentile of large-scale luminance; higher is better
clipped_fraction           share of the field that is black or saturated; lower is better
sharpness                  share of the green channel's detail that is fine; higher is better

Legend of shapes: H, W pixels of the image; S pixels of the reduced field.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

FIELD_PX = 512  # the field is measured at this many pixels across
LARGE_SCALE = 0.08  # of the field's diameter: sigma of what counts as illumination
BLACK, SATURATED = 3, 252  # 8-bit levels
FINE_PX = (0.8, 1.6)  # sigmas of the band in which thin vessels' edges lie, at FIELD_PX
COARSE_PX = (3.0, 6.0)  # sigmas of the band of wide vessels and lesions


@dataclass(frozen=True, slots=True, eq=False)
class ReducedField:
    """The field of view resampled to FIELD_PX across."""

    pixels: np.ndarray  # (S, S', 3) float32, RGB
    inside: np.ndarray  # (S, S') bool, field without its rim


def reduce_field(pixels: np.ndarray, fov: np.ndarray) -> ReducedField:
    """Crop (H, W, 3) uint8 pixels to the (H, W) bool field and resample, averaging where it shrinks."""
    rows, cols = np.flatnonzero(fov.any(axis=1)), np.flatnonzero(fov.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    zoom = FIELD_PX / max(rows[-1] - rows[0] + 1, cols[-1] - cols[0] + 1)
    method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    small = cv2.resize(pixels[box], None, fx=zoom, fy=zoom, interpolation=method)
    field = cv2.resize(fov[box].astype(np.uint8), small.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    rim = np.ones((2 * round(0.02 * FIELD_PX) + 1,) * 2, np.uint8)
    # the border counts as outside, so that a field cut by the frame loses its rim there too
    inside = cv2.erode(cv2.copyMakeBorder(field, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0), rim)[1:-1, 1:-1]
    return ReducedField(small.astype(np.float32), inside > 0 if inside.any() else field > 0)


def illumination_uniformity(field: ReducedField) -> float:
    """10th over 90th percentile of the luminance smoothed over 8 % of the field; 1 is even, 0 is dark in part."""
    luminance = field.pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    weight = field.inside.astype(np.float32)
    sigma = LARGE_SCALE * FIELD_PX
    smooth = cv2.GaussianBlur(luminance * weight, (0, 0), sigma) / np.maximum(
        cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3
    )
    low, high = np.percentile(smooth[field.inside], (10, 90))
    return float(low / high) if high > 0 else 0.0


def clipped_fraction(field: ReducedField) -> float:
    """Share of the field where the green channel is black or saturated; that channel carries the vessels."""
    green = field.pixels[..., 1][field.inside]
    return float(((green <= BLACK) | (green >= SATURATED)).mean())


def sharpness(field: ReducedField) -> float:
    """Standard deviation of the green channel's fine band over that of its coarse band.

    Defocus takes the fine band first; exposure and contrast cancel. It grows with noise too, so it tells a blurred
    picture from a sharp one of the same camera, not a good camera from a bad one.
    """
    green = field.pixels[..., 1]
    coarse = _band(green, COARSE_PX)[field.inside].std()
    return float(_band(green, FINE_PX)[field.inside].std() / coarse) if coarse > 0 else 0.0


def _band(plane: np.ndarray, sigmas: tuple[float, float]) -> np.ndarray:
    narrow, wide = (cv2.GaussianBlur(plane, (0, 0), sigma) for sigma in sigmas)
    return np.asarray(narrow - wide)
