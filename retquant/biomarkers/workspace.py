"""What a biomarker's function may look at, computed once and shared between the columns of one image.

Nothing here outlives the image: a `Workspace` is made by `measure` and dropped with it.
Legend of shapes: H, W pixels; B segments; P centre-line points; J bifurcations; N nodes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as default
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from retquant.anatomy.anatomy import Anatomy
from retquant.anatomy.coverage import as_share, coverage_levels
from retquant.anatomy.regions import SECTORED, WHOLE
from retquant.biomarkers.extent import Canvas, RegionExtent
from retquant.vessels.clip import clip, long_enough, segment_calibre
from retquant.vessels.graph import Nodes, VesselGraph

if TYPE_CHECKING:  # types only: the stages' packages bring heavy libraries along
    from retquant.images.retinal_image import Field
    from retquant.segmentation.segmentation import Segmentation

OPPOSITE = {f"{a}_half": f"{b}_half" for a, b in (("inferior", "superior"), ("temporal", "nasal"))}
"""Half of the field -> the half that is the rest of it; what one holds follows from the other."""

CUTS = 16  # parts of a step of a pixel or two that are told apart at a region's edge
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

    @cached_property
    def profiled(self) -> Mapping[str, VesselGraph]:
        """The graphs with the calibre that the photograph shows; none without one, nor of an angiogram."""
        if self.photograph is None or self.modality != "cfp" or not self.graphs:
            return {}
        from retquant.vessels.profile import profile_calibres

        occupied = np.logical_or.reduce([self.segmentation.targets[name].mask for name in self.graphs])
        # blood is darkest against its surroundings in green
        calibres = profile_calibres(self.graphs, self.photograph[..., 1], fov=self.fov, occupied=occupied)
        return {name: replace(graph, calibre=calibres[name]) for name, graph in self.graphs.items()}


class Workspace:
    """The shared intermediate results of one image, made when first asked for."""

    def __init__(self, inputs: MeasureInputs) -> None:
        self.inputs = inputs
        self._views: dict[tuple[str, str, str | None], View] = {}
        self._canvas = Canvas(inputs.anatomy, inputs.fov)
        self._regions: dict[tuple[str, str | None], RegionExtent] = {}
        self._levels: dict[str, np.ndarray] = {}

    def close(self) -> None:
        """Let go of what was made: views and workspace hold each other, and would keep memory until a collection."""
        self._views.clear()

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
            opposite = self._regions.get((OPPOSITE.get(name, ""), None))
            self._regions[key] = RegionExtent(
                name,
                self._canvas,
                sector=sector,
                rest=(self.region("fov"), opposite) if opposite else None,
            )
        return self._regions[key]

    def coverage(self, structure: str) -> np.ndarray:
        """(H, W) float32, share of each pixel that a structure covers."""
        return as_share(self.coverage_levels(structure))

    def coverage_levels(self, structure: str) -> np.ndarray:
        """(H, W) uint8, the same in parts of 255: all that is kept, since a map of floats takes its time to fill."""
        if structure not in self._levels:
            self._levels[structure] = coverage_levels(self.inputs.segmentation.targets[structure])
        return self._levels[structure]


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
    def by_profile(self) -> View | None:
        """The same with the calibre that the photograph shows, whatever the masks' edges; None without a photograph."""
        if not len(self.whole):
            return self  # no vessel has no calibre, whether there is a photograph or not
        graph = self.inputs.profiled.get(self.structure)
        return None if graph is None else _ProfiledView(self, graph)

    @cached_property
    def is_untraced(self) -> bool:
        """Whether the structure has pixels and none of them makes a vessel: then counts and lengths are no zeros."""
        return not len(self.whole) and bool(self.inputs.segmentation.targets[self.structure].mask.any())

    @cached_property
    def graph(self) -> VesselGraph:
        """The graph clipped at the region's edge, for what is measured along vessels."""
        if self.extent.name in WHOLE:
            return self.whole
        return clip(self.whole, self.extent.region.contains)

    @property
    def area_px(self) -> float:
        """Visible area of the region."""
        return self.extent.visible_area_px

    @cached_property
    def vessel_area_px(self) -> float:
        """Area of the structure in the region, at sub-pixel precision."""
        return self.extent.covered_area_px(self.structure, self.inputs.graphs, self.workspace.coverage_levels)

    @cached_property
    def length_px(self) -> float:
        """Length of all centre lines in the region; a step that its edge cuts counts by the part inside."""
        graph, region = self.whole, self.extent.region
        if self.extent.name in WHOLE or not len(graph):
            return float(graph.arc_length.sum())
        inside, steps = region.contains(graph.points), graph.steps[:-1]
        both, cut = inside[:-1] & inside[1:], np.flatnonzero(inside[:-1] != inside[1:])
        start, run = graph.points[cut, None], (graph.points[cut + 1] - graph.points[cut])[:, None]
        between = ((np.arange(CUTS) + 0.5) / CUTS)[:, None]
        share = region.contains(start + between * run).mean(axis=1)
        return float(steps[both].sum() + (steps[cut] * share).sum())

    @cached_property
    def is_long_enough(self) -> np.ndarray:
        """(B,) True for segments that enter length- and curvature-based statistics (BIOMARKERS section 1)."""
        disc = self.inputs.anatomy.disc
        radius = disc.radius_px if disc is not None else None
        field_px = self.inputs.field.diameter_px
        return long_enough(self.graph, radius, field_px, calibre=self._segment_median)

    @cached_property
    def sample_spread(self) -> tuple[np.ndarray, np.ndarray]:
        """(B,) median and (B,) relative SD of each segment's calibre; NaN below ten samples."""
        graph = self.graph
        if not len(graph):
            return np.zeros(0), np.zeros(0)
        known = np.isfinite(graph.calibre)
        samples, firsts = np.where(known, graph.calibre, 0.0), graph.starts[:-1]
        count = np.add.reduceat(known.astype(float), firsts)
        count[count < MINIMUM_SAMPLES] = np.nan
        mean = np.add.reduceat(samples, firsts) / count
        off = np.where(known, samples - np.repeat(mean, np.diff(graph.starts)), 0.0)
        deviation = np.sqrt(np.add.reduceat(off**2, firsts) / (count - 1))
        return np.where(np.isfinite(count), self._segment_median, np.nan), deviation / mean

    @cached_property
    def _segment_median(self) -> np.ndarray:
        """(B,) pixels, median of a segment's samples however few."""
        return segment_calibre(self.graph)

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

    @cached_property
    def _kinds_inside(self) -> np.ndarray:
        """Kinds of the whole graph's nodes that lie in the region."""
        nodes: Nodes = self.whole.nodes
        return nodes.kind[self.extent.region.contains(nodes.position)]

    def count_nodes(self, kind: int) -> float:
        """Nodes of a kind (END, BRANCH, ...) of the whole graph that lie in the region; NaN where none is traced."""
        return math.nan if self.is_untraced else float(np.count_nonzero(self._kinds_inside == kind))

    @cached_property
    def part(self) -> np.ndarray:
        """(B,) int, the same for segments of one connected part of the vessels within the region."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        graph, size = self.graph, len(self.graph.nodes.position)
        links = coo_array((np.ones(len(graph)), (graph.source, graph.target)), shape=(size, size))
        _, label = connected_components(links, directed=False)
        return np.asarray(label[graph.source])


class _ProfiledView(View):
    """A view whose graph has another calibre."""

    def __init__(self, view: View, whole: VesselGraph) -> None:
        super().__init__(view.workspace, view.structure, view.extent.name, view.sector)
        self._whole = whole

    @property
    def whole(self) -> VesselGraph:
        """The structure's graph in the whole image, with the photograph's calibre."""
        return self._whole
