"""How much vessel a region holds, by area and by length."""

from __future__ import annotations

import math

from retquant.biomarkers.octa_places import EVERYWHERE
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View

VESSELS = ("vessel", "artery", "vein")
REGIONS = (
    *("fov", "zone_b", "zone_c"),
    *("fovea", "parafovea", "perifovea"),
    *("superior_half", "inferior_half", "nasal_half", "temporal_half"),
)
SECTORS = ("superior", "nasal", "inferior", "temporal")


@biomarker(
    unit="1",
    reference="Reif2012",
    structures=VESSELS,
    regions=REGIONS,
    sectors=SECTORS,
    octa=EVERYWHERE,
    direction="higher_is_better",
    aliases=("VAD", "vessel density", "vessel area density"),
)
def area_density(view: View) -> float:
    """Vessel area divided by the area of the region.

    Both areas are those inside the field of view; the region is never the square frame. Pixels at a vessel's
    edge count by the share of them that the vessel covers.
    """
    return view.vessel_area_px / view.area_px if view.area_px else math.nan


@biomarker(
    unit="1/mm",
    reference="Reif2012",
    structures=VESSELS,
    regions=REGIONS,
    sectors=SECTORS,
    octa=EVERYWHERE,
    direction="higher_is_better",
    aliases=("VSD", "vessel skeleton density", "vessel length density"),
)
def length_density(view: View) -> float:
    """Length of the vessels' centre lines divided by the area of the region.

    All segments count, also short ones; length is along the smooth centre line, never a count of pixels.
    """
    return view.length_px / view.area_px if view.area_px else math.nan


@biomarker(
    unit="1",
    reference="Reif2012",
    structures=("avr",),
    id="avr_area_density",
    word="area_density",
    regions=EVERYWHERE.regions,
    sectors=EVERYWHERE.sectors,
    modalities=("octa",),
)
def area_ratio_of_arteries(artery: View, vein: View) -> float:
    """Area of the arteries divided by that of the veins."""
    return artery.vessel_area_px / vein.vessel_area_px if vein.vessel_area_px else math.nan
