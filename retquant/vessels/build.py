"""One structure's mask becomes its vessel graph: the whole way, top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import networkx as nx
import numpy as np

from retquant.config import VesselSettings
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels.artery_vein import KINDS, part_kinds
from retquant.vessels.centerline import (
    FEWEST_POINTS,
    Lines,
    calibre_along,
    centred_to_tips,
    final_middle,
    skeleton_lines,
    stiff_middle,
)
from retquant.vessels.cleaning import dissolve, remove_small_loops, remove_small_parts, remove_spurs
from retquant.vessels.crossings import resolve_crossings
from retquant.vessels.edges import MARGIN, EdgeMap, edge_map, is_near_border
from retquant.vessels.ends import LAST, grazing_tails, prolonged, settled, straight_on, tip_positions
from retquant.vessels.gaps import bridge_gaps
from retquant.vessels.graph import BORDER, BRANCH, END, LOOP, Bifurcations, Nodes, VesselGraph
from retquant.vessels.junctions import find_bifurcations
from retquant.vessels.meeting import led_to_nodes, meeting_points
from retquant.vessels.packing import arc_positions, middle, resample
from retquant.vessels.pinholes import find_pinholes
from retquant.vessels.smoothing import frame
from retquant.vessels.trace import Strand, trace

_ERROR_PX = {False: 0.02, True: 0.10}
"""How far the middle of a vessel may be off on average over a few calibres: hard masks (True) and others."""

_HIDDEN_BY = {"artery": "vein", "vein": "artery"}


def build_as_it_lies(
    target: TargetMask,
    *,
    structure: str,
    fov: np.ndarray,
    settings: VesselSettings,
    disc_center: tuple[float, float] | None = None,
    labels: Mapping[str, np.ndarray] | None = None,
) -> VesselGraph:
    """The vessels of `target` inside `fov` (H, W) bool as smooth centre lines with calibre between nodes.

    `disc_center` (row, col) directs the bifurcations: the parent is the segment that leads to the disc. `labels`
    holds the (H, W) bool masks of `artery` and `vein` where they are known: in all vessels they tell crossings from
    bifurcations, and where one kind hides the other its vessel is led on beneath.
    Ties are broken by the order of pixels, which `structures.build_graph` makes the mask's own.
    """
    field = np.ascontiguousarray(fov).view(np.uint8) != 0 if fov.dtype == bool else fov > 0
    diameter = field_diameter(field)
    mask = target.mask & field
    pinholes = tuple(find_pinholes(mask, (settings.largest_pinhole_field_share * diameter) ** 2).T)
    mask[pinholes] = True
    network, crossings = _network(
        mask, field, settings, labels={} if labels is None else labels, structure=structure
    )
    if network.number_of_edges() == 0:
        return empty_graph(structure, mask.shape)
    probability = target.probability
    if len(pinholes[0]):
        probability = probability.copy()
        probability[pinholes] = 255
    return _measured(
        network,
        edge_map(probability, field, is_hard=target.is_hard),
        crossings=crossings,
        structure=structure,
        error_px=_ERROR_PX[target.is_hard],
        disc_center=disc_center,
    )


def field_diameter(field: np.ndarray) -> float:
    """Pixels: the longer side of the box round the field."""
    return float(max(cv2.boundingRect(field.view(np.uint8))[2:]))


def _network(
    mask: np.ndarray,
    field: np.ndarray,
    settings: VesselSettings,
    *,
    labels: Mapping[str, np.ndarray],
    structure: str,
) -> tuple[nx.MultiGraph, np.ndarray]:
    network = trace(mask)
    for node in list(network):
        dissolve(network, node)
    remove_small_loops(network)
    remove_spurs(network, shortest_calibres=settings.shortest_spur_calibres)
    crossings = np.zeros((0, 2))
    if structure not in KINDS and set(KINDS) <= set(labels):
        crossings = part_kinds(network, settings, labels)
    crossings = np.concatenate([crossings, resolve_crossings(network, settings)])
    hidden_by = labels.get(_HIDDEN_BY.get(structure, ""))
    passed = bridge_gaps(network, settings, mask=mask, field=field, other=hidden_by)
    remove_small_parts(
        network,
        shortest_px=settings.smallest_part_field_share * field_diameter(field),
        shortest_calibres=settings.smallest_part_calibres,
    )
    return network, np.concatenate([crossings, passed])


def _measured(
    network: nx.MultiGraph,
    target: EdgeMap,
    *,
    crossings: np.ndarray,
    structure: str,
    error_px: float,
    disc_center: tuple[float, float] | None,
) -> VesselGraph:
    names = list(network)
    number = {name: i for i, name in enumerate(names)}
    position = np.array([network.nodes[name]["position"] for name in names])
    radius = np.array([network.nodes[name]["radius"] for name in names])
    degree = np.array([network.degree(name) for name in names])
    strands: list[Strand] = []
    joints = []
    for u, v, strand in network.edges(data="strand"):
        strands.append(strand)
        joints.append((number[strand.first], number[v if strand.first == u else u]))
    ends = np.array(joints, dtype=np.intp)
    is_free = degree[ends] == 1

    lines = skeleton_lines(strands, position[ends], radius[ends], is_free)
    lines = stiff_middle(lines, target)
    met = meeting_points(lines, ends, position=position, radius=radius, degree=degree)
    lines = led_to_nodes(lines, strands, ends, skeleton_nodes=position, nodes=met, radius=radius)
    lines = centred_to_tips(prolonged(lines), target)
    lines, width = final_middle(lines, target, error_px=error_px)
    lines, tangent, curvature, is_border = _settle_ends(lines, width, target)
    position = met.copy()
    for end, tips in ((0, lines.starts[:-1]), (1, lines.starts[1:] - 1)):
        position[ends[is_free[:, end], end]] = lines.points[tips[is_free[:, end]]]
    kind = np.where(degree == 1, END, np.where(degree == 2, LOOP, BRANCH))
    kind[ends[is_border]] = BORDER
    nodes = Nodes(position=position, degree=degree, kind=kind)
    shape = (target.height.shape[0] - 2 * MARGIN, target.height.shape[1] - 2 * MARGIN)
    return _assembled(
        lines, target, nodes, ends, (tangent, curvature), (structure, shape, crossings, disc_center)
    )


def _settle_ends(
    lines: Lines, width: np.ndarray, target: EdgeMap
) -> tuple[Lines, np.ndarray, np.ndarray, np.ndarray]:
    """The lines cut to where their vessels end, tangents, curvature, and (B, 2) ends cut by the border."""
    tail = grazing_tails(lines, width, target)
    straight = straight_on(lines, tail)
    tips = tip_positions(straight, target, tail)
    lost = (tail > 0) & ~np.isfinite(tips)
    if lost.any():
        tail = np.where(lost, 0, tail)
        straight = straight_on(lines, tail)
        tips = tip_positions(straight, target, tail)
    lines = straight
    arc = arc_positions(lines.points, lines.starts)
    half = _end_radius(lines, width)
    outer = np.stack([lines.points[lines.starts[:-1]], lines.points[lines.starts[1:] - 1]], axis=1)
    for b, end in np.argwhere(np.isfinite(tips)):
        run = slice(lines.starts[b], lines.starts[b + 1])
        outer[b, end] = [np.interp(tips[b, end], arc[run], lines.points[run, axis]) for axis in (0, 1)]
    near = is_near_border(target, outer.reshape(-1, 2), reach=np.maximum(2 * half, 2.0).ravel())
    is_border = lines.is_free & np.isfinite(tips) & near.reshape(-1, 2)
    span = settled(lines, tips, end_radius=half, is_border=is_border)
    tangent, curvature = frame(lines.points, lines.starts)
    points, starts, channels = resample(
        lines.points,
        lines.starts,
        np.column_stack([lines.radius, lines.blind, tangent, curvature]),
        step=lines.step,
        fewest=FEWEST_POINTS,
        span=span,
    )
    cut = replace(
        lines,
        points=points,
        starts=starts,
        radius=channels[:, 0],
        blind=channels[:, 1] > 0.5,
        beyond=np.zeros(len(points), dtype=bool),
    )
    length = np.hypot(*channels[:, 2:4].T)
    unit = channels[:, 2:4] / np.where(length > 0, length, 1.0)[:, None]
    return cut, unit, channels[:, 4], is_border


def _end_radius(lines: Lines, width: np.ndarray) -> np.ndarray:
    """(B, 2) pixels: half the width over the last measured points before each end."""
    half = np.column_stack([lines.calibre, lines.calibre]) / 2
    for b in np.flatnonzero(lines.is_free.any(axis=1)):
        measured = width[lines.starts[b] : lines.starts[b + 1]]
        measured = measured[np.isfinite(measured)]
        if len(measured):
            half[b] = middle(measured[:LAST]) / 2, middle(measured[-LAST:]) / 2
    return half


def _assembled(
    lines: Lines,
    target: EdgeMap,
    nodes: Nodes,
    ends: np.ndarray,
    geometry: tuple[np.ndarray, np.ndarray],
    about: tuple[str, tuple[int, int], np.ndarray, tuple[float, float] | None],
) -> VesselGraph:
    structure, shape, crossings, disc_center = about
    tangent, curvature = geometry
    points, starts = lines.points.copy(), lines.starts
    points[starts[:-1]], points[starts[1:] - 1] = nodes.position[ends[:, 0]], nodes.position[ends[:, 1]]
    calibre = calibre_along(lines, target, tangent)
    arc = arc_positions(points, starts)
    return VesselGraph(
        structure=structure,
        shape=shape,
        points=points,
        starts=starts,
        tangent=tangent,
        curvature=curvature,
        calibre=calibre,
        source=ends[:, 0],
        target=ends[:, 1],
        is_loop=ends[:, 0] == ends[:, 1],
        nodes=nodes,
        bifurcations=find_bifurcations(
            points,
            starts,
            arc=arc,
            calibre=calibre,
            blind=lines.blind,
            nodes=nodes,
            ends=ends,
            disc_center=disc_center,
        ),
        crossings=crossings,
    )


def empty_graph(structure: str, shape: tuple[int, ...]) -> VesselGraph:
    """A graph without vessels."""
    none, whole = np.zeros(0), np.zeros(0, dtype=np.intp)
    pairs = np.zeros((0, 2))
    return VesselGraph(
        structure=structure,
        shape=(int(shape[0]), int(shape[1])),
        points=pairs,
        starts=np.zeros(1, dtype=np.intp),
        tangent=pairs,
        curvature=none,
        calibre=none,
        source=whole,
        target=whole,
        is_loop=np.zeros(0, dtype=bool),
        nodes=Nodes(position=pairs, degree=whole, kind=whole),
        bifurcations=Bifurcations(
            position=pairs,
            node=whole,
            parent=whole,
            daughters=np.zeros((0, 2), dtype=np.intp),
            angle=none,
            asymmetry=none,
            parent_calibre=none,
            daughter_calibre=pairs,
        ),
        crossings=pairs,
    )
