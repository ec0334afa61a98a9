"""Graphs handed to networkx and skan say the same as the graph itself."""

from __future__ import annotations

import numpy as np
import pytest
import skan

from retquant.config import VesselSettings
from retquant.errors import ImageError
from retquant.phantoms import simple_eye
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels import BRANCH, VesselGraph, build_graph, to_networkx, to_skan


@pytest.fixture(scope="module")
def graph() -> VesselGraph:
    share = simple_eye(6, size=(512, 512)).coverage("artery")
    target = TargetMask(probability=np.rint(255 * share).astype(np.uint8), source="manifest")
    return build_graph(target, structure="artery", fov=np.ones(share.shape, bool), settings=VesselSettings())


def test_networkx_has_every_node_and_segment(graph) -> None:
    network = to_networkx(graph)
    assert network.graph["structure"] == "artery"
    assert network.number_of_nodes() == len(graph.nodes.kind)
    assert network.number_of_edges() == len(graph)
    assert [kind for _, kind in network.nodes(data="kind")].count("branch") == (
        graph.nodes.kind == BRANCH
    ).sum()
    assert sum(length for *_, length in network.edges(data="arc_length")) == pytest.approx(
        graph.arc_length.sum()
    )
    for source, target, segment, edge in network.edges(keys=True, data=True):
        assert {source, target} == {graph.source[segment], graph.target[segment]}
        np.testing.assert_array_equal(edge["points"], graph.points[graph.segment(segment)])
        assert edge["calibre"] > 0 or np.isnan(edge["calibre"])


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # skan's own call of pandas
def test_skan_measures_the_drawn_lines(graph) -> None:
    table = skan.summarize(to_skan(graph), separator="-")
    # along the stairs of pixels a slanting line reads up to 8 % long, and short twigs are lost at junctions
    assert table["branch-distance"].sum() == pytest.approx(graph.arc_length.sum(), rel=0.08)


def test_an_empty_graph_has_no_skeleton() -> None:
    empty = TargetMask(probability=np.zeros((20, 20), np.uint8), source="manifest")
    nothing = build_graph(empty, structure="vein", fov=np.ones((20, 20), bool), settings=VesselSettings())
    assert to_networkx(nothing).number_of_nodes() == 0
    with pytest.raises(ImageError, match="vein: the vessel graph has no segment"):
        to_skan(nothing)
