"""Graphs built in a mirror: thinning takes pixels in an order, and a mirror shows what that order was worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from retquant.config import VesselSettings
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels.graph import VesselGraph


def build_mirrored(
    target: TargetMask,
    *,
    structure: str,
    fov: np.ndarray,
    settings: VesselSettings,
    disc_center: tuple[float, float] | None = None,
    labels: Mapping[str, np.ndarray] | None = None,
    axis: int,
) -> VesselGraph:
    """The graph of a target as `build_as_it_lies` gives it, but built from the arrays mirrored along `axis`.

    The graph itself is in the unmirrored image's pixels.
    """
    from retquant.vessels.build import build_as_it_lies

    seen = None
    if disc_center is not None:
        row, column = mirrored_points(np.array([disc_center]), fov.shape, axis)[0]
        seen = (float(row), float(column))
    graph = build_as_it_lies(
        replace(target, probability=np.ascontiguousarray(np.flip(target.probability, axis))),
        structure=structure,
        fov=np.ascontiguousarray(np.flip(fov, axis)),
        settings=settings,
        disc_center=seen,
        labels={name: np.ascontiguousarray(np.flip(mask, axis)) for name, mask in (labels or {}).items()},
    )
    return mirrored(graph, axis)


def mirrored(graph: VesselGraph, axis: int) -> VesselGraph:
    """The graph of the image mirrored along `axis` (0: up and down, 1: left and right)."""

    def moved(points: np.ndarray) -> np.ndarray:
        return mirrored_points(points, graph.shape, axis)

    sign = np.ones(2)
    sign[axis] = -1.0
    return replace(
        graph,
        points=moved(graph.points),
        tangent=graph.tangent * sign,
        curvature=-graph.curvature,
        nodes=replace(graph.nodes, position=moved(graph.nodes.position)),
        bifurcations=replace(graph.bifurcations, position=moved(graph.bifurcations.position)),
        crossings=moved(graph.crossings),
    )


def mirrored_points(points: np.ndarray, shape: tuple[int, ...], axis: int) -> np.ndarray:
    """(..., 2) row, column pixels of the points in an image of `shape` mirrored along `axis`."""
    out = np.array(points, dtype=float)
    out[..., axis] = shape[axis] - 1 - out[..., axis]
    return out
