"""Graphs made from a phantom's own geometry, so that formulas are tested apart from thinning and tracing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from retquant.anatomy import Anatomy, Disc, Scale
from retquant.biomarkers import MeasureInputs
from retquant.images.retinal_image import Field
from retquant.phantoms import Shape, Tube
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.vessels.graph import BRANCH, END, LOOP, Bifurcations, Nodes, VesselGraph

STEP_PX = 1.0

MakeGraph = Callable[..., VesselGraph]
MakeInputs = Callable[..., MeasureInputs]


def tube_graph(tubes: Sequence[Tube], *, size: tuple[int, int], structure: str = "vessel") -> VesselGraph:
    """The graph whose segments are the tubes; tube ends that coincide are one node."""
    lines = [_sampled(np.asarray(tube.points, float)) for tube in tubes]
    starts = np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(int)
    calibre = np.concatenate(
        [np.full(len(line), np.mean(tube.diameter)) for line, tube in zip(lines, tubes, strict=True)]
    )
    tangents, curvatures = zip(*(_differentiate(line) for line in lines), strict=True)
    ends = np.concatenate([[line[0], line[-1]] for line in lines])
    keys, inverse, degree = np.unique(np.rint(ends * 100), axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1, 2)
    is_loop = inverse[:, 0] == inverse[:, 1]
    kind = np.where(degree == 1, END, np.where(degree == 2, LOOP, BRANCH))
    nodes = Nodes(position=keys / 100, degree=degree, kind=kind)
    return VesselGraph(
        structure=structure,
        shape=size,
        points=np.concatenate(lines),
        starts=starts,
        tangent=np.concatenate(tangents),
        curvature=np.concatenate(curvatures),
        calibre=calibre,
        source=inverse[:, 0],
        target=inverse[:, 1],
        is_loop=is_loop,
        nodes=nodes,
        bifurcations=_bifurcations(nodes, inverse, lines, tubes),
        crossings=np.zeros((0, 2)),
    )


def _sampled(points: np.ndarray) -> np.ndarray:
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    wanted = np.linspace(0.0, along[-1], max(2, round(along[-1] / STEP_PX) + 1))
    return np.stack([np.interp(wanted, along, points[:, axis]) for axis in (0, 1)], axis=1)


def _differentiate(line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(line) < 3:
        return np.tile(line[-1] - line[0], (len(line), 1)), np.zeros(len(line))
    first = np.gradient(line, axis=0, edge_order=2)
    second = np.gradient(first, axis=0, edge_order=2)
    speed = np.hypot(*first.T)
    curvature = (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / speed**3
    return first / speed[:, None], curvature


def _bifurcations(
    nodes: Nodes, ends: np.ndarray, lines: list[np.ndarray], tubes: Sequence[Tube]
) -> Bifurcations:
    """Junctions of three tubes; the parent is the tube drawn first."""
    found = []
    for node in np.flatnonzero(nodes.degree == 3):
        segments = np.flatnonzero((ends == node).any(axis=1))
        widths = np.array([np.mean(tubes[segment].diameter) for segment in segments])
        order = np.concatenate([[0], 1 + np.argsort(-widths[1:], kind="stable")])
        segments, widths = segments[order], widths[order]
        away = [_leaving(lines[segment], at_start=ends[segment, 0] == node) for segment in segments]
        angle = np.degrees(np.arccos(np.clip(away[1] @ away[2], -1, 1)))
        turns = [np.degrees(np.arccos(np.clip(-away[0] @ away[i], -1, 1))) for i in (1, 2)]
        found.append((node, segments, widths, angle, abs(turns[0] - turns[1])))
    columns = list(zip(*found, strict=True)) if found else [(), (), (), (), ()]
    at, segments, widths = (np.asarray(columns[i]) for i in range(3))
    segments, widths = segments.reshape(-1, 3).astype(int), widths.reshape(-1, 3)
    return Bifurcations(
        position=nodes.position[at.astype(int)],
        node=at.astype(int),
        parent=segments[:, 0],
        daughters=segments[:, 1:],
        angle=np.asarray(columns[3], float),
        asymmetry=np.asarray(columns[4], float),
        parent_calibre=widths[:, 0],
        daughter_calibre=widths[:, 1:],
    )


def _leaving(line: np.ndarray, *, at_start: bool) -> np.ndarray:
    direction = line[1] - line[0] if at_start else line[-2] - line[-1]
    return direction / np.hypot(*direction)


def shape_inputs(
    shape: Shape,
    *,
    scale: Scale | None = None,
    disc: Disc | None = None,
    fov: np.ndarray | None = None,
    draw: bool = False,
    eye: str | None = None,
) -> MeasureInputs:
    """A phantom as `measure` takes it, its graphs from geometry; the masks are drawn only where asked for.

    Disc and cup, where the phantom has them, become masks as well; the disc's place is its geometry's own.
    """
    targets, graphs = {}, {}
    for area in ("disc", "cup"):
        if getattr(shape, area) is not None:
            share = np.rint(shape.coverage(area) * 255).astype(np.uint8)
            targets[area] = TargetMask(probability=share, source="manifest")
    for structure, tubes in shape.tubes.items():
        share = shape.coverage(structure) if draw else np.zeros(shape.size, np.float32)
        targets[structure] = TargetMask(probability=np.rint(share * 255).astype(np.uint8), source="manifest")
        graphs[structure] = tube_graph(tubes, size=shape.size, structure=structure)
    if disc is None and shape.disc is not None:
        disc = Disc(center=shape.disc.center, radius_px=shape.disc.radius)
    fov = np.ones(shape.size, bool) if fov is None else fov
    middle = ((shape.size[0] - 1) / 2, (shape.size[1] - 1) / 2)
    return MeasureInputs(
        modality="cfp",
        fov=fov,
        field=Field(center=middle, diameter_px=float(min(shape.size))),
        segmentation=Segmentation(targets=targets),
        anatomy=Anatomy(
            disc=disc,
            fovea=shape.fovea,
            scale=scale or Scale(um_per_px=shape.um_per_px, source="um_per_px"),
            eye=eye,
        ),
        graphs=graphs,
    )


@pytest.fixture(scope="session")
def graph_of() -> MakeGraph:
    """Makes a graph from tubes."""
    return tube_graph


@pytest.fixture(scope="session")
def inputs_of() -> MakeInputs:
    """Makes the inputs of `measure` from a phantom."""
    return shape_inputs
