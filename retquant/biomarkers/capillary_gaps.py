"""What lies between the capillaries: how far apart they are, where flow is missing, and how much is far from any.

All of it leaves the foveal avascular zone out, whose mask must be there (an empty one where the field has no zone). The
zone's part is that of its mask, whether or not it is one closed outline.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from retquant.biomarkers.foveal_zone import zone_of
from retquant.biomarkers.gap_maps import deficits, far_share, ridge, visible_ring
from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.octa_places import OCTA_REGIONS, SECTORS
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View

NONPERFUSED_UM = 100.0  # farther than this from any vessel
RING_UM = 300.0  # width of the ring round the avascular zone
RING_VISIBLE = 0.8  # of that ring, in the field
COUNTS_NEED = 0.95  # visible share of the region

of_gaps = partial(
    biomarker,
    structures=("capillary",),
    regions=OCTA_REGIONS,
    sectors=SECTORS,
    more_targets=("faz",),
    modalities=("octa",),
    direction="higher_is_worse",
)


@of_gaps(
    unit="um", reference="Schottenhamml2016", over="pixels", statistics=("mean", "p95"), aliases=("ICD",)
)
def intercapillary_distance(view: View, faz: View) -> np.ndarray:
    """Twice the distance to the nearest vessel's edge, along the ridges of that distance.

    A ridge runs between two pixels whose nearest edges face each other, seen from between them at 90 degrees or more,
    and is read there at sub-pixel precision; the foveal avascular zone is left out.
    """
    at, distance = ridge(view)
    inside = view.extent.region.contains(at) & ~_is_in_zone(faz, at)
    return 2 * distance[inside]


@of_gaps(unit="1", reference="Spaide2016", needs_scale="any", aliases=("FD%", "flow void fraction"))
def flow_deficit_fraction(view: View, faz: View) -> Measurement:
    """Share of the region, less the foveal avascular zone, that lies in flow deficits.

    A flow deficit is a connected area without vessels, pixels joined by their sides and cut at the region's edge, whose
    circle of equal area is 24 um or more across.
    """
    found = deficits(view, faz)
    if not found.region_px:
        return missing("region_out_of_bounds")
    return Measurement(value=float(found.areas_px.sum()) / found.region_px, n=len(found.areas_px))


@of_gaps(unit="1", reference="Spaide2016", needs_scale="any", minimum_visible_share=COUNTS_NEED)
def flow_deficit_count(view: View, faz: View) -> float:
    """Number of flow deficits in the region.

    As for `flow_deficit_fraction`.
    """
    return float(len(deficits(view, faz).areas_px))


@of_gaps(unit="mm2", reference="Spaide2016")
def flow_deficit_mean_area(view: View, faz: View) -> float:
    """Mean area of the flow deficits in the region.

    As for `flow_deficit_fraction`.
    """
    areas = deficits(view, faz).areas_px
    return float(areas.mean()) if len(areas) else math.nan


@of_gaps(unit="mm2", reference="retquant", minimum_visible_share=COUNTS_NEED)
def nonperfusion_area(view: View, faz: View) -> float:
    """Area farther than 100 um from the edge of any vessel, the foveal avascular zone left out."""
    um_per_px = view.inputs.anatomy.scale.um_per_px
    assert um_per_px is not None  # a unit with a length in it has a scale
    return far_share(view, faz, NONPERFUSED_UM / um_per_px)


@biomarker(
    unit="1",
    reference="retquant",
    structures=("capillary",),
    more_targets=("faz",),
    modalities=("octa",),
    needs_scale="any",
    direction="higher_is_better",
    aliases=("FD-300", "foveal density"),
)
def fd300(view: View, faz: View) -> Measurement:
    """Vessel area divided by area in the ring of 300 um round the foveal avascular zone.

    The ring follows the zone's outline; four fifths of it must lie in the field.
    """
    zone = zone_of(faz)
    if isinstance(zone, Measurement):
        return zone
    um_per_px = view.inputs.anatomy.scale.um_per_px
    assert um_per_px is not None  # asked for
    seen, window, weight = visible_ring(faz, zone, RING_UM / um_per_px)
    if seen < RING_VISIBLE:
        return missing("region_out_of_bounds")
    share = view.workspace.coverage(view.structure)[window]
    return Measurement(value=float((share * weight).sum(dtype=float) / weight.sum(dtype=float)))


def _is_in_zone(faz: View, at: np.ndarray) -> np.ndarray:
    """(M,) whether the pixel nearest to each of (M, 2) points belongs to the zone's mask."""
    row, col = np.rint(at).astype(int).T
    return np.asarray(faz.inputs.segmentation.targets["faz"].mask[row, col])
