"""Order and shape of the vessel trees rooted at the disc.

A tree is what `vessels.trees` makes of the graph: rooted at the disc, each segment with the one upstream of it.
Each measure is taken of each tree and summarised over an image's trees by their length; trees that the field's
border cuts are among them (nearly all are, in a photograph) and are marked in the table of vessels. Horton's
ratios count *streams*: an unbroken run of segments of one order is one stream, since a side branch of lower order
does not end the vessel that it leaves.
"""

from __future__ import annotations

import math

import numpy as np

from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View
from retquant.vessels.graph import VesselGraph
from retquant.vessels.trees import Trees, grow_trees

VESSELS = ("artery", "vein", "vessel")
REGIONS = ("fov",)


def find_trees(view: View) -> Trees:
    """The disc-rooted trees of the whole graph, made once a view; the disc must be known."""
    disc = view.inputs.anatomy.disc
    assert disc is not None  # the engine gives no view to a measure whose landmark is missing
    return grow_trees(view.whole, disc.center, disc.radius_px)


def _trees(view: View) -> Trees:
    trees: Trees = view.shared("trees", find_trees)
    return trees


@biomarker(
    unit="1",
    reference="Strahler1957",
    structures=VESSELS,
    regions=REGIONS,
    landmarks=("disc",),
    over="trees",
    statistics=("max",),
)
def strahler_order(view: View) -> np.ndarray:
    """Highest Strahler order of a vessel tree rooted at the disc.

    1 for a vessel without branches; two segments of one order make one of the next, whatever joins in between.
    """
    trees = _trees(view)
    highest = np.zeros(len(trees))
    np.maximum.at(highest, trees.tree[trees.tree >= 0], trees.order[trees.tree >= 0])
    return np.where(trees.length > 0, highest, np.nan)


@biomarker(unit="1", reference="Horton1945", structures=VESSELS, regions=REGIONS, landmarks=("disc",))
def horton_branching_ratio(view: View) -> float:
    """Factor by which the number of vessels of a tree falls from one Strahler order to the next.

    From the slope of log count of streams on order, in each tree of two orders or more; mean over trees weighted
    by their length. 2 for a tree that divides evenly throughout.
    """
    trees = _trees(view)
    return _length_weighted(trees, np.array([1 / _ratio(count) for count, _ in streams(view.whole, trees)]))


@biomarker(unit="1", reference="Horton1945", structures=VESSELS, regions=REGIONS, landmarks=("disc",))
def horton_length_ratio(view: View) -> float:
    """Factor by which the mean length of a tree's vessels grows from one Strahler order to the next.

    From the slope of log mean length of streams on order, in each tree of two orders or more; mean over trees
    weighted by their length.
    """
    trees = _trees(view)
    found = [_ratio(length / count) for count, length in streams(view.whole, trees)]
    return _length_weighted(trees, np.array(found))


@biomarker(unit="1", reference="VanPelt1992", structures=VESSELS, regions=REGIONS, landmarks=("disc",))
def tree_asymmetry(view: View) -> float:
    """Mean over a tree's junctions of |n1 - n2|/(n1 + n2 - 2), n1 and n2 being the ends downstream of each daughter.

    0 for a junction whose daughters both end without branching, and for one that divides evenly; 1 where an
    unbranched daughter leaves at each. Junctions of two daughters count. Mean over trees weighted by their length.
    """
    trees = _trees(view)
    total, junctions = np.zeros(len(trees)), np.zeros(len(trees))
    hanging = np.flatnonzero(trees.parent >= 0)
    hanging = hanging[np.argsort(trees.parent[hanging], kind="stable")]
    parents, begin, count = np.unique(trees.parent[hanging], return_index=True, return_counts=True)
    for parent, first in zip(parents[count == 2], begin[count == 2], strict=True):
        n1, n2 = (int(n) for n in trees.ends[hanging[first : first + 2]])
        total[trees.tree[parent]] += abs(n1 - n2) / max(n1 + n2 - 2, 1)
        junctions[trees.tree[parent]] += 1
    mean = np.divide(total, junctions, out=np.full(len(trees), np.nan), where=junctions > 0)
    return _length_weighted(trees, mean)


def streams(graph: VesselGraph, trees: Trees) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each tree the number of streams and their total length in pixels, by order from 1."""
    upstream = np.where(trees.parent >= 0, trees.order[trees.parent], 0)
    begins = trees.order != upstream  # a run of segments of one order is counted where it begins
    found = []
    for number in range(len(trees)):
        mine = trees.tree == number
        order = trees.order[mine]
        count = np.bincount(order, begins[mine])[1:]
        length = np.bincount(order, graph.arc_length[mine])[1:]
        found.append((count, length))
    return found


def _ratio(by_order: np.ndarray) -> float:
    """exp of the least-squares slope of log `by_order` on the order; NaN for fewer than two orders."""
    if len(by_order) < 2 or not (by_order > 0).all():
        return math.nan
    order = np.arange(len(by_order)) - (len(by_order) - 1) / 2
    return math.exp(float(order @ np.log(by_order) / (order @ order)))


def _length_weighted(trees: Trees, values: np.ndarray) -> float:
    known = np.isfinite(values) & (trees.length > 0)
    return float(np.average(values[known], weights=trees.length[known])) if known.any() else math.nan
