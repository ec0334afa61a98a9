"""The graphs of an image: of one structure, or of all vessels, arteries and veins together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from retquant.config import VesselSettings
from retquant.errors import ImageError
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels.artery_vein import KINDS
from retquant.vessels.build import build_as_it_lies
from retquant.vessels.graph import VesselGraph
from retquant.vessels.orientation import Turn, own_turn
from retquant.vessels.union import change_along_a_vessel, make_up, share_a_course, united


def build_graph(
    target: TargetMask,
    *,
    structure: str,
    fov: np.ndarray,
    settings: VesselSettings,
    disc_center: tuple[float, float] | None = None,
    labels: Mapping[str, np.ndarray] | None = None,
    mirror: int | None = None,
) -> VesselGraph:
    """The vessels of `target` inside `fov` (H, W) bool as smooth centre lines with calibre between nodes.

    `disc_center` (row, col) directs the bifurcations: the parent is the segment that leads to the disc. `labels`
    holds the (H, W) bool masks of `artery` and `vein` where they are known: in all vessels they tell crossings from
    bifurcations, and where one kind hides the other its vessel is led on beneath. A flip or a quarter turn of all of
    them gives the same graph, flipped or turned. `mirror` (0: up and down, 1: left and right) builds it in a mirror
    instead: thinning takes pixels in an order, and a mirror shows what that order was worth.

    Raises
    ------
    ImageError
        Target and field of view differ in size.
    """
    _check_size({structure: target}, fov)
    turn = own_turn(target.mask & fov).mirrored(mirror)
    place = _Place(turn, fov, settings, disc_center, labels or {})
    return turn.graph_back(place.graph(target, structure))


def build_graphs(
    targets: Mapping[str, TargetMask],
    *,
    fov: np.ndarray,
    settings: VesselSettings,
    disc_center: tuple[float, float] | None = None,
    mirror: int | None = None,
) -> dict[str, VesselGraph]:
    """The graph of each of the `targets`, as `build_graph` gives it, arteries and veins being labels to the others.

    Where arteries and veins make up the `vessel` mask, each of them is measured by itself, and the vessels are both
    together (`vessels.union`), unless a label changes on a vessel's way or both claim one vessel; else the mask of all
    vessels is measured, too.

    Raises
    ------
    ImageError
        A target and the field of view differ in size.
    """
    _check_size(targets, fov)
    masks = {name: target.mask for name, target in targets.items()}
    labels = {kind: masks[kind] for kind in KINDS if kind in masks}
    turn = own_turn(_largest(masks) & fov if masks else fov).mirrored(mirror)
    place = _Place(turn, fov, settings, disc_center, labels)
    graphs: dict[str, VesselGraph] = {}
    for name in sorted(targets, key="vessel".__eq__):  # all vessels last
        if name == "vessel" and _is_union(masks, graphs, fov):
            graphs[name] = united(graphs["artery"], graphs["vein"])
        else:
            graphs[name] = turn.graph_back(place.graph(targets[name], name))
    return {name: graphs[name] for name in targets}


def _is_union(masks: Mapping[str, np.ndarray], graphs: Mapping[str, VesselGraph], fov: np.ndarray) -> bool:
    """Whether the graph of all vessels is that of arteries and veins together."""
    if not set(KINDS) <= set(graphs):
        return False
    artery, vein = (graphs[kind] for kind in KINDS)
    return (
        make_up([masks[kind] & fov for kind in KINDS], masks["vessel"] & fov)
        and not change_along_a_vessel(artery, vein)
        and not share_a_course(artery, vein, masks["vein"])
        and not share_a_course(vein, artery, masks["artery"])
    )


class _Place:
    """What all graphs of one image share, so laid as they are built."""

    def __init__(
        self,
        turn: Turn,
        fov: np.ndarray,
        settings: VesselSettings,
        disc_center: tuple[float, float] | None,
        labels: Mapping[str, np.ndarray],
    ) -> None:
        self._turn = turn
        self._settings = settings
        self._field = turn.picture(fov)
        self._labels = {name: turn.picture(mask) for name, mask in labels.items()}
        self._disc_center = None
        if disc_center is not None:
            row, column = turn.points(np.array(disc_center))
            self._disc_center = (float(row), float(column))

    def graph(self, target: TargetMask, structure: str) -> VesselGraph:
        return build_as_it_lies(
            replace(target, probability=self._turn.picture(target.probability)),
            structure=structure,
            fov=self._field,
            settings=self._settings,
            disc_center=self._disc_center,
            labels=self._labels,
        )


def _largest(masks: Mapping[str, np.ndarray]) -> np.ndarray:
    """The mask of all vessels where there is one, else all masks together."""
    return masks["vessel"] if "vessel" in masks else np.logical_or.reduce(list(masks.values()))


def _check_size(targets: Mapping[str, TargetMask], fov: np.ndarray) -> None:
    for name, target in targets.items():
        if fov.shape != target.probability.shape:
            sizes = " and ".join(
                " × ".join(map(str, shape)) for shape in (target.probability.shape, fov.shape)
            )
            raise ImageError(
                f"the {name} mask and the field of view differ in size: {sizes} (height × width)",
                remedy="give both at the image's own size",
            )
