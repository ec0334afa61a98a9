"""Size and shape of disc, cup and rim, and where the fovea lies from them.

Sizes come from the outline at half coverage and from each pixel's share, never from counting pixels. Vertical and
horizontal are the image's own axes, and so are the rim's quarters; nasal and temporal follow from the eye. The cup is
what of its mask lies inside the disc. A disc that the field's edge cuts has no sizes (`region_out_of_bounds`), nor has
one of a few pixels (`resolution_too_low`). Under a scale assumed from the disc, sizes of disc, cup and rim are missing
(`scale_assumed`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from retquant.anatomy.patch import Patch
from retquant.biomarkers.disc_areas import (
    clock_degrees,
    cup_of,
    disc_of,
    local_widths,
    quarter,
    rim_widths,
)
from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View

SECTORS = ("superior", "nasal", "inferior", "temporal")
TIE = 0.01  # of the disc's radius: quarters of the rim that differ by less are as wide as each other
ROUND = 0.99  # from this ovality on, noise of the outline decides where the long axis points

of_disc = partial(biomarker, structures=("disc",), landmarks=("disc",))
of_cup = partial(biomarker, structures=("cup",), landmarks=("disc",))
of_both = partial(biomarker, structures=("cdr",), landmarks=("disc",), direction="higher_is_worse")
of_rim = partial(biomarker, structures=("rim",), landmarks=("disc",), direction="higher_is_better")


@of_disc(unit="mm2", reference="Jonas1999", id="disc_area", word="area", own_anatomy="disc")
def disc_area(disc: View) -> Measurement:
    """Area of the optic disc."""
    return _of(disc_of(disc), lambda patch: patch.area_px)


@of_disc(unit="um", reference="Jonas1999", own_anatomy="disc")
def diameter_vertical(disc: View) -> Measurement:
    """Extent of the disc's outline along the image's vertical."""
    return _of(disc_of(disc), lambda patch: patch.extent(0))


@of_disc(unit="um", reference="Jonas1999", own_anatomy="disc")
def diameter_horizontal(disc: View) -> Measurement:
    """Extent of the disc's outline along the image's horizontal."""
    return _of(disc_of(disc), lambda patch: patch.extent(1))


@of_disc(unit="1", reference="Tay2005", aliases=("ovality index", "tilt ratio"))
def ovality(disc: View) -> Measurement:
    """Short over long axis of the ellipse fitted to the disc, 1 for a round disc.

    The ellipse is that with the disc's second moments.
    """
    return _of(disc_of(disc), lambda patch: patch.axes[1] / patch.axes[0])


@of_disc(unit="deg", reference="Park2012", landmarks=("disc", "laterality"))
def torsion(disc: View) -> Measurement:
    """Angle from the image's vertical to the disc's long axis, positive where its upper end leans to the nose.

    From -90 to 90. The axis is that of the ellipse of `ovality`; a disc of ovality above 0.99 has none.
    """
    patch = disc_of(disc)
    if isinstance(patch, Measurement):
        return patch
    long, short, angle = patch.axes
    if short > ROUND * long:
        return missing("fit_failed")
    # an axis that points down and, by `angle`, to the right points up and to the left
    return Measurement(value=-angle if disc.inputs.anatomy.eye == "OD" else angle)


@of_cup(unit="mm2", reference="Jonas1999", id="cup_area", word="area", own_anatomy="disc")
def cup_area(cup: View) -> Measurement:
    """Area of the cup inside the disc."""
    return _of(cup_of(cup), lambda patch: patch.area_px)


@of_both(unit="1", reference="Jonas1999", id="cdr_vertical", word="vertical", aliases=("VCDR",))
def cdr_vertical(disc: View, cup: View) -> Measurement:
    """Extent of the cup over that of the disc, both along the image's vertical."""
    return _ratio(cup_of(cup), disc_of(disc), lambda patch: patch.extent(0))


@of_both(unit="1", reference="Jonas1999", id="cdr_horizontal", word="horizontal")
def cdr_horizontal(disc: View, cup: View) -> Measurement:
    """Extent of the cup over that of the disc, both along the image's horizontal."""
    return _ratio(cup_of(cup), disc_of(disc), lambda patch: patch.extent(1))


@of_both(unit="1", reference="Jonas1999", id="cdr_area", word="area")
def cdr_area(disc: View, cup: View) -> Measurement:
    """Area of the cup over that of the disc."""
    return _ratio(cup_of(cup), disc_of(disc), lambda patch: patch.area_px)


@of_rim(unit="mm2", reference="Jonas1999", id="rim_area", word="area", own_anatomy="disc")
def rim_area(disc: View, cup: View) -> Measurement:
    """Area of the disc outside the cup."""
    inner = cup_of(cup)
    if isinstance(inner, Measurement):
        return inner
    return _of(disc_of(disc), lambda patch: patch.area_px - inner.area_px)


@of_rim(unit="1", reference="Jonas1999", derived_from="cdr_area")
def disc_area_ratio(disc: View, cup: View) -> Measurement:
    """Area of the rim over that of the disc, 1 minus the cup's share."""
    share = cdr_area(disc, cup)
    return share if share.reason else Measurement(value=1.0 - share.value)


