"""Values of many images in three bytes each, or why one is missing: what the pages of subjects load.

A value is the upper 24 bits of its float32, rounded: a relative error of at most 1/65,536, which four digits do
not show. A missing one is a NaN whose last 8 bits number the reason. Eight bits a character would be lost in a
script, so the bytes are written in base64, four characters a value.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np

MOST_REASONS = 254
_MISSING = 0xFFC000


class PackedValues:
    """Values of `images` x `columns`, at first all missing without a reason (reason 0)."""

    def __init__(self, images: int, columns: int) -> None:
        self._bytes = np.empty((images, columns, 3), np.uint8)
        self._bytes[:] = _in_bytes(np.array(_MISSING, np.uint32))

    def put(self, column: int, values: np.ndarray) -> None:
        """Write (images,) values of a column; those that are not finite stay missing."""
        found = np.isfinite(values)
        bits = np.ascontiguousarray(values[found], np.float32).view(np.uint32)
        rounded = (bits.astype(np.uint64) + 0x80) >> 8
        self._bytes[found, column] = _in_bytes(rounded.astype(np.uint32))

    def put_reasons(self, rows: np.ndarray, columns: np.ndarray, reasons: np.ndarray) -> None:
        """Write reasons (1 to `MOST_REASONS`) of missing values; where there is a value it stays."""
        is_missing = (self._bytes[rows, columns, 0] == 0xFF) & (self._bytes[rows, columns, 1] == 0xC0)
        rows, columns, reasons = rows[is_missing], columns[is_missing], reasons[is_missing]
        self._bytes[rows, columns, 2] = reasons

    def text(self, images: slice) -> str:
        """Base64 of some images' values, image by image."""
        return base64.b64encode(self._bytes[images].tobytes()).decode("ascii")


def unpacked(text: str, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """(images, columns) values, NaN where missing, and reasons, 0 where there is none."""
    raw = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, columns, 3).astype(np.uint32)
    bits = (raw[..., 0] << 16) | (raw[..., 1] << 8) | raw[..., 2]
    is_missing = (bits & 0xFFFF00) == _MISSING
    values = np.where(is_missing, np.float32(np.nan), (bits << 8).astype(np.uint32).view(np.float32))
    return values, np.where(is_missing, bits & 0xFF, 0)


def numbered(reasons: Sequence[str]) -> dict[str, int]:
    """Reason -> its number, from 1; those beyond `MOST_REASONS` share the last."""
    return {reason: min(place, MOST_REASONS) for place, reason in enumerate(reasons, start=1)}


def _in_bytes(bits: np.ndarray) -> np.ndarray:
    return np.stack([bits >> 16, bits >> 8 & 0xFF, bits & 0xFF], axis=-1).astype(np.uint8)
