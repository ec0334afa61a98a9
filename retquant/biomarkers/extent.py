"""How much of a region an image shows, and how much of that its vessels cover: areas, each computed once.

A region is looked at tile by tile: where a tile lies inside as a whole its pixels are added as they are, and only along
the region's edge is each pixel's share computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from retquant.anatomy.anatomy import Anatomy
from retquant.anatomy.coverage import FULL, as_share
from retquant.anatomy.regions import Region, Window, pixels_of, place

Levels = Callable[[str], np.ndarray]
"""Structure -> (H, W) uint8, share of each pixel that it covers, in parts of `FULL`."""

TILE_PX = 256
MARGIN_PX = 0.6  # half a pixel, which the edge's pixels reach beyond it, and what rounding may add


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """Where a region lies, by parts of the image."""

    whole: list[Window]  # inside the region altogether
    edge: list[tuple[Window, np.ndarray]]  # with each pixel's share (float32) in region and field


class Canvas:
    """The field of view and the landmarks, with the tiles of the region that was asked for last."""

    def __init__(self, anatomy: Anatomy, fov: np.ndarray) -> None:
        self.anatomy = anatomy
        self.fov = fov
        self._latest: tuple[RegionExtent, Tiles] | None = None

    def tiles(self, extent: RegionExtent) -> Tiles:
        """A region's tiles, kept until another's are asked for: its area and what covers it are measured in turn."""
        if self._latest is None or self._latest[0] is not extent:
            self._latest = None  # before the next are made, so that there are never two
            self._latest = extent, extent.tiled()
        return self._latest[1]


class RegionExtent:
    """A region against this image's field of view."""

    def __init__(
        self,
        name: str,
        canvas: Canvas,
        *,
        sector: str | None = None,
        rest: tuple[RegionExtent, RegionExtent] | None = None,
    ) -> None:
        self.name = name
        self.region: Region = place(name, canvas.anatomy, canvas.fov, sector=sector)
        self._canvas = canvas
        self._rest = rest  # the whole, and the half of it that this is not
        self._covered: dict[str, float] = {}

    @cached_property
    def visible_area_px(self) -> float:
        """Square pixels of the region inside the field of view."""
        if self._rest is not None:
            whole, other = self._rest
            return whole.visible_area_px - other.visible_area_px
        tiles = self._canvas.tiles(self)
        full = sum(np.count_nonzero(self._canvas.fov[window]) for window in tiles.whole)
        return float(full + sum(float(share.sum(dtype=np.float64)) for _, share in tiles.edge))

    @cached_property
    def visible_share(self) -> float:
        """Share of the region's area inside the field of view, in [0, 1]."""
        whole = self.region.area_px
        return min(1.0, self.visible_area_px / whole) if whole else 0.0

    def covered_area_px(self, structure: str, structures: Iterable[str], levels: Levels) -> float:
        """Square pixels of a structure in the region and the field, measured for all `structures` at once."""
        if self._rest is not None:
            whole, other = (part.covered_area_px(structure, structures, levels) for part in self._rest)
            return max(0.0, whole - other)
        if structure not in self._covered:
            for name in {structure, *structures}:
                self._covered[name] = self._overlap(levels(name))
        return self._covered[structure]

    def _overlap(self, levels: np.ndarray) -> float:
        """Square pixels of a map of levels in the region and the field."""
        import cv2

        total, tiles, field = 0.0, self._canvas.tiles(self), self._canvas.fov.view(np.uint8)
        for window in tiles.whole:  # no pixel counts in part, so that whole numbers are added
            part = levels[window]
            total += cv2.sumElems(cv2.bitwise_and(part, part, mask=field[window]))[0] / FULL
        for window, share in tiles.edge:
            by_row = np.einsum("ij,ij->i", as_share(levels[window]), share)
            total += float(by_row.sum(dtype=np.float64))
        return total

    def tiled(self) -> Tiles:
        """The tiles of the region's window, those that hold nothing of the region left out."""
        fov = self._canvas.fov
        height, width = fov.shape
        rows, cols = (_parts(part) for part in self.region.window((height, width)))
        middles = np.meshgrid(
            *([(p.start + p.stop - 1) / 2 for p in parts] for parts in (rows, cols)), indexing="ij"
        )
        depth = self.region.depth(np.stack(middles, axis=-1))
        reach = TILE_PX * math.sqrt(0.5) + MARGIN_PX  # from a tile's middle to beyond its corners
        tiles = Tiles([], [])
        for row, inside in zip(rows, depth, strict=True):
            for first, stop in _runs(inside >= reach):  # tiles beside each other are one window
                tiles.whole.append((row, slice(cols[first].start, cols[stop - 1].stop)))
            for index in np.flatnonzero(np.abs(inside) < reach):
                window = row, cols[index]
                share = self.region.share(*pixels_of(window))
                share *= fov[window]
                tiles.edge.append((window, share))
        return tiles


def _parts(whole: slice) -> list[slice]:
    return [slice(at, min(at + TILE_PX, whole.stop)) for at in range(whole.start, whole.stop, TILE_PX)]


def _runs(flags: np.ndarray) -> list[list[int]]:
    """First index and one past the last of each run of True."""
    found: list[list[int]] = (
        np.flatnonzero(np.diff(flags, prepend=False, append=False)).reshape(-1, 2).tolist()
    )
    return found
