"""Crossings told from forks: narrow angles, unequal calibres, labels; and forks that lie close stay forks."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.config import VesselSettings
from retquant.phantoms import Shape, Tube, crossing
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels import BRANCH, END, VesselGraph, build_graph

ROTATIONS = [0.0, 30.0, 60.0, 90.0]
WIDTH = 6.0


def graph_of(shape: Shape, *, labelled: bool = False, is_hard: bool = True) -> VesselGraph:
    share = shape.coverage("vessel")
    labels = {kind: shape.coverage(kind) >= 0.5 for kind in ("artery", "vein")} if labelled else None
    return build_graph(
        TargetMask(
            probability=np.rint((share >= 0.5 if is_hard else share) * 255.0).astype(np.uint8),
            source="manifest",
            is_hard=is_hard,
        ),
        structure="vessel",
        fov=np.ones(shape.size, dtype=bool),
        settings=VesselSettings(),
        labels=labels,
    )


def crossed(angle: float, ratio: float) -> Shape:
    return crossing(
        length=240.0, angle_deg=angle, artery_width=WIDTH, vein_width=WIDTH * ratio, size=(320, 320)
    )


@pytest.mark.parametrize("labelled", [False, True], ids=["unlabelled", "labelled"])
@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("angle", [20.0, 25.0, 45.0, 90.0])
def test_vessels_that_cross_are_two_and_no_fork(
    angle: float, ratio: float, rotation: float, labelled: bool
) -> None:
    graph = graph_of(crossed(angle, ratio).rotated(rotation), labelled=labelled)
    assert len(graph) == 2
    assert not (graph.nodes.kind == BRANCH).any()
    assert graph.crossings == pytest.approx(np.array([[159.5, 159.5]]), abs=3.0)
    assert graph.arc_length == pytest.approx([240.0, 240.0], rel=0.01)


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_vessel_is_straight_through_the_stretch_that_it_shares(rotation: float) -> None:
    graph = graph_of(crossed(25.0, 1.5).rotated(rotation), is_hard=False)
    assert graph.arc_length / graph.chord_length == pytest.approx([1.0, 1.0], abs=1e-3)
    widths = [float(np.nanmedian(graph.calibre[graph.segment(b)])) for b in (0, 1)]
    assert sorted(widths) == pytest.approx([6.0, 9.0], abs=0.1)
    assert np.nanmax(graph.calibre) < 9.5  # nothing of both together


def lines(*tubes: tuple[tuple[float, float], tuple[float, float], float]) -> tuple[Tube, ...]:
    return tuple(Tube(points=np.array([start, stop]), diameter=width) for start, stop, width in tubes)


def branch(
    at: float, angle: float, *, length: float = 120.0
) -> tuple[tuple[float, float], tuple[float, float]]:
    """A branch of an upright trunk through column 150, `angle` degrees from the way up."""
    turn = np.radians(angle)
    return (at, 150.0), (at - length * float(np.cos(turn)), 150.0 + length * float(np.sin(turn)))


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("apart", [4.0, 8.0, 16.0])
@pytest.mark.parametrize(("first", "second"), [(50.0, -50.0), (35.0, -35.0), (65.0, -45.0), (70.0, 40.0)])
def test_two_forks_that_lie_close_are_no_crossing(
    first: float, second: float, apart: float, rotation: float
) -> None:
    trunk = ((290.0, 150.0), (10.0, 150.0), 8.0)
    tubes = lines(trunk, (*branch(160.0, first), 5.0), (*branch(160.0 - apart, second), 5.0))
    graph = graph_of(Shape(name="forks", size=(300, 300), tubes={"vessel": tubes}).rotated(rotation))
    assert len(graph.crossings) == 0
    assert (graph.nodes.kind == BRANCH).sum() >= 1


def test_an_artery_that_ends_at_a_vein_does_not_branch_off_it() -> None:
    tubes = {
        "vein": lines(((20.0, 150.0), (280.0, 150.0), 10.0)),
        "artery": lines(((150.0, 150.0), (150.0, 280.0), 6.0)),
    }
    shape = Shape(name="end", size=(300, 300), tubes=tubes)
    graph = graph_of(shape, labelled=True)
    assert len(graph) == 2
    assert not (graph.nodes.kind == BRANCH).any()
    assert (graph.nodes.kind == END).sum() == 4
    assert len(graph.crossings) == 0
    assert len(graph_of(shape).bifurcations.angle) == 1  # without labels it looks like a fork


def test_an_artery_may_divide_just_where_a_vein_crosses_it() -> None:
    tubes = {
        "vein": lines(((150.0, 20.0), (150.0, 280.0), 10.0)),
        "artery": lines(
            ((280.0, 150.0), (150.0, 150.0), 8.0),
            ((150.0, 150.0), (40.0, 90.0), 6.0),
            ((150.0, 150.0), (40.0, 210.0), 6.0),
        ),
    }
    graph = graph_of(Shape(name="both", size=(300, 300), tubes=tubes), labelled=True)
    assert len(graph) == 4
    assert (graph.nodes.kind == BRANCH).sum() == len(graph.bifurcations.angle) == 1
    assert graph.crossings == pytest.approx(np.array([[150.0, 150.0]]), abs=5.0)


def test_labels_of_one_kind_change_nothing() -> None:
    shape = Shape(
        name="fork",
        size=(300, 300),
        tubes={
            "artery": lines(
                ((290.0, 150.0), (150.0, 150.0), 8.0),
                (*branch(150.0, 30.0), 6.0),
                (*branch(150.0, -30.0), 6.0),
            )
        },
    )
    plain, labelled = graph_of(shape), graph_of(shape, labelled=True)
    np.testing.assert_array_equal(plain.points, labelled.points)
    assert len(labelled.bifurcations.angle) == 1
