"""Where vessels divide, end and cross: counts of a region, and the geometry of its bifurcations.

A crossing is no bifurcation. Calibres at a junction come with the graph's bifurcations, d0 of the parent and
d1 >= d2 of the daughters.
"""

from __future__ import annotations

import math

import numpy as np

from retquant.biomarkers.octa_places import EVERYWHERE, IN_FIELD
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View
from retquant.vessels.graph import BRANCH, END

VESSELS = ("vessel", "artery", "vein")
REGIONS = ("fov", "zone_b", "zone_c")
COUNTS_NEED = 0.95  # visible share of the region
MOST_STEPS = 100  # to a root; ten do unless a daughter is as wide as the parent but for rounding


@biomarker(
    unit="1",
    reference="Patton2006",
    structures=VESSELS,
    regions=REGIONS,
    octa=IN_FIELD,
    minimum_visible_share=COUNTS_NEED,
)
def branch_points(view: View) -> float:
    """Number of points at which vessels divide.

    Crossings are not among them.
    """
    return view.count_nodes(BRANCH)


@biomarker(
    unit="1",
    reference="Patton2006",
    structures=VESSELS,
    regions=REGIONS,
    octa=IN_FIELD,
    minimum_visible_share=COUNTS_NEED,
)
def end_points(view: View) -> float:
    """Number of free ends of vessels.

    Where the field's or the region's edge cuts a vessel is no end.
    """
    return view.count_nodes(END)


@biomarker(
    unit="1",
    reference="Patton2006",
    structures=VESSELS,
    regions=REGIONS,
    octa=IN_FIELD,
    minimum_visible_share=COUNTS_NEED,
)
def crossings(view: View) -> float:
    """Number of points at which vessels of the structure cross each other."""
    if view.is_untraced:
        return math.nan
    return float(np.count_nonzero(view.extent.region.contains(view.whole.crossings)))


@biomarker(
    unit="1",
    reference="Patton2006",
    structures=VESSELS,
    regions=REGIONS,
    octa=IN_FIELD,
    minimum_visible_share=COUNTS_NEED,
)
def components(view: View) -> float:
    """Number of connected parts of the vessels within the region."""
    if not len(view.graph):
        return math.nan if view.is_untraced else 0.0
    return float(len(np.unique(view.part)))


@biomarker(unit="1/mm2", reference="Patton2006", structures=VESSELS, regions=REGIONS, octa=EVERYWHERE)
def branch_point_density(view: View) -> float:
    """Number of points at which vessels divide, divided by the area of the region."""
    return view.count_nodes(BRANCH) / view.area_px if view.area_px else math.nan


@biomarker(unit="1/mm", reference="Patton2006", structures=VESSELS, regions=REGIONS, octa=IN_FIELD)
def branch_points_per_length(view: View) -> float:
    """Number of points at which vessels divide, divided by the length of the centre lines."""
    return view.count_nodes(BRANCH) / view.length_px if view.length_px else math.nan


def _inside(view: View, values: np.ndarray) -> np.ndarray:
    return np.asarray(values[view.bifurcation_is_inside], float)


