"""How much of a region an image shows, and how much of that its vessels cover: areas, each computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from retquant.anatomy.anatomy import Anatomy
from retquant.anatomy.coverage import FULL, as_share
from retquant.anatomy.regions import SECTORED, Quarter, Region, WholeField, Window, place

Levels = Callable[[str], np.ndarray]
"""Structure -> (H, W) uint8, share of each pixel that it covers, in parts of `FULL`."""


class Canvas:
    """The field of view and the landmarks, with the pixels of the region that was asked for last."""

    def __init__(self, anatomy: Anatomy, fov: np.ndarray) -> None:
        self.anatomy = anatomy
        self.fov = fov
        self._latest: tuple[RegionExtent, Window, np.ndarray] | None = None

    def pixels(self, extent: RegionExtent) -> tuple[Window, np.ndarray]:
        """A region's pixels, kept until another's are asked for: its area and what covers it are measured in turn."""
        if self._latest is None or self._latest[0] is not extent:
            self._latest = None  # before the next is made, so that there are never two
            self._latest = (extent, *extent.computed())
        return self._latest[1:]


class RegionExtent:
    """A region against this image's field of view."""

    def __init__(
        self,
        name: str,
        canvas: Canvas,
        *,
        sector: str | None = None,
        ring: RegionExtent | None = None,
        rest: tuple[RegionExtent, RegionExtent] | None = None,
    ) -> None:
        self.name = name
        self.region: Region = place(name, canvas.anatomy, canvas.fov, sector=sector)
        self._canvas = canvas
        self._ring = ring  # of which this is a quarter
        self._rest = rest  # the whole, and the half of it that this is not
        self._covered: dict[str, float] = {}

    @cached_property
    def visible_area_px(self) -> float:
        """Square pixels of the region inside the field of view."""
        if self._rest is not None:
            whole, other = self._rest
            return whole.visible_area_px - other.visible_area_px
        if isinstance(self.region, WholeField):
            return self.region.area_px
        return float(self._canvas.pixels(self)[1].sum(dtype=np.float64))

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
        if isinstance(self.region, WholeField):  # no pixel counts in part, so that whole numbers are added
            import cv2

            seen = cv2.bitwise_and(levels, levels, mask=self.region.fov.view(np.uint8))
            return float(cv2.sumElems(seen)[0]) / FULL
        window, inside = self._canvas.pixels(self)
        by_row = np.einsum("ij,ij->i", as_share(levels[window]), inside)
        return float(by_row.sum(dtype=np.float64))

    def computed(self) -> tuple[Window, np.ndarray]:
        """The window that holds the region, and each pixel's share inside region and field (float32)."""
        if self._ring is not None and isinstance(self.region, Quarter):
            window, ring = self._ring.kept
            return window, ring * self.region.wedge(window, ring.shape)
        return self.kept if self.name in SECTORED else self._drawn()

    @cached_property
    def kept(self) -> tuple[Window, np.ndarray]:
        """The same, kept for a ring's four quarters."""
        return self._drawn()

    def _drawn(self) -> tuple[Window, np.ndarray]:
        fov = self._canvas.fov
        window, share = self.region.coverage((fov.shape[0], fov.shape[1]))
        share *= fov[window]
        return window, share
