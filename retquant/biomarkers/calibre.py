"""How wide the vessels are: statistics over segments of the calibre across the centre line."""

from __future__ import annotations

import numpy as np

from retquant.biomarkers.octa_places import IN_FIELD
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View

VESSELS = ("vessel", "artery", "vein")
REGIONS = ("fov", "zone_b", "zone_c")
HALVES = ("superior_half", "inferior_half", "nasal_half", "temporal_half")


@biomarker(
    unit="um",
    reference="Patton2006",
    structures=VESSELS,
    regions=REGIONS + HALVES,
    octa=IN_FIELD,
    over="segments",
    statistics=("mean", "median", "std", "p90", "length_weighted"),
    aliases=("vessel width", "vessel diameter"),
)
def calibre(view: View) -> np.ndarray:
    """Width of a vessel segment, the median of its samples across the centre line from edge to edge.

    A segment needs ten samples; samples whose normal meets another vessel or leaves the field are dropped.
    """
    return view.segment_calibre


@biomarker(
    unit="1",
    reference="Patton2006",
    structures=VESSELS,
    regions=REGIONS,
    octa=IN_FIELD,
    over="segments",
    statistics=("median",),
)
def calibre_cv(view: View) -> np.ndarray:
    """Standard deviation of the calibre along a segment divided by its mean.

    A segment needs ten samples.
    """
    return view.sample_spread[1]
