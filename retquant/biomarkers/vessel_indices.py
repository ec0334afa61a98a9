"""Indices of an angiogram's vessels from their area, length and perimeter [Chu 2016]."""

from __future__ import annotations

import math
from functools import partial

from retquant.biomarkers.octa_places import EVERYWHERE
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.vessel_edges import edge_length_px
from retquant.biomarkers.workspace import View

index = partial(
    biomarker,
    reference="Chu2016",
    structures=EVERYWHERE.structures,
    regions=EVERYWHERE.regions,
    sectors=EVERYWHERE.sectors,
    modalities=("octa",),
)


@index(unit="um", aliases=("VDI", "vessel diameter index"))
def diameter_index(view: View) -> float:
    """Vessel area divided by the length of the vessels' centre lines.

    The mean width of the vessels, weighted by length, where none cross.
    """
    return view.vessel_area_px / view.length_px if view.length_px else math.nan


@index(unit="1/mm", direction="higher_is_better", aliases=("VPI", "vessel perimeter index"))
def perimeter_index(view: View) -> float:
    """Length of the vessels' edges divided by the area of the region.

    Edges are the lines at half coverage, smoothed along themselves over a pixel or two, so that the steps from pixel to
    pixel do not lengthen them; where the region or the field cuts a vessel there is no edge.
    """
    return edge_length_px(view) / view.area_px if view.area_px else math.nan


@index(unit="1", aliases=("VCI", "vessel complexity index"))
def complexity_index(view: View) -> float:
    """Squared length of the vessels' edges over 4 pi times the vessel area.

    It grows with the region's size, so that only like regions compare. Edges as for `perimeter_index`.
    """
    area = view.vessel_area_px
    return edge_length_px(view) ** 2 / (4 * math.pi * area) if area else math.nan
