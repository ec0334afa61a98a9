"""Masks of one bit that were turned or resampled: maps of coverage whose vessels still have stairs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from retquant.config import VesselSettings
from retquant.phantoms import Shape, quarter_circle, sine_vessel
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels import VesselGraph, build_graph
from retquant.vessels.smoothing import scatter

FRAME = (600, 600)


def graph_of(coverage: np.ndarray) -> VesselGraph:
    return build_graph(
        TargetMask(probability=coverage, source="manifest", is_hard=False),
        structure="artery",
        fov=np.ones(coverage.shape, dtype=bool),
        settings=VesselSettings(),
    )


def one_bit(shape: Shape) -> np.ndarray:
    return np.where(shape.coverage("artery") >= 0.5, 255, 0).astype(np.uint8)


def turned(mask: np.ndarray, degrees: float) -> np.ndarray:
    height, width = mask.shape
    move = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return cv2.warpAffine(mask, move, (width, height), flags=cv2.INTER_LINEAR)


def resampled(mask: np.ndarray, factor: float) -> np.ndarray:
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(mask, None, fx=factor, fy=factor, interpolation=how)


def bending(graph: VesselGraph) -> float:
    """Integral of squared curvature along the network, times its length: no unit, so no resampling changes it."""
    total = 0.0
    for b in range(len(graph)):
        run = graph.segment(b)
        steps, squared = graph.steps[run][:-1], graph.curvature[run] ** 2
        total += float(np.sum(steps * (squared[1:] + squared[:-1]) / 2))
    return total * float(graph.arc_length.sum())


SHAPES = {
    "quarter circle": lambda: quarter_circle(radius=250.0, width=8.0, size=FRAME),
    "sine": lambda: sine_vessel(periods=2, amplitude=30.0, period=200.0, width=8.0, size=FRAME),
    "sine, 4 px": lambda: sine_vessel(periods=2, amplitude=30.0, period=200.0, width=4.0, size=FRAME),
}
# and the worst error of the bending, a little above what was measured; stairs followed make it 0.19, 0.02, 0.52, 1.14
WAYS = {
    "30 degrees": (lambda mask: turned(mask, 30.0), 0.015),
    "x 0.7": (lambda mask: resampled(mask, 0.7), 0.025),
    "x 1.4": (lambda mask: resampled(mask, 1.4), 0.08),
    "x 2": (lambda mask: resampled(mask, 2.0), 0.06),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SHAPES)
def test_stairs_that_were_resampled_are_not_followed(name: str, way: str) -> None:
    shape = SHAPES[name]()
    move, bar = WAYS[way]
    graph = graph_of(move(one_bit(shape)))
    assert len(graph) == 1
    assert bending(graph) == pytest.approx(shape.truth["hart3"] * shape.truth["arc_length_px"], rel=bar)


def test_scatter_is_of_the_points_and_not_of_corners() -> None:
    along = np.arange(200.0)
    corner = np.column_stack([np.abs(along - 100.0), along])
    stairs = np.where(along % 4 < 2, -0.1, 0.1)[:, None] * [1.0, 0.0]
    about = {
        "weight": np.ones(200),
        "starts": np.array([0, 200]),
        "wavelength": np.array([10.0]),
        "counted": np.array([True]),
    }
    assert scatter(corner, **about) < 1e-3
    assert scatter(corner + stairs, **about) == pytest.approx(0.1, rel=0.3)
    assert scatter(corner + stairs, **about | {"counted": np.array([False])}) == 0.0
    assert scatter(corner + stairs, **about | {"weight": np.full(200, 1e-3)}) == 0.0
