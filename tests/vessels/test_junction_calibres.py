"""Calibres of a junction's arms: those at the junction, of vessels that taper and of masks drawn by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retquant.config import VesselSettings
from retquant.phantoms import Shape, murray_junction
from retquant.phantoms.geometry import Tube
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels import build_graph
from retquant.vessels.graph import BRANCH, END, Nodes
from retquant.vessels.junctions import find_bifurcations

LENGTH = 220.0


def tapering_fork(taper: float) -> Shape:
    """A fork of 16 into 12.7 pixels at the node, each vessel `taper` px a px narrower the farther from the stem."""
    shape = murray_junction(length=LENGTH, size=(600, 600))
    stem, *daughters = shape.tubes["artery"]
    at_node = [float(np.ravel(tube.diameter)[0]) for tube in (stem, *daughters)]
    nodes = set.intersection(*({tuple(point) for point in tube.points} for tube in shape.tubes["artery"]))
    node = np.array(nodes.pop())
    tubes = []
    for tube, width, way in zip((stem, *daughters), at_node, (1.0, -1.0, -1.0), strict=True):
        away = np.hypot(*(tube.points - node).T)
        tubes.append(Tube(points=tube.points, diameter=width + way * taper * away))
    return replace(shape, tubes={"artery": tuple(tubes)})


@pytest.mark.parametrize("is_hard", [False, True], ids=["anti-aliased", "one bit"])
@pytest.mark.parametrize("taper", [0.01, 0.02])
def test_calibres_of_tapering_vessels_are_those_at_their_junction(taper: float, is_hard: bool) -> None:
    # Along the pixels' rows a taper of a hundredth is one stair in 200 px: no mask of one bit tells where it begins.
    for angle, allowed in ((0.0, (0.08, 0.27)), (15.0, (0.05, 0.1)), (30.0, (0.05, 0.1))):
        share = tapering_fork(taper).rotated(angle).coverage("artery")
        pixels = np.rint((share >= 0.5 if is_hard else share) * 255.0).astype(np.uint8)
        graph = build_graph(
            TargetMask(probability=pixels, source="manifest", is_hard=is_hard),
            structure="artery",
            fov=np.ones(pixels.shape, dtype=bool),
            settings=VesselSettings(),
        )
        forks = graph.bifurcations
        assert len(forks.parent_calibre) == 1
        calibres = [forks.parent_calibre[0], *forks.daughter_calibre[0]]
        # without a taper led back the parent would read 0.6 px too wide for a taper of 0.01, 1.3 px for 0.02
        truth = [16.0, 16 * 2 ** (-1 / 3), 16 * 2 ** (-1 / 3)]
        assert calibres == pytest.approx(truth, abs=allowed[is_hard]), angle


def fork_of(calibre: np.ndarray) -> np.ndarray:
    """(3,) calibres read at a junction of three arms, each with samples `calibre` (3, K) from the junction on."""
    count = calibre.shape[1]
    along = np.arange(count) * 1.5
    ways = np.array([[0.0, -1.0], [0.5, 0.8], [-0.5, 0.8]])
    forks = find_bifurcations(
        np.concatenate([along[:, None] * way for way in ways]),
        np.arange(4) * count,
        arc=np.tile(along, 3),
        calibre=calibre.ravel(),
        blind=np.tile(along < 4.0, 3),
        nodes=Nodes(
            position=np.array([[0.0, 0.0], *(along[-1] * ways)]),
            degree=np.array([3, 1, 1, 1]),
            kind=np.array([BRANCH, END, END, END]),
        ),
        ends=np.array([[0, 1], [0, 2], [0, 3]]),
        disc_center=(0.0, -1000.0),
    )
    assert forks.parent[0] == 0
    return np.array([forks.parent_calibre[0], *forks.daughter_calibre[0][np.argsort(forks.daughters[0])]])


@pytest.mark.parametrize("count", [30, 60, 150])
def test_strokes_of_a_pen_are_not_taken_for_a_taper(count: int) -> None:
    rng = np.random.default_rng(5)
    widths = np.array([[5.0], [4.0], [3.5]])
    near = int((4.0 + 6 * 4) / 1.5)
    found, plain = [], []
    for _ in range(200):
        # of a hand: a tenth of the calibre, the same over a calibre and more
        wobble = np.array(
            [np.convolve(row, np.ones(4) / 2, "valid") for row in rng.normal(size=(3, count + 3))]
        )
        calibre = widths * (1 + 0.1 * wobble)
        found.append(fork_of(calibre))
        plain.append(np.median(calibre[:, 3:near], axis=1))
    noise, least = (np.std(values, axis=0) / widths[:, 0] for values in (found, plain))
    assert noise.max() < 1.15 * least.max()
    assert np.mean(found, axis=0) == pytest.approx(np.mean(plain, axis=0), rel=0.01)


def test_a_blob_that_narrows_to_a_point_leaves_no_calibre_below_zero() -> None:
    calibre = np.tile(0.05 + 0.9 * np.arange(60), (3, 1))
    assert (fork_of(calibre) > 0).all()


def test_an_arm_of_few_samples_has_their_median() -> None:
    calibre = np.full((3, 40), np.nan)
    calibre[:, 36:39] = [[8.0, 9.0, 10.0], [5.0, 6.0, 7.0], [3.0, 4.0, 5.0]]
    assert fork_of(calibre) == pytest.approx([9.0, 6.0, 4.0])