@of_rim(unit="um", reference="Jonas1988", id="rim_width", word="width", sectors=SECTORS, own_anatomy="disc")
def width(disc: View, cup: View) -> Measurement:
    """Distance from cup to disc margin along rays from the disc's centre, mean over the rays of a quarter.

    Rays are a degree apart, 45 degrees to either side of up, down, nose or temple in the image. A ray that misses
    the cup counts whole.
    """
    widths = rim_widths(disc, cup)
    if isinstance(widths, Measurement):
        return widths
    assert disc.sector is not None  # this definition has no other columns
    return Measurement(value=float(widths[quarter(disc.sector, disc.inputs.anatomy.eye)].mean()))


@of_rim(
    unit="um",
    reference="Spaeth2002",
    id="rim_width_least",
    word="width",
    over="directions",
    statistics=("min",),
    own_anatomy="disc",
)
def least_width(disc: View, cup: View) -> Measurement | np.ndarray:
    """Distance from cup to disc margin along rays from the disc's centre, mean over 11 degrees.

    For each of 360 rays a degree apart, over the rays within 5 degrees of it.
    """
    return local_widths(disc, cup)


@biomarker(unit="1", reference="Spaeth2002", structures=("rim",), landmarks=("disc", "laterality"))
def width_min_clock_hour(disc: View, cup: View) -> Measurement:
    """Clock hour at which the rim is narrowest, from 1 to 12.

    The narrowest place is that of `rim_width_min`. 12 is up in the image, 9 at the temple and 3 at the nose in either
    eye: the face of a left eye's clock is mirrored.
    """
    widths = local_widths(disc, cup)
    if isinstance(widths, Measurement):
        return widths
    hour = round(clock_degrees(disc.inputs.anatomy.eye)[int(np.argmin(widths))] / 30.0) % 12
    return Measurement(value=float(hour or 12))


@of_rim(unit="1", reference="Jonas1988", landmarks=("disc", "laterality"), aliases=("ISNT rule",))
def isnt_rule(disc: View, cup: View) -> Measurement:
    """Whether the rim narrows from inferior over superior and nasal to temporal, 1 or 0.

    Inferior at least as wide as superior, superior as nasal, nasal as temporal, by the quarters of `rim_width`; a
    difference below a hundredth of the disc's radius counts as none.
    """
    widths = rim_widths(disc, cup)
    if isinstance(widths, Measurement):
        return widths
    eye = disc.inputs.anatomy.eye
    order = [widths[quarter(s, eye)].mean() for s in ("inferior", "superior", "nasal", "temporal")]
    landmark = disc.inputs.anatomy.disc
    assert landmark is not None  # the engine asks for it
    return Measurement(value=float(np.all(np.diff(order) <= TIE * landmark.radius_px)))


@biomarker(
    unit="1",
    reference="Jonas1989",
    structures=("peripapillary_atrophy",),
    id="peripapillary_atrophy_area_ratio",
    word="area_ratio",
    landmarks=("disc",),
    direction="higher_is_worse",
)
def atrophy_ratio(atrophy: View, disc: View) -> Measurement:
    """Area of the atrophy about the disc, inside the field and outside the disc, over the disc's area."""
    patch = disc_of(disc)
    if isinstance(patch, Measurement):
        return patch
    share = atrophy.workspace.coverage(atrophy.structure) * atrophy.inputs.fov
    rows, cols = (
        slice(max(0, first), first + count)
        for first, count in zip(patch.corner, patch.share.shape, strict=True)
    )
    own = patch.share[rows.start - patch.corner[0] :, cols.start - patch.corner[1] :][
        : share.shape[0] - rows.start, : share.shape[1] - cols.start
    ]
    share[rows, cols] = np.minimum(share[rows, cols], 1.0 - own)
    return Measurement(value=float(share.sum(dtype=np.float64)) / patch.area_px)


@of_disc(unit="mm", reference="Jonas2015", landmarks=("disc", "fovea"), own_anatomy="disc_fovea")
def fovea_distance(disc: View) -> float:
    """Distance from the disc's centre to the fovea."""
    (row, col), (fovea_row, fovea_col) = _centers(disc)
    return math.hypot(fovea_row - row, fovea_col - col)


@of_disc(unit="deg", reference="Jonas2015", landmarks=("disc", "fovea"))
def fovea_angle(disc: View) -> float:
    """Angle from the image's horizontal to the line from the disc's centre to the fovea, positive downwards."""
    (row, col), (fovea_row, fovea_col) = _centers(disc)
    return math.degrees(math.atan2(fovea_row - row, abs(fovea_col - col)))


def _centers(view: View) -> tuple[tuple[float, float], tuple[float, float]]:
    anatomy = view.inputs.anatomy
    assert anatomy.disc is not None  # the engine asks for both landmarks
    assert anatomy.fovea is not None
    return anatomy.disc.center, anatomy.fovea


def _of(patch: Patch | Measurement, size: Callable[[Patch], float]) -> Measurement:
    return patch if isinstance(patch, Measurement) else Measurement(value=size(patch))


def _ratio(
    part: Patch | Measurement, whole: Patch | Measurement, size: Callable[[Patch], float]
) -> Measurement:
    for patch in (whole, part):
        if isinstance(patch, Measurement):
            return patch
    return Measurement(value=size(part) / size(whole))  # type: ignore[arg-type]
