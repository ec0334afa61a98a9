"""What a biomarker's function may look at, computed once and shared between the columns of one image.

Nothing here outlives the image: a `Workspace` is made by `measure` and dropped with it.
Legend of shapes: H, W pixels; B segments; P centre-line points; J bifurcations; N nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from retquant.anatomy.anatomy import Anatomy
from retquant.anatomy.coverage import coverage
from retquant.anatomy.regions import SECTORED, Region, place, visible_area
from retquant.vessels.clip import clip, long_enough
from retquant.vessels.graph import Nodes, VesselGraph

if TYPE_CHECKING:  # types only: the stages' packages bring heavy libraries along
    from retquant.images.retinal_image import Field
    from retquant.segmentation.segmentation import Segmentation

MINIMUM_SAMPLES = 10  # of calibre along a segment (BIOMARKERS section 3)


@dataclass(frozen=True, eq=False, kw_only=True)
class MeasureInputs:
    """All that is known about one image when its biomarkers are measured."""

    modality: str  # "cfp" | "octa"
    fov: np.ndarray  # (H, W) bool
    field: Field
    segmentation: Segmentation
    anatomy: Anatomy
    graphs: Mapping[str, VesselGraph]  # structure -> graph
    quality: Mapping[str, float] = default(
        default_factory=lambda: MappingProxyType({})
    )  # name without "quality_"
    photograph: np.ndarray | None = None  # (H, W, 3) uint8 RGB; None where only masks are known


class Workspace:
    """The shared intermediate results of one image, made when first asked for."""

    def __init__(self, inputs: MeasureInputs) -> None:
        self.inputs = inputs
        self._views: dict[tuple[str, str, str | None], View] = {}
        self._regions: dict[tuple[str, str | None], RegionExtent] = {}
        self._coverage: dict[str, np.ndarray] = {}

    def view(self, structure: str, region: str = "fov", sector: str | None = None) -> View:
        """One structure in one region; a vessel's graph must be among the inputs once it is looked at."""
        key = (structure, region, sector)
        if key not in self._views:
            self._views[key] = View(self, structure, region, sector)
        return self._views[key]

    def region(self, name: str, sector: str | None = None) -> RegionExtent:
        """A region with its area; raises ValueError where a landmark that places it is unknown."""
        key = (name, sector)
        if key not in self._regions:
            self._regions[key] = RegionExtent(name, self.inputs, sector=sector)
        return self._regions[key]

    def coverage(self, structure: str) -> np.ndarray:
        """(H, W) float32, share of each pixel that a structure covers."""
        if structure not in self._coverage:
            self._coverage[structure] = coverage(self.inputs.segmentation.targets[structure])
        return self._coverage[structure]


class RegionExtent:
    """A region against this image's field of view."""

    def __init__(self, name: str, inputs: MeasureInputs, *, sector: str | None = None) -> None:
        self.name = name
        self._fov = inputs.fov
        self.region: Region = place(name, inputs.anatomy, inputs.fov, sector=sector)

    @cached_property
    def visible_area_px(self) -> float:
        """Square pixels of the region inside the field of view."""
        return visible_area(self.region, self._fov)

    @cached_property
    def visible_share(self) -> float:
        """Share of the region's area inside the field of view, in [0, 1]."""
        whole = self.region.area_px
        return min(1.0, self.visible_area_px / whole) if whole else 0.0

    def covered_area_px(self, share: np.ndarray) -> float:
        """Square pixels of a coverage map that lie in the region and the field of view."""
        window, inside = self.region.coverage((self._fov.shape[0], self._fov.shape[1]))
        return float(np.sum(share[window] * inside, where=self._fov[window], dtype=np.float64))


class View:
    """One structure in one region, in pixels: what a biomarker's function is given."""

    def __init__(self, workspace: Workspace, structure: str, region: str, sector: str | None = None) -> None:
        self.workspace = workspace
        self.inputs = workspace.inputs
        self.structure = structure
        self.sector = sector  # of the region, or of the structure itself where its biomarker has no region
        self.extent = workspace.region(region, sector if region in SECTORED else None)
        self._shared: dict[str, Any] = {}

    def shared(self, name: str, compute: Callable[[View], Any]) -> Any:
        """A result that several biomarkers of this view use, computed by the first of them."""
        if name not in self._shared:
            self._shared[name] = compute(self)
        return self._shared[name]

    @property
    def whole(self) -> VesselGraph:
        """The structure's graph in the whole image, for what is counted by position."""
        return self.inputs.graphs[self.structure]

    @cached_property
    def graph(self) -> VesselGraph:
        """The graph clipped at the region's edge, for what is measured along vessels."""
        if self.extent.name == "fov":
            return self.whole
        return clip(self.whole, self.extent.region.contains)

    @property
    def area_px(self) -> float:
        """Visible area of the region."""
        return self.extent.visible_area_px

    @cached_property
    def vessel_area_px(self) -> float:
        """Area of the structure in the region, at sub-pixel precision."""
        return self.extent.covered_area_px(self.workspace.coverage(self.structure))

    @cached_property
    def length_px(self) -> float:
        """Length of all centre lines in the region."""
        return float(self.graph.arc_length.sum())

    @cached_property
    def is_long_enough(self) -> np.ndarray:
        """(B,) True for segments that enter length- and curvature-based statistics (BIOMARKERS section 1)."""
        disc = self.inputs.anatomy.disc
        radius = disc.radius_px if disc is not None else None
        return long_enough(self.graph, radius, self.inputs.field.diameter_px)

    @cached_property
    def sample_spread(self) -> tuple[np.ndarray, np.ndarray]:
        """(B,) median and (B,) relative SD of each segment's calibre; NaN below ten samples."""
        graph = self.graph
        median, spread = np.full(len(graph), np.nan), np.full(len(graph), np.nan)
        for index in range(len(graph)):
            samples = graph.calibre[graph.segment(index)]
            samples = samples[np.isfinite(samples)]
            if len(samples) >= MINIMUM_SAMPLES:
                median[index] = np.median(samples)
                spread[index] = np.std(samples, ddof=1) / np.mean(samples)
        return median, spread

    @property
    def segment_calibre(self) -> np.ndarray:
        """(B,) pixels, median of a segment's samples; NaN below ten samples."""
        return self.sample_spread[0]

    @cached_property
    def median_calibre(self) -> float:
        """Pixels, median of all calibre samples in the region; NaN where there is none."""
        samples = self.graph.calibre[np.isfinite(self.graph.calibre)]
        return float(np.median(samples)) if len(samples) else float("nan")

    @cached_property
    def bifurcation_is_inside(self) -> np.ndarray:
        """(J,) bool of the whole graph's bifurcations."""
        return self.extent.region.contains(self.whole.bifurcations.position)

    def count_nodes(self, kind: int) -> int:
        """Nodes of a kind (END, BRANCH, ...) of the whole graph that lie in the region."""
        nodes: Nodes = self.whole.nodes
        return int(np.count_nonzero((nodes.kind == kind) & self.extent.region.contains(nodes.position)))
