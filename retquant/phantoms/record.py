"""The truth record of a digital eye: what each vessel measures, and the figures of the whole image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from retquant.phantoms.areas import central_equivalent
from retquant.phantoms.geometry import Ellipse, Tube
from retquant.phantoms.shape import Shape
from retquant.phantoms.trees import TreeSegment
from retquant.phantoms.truth.trees import strahler_orders
from retquant.phantoms.truth.vessel import Ring, Vessel


def vessels_in_field(shape: Shape, segments: Mapping[str, Sequence[TreeSegment]]) -> tuple[Vessel, ...]:
    """What of the vessel segments lies in the field, numbered, parents before daughters.

    A segment that leaves the field and comes back makes two vessels, the second of which `enters` and has no parent.
    """
    assert shape.fov is not None
    field = Ring(center=shape.fov.center, inner=0.0, outer=shape.fov.radius)
    found: list[Vessel] = []
    for structure, trees in segments.items():
        last: dict[int, int] = {}  # segment -> vessel that holds its end
        for index, (segment, tube) in enumerate(zip(trees, shape.tubes[structure], strict=True)):
            for points, calibre in field.cut(tube.points, 2 * tube.radii):
                begins, ends = (bool((points[at] == tube.points[at]).all()) for at in (0, -1))
                parent = last.get(segment.parent) if begins else None
                if parent is not None:
                    above = found[parent]
                    found[parent] = replace(above, daughters=(*above.daughters, len(found)))
                if ends:
                    last[index] = len(found)
                found.append(
                    Vessel(
                        id=len(found),
                        structure=structure,
                        tree=segment.tree,
                        parent=parent,
                        daughters=(),
                        points=points,
                        calibre=calibre,
                        is_cut=not ends,
                        enters=not begins,
                    )
                )
    return tuple(found)


def vessels_to_edge(shape: Shape, segments: Mapping[str, Sequence[TreeSegment]]) -> tuple[Vessel, ...]:
    """The same, but each vessel only up to where it first leaves the field: what the figures of `Shape.truth` tell."""
    assert shape.fov is not None
    found: list[Vessel] = []
    for structure, trees in segments.items():
        ids: dict[int, int] = {}
        for index, (segment, tube) in enumerate(zip(trees, shape.tubes[structure], strict=True)):
            points, is_cut = _clip(tube, shape.fov)
            if len(points) < 2 or (segment.parent >= 0 and segment.parent not in ids):
                continue
            ids[index] = len(found)
            parent = ids[segment.parent] if segment.parent >= 0 else None
            if parent is not None:
                above = found[parent]
                found[parent] = replace(above, daughters=(*above.daughters, len(found)))
            found.append(
                Vessel(
                    id=len(found),
                    structure=structure,
                    tree=segment.tree,
                    parent=parent,
                    daughters=(),
                    points=points,
                    calibre=2 * tube.radii[: len(points)],
                    is_cut=is_cut,
                )
            )
    return tuple(found)


def list_segments(vessels: Sequence[Vessel]) -> list[dict[str, Any]]:
    """One entry a vessel for JSON; lengths in pixels.

    `id` numbers the vessels of the whole eye, `parent` and `daughters` refer to it; `is_cut` marks a vessel that the
    field's edge cuts where it leaves, `enters` one that begins there.
    """
    orders = strahler_orders(vessels)
    listed = []
    for vessel in vessels:
        points, calibres = vessel.points, vessel.calibre
        length = float(np.hypot(*np.diff(points, axis=0).T).sum())
        chord = float(np.hypot(*(points[-1] - points[0])))
        listed.append(
            {
                "id": vessel.id,
                "structure": vessel.structure,
                "tree": vessel.tree,
                "parent": vessel.parent,
                "daughters": list(vessel.daughters),
                "strahler_order": orders[vessel.id],
                "calibre_px": float(np.median(calibres)),
                "calibre_first_px": float(calibres[0]),
                "calibre_last_px": float(calibres[-1]),
                "length_px": length,
                "chord_px": chord,
                "tortuosity_hart1": length / chord,
                "is_cut": vessel.is_cut,
                "enters": vessel.enters,
                "polyline_px": points.round(3).tolist(),
                "calibre_along_px": calibres.round(4).tolist(),
            }
        )
    return listed


def whole_image_truth(
    shape: Shape, listed: Sequence[Mapping[str, Any]], drawn: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Figures of the whole field by quantity, with the structure first: `artery_area_density`, ...

    `drawn` holds the coverage of artery, vein and fov; `listed` the vessels up to where they first leave the field,
    so that one in five eyes lacks a vessel that comes back, a percent of the length; `eye_truth` has all of them.
    A root inside the disc counts among `end_points`. Medians are over segments of at least four calibres and 0.3 disc
    radii. Central equivalents take one calibre for each vessel that crosses the ring of 2 to 3 disc radii: its median
    inside the ring before it branches.
    """
    assert shape.disc is not None
    field = drawn["fov"]
    field_area = float(field.sum(dtype=float))
    truth = {
        "disc_radius_px": shape.disc.radius,
        "disc_area_px2": shape.disc.area,
        "disc_fovea_distance_px": float(np.hypot(*np.subtract(shape.disc.center, shape.fovea or np.nan))),
        "crossings": float(count_crossings(listed)),
    }
    for structure in ("artery", "vein"):
        mine = [entry for entry in listed if entry["structure"] == structure]
        total = sum(entry["length_px"] for entry in mine)
        long = [
            entry
            for entry in mine
            if entry["length_px"] >= max(4 * entry["calibre_px"], 0.3 * shape.disc.radius)
        ]
        covered = float((drawn[structure] * field).sum(dtype=float))
        free_ends = sum(not entry["daughters"] and not entry["is_cut"] for entry in mine)
        truth |= {
            f"{structure}_branch_points": float(sum(len(entry["daughters"]) == 2 for entry in mine)),
            f"{structure}_end_points": float(free_ends + sum(entry["parent"] is None for entry in mine)),
            f"{structure}_border_ends": float(sum(entry["is_cut"] for entry in mine)),
            f"{structure}_total_length_px": total,
            f"{structure}_length_density_per_px": total / field_area,
            f"{structure}_area_density": covered / field_area,
            f"{structure}_tortuosity_hart1_median": float(np.median([e["tortuosity_hart1"] for e in long])),
            f"{structure}_calibre_median_px": float(np.median([e["calibre_px"] for e in long])),
            f"{structure}_calibre_length_weighted_px": sum(e["calibre_px"] * e["length_px"] for e in mine)
            / total,
        }
        widths = _zone_calibres(mine, shape.disc)
        if len(widths) >= 6:
            name = "crae" if structure == "artery" else "crve"
            truth[f"{name}_knudtson_px"] = central_equivalent(widths, structure, "knudtson")
            truth[f"{name}_knudtson_um"] = truth[f"{name}_knudtson_px"] * shape.um_per_px
    if {"crae_knudtson_px", "crve_knudtson_px"} <= truth.keys():
        truth["avr_knudtson"] = truth["crae_knudtson_px"] / truth["crve_knudtson_px"]
    return truth


