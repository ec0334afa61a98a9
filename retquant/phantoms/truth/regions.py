"""What the vessels of a region measure: calibre, length, winding and counts, clipped at the region's edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from retquant.phantoms.areas import central_equivalent
from retquant.phantoms.truth.junctions import Junction
from retquant.phantoms.truth.vessel import Piece, Ring, Vessel, arc_along

_SAMPLED_PX = 10.0  # a piece shorter than that has no ten samples of its calibre, a pixel apart


def vessel_figures(
    vessels: Sequence[Vessel], ring: Ring, *, disc_radius: float, mm_per_px: float
) -> dict[str, float]:
    """Calibre and tortuosity of one class in one region: biomarker with its statistic -> value in its unit."""
    pieces = [piece for vessel in vessels for piece in ring.pieces(vessel)]
    figures: dict[str, float] = {}
    um = 1000 * mm_per_px
    sampled = [p for p in pieces if p.length >= _SAMPLED_PX]
    if sampled:
        widths = np.array([p.median_calibre for p in sampled])
        figures |= {
            "calibre_mean": float(widths.mean() * um),
            "calibre_median": float(np.median(widths) * um),
            "calibre_p90": float(np.percentile(widths, 90) * um),
            "calibre_length_weighted": float(np.average(widths, weights=[p.length for p in sampled]) * um),
        }
        if len(sampled) > 1:
            figures["calibre_std"] = float(widths.std(ddof=1) * um)
    between = [
        p
        for p in sampled
        if p.vessel.parent is not None and p.vessel.daughters and len(p.points) == len(p.vessel.points)
    ]
    if between:
        ratios = [p.length / p.median_calibre for p in between]
        figures["length_diameter_ratio_median"] = float(np.median(ratios))
    long = [p for p in pieces if p.length >= max(4 * p.median_calibre, 0.3 * disc_radius)]
    lengths = [p.length for p in long]
    for name, values in _windings(long, mm_per_px).items():
        figures |= {
            f"{name}_median": float(np.median(values)),
            f"{name}_p90": float(np.percentile(values, 90)),
            f"{name}_length_weighted": float(np.average(values, weights=lengths)),
        }
    return figures


def junction_figures(junctions: Sequence[Junction]) -> dict[str, float]:
    """Medians over the bifurcations of a region; empty where there is none."""
    if not junctions:
        return {}
    angles = [j.angle for j in junctions if not np.isnan(j.angle)]
    turns = [j.asymmetry for j in junctions if not np.isnan(j.asymmetry)]
    figures = {
        "asymmetry_ratio_median": float(np.median([j.d2 / j.d1 for j in junctions])),
        "area_ratio_median": float(np.median([j.area_ratio for j in junctions])),
        "optimality_ratio_median": float(np.median([j.optimality_ratio for j in junctions])),
        "junctional_deviation_median": float(np.median([j.deviation for j in junctions])),
        "junctional_exponent_median": float(np.median([j.exponent for j in junctions])),
    }
    if angles:
        figures["branching_angle_median"] = float(np.median(angles))
    if turns:
        figures["angle_asymmetry_median"] = float(np.median(turns))
    return figures


def length_inside(vessels: Sequence[Vessel], ring: Ring) -> float:
    """Pixels of centre line inside the ring."""
    return sum(piece.length for vessel in vessels for piece in ring.pieces(vessel))


def zone_calibres(vessels: Sequence[Vessel], ring: Ring) -> list[float]:
    """Pixels; one calibre for each vessel that runs from the ring's inner circle to its outer one or to the field's
    edge: its median inside the ring before it branches."""
    by_id = {v.id: v for v in vessels}

    def leaves(vessel: Vessel) -> bool:
        return (
            vessel.is_cut
            or bool(ring.distance(vessel.points).max() >= ring.outer)
            or any(leaves(by_id[d]) for d in vessel.daughters)
        )

    widths = []
    for vessel in vessels:
        away = ring.distance(vessel.points)
        if away[0] < ring.inner <= away.max() and leaves(vessel):
            pieces = list(ring.pieces(vessel))
            if pieces:
                widths.append(max(pieces, key=lambda p: p.length).median_calibre)
    return widths


def equivalents(calibres: Mapping[str, Sequence[float]], *, um_per_px: float) -> dict[str, float]:
    """CRAE, CRVE and their ratio by Knudtson (six and four) and Hubbard, um, of calibres in pixels by structure."""
    found: dict[str, float] = {}
    for structure, prefix in (("artery", "crae"), ("vein", "crve")):
        widths = sorted((w * um_per_px for w in calibres[structure]), reverse=True)
        if len(widths) >= 6:
            found[f"{prefix}_knudtson"] = central_equivalent(widths[:6], structure, "knudtson")
            found[f"{prefix}_hubbard"] = central_equivalent(widths[:6], structure, "hubbard")
        if len(widths) >= 4:
            found[f"{prefix}_knudtson_n4"] = central_equivalent(widths[:4], structure, "knudtson")
    for formula in ("knudtson", "knudtson_n4", "hubbard"):
        if {f"crae_{formula}", f"crve_{formula}"} <= found.keys():
            found[f"avr_{formula}"] = found[f"crae_{formula}"] / found[f"crve_{formula}"]
    return found


def _windings(pieces: Sequence[Piece], mm_per_px: float) -> dict[str, list[float]]:
    """Hart's measures of each piece, from its chord, length and turning; those per length in 1/mm, 1/mm2."""
    found: dict[str, list[float]] = {}
    for piece in pieces:
        chord = float(np.hypot(*(piece.points[-1] - piece.points[0]))) * mm_per_px
        length = piece.length * mm_per_px
        turning, squared = _turning(piece.points, mm_per_px)
        values = (
            length / chord,
            turning,
            squared,
            turning / length,
            squared / length,
            turning / chord,
            squared / chord,
        )
        for order, value in enumerate(values, start=1):
            found.setdefault(f"tortuosity_hart{order}", []).append(value)
    return found


def _turning(points: np.ndarray, mm_per_px: float) -> tuple[float, float]:
    """Integrals of |curvature| (rad) and of its square (1/mm) along a polyline, from the turns at its points."""
    runs = np.diff(points, axis=0)
    length = np.hypot(*runs.T)
    runs, length = runs[length > 1e-9], length[length > 1e-9]
    sine = runs[:-1, 0] * runs[1:, 1] - runs[:-1, 1] * runs[1:, 0]
    turns = np.arctan2(sine, (runs[:-1] * runs[1:]).sum(axis=1))
    share = (length[:-1] + length[1:]) / 2 * mm_per_px
    total = float(arc_along(points)[-1]) * mm_per_px
    scale = (
        total / share.sum() if len(share) else 1.0
    )  # the half runs at the ends turn as their neighbours do
    return float(np.abs(turns).sum() * scale), float((turns**2 / share).sum() * scale)
