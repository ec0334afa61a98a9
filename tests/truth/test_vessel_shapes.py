"""The graph's own geometry on shapes of known answer, at four rotations: what the biomarkers build on.

The tolerances are a little above the worst error measured, per quantity, on anti-aliased and on one-bit masks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from retquant.config import VesselSettings
from retquant.phantoms import (
    Shape,
    binary_tree,
    crossing,
    koch_curve,
    quarter_circle,
    sine_vessel,
    straight_vessel,
    y_junction,
)
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels import BORDER, BRANCH, END, VesselGraph, build_graph, clip

ROTATIONS = (0.0, 30.0, 60.0, 90.0)
FRAME = (900, 900)

SHAPES: dict[str, Callable[[], Shape]] = {
    "straight, 16 px": lambda: straight_vessel(length=600.0, size=FRAME),
    "straight, 24 px": lambda: straight_vessel(length=600.0, structure="vein", size=FRAME),
    # Half a pixel aside, so that thresholding does not move both of a thin vessel's edges outwards at 0 and 90 degrees.
    "straight, 3 px": lambda: straight_vessel(length=600.0, width=3.0, size=(901, 901)),
    "quarter circle, 16 px": lambda: quarter_circle(size=FRAME),
    "quarter circle, 6 px": lambda: quarter_circle(radius=150.0, width=6.0, size=FRAME),
    "sine, 16 px": lambda: sine_vessel(periods=1, amplitude=60.0, period=500.0, size=FRAME),
    "sine, 8 px": lambda: sine_vessel(periods=4, amplitude=20.0, period=150.0, width=8.0, size=FRAME),
}

# quantity -> worst relative error on anti-aliased, on one-bit masks; where the truth is 0 it is absolute
TOLERANCE = {
    "length": (0.003, 0.004),
    "calibre": (0.004, 0.012),
    "tortuosity": (0.001, 0.002),
    "turning": (0.008, 0.03),
    "squared curvature": (0.012, 0.05),
}
ZERO = {"turning": 0.02, "squared curvature": 0.02}  # rad; and per arc length


def graph_of(shape: Shape, structure: str, *, is_hard: bool) -> VesselGraph:
    share = shape.coverage(structure)
    probability = np.rint((share >= 0.5 if is_hard else share) * 255.0).astype(np.uint8)
    return build_graph(
        TargetMask(probability=probability, source="manifest", is_hard=is_hard),
        structure=structure,
        fov=np.ones(shape.size, dtype=bool),
        settings=VesselSettings(),
    )


def along(graph: VesselGraph, values: np.ndarray) -> float:
    """Integral of `values` along the first segment."""
    run = graph.segment(0)
    steps, held = graph.steps[run][:-1], values[run]
    return float(np.sum(steps * (held[1:] + held[:-1]) / 2))


@cache
def measured(name: str, rotation: float, is_hard: bool) -> dict[str, tuple[float, float]]:
    """Quantity -> value and truth."""
    shape = SHAPES[name]().rotated(rotation)
    structure, truth = next(iter(shape.tubes)), shape.truth
    graph = graph_of(shape, structure, is_hard=is_hard)
    assert len(graph) == 1
    length = float(graph.arc_length[0])
    return {
        "length": (length, truth["arc_length_px"]),
        "calibre": (float(np.nanmedian(graph.calibre)), truth["calibre_px"]),
        "tortuosity": (length / float(graph.chord_length[0]), truth["tortuosity_hart1"]),
        "turning": (along(graph, np.abs(graph.curvature)), truth["hart2"]),
        "squared curvature": (along(graph, graph.curvature**2), truth["hart3"]),
    }


@pytest.mark.parametrize("is_hard", [False, True], ids=["anti-aliased", "one bit"])
@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("name", SHAPES)
def test_a_vessel_of_known_shape_is_measured_right(name: str, rotation: float, is_hard: bool) -> None:
    found = measured(name, rotation, is_hard)
    length = found["length"][1]
    for quantity, (value, truth) in found.items():
        if truth:
            assert value == pytest.approx(truth, rel=TOLERANCE[quantity][is_hard]), quantity
        else:
            limit = ZERO[quantity] / (length if quantity == "squared curvature" else 1)
            assert value == pytest.approx(0, abs=limit), quantity


@pytest.mark.parametrize("width", [3.0, 3.7, 4.5, 5.0, 6.3, 8.0, 10.1, 12.0])
def test_calibre_is_good_to_a_tenth_of_a_pixel(width: float) -> None:
    for turn in np.arange(0.0, 91.0, 7.5):
        shape = straight_vessel(length=120.0, width=width, size=(160, 160)).rotated(turn)
        for offset in ((0.0, 0.0), (0.31, 0.17), (0.5, 0.5)):
            graph = graph_of(shape.shifted(offset), "artery", is_hard=False)
            assert np.nanmax(np.abs(graph.calibre - width)) < 0.1, (turn, offset)  # each sample


@pytest.mark.parametrize("is_hard", [False, True], ids=["anti-aliased", "one bit"])
@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_fork_of_60_degrees_reads_60_degrees(rotation: float, is_hard: bool) -> None:
    graph = graph_of(y_junction(length=300.0, size=FRAME).rotated(rotation), "artery", is_hard=is_hard)
    splits = graph.bifurcations
    assert splits.angle == pytest.approx([60.0], rel=0.01 if is_hard else 0.003)
    assert splits.asymmetry == pytest.approx([0.0], abs=1.5 if is_hard else 0.5)
    assert (graph.nodes.kind == END).sum() == 3
    assert graph.arc_length == pytest.approx([300.0] * 3, rel=0.005)
    stem = max(range(3), key=lambda b: b == splits.parent[0])
    assert stem not in splits.daughters[0]


@pytest.mark.parametrize("is_hard", [False, True], ids=["anti-aliased", "one bit"])
@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_tree_of_three_levels_has_seven_forks_and_nine_ends(rotation: float, is_hard: bool) -> None:
    shape = binary_tree(lengths=(210.0, 165.0, 120.0, 85.0), size=FRAME).rotated(rotation)
    graph = graph_of(shape, "artery", is_hard=is_hard)
    assert (graph.nodes.kind == BRANCH).sum() == len(graph.bifurcations.angle) == 7
    assert (graph.nodes.kind == END).sum() == 9
    assert np.median(graph.bifurcations.angle) == pytest.approx(50.0, rel=0.02 if is_hard else 0.005)
    assert graph.arc_length.sum() == pytest.approx(shape.truth["total_length_px"], rel=0.005)


@pytest.mark.parametrize("angle", [35.0, 60.0, 90.0])
@pytest.mark.parametrize("rotation", ROTATIONS)
def test_two_vessels_that_cross_are_no_fork(rotation: float, angle: float) -> None:
    shape = crossing(length=500.0, angle_deg=angle, size=FRAME).rotated(rotation)
    graph = graph_of(shape, "vessel", is_hard=False)
    assert len(graph) == 2
    assert len(graph.bifurcations.angle) == 0
    assert graph.crossings == pytest.approx(np.array([[449.5, 449.5]]), abs=2.0)
    assert graph.arc_length == pytest.approx([500.0, 500.0], rel=0.003)
    assert sorted(np.nanmedian(graph.calibre[graph.segment(b)]) for b in (0, 1)) == pytest.approx(
        [16, 24], rel=0.005
    )


def test_sharp_corners_are_rounded_by_less_than_a_calibre_each() -> None:
    shape = koch_curve(generations=2)
    graph = graph_of(shape, "artery", is_hard=False)
    corners = 15
    lost = shape.truth["arc_length_px"] - graph.arc_length.sum()
    assert 0 < lost < corners * 16


def test_a_vessel_cut_by_the_frame_ends_at_its_edge() -> None:
    shape = straight_vessel(length=900.0, size=(300, 400))
    graph = graph_of(shape, "artery", is_hard=False)
    assert (graph.nodes.kind == BORDER).tolist() == [True, True]
    assert graph.arc_length == pytest.approx([400.0], abs=1.0)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_and_flips_change_lengths_by_less_than_a_thousandth(turns: int) -> None:
    share = binary_tree(lengths=(210.0, 165.0, 120.0, 85.0), size=FRAME).rotated(11.0).coverage("artery")
    probability = np.rint(share * 255).astype(np.uint8)

    def total(picture: np.ndarray) -> tuple[int, float, float]:
        graph = build_graph(
            TargetMask(probability=np.ascontiguousarray(picture), source="manifest"),
            structure="artery",
            fov=np.ones(picture.shape, dtype=bool),
            settings=VesselSettings(),
        )
        # the mean: a median of four generations' widths jumps from one to the next
        return len(graph), float(graph.arc_length.sum()), float(np.nanmean(graph.calibre))

    count, length, calibre = total(probability)
    for picture in (np.rot90(probability, turns), np.flip(probability, axis=turns % 2)):
        turned = total(picture)
        assert turned[0] == count
        assert turned[1:] == pytest.approx((length, calibre), rel=0.001)


def test_clipping_a_straight_vessel_by_a_circle_keeps_the_chord() -> None:
    graph = graph_of(straight_vessel(length=600.0, size=FRAME).rotated(30.0), "artery", is_hard=False)
    inner = clip(graph, lambda points: np.hypot(*(points - 449.5).T) <= 100.0)
    assert inner.arc_length == pytest.approx([200.0], abs=0.05)
    assert (inner.nodes.kind == BORDER).all()
    outer = clip(graph, lambda points: np.hypot(*(points - 449.5).T) > 100.0)
    assert outer.arc_length.sum() + 200.0 == pytest.approx(graph.arc_length.sum(), abs=0.1)
    assert sorted(outer.nodes.kind) == [END, END, BORDER, BORDER]


def test_clipping_keeps_forks_inside_and_names_their_segments_anew() -> None:
    shape = binary_tree(lengths=(210.0, 165.0, 120.0, 85.0), size=FRAME)
    graph = graph_of(shape, "artery", is_hard=False)
    center = graph.bifurcations.position[0]
    part = clip(graph, lambda points: np.hypot(*(points - center).T) <= 40.0)
    assert len(part.bifurcations.angle) == 1
    assert len(part) == 3
    node = part.bifurcations.node[0]
    for segment in (part.bifurcations.parent[0], *part.bifurcations.daughters[0]):
        assert node in (part.source[segment], part.target[segment])
    assert part.arc_length == pytest.approx([40.0] * 3, abs=0.5)
    np.testing.assert_allclose(part.bifurcations.angle, graph.bifurcations.angle[:1])