def count_crossings(listed: Sequence[Mapping[str, Any]]) -> int:
    """How often an artery's centre line crosses a vein's inside the field."""
    arteries = [np.array(e["polyline_px"]) for e in listed if e["structure"] == "artery"]
    veins = [np.array(e["polyline_px"]) for e in listed if e["structure"] == "vein"]
    found = 0
    for artery in arteries:
        low, high = artery.min(axis=0), artery.max(axis=0)
        for vein in veins:
            if (vein.max(axis=0) >= low).all() and (vein.min(axis=0) <= high).all():
                found += _intersections(artery, vein)
    return found


def _intersections(first: np.ndarray, second: np.ndarray) -> int:
    """Number of proper intersections of two polylines."""

    def side(start: np.ndarray, run: np.ndarray, points: np.ndarray) -> np.ndarray:
        away = points[None, :, :] - start[:, None, :]
        return np.sign(run[:, None, 0] * away[..., 1] - run[:, None, 1] * away[..., 0])

    of_second = side(first[:-1], np.diff(first, axis=0), second)
    of_first = side(second[:-1], np.diff(second, axis=0), first)
    crossed = (of_second[:, 1:] != of_second[:, :-1]) & (of_first[:, 1:] != of_first[:, :-1]).T
    return int(crossed.sum())


def _clip(tube: Tube, field: Ellipse) -> tuple[np.ndarray, bool]:
    """The centre line up to where it first leaves the circular field, and whether it does."""
    away = np.hypot(*(tube.points - field.center).T)
    if (away <= field.radius).all():
        return tube.points, False
    first_out = int(np.argmax(away > field.radius))
    if first_out == 0:
        return tube.points[:0], True
    share = (field.radius - away[first_out - 1]) / (away[first_out] - away[first_out - 1])
    edge = tube.points[first_out - 1] + share * (tube.points[first_out] - tube.points[first_out - 1])
    return np.concatenate([tube.points[:first_out], edge[None]]), True


def _zone_calibres(mine: Sequence[Mapping[str, Any]], disc: Ellipse) -> list[float]:
    """Median calibre inside 2 to 3 disc radii, before branching, of each vessel that crosses that ring."""
    inner, outer = 2 * disc.radius, 3 * disc.radius
    away = {e["id"]: np.hypot(*(np.array(e["polyline_px"]) - disc.center).T) for e in mine}
    by_id = {e["id"]: e for e in mine}

    def reaches_out(entry: Mapping[str, Any]) -> bool:
        return bool(away[entry["id"]].max() >= outer) or any(
            reaches_out(by_id[daughter]) for daughter in entry["daughters"]
        )

    widths = []
    for entry in mine:
        distance = away[entry["id"]]
        if distance[0] < inner <= distance.max() and reaches_out(entry):
            along = np.linspace(entry["calibre_first_px"], entry["calibre_last_px"], len(distance))
            widths.append(float(np.median(along[(distance >= inner) & (distance <= outer)])))
    return widths
