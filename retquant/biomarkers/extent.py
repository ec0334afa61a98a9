"""How much of a region an image shows, and how much of that its vessels cover: areas, each computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from retquant.anatomy.anatomy import Anatomy
from retquant.anatomy.regions import SECTORED, Quarter, Region, Window, place

Coverage = Callable[[str], np.ndarray]
"""Structure -> (H, W) float32, share of each pixel that it covers."""


class RegionExtent:
    """A region against this image's field of view."""

    def __init__(
        self,
        name: str,
        anatomy: Anatomy,
        fov: np.ndarray,
        *,
        sector: str | None = None,
        ring: RegionExtent | None = None,
    ) -> None:
        self.name = name
        self.region: Region = place(name, anatomy, fov, sector=sector)
        self._fov = fov
        self._ring = ring  # of which this is a quarter
        self._covered: dict[str, float] = {}

    @cached_property
    def visible_area_px(self) -> float:
        """Square pixels of the region inside the field of view."""
        return float(self._inside()[1].sum(dtype=np.float64))

    @cached_property
    def visible_share(self) -> float:
        """Share of the region's area inside the field of view, in [0, 1]."""
        whole = self.region.area_px
        return min(1.0, self.visible_area_px / whole) if whole else 0.0

    def covered_area_px(self, structure: str, structures: Iterable[str], coverage: Coverage) -> float:
        """Square pixels of a structure in the region and the field, measured for all `structures` at once."""
        if structure not in self._covered:
            window, inside = self._inside()
            for name in {structure, *structures}:
                by_row = np.einsum("ij,ij->i", coverage(name)[window], inside)
                self._covered[name] = float(by_row.sum(dtype=np.float64))
        return self._covered[structure]

    def _inside(self) -> tuple[Window, np.ndarray]:
        """The window that holds the region, and each pixel's share inside region and field (float32)."""
        if self._ring is not None and isinstance(self.region, Quarter):
            window, ring = self._ring.kept
            return window, ring * self.region.wedge(window, ring.shape)
        if self.name in SECTORED:
            return self.kept
        return self._computed()

    @cached_property
    def kept(self) -> tuple[Window, np.ndarray]:
        """The same, kept for the ring's four quarters."""
        return self._computed()

    def _computed(self) -> tuple[Window, np.ndarray]:
        window, share = self.region.coverage((self._fov.shape[0], self._fov.shape[1]))
        share *= self._fov[window]
        return window, share
