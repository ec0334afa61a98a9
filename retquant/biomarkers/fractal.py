"""How the vessels fill the plane: generalised dimensions by box counting, of the mask and of its centre lines."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import numpy as np

from retquant.biomarkers.box_counting import Cover, box_sizes, least_cover, slope
from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.octa_places import IN_FIELD
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View

SMALLEST_IN_CALIBRES = 2.0
LARGEST_IN_FIELDS = 1 / 8
FEWEST_SIZES = 4  # of boxes, for a slope with a standard error

dimension = partial(
    biomarker,
    unit="1",
    structures=("vessel", "artery", "vein"),
    regions=("fov",),
    octa=IN_FIELD,
    direction="higher_is_better",
    has_standard_error=True,
)


@dimension(reference="Mainster1990", aliases=("fractal dimension", "box-counting dimension"))
def fractal_d0(view: View) -> Measurement:
    """Capacity (box-counting) dimension of the vessel mask.

    Slope of log count on log 1/size over boxes from two median calibres to an eighth of the field's diameter,
    about two an octave; least cover over grid offsets. The standard error is the slope's.
    """
    return fitted(view, mask_cover(view), [-math.log(len(mass)) for mass in mask_cover(view).masses])


@dimension(reference="Stosic2006", aliases=("information dimension",))
def fractal_d1(view: View) -> Measurement:
    """Information dimension of the vessel mask.

    Slope of the sum of p log p on log size, p the share of vessel pixels in a box; boxes as for `fractal_d0`.
    """
    return fitted(view, mask_cover(view), [float(share @ np.log(share)) for share in mask_cover(view).shares])


@dimension(reference="Stosic2006", aliases=("correlation dimension",))
def fractal_d2(view: View) -> Measurement:
    """Correlation dimension of the vessel mask.

    Slope of the log of the sum of p squared on log size, p the share of vessel pixels in a box; boxes as for
    `fractal_d0`.
    """
    return fitted(view, mask_cover(view), [math.log(share @ share) for share in mask_cover(view).shares])


@dimension(reference="Mainster1990", aliases=("skeleton fractal dimension",))
def fractal_skeleton_d0(view: View) -> Measurement:
    """Capacity (box-counting) dimension of the vessels' centre lines.

    As `fractal_d0`, with the same boxes, of the graph's smooth centre lines drawn one pixel wide: calibre does not
    enter.
    """
    mask = draw_centre_lines(view) & view.inputs.fov
    cover = least_cover(mask, sizes_of(view))
    return fitted(view, cover, [-math.log(len(mass)) for mass in cover.masses])


def mask_cover(view: View) -> Cover:
    """The least cover of the structure's mask inside the field of view, made once a view."""
    return view.shared(
        "mask_cover",
        lambda view: least_cover(
            view.inputs.segmentation.targets[view.structure].mask & view.inputs.fov, sizes_of(view)
        ),
    )


def sizes_of(view: View) -> np.ndarray:
    """Box sizes in pixels, from two median calibres to an eighth of the field; none where no calibre is known."""
    if not math.isfinite(view.median_calibre):
        return np.zeros(0, int)
    largest = LARGEST_IN_FIELDS * view.inputs.field.diameter_px
    return box_sizes(SMALLEST_IN_CALIBRES * view.median_calibre, largest)


def draw_centre_lines(view: View) -> np.ndarray:
    """(H, W) bool: the graph's centre lines, one pixel wide."""
    import cv2

    graph = view.graph
    drawn = np.zeros(graph.shape, np.uint8)
    fine = 4  # fractional bits of a point's place
    places = np.rint(graph.points[:, ::-1] * 2**fine).astype(np.int32)
    lines = [places[first:stop] for first, stop in pairwise(graph.starts.tolist())]
    cv2.polylines(drawn, lines, isClosed=False, color=1, shift=fine)
    return drawn.view(bool)


def fitted(view: View, cover: Cover, moments: list[float]) -> Measurement:
    """The slope of a moment on log box size with its standard error, or why there is none."""
    if not math.isfinite(view.median_calibre):
        return missing("too_few_vessels")
    if len(cover.sizes) < FEWEST_SIZES:
        return missing("resolution_too_low")
    if not cover.masses:
        return missing("too_few_vessels")
    value, standard_error = slope(np.log(cover.sizes), np.array(moments))
    return Measurement(value=value, standard_error=standard_error, n=len(cover.sizes))
