"""Where a biomarker is measured: the whole field or half of it, rings about the disc, circles about the fovea.

A region answers in two ways that agree: for points of a centre line (`contains`) and for pixels (`share`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retquant.anatomy.anatomy import Anatomy, Disc
from retquant.anatomy.axes import Direction, eye_axes

ZONES: Mapping[str, tuple[float, float]] = {"zone_b": (2.0, 3.0), "zone_c": (2.0, 5.0)}
"""Inner and outer radius in disc radii from the disc's centre."""

ETDRS: Mapping[str, tuple[float, float]] = {
    "fovea": (0.0, 0.5),
    "parafovea": (0.5, 1.5),
    "perifovea": (1.5, 3.0),
}
"""Inner and outer radius in millimetres from the fovea."""

SECTORED = ("parafovea", "perifovea")
"""Regions that have a superior, nasal, inferior and temporal quarter."""

HALVES: Mapping[str, str] = {f"{name}_half": name for name in ("superior", "inferior", "nasal", "temporal")}
"""Half of the field of view -> direction in which it lies from the fovea."""

WHOLE = ("fov", "field")
"""The whole field of view, as photographs and as angiograms call it."""

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

    def depth(self, points: np.ndarray) -> np.ndarray:
        """(...) pixels from points (..., 2) out of the region at the least, negative outside; fields have no edge here.

        From one point to another it changes by no more than their distance.
        """
        ...

    def window(self, shape: tuple[int, int]) -> Window:
        """The window of an image (H, W) that holds the region."""
        ...

    def share(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """(h, w) float32 share inside of each pixel in `rows` (h,) and `cols` (w,), in the field or not."""
        ...

    def coverage(self, shape: tuple[int, int]) -> tuple[Window, np.ndarray]:
        """The window that holds the region, and each of its pixels' share inside (float32)."""
        window = self.window(shape)
        return window, self.share(*pixels_of(window))


def pixels_of(window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a window's pixels."""
    rows, cols = (np.arange(part.start, max(part.start, part.stop)) for part in window)
    return rows, cols


@dataclass(frozen=True, eq=False, kw_only=True)
class WholeField(Region):
    """The field of view, disc included."""

    fov: np.ndarray  # (H, W) bool

    @property
    def area_px(self) -> float:
        """Pixels of the field of view."""
        return float(np.count_nonzero(self.fov))

    def contains(self, points: np.ndarray) -> np.ndarray:
        """True where the nearest pixel belongs to the field."""
        height, width = self.fov.shape
        nearest = np.rint(points)
        row, col = nearest[..., 0], nearest[..., 1]
        inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
        index = np.where(inside, row * width + col, 0.0).astype(np.intp)
        return np.asarray(inside & self.fov.ravel()[index])

    def depth(self, points: np.ndarray) -> np.ndarray:
        """Without end."""
        return np.full(np.shape(points)[:-1], np.inf)

    def window(self, shape: tuple[int, int]) -> Window:
        """All of the image."""
        return slice(0, shape[0]), slice(0, shape[1])

    def share(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Whole pixels."""
        return np.ones((len(rows), len(cols)), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annulus(Region):
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
        row, col = points[..., 0] - self.center[0], points[..., 1] - self.center[1]
        squared = row * row + col * col
        return np.asarray((squared >= self.inner_px**2) & (squared <= self.outer_px**2))

    def depth(self, points: np.ndarray) -> np.ndarray:
        """From the nearer of the two circles; a full circle has no inner one."""
        distance = self.distance(points)
        outside = self.outer_px - distance
        return np.minimum(outside, distance - self.inner_px) if self.inner_px > 0 else outside

    def window(self, shape: tuple[int, int]) -> Window:
        """The box round the outer circle, with a pixel to spare."""
        rows, cols = (
            slice(
                max(0, math.floor(c - self.outer_px - 1)), max(0, min(size, math.ceil(c + self.outer_px + 2)))
            )
            for c, size in zip(self.center, shape, strict=True)
        )
        return rows, cols

    def share(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """The circles count as straight within a pixel."""
        row, col = self.offsets(rows, cols)
        distance = row[:, None] ** 2 + col[None, :] ** 2
        np.sqrt(distance, out=distance)
        share = _share_within(np.float32(self.outer_px) - distance)
        if self.inner_px > 0:
            share -= _share_within(np.subtract(np.float32(self.inner_px), distance, out=distance))
        return share

    def offsets(self, rows: np.ndarray, cols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (float32) from the centre."""
        return (rows - self.center[0]).astype(np.float32), (cols - self.center[1]).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarter(Region):
    """The quarter of a ring about a direction, 45 degrees to either side."""

    ring: Annulus
    direction: Direction

    @property
    def area_px(self) -> float:
        """A quarter of the ring's area."""
        return self.ring.area_px / 4

    def _sides(self, row: np.ndarray, col: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels inside each of the two straight sides, from offsets to the ring's centre."""
        down, right = (math.sqrt(0.5) * part for part in self.direction)
        # along the direction less across it, and the two together, over the square root of two
        return row * (down + right) + col * (right - down), row * (down - right) + col * (right + down)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """True in the ring and between the sides; of two quarters that meet, a point on the side is in one."""
        offset = np.asarray(points, float) - self.ring.center
        first, second = self._sides(offset[..., 0], offset[..., 1])
        return self.ring.contains(points) & (first >= 0) & (second > 0)

    def depth(self, points: np.ndarray) -> np.ndarray:
        """From the nearest of the circles and the sides."""
        offset = np.asarray(points, float) - self.ring.center
        return np.minimum(self.ring.depth(points), np.minimum(*self._sides(offset[..., 0], offset[..., 1])))

    def window(self, shape: tuple[int, int]) -> Window:
        """That of the ring."""
        return self.ring.window(shape)

    def share(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Inside the ring and between the sides."""
        row, col = self.ring.offsets(rows, cols)
        first, second = self._sides(row[:, None], col[None, :])
        share = self.ring.share(rows, cols)
        share *= _share_within(first)
        share *= _share_within(second)
        return share


@dataclass(frozen=True, eq=False, kw_only=True)
class HalfField(Region):
    """The part of the field of view on one side of a line."""

    fov: np.ndarray  # (H, W) bool
    origin: tuple[float, float]  # (row, col) on the line, pixels
    direction: Direction  # at right angles to the line, into the half

    @property
    def area_px(self) -> float:
        """Half of the field, so that a small part cut off by a line far from the middle is seen in part only."""
        return float(np.count_nonzero(self.fov)) / 2

    def contains(self, points: np.ndarray) -> np.ndarray:
        """True on the line's inner side, where the nearest pixel belongs to the field."""
        return WholeField(fov=self.fov).contains(points) & _leads_into(self.depth(points), self.direction)

    def depth(self, points: np.ndarray) -> np.ndarray:
        """From the line."""
        offset = np.asarray(points, float) - self.origin
        return np.asarray(offset[..., 0] * self.direction[0] + offset[..., 1] * self.direction[1])

    def window(self, shape: tuple[int, int]) -> Window:
        """All of the image."""
        return slice(0, shape[0]), slice(0, shape[1])

    def share(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """On the inner side of the line."""
        row, col = (
            ((at - o) * d).astype(np.float32)
            for at, o, d in zip((rows, cols), self.origin, self.direction, strict=True)
        )
        return _share_within(row[:, None] + col[None, :])


def _share_within(depth: np.ndarray) -> np.ndarray:
    """Share of a pixel `depth` inside an edge: half on it, all or nothing from half a pixel on; overwrites `depth`."""
    depth += np.float32(0.5)
    return np.clip(depth, 0, 1, out=depth)


def _leads_into(along: np.ndarray, direction: Direction) -> np.ndarray:
    """True where `along` is positive; of two opposite directions, one holds the line itself."""
    return (along >= 0) if direction > (0.0, 0.0) else (along > 0)


def zone(name: str, disc: Disc) -> Annulus:
    """Zone B or C about a disc."""
    inner, outer = ZONES[name]
    return Annulus(center=disc.center, inner_px=inner * disc.radius_px, outer_px=outer * disc.radius_px)


def place(name: str, anatomy: Anatomy, fov: np.ndarray, *, sector: str | None = None) -> Region:
    """A region of the catalogue, by name, in one image.

    Raises
    ------
    ValueError
        There is no such region, or a landmark that it needs (disc, fovea, laterality, scale) is unknown.
    """
    region = _placed(name, anatomy, fov, sector)
    if region is None:
        where = f"{name}_{sector}" if sector else name
        raise ValueError(f"{where} cannot be placed: not all landmarks that it needs are known")
    return region


def _placed(name: str, anatomy: Anatomy, fov: np.ndarray, sector: str | None) -> Region | None:
    if name in WHOLE:
        return WholeField(fov=fov)
    if name in ZONES:
        return zone(name, anatomy.disc) if anatomy.disc is not None else None
    if anatomy.fovea is None:
        return None
    axes = eye_axes(anatomy)
    if name in HALVES:
        direction = axes.toward(HALVES[name]) if axes else None
        return HalfField(fov=fov, origin=anatomy.fovea, direction=direction) if direction else None
    if name not in ETDRS or anatomy.scale.um_per_px is None:
        return None
    inner, outer = (1000.0 * mm / anatomy.scale.um_per_px for mm in ETDRS[name])
    ring = Annulus(center=anatomy.fovea, inner_px=inner, outer_px=outer)
    if sector is None:
        return ring
    return Quarter(ring=ring, direction=axes.toward(sector)) if axes else None


def visible_share(region: Region, fov: np.ndarray) -> float:
    """Share of a region's area that lies inside the field of view, in [0, 1]."""
    return min(1.0, visible_area(region, fov) / region.area_px) if region.area_px else 0.0


def visible_area(region: Region, fov: np.ndarray) -> float:
    """Square pixels of a region inside the field of view."""
    window, share = region.coverage((fov.shape[0], fov.shape[1]))
    return float((share * fov[window]).sum(dtype=np.float64))
