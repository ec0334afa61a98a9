"""Where lines end: at the axis's end of a round cap, however thin, and where the axis meets the field's edge."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.config import VesselSettings
from retquant.phantoms import parallel_vessels, straight_vessel
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels import BORDER, END, VesselGraph, build_graph


def graph_of(share: np.ndarray, fov: np.ndarray, *, is_hard: bool) -> VesselGraph:
    pixels = np.rint((share >= 0.5 if is_hard else share) * 255.0).astype(np.uint8)
    return build_graph(
        TargetMask(probability=pixels, source="manifest", is_hard=is_hard),
        structure="artery",
        fov=fov,
        settings=VesselSettings(),
    )


@pytest.mark.parametrize("width", [1.6, 2.0, 3.0, 4.0, 8.0])
def test_a_thin_vessel_ends_where_its_axis_ends(width: float) -> None:
    left = []
    for turn in (0.0, 13.0, 30.0, 45.0):
        shape = (
            straight_vessel(length=120.0, width=width, size=(160, 160)).rotated(turn).shifted((0.31, 0.17))
        )
        graph = graph_of(shape.coverage("artery"), np.ones((160, 160), dtype=bool), is_hard=False)
        assert (graph.nodes.kind == END).all()
        left.append(graph.arc_length.sum() - 120.0)
    # of both ends together; the blur alone would draw a cap of one or two pixels in by 0.2 px at either
    assert np.mean(left) == pytest.approx(0.0, abs=0.12)
    assert left == pytest.approx([0.0] * 4, abs=0.25)


@pytest.mark.parametrize("is_hard", [False, True], ids=["anti-aliased", "one bit"])
@pytest.mark.parametrize("turn", [0.0, 30.0])
def test_a_vessel_that_the_round_field_cuts_ends_where_its_axis_meets_the_edge(
    turn: float, is_hard: bool
) -> None:
    shape = parallel_vessels(size=(512, 512)).rotated(turn)
    assert shape.fov is not None
    center, radius = np.array(shape.fov.center), shape.fov.radius
    graph = graph_of(shape.coverage("artery"), shape.coverage("fov") >= 0.5, is_hard=is_hard)
    assert (graph.nodes.kind == BORDER).all()
    away = np.hypot(*(graph.nodes.position - center).T)
    # a pixel of the field's own stairs
    assert away == pytest.approx(radius, abs=1.0)
    true = shape.truth["length_density_per_px"] * np.pi * radius**2
    # the outermost meet the edge at a slant, where half a pixel aside moves an end by two along it
    assert graph.arc_length.sum() == pytest.approx(true, rel=0.005)
