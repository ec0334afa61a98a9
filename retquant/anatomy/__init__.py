"""Disc, fovea, scale and the regions that biomarkers are measured in."""

from __future__ import annotations

from retquant.anatomy.anatomy import Anatomy, Disc, Scale
from retquant.anatomy.coverage import coverage
from retquant.anatomy.disc import find_disc
from retquant.anatomy.locate import locate
from retquant.anatomy.regions import ZONES, Annulus, Region, WholeField, visible_area, visible_share, zone
from retquant.anatomy.scale import resolve_scale

__all__ = [
    "ZONES",
    "Anatomy",
    "Annulus",
    "Disc",
    "Region",
    "Scale",
    "WholeField",
    "coverage",
    "find_disc",
    "locate",
    "resolve_scale",
    "visible_area",
    "visible_share",
    "zone",
]
