"""Vessel graphs for other programs: as a networkx graph, and as a skeleton for skan's analyses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import networkx as nx
import numpy as np

from retquant.errors import ImageError
from retquant.vessels.graph import BORDER, BRANCH, CROSSING, END, LOOP, VesselGraph
from retquant.vessels.packing import segment_median
from retquant.vessels.thinning import skeleton_of

if TYPE_CHECKING:
    from skan import Skeleton

KIND_NAMES = {END: "end", BRANCH: "branch", BORDER: "border", CROSSING: "crossing", LOOP: "loop"}
_FINE_BITS = 4  # of a pixel's place, in drawing


def to_networkx(graph: VesselGraph) -> nx.MultiGraph:
    """The graph with a node for each end and junction and an edge for each segment, keyed by the segment's number.

    Nodes have `row` and `col` (pixels) and `kind` (end, branch, border or loop). Edges have `points` (P, 2) row and
    column along the centre line, `arc_length` and `chord_length` (pixels) and `calibre` (pixels, the median; NaN where
    no sample was kept).
    """
    network = nx.MultiGraph(structure=graph.structure, shape=graph.shape)
    for node, (at, kind) in enumerate(
        zip(graph.nodes.position.tolist(), graph.nodes.kind.tolist(), strict=True)
    ):
        network.add_node(node, row=at[0], col=at[1], kind=KIND_NAMES[kind])
    calibre = segment_median(graph.calibre, graph.starts)
    for segment, (source, target) in enumerate(
        zip(graph.source.tolist(), graph.target.tolist(), strict=True)
    ):
        network.add_edge(
            source,
            target,
            key=segment,
            points=graph.points[graph.segment(segment)],
            arc_length=float(graph.arc_length[segment]),
            chord_length=float(graph.chord_length[segment]),
            calibre=float(calibre[segment]),
        )
    return network


def to_skan(graph: VesselGraph) -> Skeleton:
    """The centre lines drawn one pixel thick, for `skan.summarize`, `skan.sholl_analysis` and skan's napari plugin.

    Lengths in pixels of a drawn line run along its stairs: retquant's own are those of the smooth lines.

    Raises
    ------
    ImageError
        The graph has no segment: skan takes no empty skeleton.
    """
    from skan import Skeleton

    if not len(graph):
        raise ImageError(
            "the vessel graph has no segment to draw",
            where=graph.structure,
            remedy="leave out graphs without segments: if len(graph): to_skan(graph)",
        )
    drawn = np.zeros(graph.shape, np.uint8)
    fine = np.rint(graph.points[:, ::-1] * (1 << _FINE_BITS)).astype(np.int32)
    lines = [fine[graph.segment(segment)] for segment in range(len(graph))]
    cv2.polylines(drawn, lines, isClosed=False, color=1, shift=_FINE_BITS)
    return Skeleton(skeleton_of(drawn > 0))
