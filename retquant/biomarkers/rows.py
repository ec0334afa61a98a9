"""One row a segment, a bifurcation and a crossing: what the image's numbers are made of.

Each table is a dictionary of equally long arrays. Points are x, y from the top left; lengths carry their unit
in the name; micrometres are NaN where the scale is unknown, flags of a zone are False where the disc is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from retquant.anatomy.regions import ZONES, zone
from retquant.biomarkers.av_crossings import av_crossings
from retquant.biomarkers.equivalents import crossing_vessels
from retquant.biomarkers.tortuosity import find_pieces, tortuosity_grisan, tortuosity_hart1
from retquant.biomarkers.trees import find_trees
from retquant.biomarkers.workspace import MeasureInputs, View, Workspace
from retquant.vessels.clip import origins

Table = dict[str, np.ndarray]

NODE_KINDS = np.array(["end", "branch", "border", "crossing", "loop"])


def segment_table(inputs: MeasureInputs) -> Table:
    """One row a vessel segment of each structure, whole segments of the whole field.

    Tortuosity is NaN for segments that are too short to enter it (`is_long_enough`); `in_zone_b` and
    `in_zone_c` are true where any part of the segment lies in that zone. What concerns trees is None for segments
    of no tree, and for all where the disc is not known.
    """
    return _stack(inputs, _segments)


def bifurcation_table(inputs: MeasureInputs) -> Table:
    """One row a bifurcation of each structure: where, its angles and calibres, the segments that meet."""
    return _stack(inputs, _bifurcations)


def crossing_table(inputs: MeasureInputs) -> Table:
    """One row a crossing within each structure, and one where an artery and a vein cross (structure `av`).

    Angle, segments, calibres and nicking are those of the latter.
    """
    within = _stack(inputs, _crossings)
    if not {"artery", "vein"} <= set(inputs.graphs):
        return within
    between = _av_crossings(inputs)
    return {name: np.concatenate([between[name], values]) for name, values in within.items()}


def _stack(inputs: MeasureInputs, rows: Callable[[View, float], Table]) -> Table:
    workspace = Workspace(inputs)
    um_per_px = inputs.anatomy.scale.um_per_px or math.nan
    tables = [rows(workspace.view(structure, "fov"), um_per_px) for structure in sorted(inputs.graphs)]
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]} if tables else {}


def _segments(view: View, um_per_px: float) -> Table:
    graph, count = view.graph, len(view.graph)
    first, last = graph.points[graph.starts[:-1]], graph.points[graph.starts[1:] - 1]
    calibre, spread = view.sample_spread
    profiled = view.by_profile
    wide = np.full(count, math.nan) if profiled is None else profiled.segment_calibre
    starts = graph.starts[:-1]
    return {
        "structure": np.full(count, view.structure),
        "segment": np.arange(count),
        "x_start": first[:, 1],
        "y_start": first[:, 0],
        "x_end": last[:, 1],
        "y_end": last[:, 0],
        "start_kind": NODE_KINDS[graph.nodes.kind[graph.source]],
        "end_kind": NODE_KINDS[graph.nodes.kind[graph.target]],
        "length_px": graph.arc_length,
        "length_um": graph.arc_length * um_per_px,
        "chord_px": graph.chord_length,
        "chord_um": graph.chord_length * um_per_px,
        "calibre_px": calibre,
        "calibre_um": calibre * um_per_px,
        "calibre_profile_px": wide,
        "calibre_profile_um": wide * um_per_px,
        "calibre_cv": spread,
        "is_long_enough": view.is_long_enough,
        "tortuosity_hart1": tortuosity_hart1(view),
        "tortuosity_grisan_per_mm": tortuosity_grisan(view) / um_per_px * 1000.0,
        "inflections": find_pieces(view).count - 1,
        **_tree_columns(view),
        **_equivalent_columns(view),
        **{name: np.logical_or.reduceat(inside, starts) if count else inside
           for name, inside in _zone_flags(view.inputs, graph.points).items()},
    }  # fmt: skip


def _tree_columns(view: View) -> Table:
    names = ("tree", "parent_segment", "strahler_order", "downstream_ends", "tree_is_cut")
    if view.inputs.anatomy.disc is None:
        return {name: np.full(len(view.whole), None) for name in names}
    trees = view.shared("trees", find_trees)
    is_cut = trees.is_cut[trees.tree] if len(trees) else np.zeros(len(trees.tree), dtype=bool)
    columns: tuple[np.ndarray, ...] = (trees.tree, trees.parent, trees.order, trees.ends, is_cut)
    known: tuple[np.ndarray, ...] = (trees.tree >= 0, trees.parent >= 0, *[trees.tree >= 0] * 3)
    nothing = np.full(len(trees.tree), None)
    return {
        name: np.where(is_known, values.astype(object), nothing)
        for name, values, is_known in zip(names, columns, known, strict=True)
    }


def _equivalent_columns(view: View) -> Table:
    """Which segments central retinal equivalents of zone B are made of: their place, widest first, and width there."""
    rank, width = np.full(len(view.whole), None), np.full(len(view.whole), math.nan)
    if view.structure in ("artery", "vein") and view.inputs.anatomy.disc is not None:
        zone_b = view.workspace.view(view.structure, "zone_b")
        widths, stretches = crossing_vessels(zone_b)
        segments = origins(zone_b.whole, zone_b.extent.region.contains)[stretches]
        for place in range(len(segments))[
            ::-1
        ]:  # a segment that comes back into the zone keeps its first place
            rank[segments[place]], width[segments[place]] = place + 1, widths[place]
    return {"equivalent_rank": rank, "equivalent_calibre_px": width}


def _bifurcations(view: View, um_per_px: float) -> Table:
    found = view.whole.bifurcations
    count = len(found.position)
    diameters = {
        "parent": found.parent_calibre,
        "wider_daughter": found.daughter_calibre[:, 0],
        "narrower_daughter": found.daughter_calibre[:, 1],
    }
    return {
        "structure": np.full(count, view.structure),
        "bifurcation": np.arange(count),
        "x": found.position[:, 1],
        "y": found.position[:, 0],
        "parent_segment": found.parent,
        "wider_daughter_segment": found.daughters[:, 0],
        "narrower_daughter_segment": found.daughters[:, 1],
        "angle_deg": found.angle,
        "asymmetry_deg": found.asymmetry,
        **{f"{name}_calibre_px": values for name, values in diameters.items()},
        **{f"{name}_calibre_um": values * um_per_px for name, values in diameters.items()},
        **_zone_flags(view.inputs, found.position),
    }


_OF_AV_ONLY = (
    *("angle_deg", "artery_segment", "vein_segment"),
    *("artery_calibre_px", "vein_calibre_px", "vein_beside_px", "vein_away_px"),
    *("artery_calibre_um", "vein_calibre_um", "vein_beside_um", "vein_away_um"),
    "nicking",
)


def _crossings(view: View, um_per_px: float) -> Table:
    position = view.whole.crossings
    count = len(position)
    return {
        "structure": np.full(count, view.structure),
        "crossing": np.arange(count),
        "x": position[:, 1],
        "y": position[:, 0],
        **{name: np.full(count, None if name.endswith("_segment") else math.nan) for name in _OF_AV_ONLY},
        **_zone_flags(view.inputs, position),
    }


def _av_crossings(inputs: MeasureInputs) -> Table:
    found = av_crossings(Workspace(inputs))
    um_per_px = inputs.anatomy.scale.um_per_px or math.nan
    widths = {
        "artery_calibre": found.artery_calibre,
        "vein_calibre": found.vein_calibre,
        "vein_beside": found.vein_beside,
        "vein_away": found.vein_away,
    }
    return {
        "structure": np.full(len(found), "av"),
        "crossing": np.arange(len(found)),
        "x": found.position[:, 1],
        "y": found.position[:, 0],
        "angle_deg": found.angle,
        "artery_segment": found.artery.astype(object),
        "vein_segment": found.vein.astype(object),
        **{f"{name}_px": values for name, values in widths.items()},
        **{f"{name}_um": values * um_per_px for name, values in widths.items()},
        "nicking": found.nicking,
        **_zone_flags(inputs, found.position),
    }


def _zone_flags(inputs: MeasureInputs, points: np.ndarray) -> Table:
    disc = inputs.anatomy.disc
    if disc is None:
        return {f"in_{name}": np.zeros(len(points), bool) for name in ZONES}
    return {f"in_{name}": zone(name, disc).contains(points) for name in ZONES}
