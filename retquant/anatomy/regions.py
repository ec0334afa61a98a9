"""Where a biomarker is measured: the whole field, or rings about the disc in disc radii.

A region answers in two ways that agree: for points of a centre line (`contains`) and for pixels (`coverage`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retquant.anatomy.anatomy import Disc

ZONES: Mapping[str, tuple[float, float]] = {"zone_b": (2.0, 3.0), "zone_c": (2.0, 5.0)}
"""Inner and outer radius in disc radii from the disc's centre."""

Window = tuple[slice, slice]


class Region(Protocol):
    """A part of the retina, which may reach beyond the frame."""

    @property
    def area_px(self) -> float:
        """Square pixels of the whole region, seen or not."""
        ...

    def contains(self, points: np.ndarray) -> np.ndarray:
        """(...) bool for points (..., 2), row and column."""
        ...

    def coverage(self, shape: tuple[int, int]) -> tuple[Window, np.ndarray]:
        """The window of the image that holds the region, and each pixel's share inside it (float32)."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class WholeField:
    """The field of view, disc included."""

    fov: np.ndarray  # (H, W) bool

    @property
    def area_px(self) -> float:
        """Pixels of the field of view."""
        return float(np.count_nonzero(self.fov))

    def contains(self, points: np.ndarray) -> np.ndarray:
        """True where the nearest pixel belongs to the field."""
        nearest = np.rint(points).astype(int)
        height, width = self.fov.shape
        inside = ((nearest >= 0) & (nearest < (height, width))).all(axis=-1)
        row, column = np.moveaxis(np.clip(nearest, 0, (height - 1, width - 1)), -1, 0)
        return inside & self.fov[row, column]

    def coverage(self, shape: tuple[int, int]) -> tuple[Window, np.ndarray]:
        """The field itself."""
        return (slice(0, shape[0]), slice(0, shape[1])), self.fov.astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annulus:
    """The ring between two circles."""

    center: tuple[float, float]  # (row, col), pixels
    inner_px: float
    outer_px: float

    @property
    def area_px(self) -> float:
        """pi (outer^2 - inner^2), also where the frame cuts the ring."""
        return math.pi * (self.outer_px**2 - self.inner_px**2)

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Pixels from the ring's centre."""
        offset = np.asarray(points, float) - self.center
        return np.hypot(offset[..., 0], offset[..., 1])

    def contains(self, points: np.ndarray) -> np.ndarray:
        """True from the inner circle to the outer one, both included."""
        distance = self.distance(points)
        return (distance >= self.inner_px) & (distance <= self.outer_px)

    def coverage(self, shape: tuple[int, int]) -> tuple[Window, np.ndarray]:
        """Each pixel's share inside the ring; the circles count as straight within a pixel."""
        window = tuple(
            slice(
                max(0, math.floor(c - self.outer_px - 1)), max(0, min(size, math.ceil(c + self.outer_px + 2)))
            )
            for c, size in zip(self.center, shape, strict=True)
        )
        rows, columns = (
            np.arange(part.start, max(part.start, part.stop), dtype=np.float32) for part in window
        )
        distance = np.hypot(rows[:, None] - self.center[0], columns[None, :] - self.center[1])
        share = np.clip(self.outer_px - distance + 0.5, 0, 1) - np.clip(self.inner_px - distance + 0.5, 0, 1)
        return (window[0], window[1]), share.astype(np.float32)


def zone(name: str, disc: Disc) -> Annulus:
    """Zone B or C about a disc."""
    inner, outer = ZONES[name]
    return Annulus(center=disc.center, inner_px=inner * disc.radius_px, outer_px=outer * disc.radius_px)


def visible_share(region: Region, fov: np.ndarray) -> float:
    """Share of a region's area that lies inside the field of view, in [0, 1]."""
    return min(1.0, visible_area(region, fov) / region.area_px) if region.area_px else 0.0


def visible_area(region: Region, fov: np.ndarray) -> float:
    """Square pixels of a region inside the field of view."""
    window, share = region.coverage((fov.shape[0], fov.shape[1]))
    return float(share[fov[window]].sum(dtype=np.float64))
