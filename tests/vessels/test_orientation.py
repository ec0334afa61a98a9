"""A flipped or turned picture gives the same graph, flipped or turned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from retquant.config import VesselSettings
from retquant.errors import ImageError
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels import VesselGraph, build_graph
from retquant.vessels.orientation import Turn, own_turn

HEIGHT, WIDTH = 120, 150
WAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mirrored": np.fliplr,
    "upside down": np.flipud,
    "turned by 90 degrees": np.rot90,
    "turned by 180 degrees": lambda picture: np.rot90(picture, 2),
    "turned by 270 degrees": lambda picture: np.rot90(picture, 3),
    "transposed": np.transpose,
}


def vessels(side: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """A few crooked vessels of one bit that meet and cross."""
    mask = np.zeros(side, bool)
    rows, columns = np.mgrid[: side[0], : side[1]]
    for slope, start, width in ((0.3, 20, 3), (-0.5, 90, 4), (0.05, 55, 2)):
        mask |= np.abs(rows - start - slope * columns - 5 * np.sin(columns / 17 + start)) < width
    mask[:, -12:] = False
    mask[80:83, :70] = True
    return mask


def graph_of(mask: np.ndarray, disc_center: tuple[float, float] | None = None) -> VesselGraph:
    target = TargetMask(
        probability=np.where(mask, np.uint8(255), np.uint8(0)), source="manifest", is_hard=True
    )
    return build_graph(
        target,
        structure="vessel",
        fov=np.ones(mask.shape, bool),
        settings=VesselSettings(),
        disc_center=disc_center,
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("side", [(HEIGHT, WIDTH), (HEIGHT, HEIGHT)])
def test_the_graph_goes_with_the_picture(way: str, side: tuple[int, int]) -> None:
    mask = vessels(side)
    place = np.zeros(side, bool)
    place[70, 30] = True
    before = graph_of(mask, (70.0, 30.0))
    row, column = np.argwhere(WAYS[way](place))[0]
    after = graph_of(WAYS[way](mask), (float(row), float(column)))
    assert after.shape == WAYS[way](mask).shape
    assert len(before) > 5
    np.testing.assert_array_equal(after.starts, before.starts)
    np.testing.assert_array_equal(after.nodes.kind, before.nodes.kind)
    np.testing.assert_array_equal(after.bifurcations.parent, before.bifurcations.parent)
    np.testing.assert_allclose(after.calibre, before.calibre, rtol=1e-9)
    np.testing.assert_allclose(np.abs(after.curvature), np.abs(before.curvature), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(after.arc_length, before.arc_length, rtol=1e-9)
    for a, b in ((after.points, before.points), (after.nodes.position, before.nodes.position)):
        np.testing.assert_allclose(moved(b, way, side), a, atol=1e-9)


def moved(points: np.ndarray, way: str, side: tuple[int, int]) -> np.ndarray:
    """Where a picture's points lie in the picture laid another way."""
    rows, columns = points.T
    last_row, last_column = side[0] - 1, side[1] - 1
    laid = {
        "mirrored": (rows, last_column - columns),
        "upside down": (last_row - rows, columns),
        "turned by 90 degrees": (last_column - columns, rows),
        "turned by 180 degrees": (last_row - rows, last_column - columns),
        "turned by 270 degrees": (columns, last_row - rows),
        "transposed": (columns, rows),
    }
    return np.stack(laid[way], axis=1)


def test_tangent_and_curvature_are_those_of_the_line_in_the_picture_itself() -> None:
    for way in WAYS.values():
        graph = graph_of(way(vessels()))
        for index in np.flatnonzero(graph.arc_length > 40):
            run = graph.segment(index)
            chord = graph.points[run][4:] - graph.points[run][:-4]
            along = np.einsum("ij,ij->i", chord, graph.tangent[run][2:-2])
            assert np.median(along / np.hypot(*chord.T)) > 0.99
            first, second = graph.tangent[run][:-1].T, graph.tangent[run][1:].T
            turning = first[0] * second[1] - first[1] * second[0]
            bends = np.abs(graph.curvature[run][:-1]) > 0.01
            if bends.sum() > 10:
                assert np.mean(np.sign(turning[bends]) == np.sign(graph.curvature[run][:-1][bends])) > 0.9


@pytest.mark.parametrize("flags", range(8))
def test_points_are_led_back_to_where_they_were(flags: int) -> None:
    turn = Turn((HEIGHT, WIDTH), bool(flags & 1), bool(flags & 2), bool(flags & 4))
    picture = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    points = np.array([[3.0, 8.0], [110.0, 2.0]])
    for point, laid in zip(points.astype(int), turn.points(points).astype(int), strict=True):
        assert turn.picture(picture)[tuple(laid)] == picture[tuple(point)]
    np.testing.assert_array_equal(turn.points_back(turn.points(points)), points)


@pytest.mark.parametrize("way", WAYS)
def test_all_ways_of_laying_a_mask_end_up_alike(way: str) -> None:
    mask = vessels()
    other = WAYS[way](mask)
    np.testing.assert_array_equal(own_turn(other).picture(other), own_turn(mask).picture(mask))


def test_a_field_of_another_size_is_one_clear_error() -> None:
    target = TargetMask(probability=np.zeros((4, 5), np.uint8), source="manifest")
    with pytest.raises(ImageError, match="4 × 5 and 1 × 5"):
        build_graph(target, structure="vessel", fov=np.ones((1, 5), bool), settings=VesselSettings())
