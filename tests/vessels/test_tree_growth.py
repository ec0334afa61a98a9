"""Trees rooted at the disc: parents, orders and ends, loops broken and borders marked."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.vessels.graph import BORDER, BRANCH, END, Bifurcations, Nodes, VesselGraph
from retquant.vessels.trees import Trees, grow_trees

NOWHERE = Bifurcations(
    position=np.zeros((0, 2)),
    node=np.zeros(0, dtype=int),
    parent=np.zeros(0, dtype=int),
    daughters=np.zeros((0, 2), dtype=int),
    angle=np.zeros(0),
    asymmetry=np.zeros(0),
    parent_calibre=np.zeros(0),
    daughter_calibre=np.zeros((0, 2)),
)
CENTER, RADIUS = (0.0, 0.0), 10.0


def graph_of(
    nodes: list[tuple[float, float]], ends: list[tuple[int, int]], *, border: int = -1
) -> VesselGraph:
    """Straight segments between nodes (row, col)."""
    position = np.array(nodes, dtype=float).reshape(-1, 2)
    joints = np.array(ends, dtype=int).reshape(-1, 2)
    degree = np.bincount(joints.ravel(), minlength=len(position))
    kind = np.where(degree == 1, END, BRANCH)
    kind[border if border >= 0 else slice(0, 0)] = BORDER
    points = position[joints].reshape(-1, 2)
    return VesselGraph(
        structure="artery",
        shape=(200, 200),
        points=points,
        starts=np.arange(0, len(points) + 1, 2),
        tangent=np.tile([1.0, 0.0], (len(points), 1)),
        curvature=np.zeros(len(points)),
        calibre=np.full(len(points), 4.0),
        source=joints[:, 0],
        target=joints[:, 1],
        is_loop=joints[:, 0] == joints[:, 1],
        nodes=Nodes(position=position, degree=degree, kind=kind),
        bifurcations=NOWHERE,
        crossings=np.zeros((0, 2)),
    )


def grown(nodes: list[tuple[float, float]], ends: list[tuple[int, int]], *, border: int = -1) -> Trees:
    return grow_trees(graph_of(nodes, ends, border=border), CENTER, RADIUS)


def test_a_fork_has_its_stem_as_parent_whichever_way_its_segments_run() -> None:
    nodes = [(5.0, 0.0), (50.0, 0.0), (90.0, -30.0), (90.0, 30.0)]
    for ends in ([(0, 1), (1, 2), (1, 3)], [(1, 0), (2, 1), (3, 1)]):
        trees = grown(nodes, ends)
        assert trees.parent.tolist() == [-1, 0, 0]
        assert trees.first.tolist() == [0, 1, 1]
        assert trees.order.tolist() == [2, 1, 1]
        assert trees.ends.tolist() == [2, 1, 1]
        assert trees.tree.tolist() == [0, 0, 0]
        assert not trees.is_cut.any()
        assert trees.length == pytest.approx([45 + 2 * 50])


def test_a_side_branch_does_not_raise_the_order() -> None:
    #     stem, fork into (fork of two ends) and an end: orders 2 and 1 make 2
    nodes = [(5, 0), (30, 0), (60, -20), (60, 20), (90, -30), (90, -10)]
    trees = grown(nodes, [(0, 1), (1, 2), (1, 3), (2, 4), (2, 5)])
    assert trees.order.tolist() == [2, 2, 1, 1, 1]
    assert trees.ends.tolist() == [3, 2, 1, 1, 1]


def test_three_daughters_of_one_order_make_one_of_the_next() -> None:
    trees = grown([(5, 0), (40, 0), (80, -30), (80, 0), (80, 30)], [(0, 1), (1, 2), (1, 3), (1, 4)])
    assert trees.order.tolist() == [2, 1, 1, 1]


def test_trunks_that_part_inside_the_disc_are_one_tree_and_others_two() -> None:
    inside = grown([(1, 0), (8, 0), (60, -30), (60, 30)], [(0, 1), (1, 2), (1, 3)])
    assert inside.tree.tolist() == [0, 0, 0]
    assert inside.order.max() == 2
    apart = grown([(5, 0), (60, 0), (-5, 0), (-60, 0)], [(0, 1), (2, 3)])
    assert sorted(apart.tree) == [0, 1]
    assert apart.order.tolist() == [1, 1]


def test_a_vessel_that_begins_just_outside_the_disc_is_rooted_and_one_far_out_is_not() -> None:
    trees = grown([(13, 0), (60, 0), (0, 17), (0, 90)], [(0, 1), (3, 2)])
    assert trees.tree.tolist() == [0, -1]
    assert trees.order.tolist() == [1, 0]
    assert trees.parent.tolist() == [-1, -1]


def test_two_trees_that_touch_are_parted_at_the_farther_end_of_what_joins_them() -> None:
    # two trunks from the disc, joined far out by a segment that is nearer to the first
    nodes = [(5, 0), (50, 0), (100, 0), (-5, 0), (-70, 0), (-100, 0)]
    ends = [(0, 1), (1, 2), (3, 4), (4, 5), (1, 4)]
    trees = grown(nodes, ends)
    assert trees.tree.tolist() == [0, 0, 1, 1, 0]
    assert trees.closes_loop.tolist() == [False, False, False, False, True]
    assert trees.parent.tolist() == [-1, 0, -1, 2, 0]
    assert trees.order.tolist() == [2, 1, 1, 1, 1]


def test_a_ring_on_a_stem_is_broken_once() -> None:
    nodes = [(5, 0), (40, 0), (80, 0), (60, 30)]
    trees = grown(nodes, [(0, 1), (1, 2), (2, 3), (3, 1)])
    assert trees.closes_loop.sum() == 1
    assert trees.ends.tolist()[0] == 2
    seam = grown([(5, 0), (40, 0)], [(0, 1), (1, 1)])
    assert seam.closes_loop.tolist() == [False, True]
    assert seam.parent.tolist() == [-1, 0]


def test_a_tree_cut_by_the_border_is_marked() -> None:
    trees = grown([(5, 0), (60, 0), (-5, 0), (-60, 0)], [(0, 1), (2, 3)], border=1)
    assert trees.is_cut[trees.tree[0]]
    assert not trees.is_cut[trees.tree[1]]


def test_a_graph_without_vessels_has_no_tree() -> None:
    trees = grown([], [])
    assert len(trees.root) == 0
    assert trees.order.shape == (0,)
