"""All that is known of a digital eye as one table: biomarker column -> true value in the column's unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from retquant.phantoms.coverage import ellipse_coverage
from retquant.phantoms.geometry import Ellipse
from retquant.phantoms.shape import Shape
from retquant.phantoms.truth.arcades import arcade_angle, parabola_a, temporal_arcades
from retquant.phantoms.truth.crossings import Crossing
from retquant.phantoms.truth.disc import disc_figures
from retquant.phantoms.truth.junctions import Junction
from retquant.phantoms.truth.regions import (
    equivalents,
    junction_figures,
    length_inside,
    vessel_figures,
    zone_calibres,
)
from retquant.phantoms.truth.trees import Tree
from retquant.phantoms.truth.vessel import Ring, Vessel

ZONES: Mapping[str, tuple[float, float]] = {"zone_b": (2.0, 3.0), "zone_c": (2.0, 5.0)}  # disc radii
CLASSES = ("artery", "vein")
LEAST_ANGLE, LEAST_CALIBRE_PX = 30.0, 4.0  # of crossings whose nicking is measured


def eye_truth(
    shape: Shape,
    eye: str,
    *,
    drawn: Mapping[str, np.ndarray],
    vessels: Sequence[Vessel],
    junctions: Sequence[Junction],
    crossings: Sequence[Crossing],
    trees: Sequence[Tree],
) -> dict[str, float]:
    """Every column that the drawn geometry decides; what is not defined in this eye is left out.

    `vessel` columns are counts, densities and medians over the bifurcations of both classes. Densities by area
    come from `drawn`, the exact coverage of artery, vein and fov. Central equivalents are left out where fewer
    vessels cross the zone than they need.
    """
    assert shape.disc is not None
    assert shape.fov is not None
    mm_per_px = shape.um_per_px / 1000
    field = drawn["fov"]
    covered = {name: drawn[name] * field for name in CLASSES}
    covered["vessel"] = np.maximum(covered["artery"], covered["vein"])
    rings = {"fov": Ring(center=shape.fov.center, inner=0.0, outer=shape.fov.radius)} | {
        zone: Ring(center=shape.disc.center, inner=inner * shape.disc.radius, outer=outer * shape.disc.radius)
        for zone, (inner, outer) in ZONES.items()
    }
    table = disc_figures(shape, eye, mm_per_px=mm_per_px)
    table.pop("rim_width_min_clock_hour", None)  # a concentric cup leaves two hours that are as thin
    for region, ring in rings.items():
        window = field if region == "fov" else field * _ring_coverage(ring, shape.size)
        area_mm2 = float(window.sum(dtype=float)) * mm_per_px**2
        calibres = {}
        for structure in ("vessel", *CLASSES):
            own = [v for v in vessels if structure in ("vessel", v.structure)]
            forks = [
                j
                for j in junctions
                if structure in ("vessel", j.structure) and ring.holds(np.array(j.position))
            ]
            figures = junction_figures(forks)
            length_mm = length_inside(own, ring) * mm_per_px
            figures |= {
                "area_density": float((covered[structure] * window).sum(dtype=float))
                * mm_per_px**2
                / area_mm2,
                "length_density": length_mm / area_mm2,
                "branch_points": float(len(forks)),
                "branch_point_density": len(forks) / area_mm2,
                "branch_points_per_length": len(forks) / length_mm,
            }
            if structure != "vessel":
                figures |= vessel_figures(own, ring, disc_radius=shape.disc.radius, mm_per_px=mm_per_px)
                figures["end_points"] = float(_count_ends(own, ring))
                if region == "fov":
                    figures["components"] = float(sum(v.parent is None for v in own))
                    figures |= _tree_figures([t for t in trees if t.structure == structure])
                calibres[structure] = zone_calibres(own, ring)
            table |= {f"{structure}_{name}_{region}": value for name, value in figures.items()}
        inside = [c for c in crossings if ring.holds(np.array(c.position))]
        table[f"vessel_crossings_{region}"] = table[f"av_crossings_{region}"] = float(len(inside))
        table |= {f"av_nicking_{k}_{region}": v for k, v in _nicking(inside).items()}
        if region != "fov":
            central = equivalents(calibres, um_per_px=shape.um_per_px)
            table |= {f"{name}_{region}": value for name, value in central.items()}
    return table | _arcade_figures(shape, vessels)


def _ring_coverage(ring: Ring, size: tuple[int, int]) -> np.ndarray:
    outer, inner = (
        ellipse_coverage(Ellipse(center=ring.center, semi_axes=(radius, radius)), size)
        for radius in (ring.outer, ring.inner)
    )
    return np.asarray(outer - inner)


def _count_ends(vessels: Sequence[Vessel], ring: Ring) -> int:
    """Free ends and roots inside the ring; what the field's edge cuts has no end."""
    free = [v.points[-1] for v in vessels if not v.daughters and not v.is_cut]
    roots = [v.points[0] for v in vessels if v.parent is None and not v.enters]
    return int(ring.holds(np.array(free + roots)).sum()) if free or roots else 0


def _tree_figures(trees: Sequence[Tree]) -> dict[str, float]:
    """The highest order of any tree; ratios and asymmetry as means over trees, weighted by their length."""
    figures = {"strahler_order_max": float(max((t.strahler_order for t in trees), default=0))}
    for name, values in (
        ("horton_branching_ratio", [t.horton_branching_ratio for t in trees]),
        ("horton_length_ratio", [t.horton_length_ratio for t in trees]),
        ("tree_asymmetry", [t.asymmetry for t in trees]),
    ):
        known = [(value, t.length_px) for value, t in zip(values, trees, strict=True) if not np.isnan(value)]
        if known:
            figures[name] = float(np.average([v for v, _ in known], weights=[w for _, w in known]))
    return figures


def _nicking(crossings: Sequence[Crossing]) -> dict[str, float]:
    """Over the crossings that the biomarker measures: not too aslant, of a vein wide enough to tell."""
    known = [c.nicking for c in crossings if c.angle >= LEAST_ANGLE and c.vein_calibre >= LEAST_CALIBRE_PX]
    return {"max": max(known), "mean": float(np.mean(known))} if known else {}


def _arcade_figures(shape: Shape, vessels: Sequence[Vessel]) -> dict[str, float]:
    assert shape.disc is not None
    if shape.fovea is None:
        return {}
    figures = {}
    for structure in CLASSES:
        own = [v for v in vessels if v.structure == structure]
        upper, lower = temporal_arcades(own, shape.disc.center, shape.fovea)
        if upper is not None and lower is not None:
            figures[f"{structure}_arcade_angle"] = arcade_angle(upper, lower)
    focal = parabola_a(vessels, shape.disc.center, shape.fovea)
    if focal is not None:
        span = float(np.hypot(*np.subtract(shape.fovea, shape.disc.center)))
        figures["vessel_arcade_parabola_a"] = focal * span * shape.um_per_px / 1000
    return figures
