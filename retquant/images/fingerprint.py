"""What tells one picture from others: a digest of its pixels, and a fingerprint that survives another copy's making.

The fingerprint is the cosine transform of the field of view, shrunk to 64 pixels and evened out, at middle
frequencies: vessels, disc and fovea, and neither the lighting nor the noise. Copies of another size, compression,
brightness or margin have nearly the same one. Mirroring a picture turns the signs of half of the numbers.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

import cv2
import numpy as np

SIDE = 64  # pixels that the field of view is shrunk to
LOWEST, HIGHEST = (
    2.5,
    18.0,
)  # half periods across the field; below is the lighting, above what compression takes
BACKGROUND, SURROUND = (
    4.0,
    8.0,
)  # sigmas in shrunk pixels: of the mean, and of the contrast, that are evened out
RIM = 2  # shrunk pixels along the field's edge that are left out: its shade is every picture's
LEAST_DETAIL = 0.004  # of the mean brightness; fainter structure is noise

_FREQUENCY = np.hypot(*np.mgrid[:SIDE, :SIDE])
_TAKEN = (_FREQUENCY >= LOWEST) & (_FREQUENCY <= HIGHEST)
FREQUENCIES: np.ndarray = _FREQUENCY[_TAKEN]
"""(D,) half periods across the field that each number of a fingerprint stands for."""
MIRRORED: np.ndarray = np.where(np.mgrid[:SIDE, :SIDE][1][_TAKEN] % 2 == 1, -1, 1).astype(np.int8)
"""(D,) what a fingerprint is multiplied by to be that of the picture with left and right exchanged."""


def picture_digest(pixels: np.ndarray) -> str:
    """Digest of (H, W, C) pixels, equal for equal pictures whatever file they came from."""
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def fingerprint(pixels: np.ndarray, fov: np.ndarray) -> str | None:
    """Fingerprint of a picture as text; None where there is no detail to tell it by.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB; green is looked at, which shows vessels best.
    fov : (H, W) bool
    """
    if not fov.any():
        return None
    brightness, share = _shrunk(pixels[..., 1], fov)
    even = _evened(brightness, share)
    if even is None:
        return None
    numbers = cv2.dct(even)[_TAKEN]
    largest = float(np.abs(numbers).max())
    if not largest > 0:
        return None
    return base64.b64encode(np.round(numbers / largest * 127).astype(np.int8).tobytes()).decode()


def fingerprint_numbers(texts: Sequence[str]) -> np.ndarray:
    """(N, D) int8 of N fingerprints.

    Raises
    ------
    ValueError
        One of them is none, or was made in another way.
    """
    numbers = np.frombuffer(b"".join(base64.b64decode(text) for text in texts), np.int8)
    return numbers.reshape(len(texts), len(FREQUENCIES))


def _shrunk(green: np.ndarray, fov: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(SIDE, SIDE) float32 brightness, and share of each pixel in the field, of the square about the field."""
    rows, columns = np.flatnonzero(fov.any(axis=1)), np.flatnonzero(fov.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    height, width = fov[box].shape
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    found = []
    for values in (np.where(fov[box], green[box], 0), fov[box]):
        square = np.zeros((SIDE, SIDE), np.float32)
        square[top : top + size[1], left : left + size[0]] = cv2.resize(
            values.astype(np.float32), size, interpolation=cv2.INTER_AREA
        )
        found.append(square)
    return found[0], found[1]


def _evened(brightness: np.ndarray, share: np.ndarray) -> np.ndarray | None:
    """(SIDE, SIDE) float32 with mean 0 and contrast 1 everywhere within the field, 0 outside."""
    mean = _blurred(brightness, BACKGROUND) / (_blurred(share, BACKGROUND) + 1e-3)
    brush = np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)
    inner = cv2.erode(share, brush, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0.99
    if not inner.any():
        return None
    detail = np.where(inner, brightness - mean, 0).astype(np.float32)
    level = float(mean[inner].mean())
    if float(detail[inner].std()) < LEAST_DETAIL * max(level, 1.0):
        return None
    contrast = np.sqrt(_blurred(detail**2, SURROUND) / (_blurred(inner.astype(np.float32), SURROUND) + 1e-3))
    return np.where(inner, detail / (contrast + 0.02 * level), 0).astype(np.float32)


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT))
