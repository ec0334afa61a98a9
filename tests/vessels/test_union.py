"""All vessels as arteries and veins together: when that is right, and that nothing is lost or counted twice."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.config import VesselSettings
from retquant.phantoms import simple_eye
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels import BRANCH, VesselGraph, build_graph, build_graphs
from retquant.vessels.union import make_up


def target(share: np.ndarray) -> TargetMask:
    return TargetMask(probability=np.rint(255 * share).astype(np.uint8), source="manifest")


@pytest.fixture(scope="module")
def eye_targets() -> dict[str, TargetMask]:
    eye = simple_eye(4, size=(512, 512))
    return {name: target(eye.coverage(name)) for name in ("vessel", "artery", "vein")}


def graphs_of(targets: dict[str, TargetMask]) -> dict[str, VesselGraph]:
    shape = next(iter(targets.values())).probability.shape
    return build_graphs(targets, fov=np.ones(shape, bool), settings=VesselSettings())


def test_the_vessels_are_the_arteries_and_the_veins(eye_targets) -> None:
    graphs = graphs_of(eye_targets)
    assert list(graphs) == list(eye_targets)
    both = [graphs["artery"], graphs["vein"]]
    assert graphs["vessel"].structure == "vessel"
    assert len(graphs["vessel"]) == sum(map(len, both))
    assert graphs["vessel"].arc_length.sum() == pytest.approx(sum(g.arc_length.sum() for g in both))
    for name in ("kind", "degree"):
        expected = np.concatenate([getattr(g.nodes, name) for g in both])
        np.testing.assert_array_equal(getattr(graphs["vessel"].nodes, name), expected)
    found = graphs["vessel"].bifurcations
    assert len(found.node) == sum(len(g.bifurcations.node) for g in both)
    np.testing.assert_array_equal(graphs["vessel"].nodes.kind[found.node], BRANCH)
    at = graphs["vessel"].nodes.position[found.node]
    np.testing.assert_allclose(found.position, at)
    ends = np.stack([graphs["vessel"].source, graphs["vessel"].target])
    for segments in (found.parent, *found.daughters.T):  # each is a segment that ends at the junction
        assert (ends[:, segments] == found.node).any(axis=0).all()
    assert len(graphs["vessel"].crossings) > 0


def test_vessels_of_no_known_kind_are_measured_from_the_mask_of_all(eye_targets) -> None:
    known = {**eye_targets}
    artery = known["artery"].probability.copy()
    artery[:, artery.shape[1] // 2 :] = 0
    known["artery"] = TargetMask(probability=artery, source="manifest")
    graphs = graphs_of(known)
    length = {name: graph.arc_length.sum() for name, graph in graphs.items()}
    assert length["vessel"] > 1.1 * (length["artery"] + length["vein"])


def test_a_vessel_whose_label_changes_on_its_way_stays_one() -> None:
    rows, columns = np.indices((160, 240))
    share = np.clip(4.5 - np.abs(rows - 80 - 8 * np.sin(columns / 40)), 0, 1) * (np.abs(columns - 120) < 100)
    first = share * (columns < 120)
    graphs = graphs_of({"vessel": target(share), "artery": target(first), "vein": target(share - first)})
    assert len(graphs["artery"]) == len(graphs["vein"]) == len(graphs["vessel"]) == 1
    apart = graphs["artery"].arc_length.sum() + graphs["vein"].arc_length.sum()
    assert graphs["vessel"].arc_length.sum() > apart + 5


def test_a_vessel_that_both_masks_claim_is_counted_once(eye_targets) -> None:
    vein = eye_targets["vein"]
    graphs = graphs_of({"vessel": vein, "artery": vein, "vein": vein})
    length = graphs["vein"].arc_length.sum()
    assert graphs["vessel"].arc_length.sum() == pytest.approx(length, rel=0.02)
    assert len(graphs["vessel"].crossings) < 5
    # and where it is one vessel among others
    rows, columns = np.indices((200, 300))
    first = np.clip(4.5 - np.abs(rows - 60 - 0.1 * columns), 0, 1) * (np.abs(columns - 150) < 130)
    second = np.clip(4.5 - np.abs(rows - 150 + 0.1 * columns), 0, 1) * (np.abs(columns - 150) < 130)
    third = np.clip(3.5 - np.abs(rows - 185), 0, 1) * (np.abs(columns - 150) < 130)
    masks = (np.maximum(first, third), np.maximum(second, third))
    graphs = graphs_of(
        {"vessel": target(np.maximum(*masks)), "artery": target(masks[0]), "vein": target(masks[1])}
    )
    assert graphs["vessel"].arc_length.sum() == pytest.approx(3 * 260, rel=0.05)


def test_masks_make_up_another_but_for_a_pixel_along_edges() -> None:
    whole = np.zeros((20, 20), bool)
    whole[5:15, 5:15] = True
    left, right = whole.copy(), whole.copy()
    left[:, 10:] = right[:, :9] = False
    assert make_up([left, right], whole)
    right[5, 5:12] = False
    assert make_up([left, right], whole)
    left[:, :9] = False
    assert not make_up([left, right], whole)


def test_a_mirror_gives_the_same_vessels(eye_targets) -> None:
    shape = eye_targets["vessel"].probability.shape
    for axis in (0, 1):
        seen = build_graphs(eye_targets, fov=np.ones(shape, bool), settings=VesselSettings(), mirror=axis)
        for name, graph in graphs_of(eye_targets).items():
            assert seen[name].arc_length.sum() == pytest.approx(graph.arc_length.sum(), rel=0.01)


def test_each_structure_alone_is_what_it_is_together(eye_targets) -> None:
    fov = np.ones(eye_targets["vein"].probability.shape, bool)
    labels = {name: eye_targets[name].mask for name in ("artery", "vein")}
    alone = build_graph(
        eye_targets["vein"], structure="vein", fov=fov, settings=VesselSettings(), labels=labels
    )
    together = graphs_of(eye_targets)["vein"]
    assert alone.arc_length.sum() == pytest.approx(together.arc_length.sum(), rel=0.01)
