"""The same eye turned, mirrored and resampled, as another camera or a careless export would have given it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import cv2
import numpy as np

from benchmarks.real_eyes import DrawnEye
from retquant.anatomy import Disc

Points = Callable[[float, float], tuple[float, float]]  # (row, col) before -> after


def mirrored(eye: DrawnEye) -> DrawnEye:
    """Left and right exchanged: the fellow eye, were it this one's mirror image."""
    width = eye.fov.shape[1]
    other = {"OD": "OS", "OS": "OD", None: None}[eye.eye]
    return replace(
        _moved(eye, lambda mask: mask[:, ::-1], lambda row, col: (row, width - 1 - col)), eye=other
    )


def upside_down(eye: DrawnEye) -> DrawnEye:
    """Top and bottom exchanged."""
    height = eye.fov.shape[0]
    return _moved(eye, lambda mask: mask[::-1], lambda row, col: (height - 1 - row, col))


def quarter_turned(eye: DrawnEye, turns: int) -> DrawnEye:
    """Turned by so many quarters against the clock."""
    for _ in range(turns % 4):
        width = eye.fov.shape[1]
        eye = _moved(eye, np.rot90, lambda row, col, width=width: (width - 1 - col, row))
    return eye


def turned(eye: DrawnEye, degrees: float, *, is_hard: bool) -> DrawnEye:
    """Turned against the clock in a frame large enough; coverage by bilinear reading, or one bit of it."""
    height, width = eye.fov.shape
    cosine, sine = abs(np.cos(np.radians(degrees))), abs(np.sin(np.radians(degrees)))
    tall, wide = int(np.ceil(height * cosine + width * sine)), int(np.ceil(width * cosine + height * sine))
    move = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    move[:, 2] += (wide - width) / 2, (tall - height) / 2

    def picture(mask: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(mask, move, (wide, tall), flags=cv2.INTER_LINEAR)

    def point(row: float, col: float) -> tuple[float, float]:
        x, y = move @ (col, row, 1.0)
        return float(y), float(x)

    return _cut(_moved(eye, picture, point), is_hard=is_hard)


def resampled(eye: DrawnEye, factor: float, *, is_hard: bool) -> DrawnEye:
    """At another resolution; coverage by area where it shrinks and bilinear where it grows, or one bit of it."""
    height, width = eye.fov.shape
    size = round(width * factor), round(height * factor)
    along, across = size[1] / height, size[0] / width
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR

    def point(row: float, col: float) -> tuple[float, float]:
        return (row + 0.5) * along - 0.5, (col + 0.5) * across - 0.5

    moved = _moved(eye, lambda mask: cv2.resize(mask, size, interpolation=how), point)
    disc = eye.disc and moved.disc and replace(moved.disc, radius_px=eye.disc.radius_px * along)
    return _cut(replace(moved, disc=disc, um_per_px=eye.um_per_px / along), is_hard=is_hard)


QUARTERS: Mapping[str, Callable[[DrawnEye], DrawnEye]] = {
    "mirrored": mirrored,
    "upside down": upside_down,
    "90 degrees": lambda eye: quarter_turned(eye, 1),
    "180 degrees": lambda eye: quarter_turned(eye, 2),
    "270 degrees": lambda eye: quarter_turned(eye, 3),
}
RESAMPLED: Mapping[str, Callable[[DrawnEye], DrawnEye]] = {
    "30 degrees": lambda eye: turned(eye, 30.0, is_hard=False),
    "30 degrees, one bit": lambda eye: turned(eye, 30.0, is_hard=True),
    "x 0.7": lambda eye: resampled(eye, 0.7, is_hard=False),
    "x 0.7, one bit": lambda eye: resampled(eye, 0.7, is_hard=True),
    "x 1.4": lambda eye: resampled(eye, 1.4, is_hard=False),
    "x 1.4, one bit": lambda eye: resampled(eye, 1.4, is_hard=True),
}


def _moved(eye: DrawnEye, picture: Callable[[np.ndarray], np.ndarray], point: Points) -> DrawnEye:
    disc = eye.disc and Disc(center=point(*eye.disc.center), radius_px=eye.disc.radius_px)
    field = picture(np.where(eye.fov, np.uint8(255), np.uint8(0)))
    return replace(
        eye,
        masks={name: np.ascontiguousarray(picture(mask)) for name, mask in eye.masks.items()},
        fov=np.ascontiguousarray(field >= 128),
        disc=disc,
        fovea=eye.fovea and point(*eye.fovea),
    )


def _cut(eye: DrawnEye, *, is_hard: bool) -> DrawnEye:
    """As coverage, or every mask that was drawn brought back to one bit."""
    if not is_hard:
        return replace(eye, is_hard=False)
    masks = {
        name: mask if name in eye.soft else np.where(mask >= 128, np.uint8(255), np.uint8(0))
        for name, mask in eye.masks.items()
    }
    return replace(eye, masks=masks)
