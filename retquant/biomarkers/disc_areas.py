"""The areas of disc and cup, and the rim's width between them all round: what the disc's biomarkers rest on."""

from __future__ import annotations

import math

import numpy as np

from retquant.anatomy.axes import upright_axes
from retquant.anatomy.patch import Patch, largest_patch
from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.workspace import View

RAYS = 360  # one a degree
NARROWEST_DEG = 11  # the narrowest place is the least mean over so many rays, so that no single one decides
SMALLEST_PX2 = 28.0  # a disc of 3 px radius has no shape to speak of


def disc_of(view: View) -> Patch | Measurement:
    """The disc's area, or why it has none."""
    own = view.workspace.view("disc")
    landmark = own.inputs.anatomy.disc
    if landmark is not None and landmark.is_cut:
        return missing("region_out_of_bounds")
    target = own.inputs.segmentation.targets.get("disc")
    patch = own.shared("patch", lambda _: None if target is None else largest_patch(target))
    if patch is None:
        return missing("no_disc")
    return missing("resolution_too_low") if patch.area_px < SMALLEST_PX2 else patch


def cup_of(view: View) -> Patch | Measurement:
    """The cup's area inside the disc, or why it has none; an empty mask of a cup is taken for nobody's."""
    disc = disc_of(view)
    if isinstance(disc, Measurement):
        return disc
    own = view.workspace.view("cup")

    def inside(_: View) -> Patch | None:
        whole = largest_patch(own.inputs.segmentation.targets["cup"])
        return whole.within(disc) if whole is not None else None

    patch = own.shared("patch", inside)
    return missing("target_absent") if patch is None else patch


def _angles() -> np.ndarray:
    """(RAYS,) radians from the row axis (down) towards the column axis (right), half a degree off the axes."""
    return np.deg2rad((np.arange(RAYS) + 0.5) * 360.0 / RAYS)


def rim_widths(disc: View, cup: View) -> np.ndarray | Measurement:
    """(RAYS,) pixels from cup to disc margin along each ray."""
    outer, inner = disc_of(disc), cup_of(cup)
    for patch in (outer, inner):
        if isinstance(patch, Measurement):
            return patch

    def widths(_: View) -> np.ndarray:
        assert isinstance(outer, Patch)
        assert isinstance(inner, Patch)
        angles = _angles()
        return np.maximum(0.0, outer.reach(outer.center, angles) - inner.reach(outer.center, angles))

    return np.asarray(disc.workspace.view("disc").shared("rim_widths", widths))


def local_widths(disc: View, cup: View) -> np.ndarray | Measurement:
    """(RAYS,) pixels: the same, mean over the rays about each."""
    widths = rim_widths(disc, cup)
    if isinstance(widths, Measurement):
        return widths
    about = np.arange(RAYS)[:, None] + np.arange(NARROWEST_DEG) - NARROWEST_DEG // 2
    return np.asarray(widths[about % RAYS].mean(axis=1))


def quarter(sector: str, eye: str | None) -> np.ndarray:
    """(RAYS,) bool: rays within 45 degrees of a sector's direction; only nasal and temporal depend on the eye."""
    axes = upright_axes(eye) or upright_axes("OD")
    assert axes is not None
    row, col = axes.toward(sector)
    angles = _angles()
    return np.asarray(np.cos(angles) * row + np.sin(angles) * col > math.sqrt(0.5))


def clock_degrees(eye: str | None) -> np.ndarray:
    """(RAYS,) degrees from 12 towards 3, the nose's side."""
    angles = _angles()
    toward_nose = np.sin(angles) if eye == "OD" else -np.sin(angles)
    return np.asarray(np.degrees(np.arctan2(toward_nose, -np.cos(angles))) % 360.0)