def _calibres(view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """d0, d1 >= d2 of all bifurcations of the whole graph, (J,) pixels each."""
    found = view.whole.bifurcations
    return found.parent_calibre, found.daughter_calibre.max(axis=1), found.daughter_calibre.min(axis=1)


def _diameters(view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """d0, d1 >= d2 of the bifurcations inside the region, (J,) pixels each."""
    found: tuple[np.ndarray, np.ndarray, np.ndarray] = view.shared(
        "diameters", lambda view: tuple(_inside(view, calibre) for calibre in _calibres(view))
    )
    return found


@biomarker(
    unit="deg",
    reference="Zamir1979",
    structures=VESSELS,
    regions=REGIONS,
    octa=IN_FIELD,
    over="bifurcations",
    statistics=("median", "mean"),
)
def branching_angle(view: View) -> np.ndarray:
    """Angle between the two daughters of a bifurcation.

    Tangents are fitted over one to three parent calibres from the junction, not over a fixed count of pixels.
    """
    return _inside(view, view.whole.bifurcations.angle)


@biomarker(
    unit="deg",
    reference="Zamir1979",
    structures=VESSELS,
    regions=REGIONS,
    octa=IN_FIELD,
    over="bifurcations",
    statistics=("median",),
)
def angle_asymmetry(view: View) -> np.ndarray:
    """Difference between the angles that the two daughters make with the parent's direction."""
    return _inside(view, view.whole.bifurcations.asymmetry)


@biomarker(
    unit="1",
    reference="Zamir1979",
    structures=VESSELS,
    regions=REGIONS,
    octa=IN_FIELD,
    over="bifurcations",
    statistics=("median",),
)
def asymmetry_ratio(view: View) -> np.ndarray:
    """Calibre of the narrower daughter divided by that of the wider, d2/d1."""
    _, wider, narrower = _diameters(view)
    return narrower / wider


@biomarker(
    unit="1",
    reference="Zamir1979",
    structures=VESSELS,
    regions=REGIONS,
    octa=IN_FIELD,
    over="bifurcations",
    statistics=("median",),
    aliases=("branching coefficient",),
)
def area_ratio(view: View) -> np.ndarray:
    """Cross-section of the daughters divided by that of the parent, (d1^2 + d2^2)/d0^2."""
    parent, wider, narrower = _diameters(view)
    return (wider**2 + narrower**2) / parent**2


def _exponents(view: View) -> np.ndarray:
    """(J,) x of d0^x = d1^x + d2^x of the bifurcations inside the region, solved once for the whole graph."""
    whole = view.workspace.view(view.structure, "fov")
    return _inside(view, whole.shared("exponents", lambda whole: solve_exponents(*_calibres(whole))))


def solve_exponents(parent: np.ndarray, wider: np.ndarray, narrower: np.ndarray) -> np.ndarray:
    """(J,) x of d0^x = d1^x + d2^x; inf where d1 >= d0, NaN where a calibre is missing."""
    known = np.isfinite(parent) & np.isfinite(wider) & np.isfinite(narrower)
    exponent = np.where(known & (wider >= parent), np.inf, np.nan)
    solvable = known & (wider < parent)
    if solvable.any():
        logs = np.log(np.stack([wider[solvable], narrower[solvable]]) / parent[solvable])
        # (d1/d0)^x + (d2/d0)^x falls and is convex in x: Newton's steps from 0 never go beyond the root
        root = np.zeros(logs.shape[1])
        for _ in range(MOST_STEPS):
            powers = np.exp(root * logs)
            step = (1 - powers.sum(axis=0)) / (powers * logs).sum(axis=0)
            root += step
            if (step <= 1e-15 * root).all():
                break
        exponent[solvable] = root
    return exponent


@biomarker(
    unit="1",
    reference="Murray1926",
    structures=VESSELS,
    regions=REGIONS,
    octa=IN_FIELD,
    over="bifurcations",
    statistics=("median",),
)
def junctional_exponent(view: View) -> np.ndarray:
    """Exponent x that solves d0^x = d1^x + d2^x at a bifurcation, 3 by Murray's law.

    Where a daughter is as wide as the parent no root exists; such a bifurcation counts as infinite in the
    median, which is missing where half of them do.
    """
    return _exponents(view)


@biomarker(unit="1", reference="Murray1926", structures=VESSELS, regions=REGIONS, octa=IN_FIELD)
def junctional_no_root(view: View) -> float:
    """Share of bifurcations with a daughter as wide as the parent, where no junctional exponent exists."""
    exponents = _exponents(view)
    known = exponents[~np.isnan(exponents)]
    return float(np.mean(np.isinf(known))) if len(known) else math.nan


@biomarker(
    unit="1",
    reference="Murray1926",
    structures=VESSELS,
    regions=REGIONS,
    octa=IN_FIELD,
    over="bifurcations",
    statistics=("median",),
)
def junctional_deviation(view: View) -> np.ndarray:
    """Signed cube root of d0^3 - d1^3 - d2^3 divided by d0, 0 by Murray's law."""
    parent, wider, narrower = _diameters(view)
    return np.cbrt(parent**3 - wider**3 - narrower**3) / parent


@biomarker(
    unit="1",
    reference="Murray1926",
    structures=VESSELS,
    regions=REGIONS,
    octa=IN_FIELD,
    over="bifurcations",
    statistics=("median",),
)
def optimality_ratio(view: View) -> np.ndarray:
    """Cube root of (d1^3 + d2^3)/(2 d0^3) at a bifurcation, 0.794 by Murray's law."""
    parent, wider, narrower = _diameters(view)
    return np.cbrt((wider**3 + narrower**3) / (2 * parent**3))
