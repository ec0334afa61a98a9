"""Random digital angiograms for the benchmark of agreement: what is true of each, and what is measured of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from retquant.anatomy import Anatomy, Scale
from retquant.biomarkers import BIOMARKERS, MeasureInputs, Measurement
from retquant.config import BiomarkerSettings, RunConfig, SegmentationSettings, VesselSettings
from retquant.images.retinal_image import Field
from retquant.manifest.records import ImageRecord
from retquant.phantoms import OctaRetina, OctaTraits, angiogram, octa_retina
from retquant.phantoms.octa_brute import area_truth, fine_side, gap_truth, lacunarity_truth, ring_density
from retquant.phantoms.octa_graph import OctaGraph
from retquant.phantoms.octa_truth import line_truth
from retquant.pipeline import analyse
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.vessels import build_graphs

DRAWN = {
    "large_vessel": "large_vessel",
    "capillary": "capillary",
    "artery": "large_artery",
    "vein": "large_vein",
}
"""Structure of the columns -> what is drawn of the graph. Arteries and veins are those that a reader tells apart."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One way of scanning; its retinas grow from seeds that no training recipe draws its digital scans from."""

    field_mm: float
    side_px: int
    first_seed: int


SCANS = {3: Scan(3.0, 304, 10_000), 6: Scan(6.0, 400, 20_000)}


def retina_of(field: int, number: int) -> OctaRetina:
    """Retina `number` of a field: healthy where the number is even."""
    scan = SCANS[field]
    rng = np.random.default_rng([field, number])
    ill = OctaTraits(
        artery_calibre=float(rng.uniform(0.8, 1.2)),
        vein_calibre=float(rng.uniform(0.9, 1.3)),
        artery_tortuosity=float(rng.uniform(0, 2)),
        vein_tortuosity=float(rng.uniform(0, 2)),
        dropout=float(rng.uniform(0, 0.35)),
        faz_enlargement=float(rng.uniform(0.8, 1.6)),
    )
    return octa_retina(
        scan.first_seed + number,
        field_mm=scan.field_mm,
        size=scan.side_px,
        traits=ill if number % 2 else OctaTraits(),
        eye="OD" if rng.random() < 0.5 else "OS",
    )


def truth_of(retina: OctaRetina, *, with_lacunarity: bool = False) -> dict[str, float]:
    """Column -> true value, from the polylines and, for what is defined by area, from a fine raster of them."""
    graph, outline, regions = retina.graph, retina.faz.polygon(), retina.regions
    large = line_truth(part_of(graph, graph.chosen("large_vessel")), outline, regions)
    figures = {
        name: value
        for told, kinds in ((line_truth(graph, outline, regions), False), (large, True))
        for name, value in told.items()
        if name.startswith(("artery_", "vein_")) == kinds
    }
    side = (fine_side(graph.field_mm),) * 2
    drawn = {name: retina.coverage(what, size=side) for name, what in DRAWN.items()}
    zone = retina.coverage("faz", size=side)
    for name, area in area_truth(drawn, regions).items():
        figures[name] = area
        length = figures.get(name.replace("_area_", "_length_"), 0.0)
        if length > 0:
            figures[name.replace("area_density", "diameter_index")] = 1000 * area / length
    gaps = gap_truth(drawn["capillary"], zone, graph.field_mm)
    figures |= {f"capillary_{name}_field": value for name, value in gaps.items()}
    figures["capillary_fd300"] = ring_density(drawn["capillary"], zone, graph.field_mm)
    if with_lacunarity:
        for structure, coverage in drawn.items():
            found = lacunarity_truth(coverage)
            figures |= {f"{structure}_{name}_field": value for name, value in found.items()}
    return {name: value for name, value in figures.items() if name in BIOMARKERS and math.isfinite(value)}


def part_of(graph: OctaGraph, chosen: np.ndarray) -> OctaGraph:
    """The graph of the (E,) edges that are `chosen`, with all nodes."""
    sizes = np.diff(graph.starts)
    return replace(
        graph,
        points=graph.points[np.repeat(chosen, sizes)],
        starts=np.concatenate([[0], np.cumsum(sizes[chosen])]),
        radius=graph.radius[chosen],
        is_vein=graph.is_vein[chosen],
        plexus=graph.plexus[chosen],
        tree=graph.tree[chosen],
        nodes=graph.nodes[chosen],
    )


def overlaid_share(graph: OctaGraph) -> float:
    """Share of the large vessels' length that runs inside a wider one to which it is not joined."""
    from scipy.spatial import cKDTree

    large = part_of(graph, graph.chosen("large_vessel"))
    if not len(large):
        return math.nan
    middle = (large.points[large.run_start] + large.points[large.run_start + 1]) / 2
    edge = large.edge_of_run
    near = cKDTree(middle).query_pairs(float(large.radius.max()), output_type="ndarray")
    below, above = np.concatenate([near, near[:, ::-1]]).T
    wider = large.radius[edge[above]]
    covers = np.hypot(*(middle[below] - middle[above]).T) < wider
    covers &= wider > large.radius[edge[below]]
    covers &= ~(large.nodes[edge[below]][:, :, None] == large.nodes[edge[above]][:, None, :]).any(axis=(1, 2))
    hidden = np.isin(np.arange(len(middle)), below[covers])
    return float(large.run_length[hidden].sum() / large.run_length.sum())


def inputs_of(retina: OctaRetina) -> MeasureInputs:
    """What the measuring stage is given of the true masks, anti-aliased; fovea, eye and scale are known."""
    names = {**DRAWN, "faz": "faz"}
    targets = {
        name: TargetMask(
            probability=np.rint(retina.coverage(what) * 255.0).astype(np.uint8), source="manifest"
        )
        for name, what in names.items()
    }
    fov, (height, width) = np.ones(retina.size, bool), retina.size
    vessels = {name: targets[name] for name in DRAWN}
    return MeasureInputs(
        modality="octa",
        fov=fov,
        field=Field(center=((height - 1) / 2, (width - 1) / 2), diameter_px=float(width)),
        segmentation=Segmentation(targets=targets),
        anatomy=Anatomy(
            disc=None,
            fovea=retina.shape.fovea,
            scale=Scale(um_per_px=1000 / retina.px_per_mm, source="fov_mm"),
            eye=retina.eye,
            fovea_source="manifest",
            is_upright=True,
        ),
        graphs=build_graphs(vessels, fov=fov, settings=VesselSettings()),
    )


def measured_through(model: str, retina: OctaRetina, columns: Sequence[str]) -> Mapping[str, Measurement]:
    """The columns of the retina's picture through the whole pipeline; field and eye are given, the fovea is not."""
    picture = angiogram(retina, retina.seed)
    return measured_scan(model, picture, columns, field_mm=retina.graph.field_mm, eye=retina.eye)


def measured_scan(
    model: str, picture: np.ndarray, columns: Sequence[str], *, field_mm: float, eye: str | None = None
) -> Mapping[str, Measurement]:
    """The columns of an angiogram (H, W) uint8 through the whole pipeline."""
    from PIL import Image

    config = RunConfig(
        segmentation=SegmentationSettings(octa_model=model),
        biomarkers=BiomarkerSettings(include=tuple(columns)),
    )
    with TemporaryDirectory() as folder:
        file = Path(folder) / "scan.png"
        Image.fromarray(picture).save(file)
        record = ImageRecord(
            image_id="scan",
            image=file,
            row=1,
            eye=eye,
            modality="octa",
            fov_mm=field_mm,
        )
        return analyse(record, config).biomarkers
