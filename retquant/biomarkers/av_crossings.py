"""Where arteries and veins cross: how many, and how much the vein is nicked.

Both masks are needed, and each vessel is measured in its own. A label image must mark the place where vessels pass
over each other as both, else the vein's mask ends at the artery and its calibre beside it is not known.
"""

from __future__ import annotations

import numpy as np

from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View, Workspace
from retquant.vessels.av_crossings import LEAST_CALIBRE_PX, AVCrossings, find_av_crossings

REGIONS = ("fov", "zone_b", "zone_c")


def av_crossings(workspace: Workspace) -> AVCrossings:
    """The crossings of the whole image, found once; both graphs must be among the inputs."""

    def find(view: View) -> AVCrossings:
        vein = view.inputs.segmentation.targets.get("vein")
        return find_av_crossings(
            view.inputs.graphs["artery"],
            view.inputs.graphs["vein"],
            vein_mask=vein.mask if vein is not None and vein.is_hard else None,
        )

    found: AVCrossings = workspace.view("artery", "fov").shared("meetings", find)
    return found


def _inside(view: View) -> np.ndarray:
    """(X,) bool of the image's crossings."""
    found = av_crossings(view.workspace)
    if not len(found):
        return np.zeros(0, dtype=bool)
    return np.asarray(view.extent.region.contains(found.position), dtype=bool)


@biomarker(
    unit="1",
    reference="Nguyen2013",
    structures=("av",),
    regions=REGIONS,
    id="av_crossings",
    word="crossings",
    minimum_visible_share=0.95,  # a count
)
def count_av_crossings(artery: View, _vein: View) -> float:
    """Number of points at which an artery and a vein cross.

    Vessels that touch and part on the same side do not cross, nor does one that ends inside the other. Where a vessel
    divides inside the other, that is one crossing.
    """
    return float(np.count_nonzero(_inside(artery)))


@biomarker(
    unit="1",
    reference="Nguyen2013",
    structures=("av",),
    regions=REGIONS,
    over="crossings",
    statistics=("max", "mean"),
    direction="higher_is_worse",
    id="av_nicking",
    word="nicking",
)
def av_nicking(artery: View, _vein: View) -> np.ndarray | Measurement:
    """Share of its calibre that a vein has lost beside an artery that crosses it.

    1 - calibre beside / calibre away: beside is the mean up to a quarter of the vein's calibre from the artery's
    edge, away the median from one to two calibres; both sides of the artery are taken together. 0 for a vein of
    even calibre, negative for one that is wider there. Crossings of 30 degrees or more, and veins of at least four
    pixels, are measured. A one-bit mask is as wide as its pixels beside the artery, which is up to half a pixel off
    at either edge where the vein runs along the grid.
    """
    inside = _inside(artery)
    if not inside.any():
        return missing("no_crossing")
    found = av_crossings(artery.workspace)
    is_wide = (found.vein_calibre >= LEAST_CALIBRE_PX) | np.isfinite(found.nicking)
    if not is_wide[inside].any():
        return missing("resolution_too_low")
    return np.asarray(found.nicking[inside], float)
