"""Whatever the mask, a graph comes out, and its parts agree with one another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from retquant.config import VesselSettings
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels import VesselGraph, build_graph, clip, long_enough


def graph_of(probability: np.ndarray, fov: np.ndarray | None = None) -> VesselGraph:
    target = TargetMask(probability=probability.astype(np.uint8), source="test", is_hard=True)
    field = np.ones(probability.shape, dtype=bool) if fov is None else fov
    return build_graph(target, structure="vessel", fov=field, settings=VesselSettings())


def assert_consistent(graph: VesselGraph) -> None:
    segments, points, nodes = len(graph), len(graph.points), len(graph.nodes.kind)
    assert graph.starts[0] == 0
    assert graph.starts[-1] == points
    assert (np.diff(graph.starts) >= 2).all()
    assert graph.tangent.shape == (points, 2)
    assert graph.curvature.shape == graph.calibre.shape == (points,)
    assert np.isfinite(graph.points).all()
    assert np.isfinite(graph.curvature).all()
    np.testing.assert_allclose(np.hypot(*graph.tangent.T), 1, atol=1e-6)
    assert not (graph.calibre <= 0).any()
    assert graph.source.shape == graph.target.shape == graph.is_loop.shape == (segments,)
    ends = np.concatenate([graph.source, graph.target])
    np.testing.assert_array_equal(np.bincount(ends, minlength=nodes), graph.nodes.degree)
    if segments:
        np.testing.assert_allclose(graph.points[graph.starts[:-1]], graph.nodes.position[graph.source])
        np.testing.assert_allclose(graph.points[graph.starts[1:] - 1], graph.nodes.position[graph.target])
    splits = graph.bifurcations
    for segment in (splits.parent, *splits.daughters.T):
        assert ((graph.source[segment] == splits.node) | (graph.target[segment] == splits.node)).all()
    margin = np.array(graph.shape) * 0.5 + 5  # a line may leave its vessel a little, not the picture
    assert (graph.points > -margin).all()
    assert (graph.points < np.array(graph.shape) + margin).all()


def drawn(name: str) -> np.ndarray:
    mask = np.zeros((40, 48), dtype=np.uint8)
    rows, cols = np.mgrid[:40, :48]
    match name:
        case "full":
            mask[:] = 255
        case "one pixel":
            mask[7, 9] = 255
        case "two pixels":
            mask[7, 9:11] = 255
        case "one-pixel line":
            mask[20] = 255
        case "one-pixel diagonal":
            mask[rows == cols] = 255
        case "one-pixel frame":
            mask[[0, -1]] = mask[:, [0, -1]] = 255
        case "ring":
            mask[np.abs(np.hypot(rows - 20, cols - 24) - 12) < 2] = 255
        case "two rings that touch":
            mask[np.abs(np.hypot(rows - 20, cols - 12) - 9) < 2] = 255
            mask[np.abs(np.hypot(rows - 20, cols - 30) - 9) < 2] = 255
        case "checkerboard":
            mask[(rows + cols) % 2 == 0] = 255
        case "grid":
            mask[(rows % 5 == 0) | (cols % 5 == 0)] = 255
        case "blob that fills the frame":
            mask[2:-1, 1:] = 255
        case "star":
            turn = np.arctan2(rows - 20, cols - 24)
            mask[np.abs(np.sin(3 * turn)) * np.hypot(rows - 20, cols - 24) < 3] = 255
        case "empty":
            pass
    return mask


MASKS = (
    "empty",
    "full",
    "one pixel",
    "two pixels",
    "one-pixel line",
    "one-pixel diagonal",
    "one-pixel frame",
    "ring",
    "two rings that touch",
    "checkerboard",
    "grid",
    "blob that fills the frame",
    "star",
)


@pytest.mark.parametrize("name", MASKS)
def test_odd_masks_give_a_consistent_graph(name: str) -> None:
    graph = graph_of(drawn(name))
    assert_consistent(graph)
    assert_consistent(clip(graph, np.arange(48)[None, :] < np.full((40, 1), 20)))


@pytest.mark.parametrize("name", ["empty", "full", "one pixel", "blob that fills the frame"])
def test_what_is_no_vessel_gives_no_segment(name: str) -> None:
    graph = graph_of(drawn(name))
    assert len(graph) == 0
    assert long_enough(graph, None, 48.0).shape == (0,)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 3)])
def test_tiny_pictures_do_not_fail(shape: tuple[int, int]) -> None:
    assert_consistent(graph_of(np.full(shape, 255)))


def test_an_empty_field_gives_an_empty_graph() -> None:
    mask = drawn("one-pixel line")
    assert len(graph_of(mask, np.zeros(mask.shape, dtype=bool))) == 0


def test_a_field_whose_true_bytes_are_255_is_read_as_true() -> None:
    mask = drawn("one-pixel line")
    field = np.full(mask.shape, 255, dtype=np.uint8).view(bool)
    assert len(graph_of(mask, field)) == 1


def test_a_one_pixel_line_is_one_vessel_of_one_pixel() -> None:
    graph = graph_of(drawn("one-pixel line"))
    assert len(graph) == 1
    assert np.nanmedian(graph.calibre) == pytest.approx(1.0, abs=0.1)


def test_a_ring_is_one_loop() -> None:
    graph = graph_of(drawn("ring"))
    assert graph.is_loop.tolist() == [True]
    assert graph.arc_length[0] == pytest.approx(2 * np.pi * 12, rel=0.02)


@settings(max_examples=40, deadline=None)
@example(np.array([[0], [0], [0], [255]], np.uint8))  # four by one: OpenCV takes it for a scalar
@given(
    hnp.arrays(
        np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24)), elements=st.sampled_from([0, 255])
    )
)
def test_any_hard_mask_gives_a_consistent_graph(mask: np.ndarray) -> None:
    assert_consistent(graph_of(mask))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 3.0), st.integers(40, 90))
def test_any_smooth_noise_gives_a_consistent_graph(seed: int, scale: float, side: int) -> None:
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), scale)
    ranked = (noise - noise.min()) / np.ptp(noise) * 255
    graph = graph_of(ranked)
    assert_consistent(graph)
    assert_consistent(clip(graph, lambda points: np.hypot(*(points - side / 2).T) < side / 3))
