"""Gaps in a mask are bridged where two ends face each other, and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from retquant.config import VesselSettings
from retquant.phantoms import Shape, Tube, crossing, sine_vessel
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels import END, VesselGraph, build_graph

SIZE = (300, 300)
ROTATIONS = [0.0, 30.0, 60.0, 90.0]


def drawn(*lines: list[tuple[float, float]], width: float | tuple[float, ...] = 8.0) -> Shape:
    widths = width if isinstance(width, tuple) else (width,) * len(lines)
    tubes = tuple(Tube(points=np.array(p, float), diameter=w) for p, w in zip(lines, widths, strict=True))
    return Shape(name="lines", size=SIZE, tubes={"artery": tubes})


def graph_of(
    mask: np.ndarray, *, labels: dict[str, np.ndarray] | None = None, **settings: float
) -> VesselGraph:
    share = mask if mask.dtype == np.uint8 else np.rint(mask * 255).astype(np.uint8)
    return build_graph(
        TargetMask(probability=share, source="manifest", is_hard=set(np.unique(share)) <= {0, 255}),
        structure="artery",
        fov=np.ones(mask.shape, dtype=bool),
        settings=VesselSettings(**settings),
        labels=labels,
    )


def cut(share: np.ndarray, low: float, high: float, *, axis: int = 0) -> np.ndarray:
    """The coverage without what lies between two rows or columns."""
    place = np.indices(share.shape)[axis]
    return np.where((place >= low) & (place < high), np.float32(0), share)


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_straight_vessel_with_a_gap_is_one_vessel_of_its_whole_length(rotation: float) -> None:
    whole = drawn([(40.0, 150.0), (260.0, 150.0)])
    split = drawn([(40.0, 150.0), (137.0, 150.0)], [(163.0, 150.0), (260.0, 150.0)])  # 18 px between the caps
    graph = graph_of(split.rotated(rotation).coverage("artery"))
    assert len(graph) == 1
    assert (graph.nodes.kind == END).sum() == 2
    assert graph.arc_length == pytest.approx([220.0], abs=0.5)
    assert graph.arc_length / graph.chord_length == pytest.approx([1.0], abs=1e-4)
    np.testing.assert_allclose(graph.arc_length, graph_of(whole.coverage("artery")).arc_length, atol=0.5)


def test_nothing_is_measured_inside_a_gap_and_the_vessel_keeps_its_calibre() -> None:
    split = drawn([(40.0, 150.0), (137.0, 150.0)], [(163.0, 150.0), (260.0, 150.0)])
    graph = graph_of(split.coverage("artery"))
    inside = np.abs(graph.points[:, 0] - 150.0) < 12.0
    assert inside.sum() > 5
    assert np.isnan(graph.calibre[inside]).all()
    assert np.nanmin(graph.calibre) > 7.8  # the caps beside the gap are not read as a narrowing
    assert np.nanmedian(graph.calibre) == pytest.approx(8.0, abs=0.05)


@pytest.mark.parametrize("at", [110.0, 150.0, 180.0])
def test_a_winding_vessel_with_a_gap_keeps_its_length(at: float) -> None:
    shape = sine_vessel(periods=2, period=110.0, amplitude=8.0, width=6.0, size=SIZE)
    whole = shape.coverage("artery")
    axis = int(np.ptp(shape.tubes["artery"][0].points[:, 0]) < np.ptp(shape.tubes["artery"][0].points[:, 1]))
    graph = graph_of(cut(whole, at, at + 12.0, axis=axis))
    assert len(graph) == 1
    assert graph.arc_length.sum() == pytest.approx(graph_of(whole).arc_length.sum(), rel=0.01)


def test_a_gap_wider_than_the_setting_stays() -> None:
    share = drawn([(40.0, 150.0), (130.0, 150.0)], [(170.0, 150.0), (260.0, 150.0)]).coverage("artery")
    assert len(graph_of(share)) == 2  # 32 px, four calibres
    assert len(graph_of(share, bridge_gap_calibres=5.0)) == 1
    narrow = drawn([(40.0, 150.0), (143.0, 150.0)], [(157.0, 150.0), (260.0, 150.0)]).coverage("artery")
    assert len(graph_of(narrow, bridge_gap_calibres=0.0)) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([(40.0, 140.0), (260.0, 140.0)], [(40.0, 156.0), (260.0, 156.0)]),  # side by side
        ([(40.0, 140.0), (150.0, 140.0)], [(150.0, 156.0), (260.0, 156.0)]),  # past one another
        ([(40.0, 150.0), (140.0, 150.0)], [(155.0, 160.0), (155.0, 260.0)]),  # round a corner
        ([(40.0, 150.0), (140.0, 150.0)], [(162.0, 40.0), (162.0, 260.0)]),  # an end before a side
    ],
)
def test_ends_that_do_not_face_each_other_stay_ends(
    first: list[tuple[float, float]], second: list[tuple[float, float]]
) -> None:
    graph = graph_of(drawn(first, second).coverage("artery"))
    assert len(graph) == 2
    assert (graph.nodes.kind == END).sum() == 4


def test_a_thick_vessel_does_not_go_on_as_a_thin_one() -> None:
    lines = [(40.0, 150.0), (137.0, 150.0)], [(160.0, 150.0), (260.0, 150.0)]
    assert len(graph_of(drawn(*lines, width=(14.0, 4.0)).coverage("artery"))) == 2
    assert len(graph_of(drawn(*lines, width=(8.0, 6.0)).coverage("artery"))) == 1


def test_no_bridge_passes_through_a_third_vessel() -> None:
    lines = [(40.0, 150.0), (138.0, 150.0)], [(162.0, 150.0), (260.0, 150.0)], [(150.0, 40.0), (150.0, 260.0)]
    graph = graph_of(drawn(*lines, width=4.0).coverage("artery"), bridge_gap_calibres=6.0)
    assert len(graph) == 3


def test_a_bridge_never_closes_a_loop() -> None:
    turns = np.radians(np.linspace(8.0, 352.0, 200))
    ring = [(150.0 + 80.0 * np.cos(a), 150.0 + 80.0 * np.sin(a)) for a in turns]
    graph = graph_of(drawn(ring).coverage("artery"))
    assert len(graph) == 1
    assert not graph.is_loop.any()
    assert (graph.nodes.kind == END).sum() == 2


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("angle", [90.0, 60.0, 45.0])
def test_an_artery_hidden_by_a_vein_is_led_on_beneath_it(angle: float, rotation: float) -> None:
    shape = crossing(length=260.0, angle_deg=angle, artery_width=6.0, vein_width=14.0, size=SIZE).rotated(
        rotation
    )
    vein = shape.coverage("vein") >= 0.5
    artery = (shape.coverage("artery") >= 0.5) & ~vein
    graph = graph_of(np.where(artery, np.uint8(255), np.uint8(0)), labels={"artery": artery, "vein": vein})
    assert len(graph) == 1
    assert graph.arc_length == pytest.approx([260.0], rel=0.01)
    if angle == 45.0:  # 20 px of vein and its corners: three and a half calibres that are no background
        assert len(graph_of(np.where(artery, np.uint8(255), np.uint8(0)), bridge_gap_calibres=2.0)) == 2


@pytest.mark.parametrize("degrees", [20.0, 50.0, 60.0])
def test_a_drawn_line_of_one_pixel_stays_one_vessel_when_the_picture_is_turned(degrees: float) -> None:
    """Half of its pixels fall under one half: what is left are stretches too short to have a direction."""
    along = np.linspace(40, 260, 400)
    way = np.column_stack([along, 150 + 25 * np.sin(along / 25)])
    picture = np.zeros(SIZE, np.uint8)
    cv2.polylines(picture, [np.rint(way).astype(np.int32)], isClosed=False, color=255, thickness=1)
    move = cv2.getRotationMatrix2D((149.5, 149.5), degrees, 1.0)
    turned = cv2.warpAffine(picture, move, SIZE[::-1], flags=cv2.INTER_LINEAR)
    before, after = (
        build_graph(
            TargetMask(probability=pixels, source="manifest"),
            structure="vessel",
            fov=np.ones(SIZE, bool),
            settings=VesselSettings(),
        )
        for pixels in (picture, turned)
    )
    stretches = cv2.connectedComponents((turned >= 128).view(np.uint8), connectivity=8)[0] - 1
    assert stretches > 5
    assert len(after) <= 2
    assert after.arc_length.sum() == pytest.approx(before.arc_length.sum(), rel=0.04)
