"""From a photograph to the frame the network works in, and its answer back again.

The field of view is cropped to its bounding square and resampled to a fixed number of pixels across, so that one
network serves cameras of any resolution; colour is expressed as local contrast, so that it serves any exposure.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

LOCAL_SIGMA_SHARE = 0.04  # of the working side: the neighbourhood whose mean is subtracted
CONTRAST_RANGE = 6.0  # standard deviations that the unit interval spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The square of the image that holds the field, and the side it is resampled to."""

    row: float  # of the square's top edge, pixels from the image's top edge
    col: float  # of the square's left edge, pixels from the image's left edge
    side: float  # pixels of the image
    size: int  # pixels of the working frame
    shape: tuple[int, int]  # (H, W) of the image

    def _to_working(self) -> np.ndarray:
        """(2, 3) affine map from image (x, y) to working (x, y), pixel centres at integers in both."""
        zoom = self.size / self.side
        return np.array([[zoom, 0, (0.5 - self.col) * zoom - 0.5], [0, zoom, (0.5 - self.row) * zoom - 0.5]])

    def points(self, xy: np.ndarray) -> np.ndarray:
        """Working (x, y) of (n, 2) image (x, y), pixel centres at integers in both."""
        matrix = self._to_working()
        placed: np.ndarray = np.asarray(xy, dtype=float) @ matrix[:, :2].T + matrix[:, 2]
        return placed

    def cut(self, array: np.ndarray) -> np.ndarray:
        """Resample an (H, W[, C]) array to (size, size[, C]) float32, averaging where it shrinks."""
        zoom = self.size / self.side
        source = np.asarray(array, dtype=np.float32)
        if zoom < 1:
            # area averaging by a box blur of one working pixel; without it thin vessels alias
            width = 1 / zoom
            source = cv2.GaussianBlur(source, (0, 0), 0.42 * np.sqrt(max(width**2 - 1, 1e-6)))
        return cv2.warpAffine(
            source, self._to_working(), (self.size, self.size), flags=cv2.INTER_LINEAR, borderValue=0
        )

    def paste(self, array: np.ndarray) -> np.ndarray:
        """Resample a (size, size) map back to the image's (H, W), zero outside the square."""
        height, width = self.shape
        zoom = self.size / self.side
        flags = (cv2.INTER_CUBIC if zoom < 1 else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
        source = np.asarray(array, dtype=np.float32)
        if zoom > 1:
            source = cv2.GaussianBlur(source, (0, 0), 0.42 * np.sqrt(max(zoom**2 - 1, 1e-6)))
        return cv2.warpAffine(source, self._to_working(), (width, height), flags=flags, borderValue=0)


def frame_of(fov: np.ndarray, size: int) -> Frame:
    """The bounding square of an (H, W) field of view, to be resampled to `size` pixels across."""
    rows, cols = np.flatnonzero(fov.any(axis=1)), np.flatnonzero(fov.any(axis=0))
    height, width = rows[-1] - rows[0] + 1, cols[-1] - cols[0] + 1
    side = float(max(height, width))
    center_row, center_col = (rows[0] + rows[-1] + 1) / 2, (cols[0] + cols[-1] + 1) / 2
    return Frame(row=center_row - side / 2, col=center_col - side / 2, side=side, size=size, shape=fov.shape)


def local_contrast(pixels: np.ndarray, fov: np.ndarray) -> np.ndarray:
    """Colour minus its field-masked local mean, over its standard deviation in the field, mapped to [0, 1].

    Parameters
    ----------
    pixels : (S, S, 3) float, RGB
    fov : (S, S) bool

    Returns
    -------
    (S, S, 3) float32, one half outside the field
    """
    weight = fov.astype(np.float32)
    sigma = LOCAL_SIGMA_SHARE * len(fov)
    share = np.maximum(local_mean(weight, sigma), 1e-3)
    masked = pixels.astype(np.float32) * weight[..., None]
    residual = masked - local_mean(masked, sigma) / share[..., None]
    spread = _spread(residual, fov)[1] if fov.any() else np.ones(3, np.float32)
    return _to_unit(residual, np.maximum(spread, 1.0), fov)


def local_mean(image: np.ndarray, sigma: float) -> np.ndarray:
    """(S, S[, C]) float32 mean under a Gaussian, mirrored at the edges.

    A mean over a wide neighbourhood is taken of pixels of an eighth of its width, five times faster; it differs by
    0.1 % of the contrast's range at most.
    """
    side, step = len(image), int(sigma / 8)
    if step < 2:
        return cv2.GaussianBlur(image, (0, 0), sigma)
    margin = -(-int(4 * sigma + 1) // step) * step
    cells = -(-(side + 2 * margin) // step)
    after = cells * step - side - margin
    wide = cv2.copyMakeBorder(image, margin, after, margin, after, cv2.BORDER_REFLECT_101)
    small = cv2.resize(wide, (cells, cells), interpolation=cv2.INTER_AREA)
    # averaging over a cell and reading between cells blur, too
    rest = np.sqrt(sigma**2 - (step**2 - 1) / 12 - step**2 / 6) / step
    small = cv2.GaussianBlur(small, (0, 0), rest)
    wide = cv2.resize(small, (cells * step, cells * step), interpolation=cv2.INTER_LINEAR)
    return wide[margin : margin + side, margin : margin + side]


def field_colour(pixels: np.ndarray, fov: np.ndarray) -> np.ndarray:
    """Colour minus its mean over the field, over its standard deviation there, mapped to [0, 1] as `local_contrast`.

    It keeps what local contrast takes away: the brightness of the disc, the dark of the macula, the colour of the cup.

    Parameters
    ----------
    pixels : (S, S, 3) float, RGB
    fov : (S, S) bool

    Returns
    -------
    (S, S, 3) float32, one half outside the field
    """
    if not fov.any():
        return np.full(pixels.shape, 0.5, np.float32)
    source = pixels.astype(np.float32)
    mean, spread = _spread(source, fov)
    return _to_unit(source - mean, np.maximum(spread, 1.0), fov)


def _spread(image: np.ndarray, fov: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel over the field."""
    mean, spread = cv2.meanStdDev(image, mask=fov.astype(np.uint8))
    return mean.ravel().astype(np.float32), spread.ravel().astype(np.float32)


def _to_unit(difference: np.ndarray, spread: np.ndarray, fov: np.ndarray) -> np.ndarray:
    scaled = difference / (CONTRAST_RANGE * spread) + np.float32(0.5)
    scaled[~fov] = 0.5
    unit: np.ndarray = np.clip(scaled, 0.0, 1.0, out=scaled)
    return unit


def glance_of(contrast: np.ndarray, colour: np.ndarray, shrink: int) -> np.ndarray:
    """(S // shrink, S // shrink, 6) float32 local contrast and field colour of a working image, by area means."""
    side = len(contrast) // shrink
    parts = [cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA) for part in (contrast, colour)]
    return np.concatenate(parts, axis=-1)
