"""Size and shape of the foveal avascular zone, from its outline at sub-pixel precision.

The outline is a polygon (`anatomy.faz`), and each figure is exact for it: nothing is counted in pixels. The zone must
be one closed region about the fovea. Where the mask is empty, falls into parts, has holes of more than a tenth of its
area, lies farther from a given fovea than its own radius, or is a speck (of less than 0.02 mm2) that a model found, all
are missing with `no_faz`; where the edge of the field cuts it, with `region_out_of_bounds`.
"""

from __future__ import annotations

import math
from functools import partial

from retquant.anatomy.faz import find_faz
from retquant.anatomy.outline import Outline
from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View

of_zone = partial(biomarker, structures=("faz",), modalities=("octa",))


def zone_of(view: View) -> Outline | Measurement:
    """The zone's outline, or why there is none; found once an image."""
    found: Outline | str = view.workspace.view("faz").shared("outline", _find)
    return missing(found) if isinstance(found, str) else found


def _find(view: View) -> Outline | str:
    inputs = view.inputs
    given = inputs.anatomy.fovea if inputs.anatomy.fovea_source != "faz" else None
    scale = inputs.anatomy.scale.um_per_px
    return find_faz(inputs.segmentation.targets["faz"], fov=inputs.fov, fovea=given, um_per_px=scale)


def _of(view: View, figure: str, times: float = 1.0) -> Measurement:
    zone = zone_of(view)
    return zone if isinstance(zone, Measurement) else Measurement(value=times * float(getattr(zone, figure)))


@of_zone(
    unit="mm2",
    reference="Tam2011",
    id="faz_area",
    word="area",
    direction="higher_is_worse",
    aliases=("FAZ area",),
)
def faz_area(view: View) -> Measurement:
    """Area of the foveal avascular zone.

    That of the polygon at half coverage, by the shoelace formula.
    """
    return _of(view, "area_px")


@of_zone(unit="mm", reference="Tam2011", direction="higher_is_worse")
def perimeter(view: View) -> Measurement:
    """Length of the outline of the foveal avascular zone.

    The outline is smoothed along itself over about one pixel (two, of a mask of two values) at unchanged area, so that
    the steps from pixel to pixel do not lengthen it.
    """
    return _of(view, "perimeter_px")


@of_zone(
    unit="1", reference="Tam2011", direction="higher_is_better", derived_from="acircularity",
    aliases=("circularity index",),
)  # fmt: skip
def circularity(view: View) -> Measurement:
    """Circularity of the foveal avascular zone, 4 pi area over squared perimeter, 1 for a circle."""
    return _of(view, "circularity")


@of_zone(unit="1", reference="Tam2011", direction="higher_is_worse", aliases=("acircularity index",))
def acircularity(view: View) -> Measurement:
    """Perimeter of the foveal avascular zone over that of the circle of equal area, 1 for a circle."""
    found = circularity(view)
    return found if found.reason else Measurement(value=found.value**-0.5)


@of_zone(unit="1", reference="Tam2011", direction="higher_is_better")
def axis_ratio(view: View) -> Measurement:
    """Short over long axis of the ellipse with the same second moments of area as the foveal avascular zone."""
    return _of(view, "axis_ratio")


@of_zone(unit="1", reference="Tam2011", direction="higher_is_better")
def roundness(view: View) -> Measurement:
    """Area of the foveal avascular zone over that of the circle on its greatest diameter, 4 area / (pi Feret^2)."""
    return _of(view, "roundness")


@of_zone(unit="1", reference="Tam2011", direction="higher_is_better")
def solidity(view: View) -> Measurement:
    """Area of the foveal avascular zone over that of its convex hull."""
    return _of(view, "solidity")


@of_zone(unit="um", reference="Tam2011", direction="higher_is_worse", derived_from="faz_area")
def equivalent_diameter(view: View) -> Measurement:
    """Diameter of the circle with the area of the foveal avascular zone."""
    return _of(view, "radius_px", 2.0)


@of_zone(unit="um", reference="Tam2011", direction="higher_is_worse")
def max_inscribed_diameter(view: View) -> Measurement:
    """Diameter of the largest circle inside the foveal avascular zone."""
    return _of(view, "max_inscribed_radius_px", 2.0)


@of_zone(unit="um", reference="Tam2011", landmarks=("fovea",))
def centroid_offset(view: View) -> Measurement:
    """Distance from the fovea to the centre of area of the foveal avascular zone.

    Missing (`no_fovea`) where the zone itself tells where the fovea is.
    """
    zone, anatomy = zone_of(view), view.inputs.anatomy
    if isinstance(zone, Measurement):
        return zone
    if anatomy.fovea is None or anatomy.fovea_source == "faz":
        return missing("no_fovea")
    return Measurement(value=math.dist(zone.center, anatomy.fovea))
