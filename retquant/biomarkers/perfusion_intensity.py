"""How bright an angiogram is: over a region, along its vessels, and against its own dark foveal zone.

Intensities are shares of the 8-bit range, 1 where the picture is saturated. They depend on the device and its software,
so that only like pictures compare.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from retquant.biomarkers.foveal_zone import zone_of
from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.octa_places import EVERYWHERE, OCTA_REGIONS, SECTORS
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View

of_light = partial(
    biomarker,
    unit="1",
    regions=OCTA_REGIONS,
    sectors=SECTORS,
    modalities=("octa",),
    direction="higher_is_better",
)


@of_light(reference="retquant", structures=("large_vessel", "capillary"), aliases=("PID",))
def perfusion_intensity_density(view: View) -> Measurement:
    """Mean intensity of the picture over the region, vessels or not."""
    grey = _grey(view)
    if grey is None:
        return missing("no_photograph")
    if not view.area_px:
        return missing("region_out_of_bounds")
    light = view.extent.covered_area_px("intensity", (), lambda _: grey)
    return Measurement(value=light / view.area_px)


@of_light(reference="retquant", structures=EVERYWHERE.structures, aliases=("vessel flux", "flow index"))
def flux(view: View) -> Measurement:
    """Mean intensity of the vessels' pixels in the region.

    Pixels at a vessel's edge count by the share of them that the vessel covers.
    """
    grey = _grey(view)
    if grey is None:
        return missing("no_photograph")
    if not view.vessel_area_px:
        return missing("too_few_vessels")
    name = f"{view.structure} intensity"
    light = view.extent.covered_area_px(name, (), lambda _: _lit(view, view.structure, grey))
    return Measurement(value=light / view.vessel_area_px)


@of_light(reference="retquant", structures=EVERYWHERE.structures, more_targets=("faz",), aliases=("BFI",))
def blood_flow_index(view: View, faz: View) -> Measurement:
    """Mean intensity of the vessels' pixels above that of the foveal avascular zone, over what saturation is above it.

    0 where vessels are as dark as the zone, 1 where they are saturated.
    """
    zone, found, grey = zone_of(faz), flux(view), _grey(view)
    if isinstance(zone, Measurement):
        return zone
    if found.reason is not None or grey is None:
        return found
    dark: float = faz.shared("intensity", lambda faz: _mean_in_zone(faz, grey))
    if not dark < 1:
        return missing("low_quality")
    return Measurement(value=(found.value - dark) / (1 - dark))


def _grey(view: View) -> np.ndarray | None:
    """(H, W) uint8: the angiogram, whose three channels are equal."""
    picture = view.inputs.photograph
    return None if picture is None else np.ascontiguousarray(picture[..., 0])


def _lit(view: View, structure: str, grey: np.ndarray) -> np.ndarray:
    """(H, W) uint8: intensity times the share of a pixel that the structure covers."""
    lit: np.ndarray = view.workspace.view(structure, "field").shared(
        "lit", lambda view: np.rint(grey * view.workspace.coverage(structure)).astype(np.uint8)
    )
    return lit


def _mean_in_zone(faz: View, grey: np.ndarray) -> float:
    share = faz.workspace.coverage("faz") * faz.inputs.fov
    total = share.sum(dtype=float)
    return float((share * grey).sum(dtype=float) / total / 255) if total else math.nan
