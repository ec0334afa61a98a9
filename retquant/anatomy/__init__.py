"""Disc, fovea, scale and the regions that biomarkers are measured in."""

from __future__ import annotations

from retquant.anatomy.anatomy import Anatomy, Disc, Scale
from retquant.anatomy.axes import EyeAxes, eye_axes, upright_axes
from retquant.anatomy.centring import infer_centring, infer_eye
from retquant.anatomy.coverage import coverage
from retquant.anatomy.disc import find_disc
from retquant.anatomy.faz import find_faz
from retquant.anatomy.locate import locate
from retquant.anatomy.outline import Outline
from retquant.anatomy.regions import (
    ETDRS,
    HALVES,
    SECTORED,
    WHOLE,
    ZONES,
    Annulus,
    HalfField,
    Quarter,
    Region,
    WholeField,
    place,
    visible_area,
    visible_share,
    zone,
)
from retquant.anatomy.scale import resolve_scale

__all__ = [
    "ETDRS",
    "HALVES",
    "SECTORED",
    "WHOLE",
    "ZONES",
    "Anatomy",
    "Annulus",
    "Disc",
    "EyeAxes",
    "HalfField",
    "Outline",
    "Quarter",
    "Region",
    "Scale",
    "WholeField",
    "coverage",
    "eye_axes",
    "find_disc",
    "find_faz",
    "infer_centring",
    "infer_eye",
    "locate",
    "place",
    "resolve_scale",
    "upright_axes",
    "visible_area",
    "visible_share",
    "zone",
]
