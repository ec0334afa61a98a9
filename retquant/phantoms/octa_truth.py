"""What is true of a digital OCTA field by its polylines and outline: lengths, counts, calibre, the avascular zone.

Columns are named as the biomarkers are; a region of which less than 80 % lies in the field is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from retquant.phantoms.faz_outline import Polygon
from retquant.phantoms.octa_graph import NODE_TYPES, OctaGraph

RINGS_MM = {"fovea": (0.0, 0.5), "parafovea": (0.5, 1.5), "perifovea": (1.5, 3.0)}  # radii about the fovea
SECTORS = ("superior", "nasal", "inferior", "temporal")
STRUCTURES = ("capillary", "large_vessel", "artery", "vein")
_VISIBLE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """The ETDRS grid of one field: circles about the fovea, cut into quadrants along the diagonals."""

    field_mm: float
    fovea: tuple[float, float]  # (row, col) mm
    eye: str  # OD: nasal is to the right

    def names(self) -> Iterator[str]:
        """The whole field, each ring, and the quadrants of the outer rings."""
        yield "field"
        for ring in RINGS_MM:
            yield ring
            if ring != "fovea":
                yield from (f"{ring}_{sector}" for sector in SECTORS)

    def contains(self, name: str, points: np.ndarray) -> np.ndarray:
        """(…) whether each (…, 2) point in mm lies in the region."""
        if name == "field":
            return np.ones(points.shape[:-1], dtype=bool)
        ring, _, sector = name.partition("_")
        down, right = points[..., 0] - self.fovea[0], points[..., 1] - self.fovea[1]
        away = down**2 + right**2
        inner, outer = RINGS_MM[ring]
        inside = (away >= inner**2) & (away < outer**2)
        if not sector:
            return np.asarray(inside)
        if sector in ("superior", "inferior"):
            is_there = np.abs(down) > np.abs(right)
            is_there &= (down < 0) == (sector == "superior")
        else:
            is_right = (sector == "nasal") == (self.eye == "OD")
            is_there = (np.abs(right) >= np.abs(down)) & ((right > 0) == is_right)
        return np.asarray(inside & is_there)

    def area(self, name: str) -> float:
        """mm2 of the region inside the field; NaN where less than 80 % of it lies there."""
        if name == "field":
            return self.field_mm**2
        inner, outer = RINGS_MM[name.partition("_")[0]]
        whole = np.pi * (outer**2 - inner**2) / (4 if "_" in name else 1)
        gap = min(*self.fovea, *(self.field_mm - np.array(self.fovea)))
        if outer <= gap + 1e-9:
            return float(whole)
        side = 500
        at = (np.arange(side) + 0.5) / side * self.field_mm
        grid = np.stack(np.meshgrid(at, at, indexing="ij"), axis=-1)
        seen = float(self.contains(name, grid).mean()) * self.field_mm**2
        return seen if seen >= _VISIBLE * whole else float("nan")


def line_truth(graph: OctaGraph, faz: Polygon, regions: Regions) -> dict[str, float]:
    """Length densities (1/mm), calibre (um), counts and the avascular zone (mm, mm2), by column."""
    middle = (graph.points[graph.run_start] + graph.points[graph.run_start + 1]) / 2
    figures: dict[str, float] = {}
    for name in regions.names():
        area = regions.area(name)
        if np.isnan(area):
            continue
        inside = regions.contains(name, middle)
        for structure in STRUCTURES:
            chosen = inside & graph.chosen(structure)[graph.edge_of_run]
            length = graph.run_length[chosen]
            figures[f"{structure}_length_density_{name}"] = float(length.sum() / area)
            if len(length):
                widths = 2000 * graph.radius[graph.edge_of_run[chosen]]
                figures[f"{structure}_calibre_length_weighted_{name}"] = float(
                    np.average(widths, weights=length)
                )
    return figures | _counts(graph) | _zone(faz)


def _counts(graph: OctaGraph) -> dict[str, float]:
    """How many nodes of the field join three vessels or are seen to end one, and how often vessels cross."""
    figures: dict[str, float] = {}
    is_cut = np.isin(graph.node_type, [NODE_TYPES.index("root"), NODE_TYPES.index("border")])
    edges_at = np.repeat(np.arange(len(graph)), 2)
    _, crossing = graph.crossings
    for structure in STRUCTURES:
        chosen = graph.chosen(structure)
        degree = np.bincount(graph.nodes.ravel()[chosen[edges_at]], minlength=len(graph.node_type))
        figures |= {
            f"{structure}_branch_points_field": float(np.count_nonzero(degree >= 3)),
            f"{structure}_end_points_field": float(
                len(_seen_ends(graph, chosen, np.flatnonzero((degree == 1) & ~is_cut)))
            ),
            f"{structure}_border_ends_field": float(np.count_nonzero((degree == 1) & is_cut)),
            f"{structure}_crossings_field": float(np.count_nonzero(chosen[crossing].all(axis=1))),
        }
    return figures


def _seen_ends(graph: OctaGraph, chosen: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Those of the nodes `ends` that lie within no other chosen vessel, where nothing in a projection shows them."""
    from scipy.spatial import cKDTree

    runs = np.flatnonzero(chosen[graph.edge_of_run])
    if not len(runs) or not len(ends):
        return ends
    start, stop = graph.points[graph.run_start[runs]], graph.points[graph.run_start[runs] + 1]
    edge = graph.edge_of_run[runs]
    reach = float(graph.radius[edge].max() + graph.run_length[runs].max())
    near = cKDTree((start + stop) / 2).query_ball_point(graph.node_position[ends], reach)
    seen = []
    for node, candidates in zip(ends, near, strict=True):
        others = np.array([k for k in candidates if node not in graph.nodes[edge[k]]], dtype=int)
        along = stop[others] - start[others]
        to_end = graph.node_position[node] - start[others]
        share = np.clip((to_end * along).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1e-18), 0, 1)
        away = np.hypot(*(to_end - share[:, None] * along).T)
        if not (away < graph.radius[edge[others]]).any():
            seen.append(node)
    return np.array(seen, dtype=int)


def _zone(faz: Polygon) -> dict[str, float]:
    """The avascular zone; its diameters in um."""
    return {
        f"faz_{name}": 1000 * value if name.endswith("diameter") else value
        for name, value in faz.figures().items()
    }
