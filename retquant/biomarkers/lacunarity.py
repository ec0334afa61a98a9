"""How the gaps between vessels are distributed: gliding boxes, and distances to the nearest vessel.

Both are measured on a raster on which the field of view has a fixed number of pixels across, so that neither the
camera's resolution nor a resampling changes what is asked, and a large image costs no more than a small one.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import numpy as np

from retquant.biomarkers.box_counting import slope
from retquant.biomarkers.field_raster import (
    FIELD_PX,
    coverage_raster,
    field_raster,
    field_window,
    halved,
    of_image,
    raster_scale,
    region_raster,
)
from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.octa_places import IN_FIELD
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View

VESSELS = ("vessel", "artery", "vein")
BOX_SIZES = tuple(2**power for power in range(1, 8))  # raster pixels, up to an eighth of the field
STEPS_PER_BOX = 4  # a quarter box at a time differs from pixel by pixel by less than 0.1 %
SMALLEST_BOX_PX = 1.0  # of the image's own pixels: below it a box sees the raster, not the vessels

gliding = partial(biomarker, unit="1", structures=VESSELS, regions=("fov",), octa=IN_FIELD)
distance = partial(
    biomarker,
    unit="1",
    word="sparsity",
    reference="VargasQuiros2026",
    structures=VESSELS,
    regions=("fov", "zone_b", "zone_c"),
    landmarks=("disc", "fovea"),
    direction="higher_is_worse",
)


@gliding(reference="Plotnick1996", over="boxes", statistics=("mean",), direction="higher_is_worse")
def lacunarity(view: View) -> np.ndarray | Measurement:
    """Lacunarity of the vessels, the mean of squared mass over the squared mean of mass of a gliding box.

    Mass is the vessel area in the box, edges by the share of a pixel that is covered; boxes of 2, 4, ... 128 px of a
    field of 1,024 px across, thus up to an eighth of its diameter, which glide a quarter of their side at a time (at
    least one pixel) and count where they lie in the field of view as a whole. 1 where all boxes hold as much.
    """
    return view.shared("lacunarities", _lacunarities)


@gliding(reference="Plotnick1996", has_standard_error=True)
def lacunarity_slope(view: View) -> Measurement:
    """Slope of log lacunarity on log box size.

    Boxes as for `lacunarity`; 0 where all boxes hold as much. The standard error is the slope's.
    """
    found = view.shared("lacunarities", _lacunarities)
    if isinstance(found, Measurement):
        return found
    known = np.isfinite(found)
    if np.count_nonzero(known) < 3:  # two points leave nothing to tell the fit's error by
        return missing("too_few_vessels")
    value, error = slope(np.log(np.array(BOX_SIZES)[known]), np.log(found[known]))
    return Measurement(value=value, standard_error=error, n=int(known.sum()))


@distance(id="sparsity_mean", statistics=("mean",), over="pixels")
def sparsity_mean(view: View) -> float:
    """Distance from a pixel to the nearest vessel's edge, divided by the distance from disc centre to fovea.

    0 inside vessels; pixels are those of the region in the field of view, vessels those of the whole field. Taken where
    the field is 512 px across (or twice a smaller image's resolution); vessels too thin for that by their centre lines.
    """
    mean: float = view.shared("distances", _distances)[0]
    return mean


@distance(id="sparsity_max", statistics=("max",), over="pixels")
def sparsity_max(view: View) -> float:
    """Distance from a pixel to the nearest vessel's edge, divided by the distance from disc centre to fovea.

    Pixels and vessels as for the mean.
    """
    most: float = view.shared("distances", _distances)[1]
    return most


def lacunarities(share: np.ndarray, field: np.ndarray) -> np.ndarray:
    """(K,) lacunarity at each of `BOX_SIZES` of a coverage map (H, W) float32 inside a field (H, W) bool.

    NaN where no box of that size lies in the field, or none holds anything.
    """
    return _lacunarities_in(share, _rooms(field.view(np.uint8)))


def _lacunarities_in(share: np.ndarray, rooms: list[np.ndarray]) -> np.ndarray:
    from retquant.biomarkers.gliding_boxes import box_lacunarity

    found = np.full(len(BOX_SIZES), math.nan)
    for index, (size, room) in enumerate(zip(BOX_SIZES, rooms, strict=True)):
        if size > STEPS_PER_BOX:
            share = halved(share)
        found[index] = box_lacunarity(share, room, min(size, STEPS_PER_BOX))
    return found


def _rooms(field: np.ndarray) -> list[np.ndarray]:
    """K arrays, in steps of the box's glide: whether the box that begins there lies in the field (H, W) as a whole."""
    rooms = []
    inside = field
    for size in BOX_SIZES:
        if size > STEPS_PER_BOX:
            inside = (halved(inside * np.uint8(255)) == 255).view(np.uint8)  # all four
        held, step = inside, 1
        while step < min(size, STEPS_PER_BOX):  # pairs of rows and of columns, then pairs of pairs
            rows = held[:-step] & held[step:]
            held = rows[:, :-step] & rows[:, step:]
            step *= 2
        rooms.append(held)
    return rooms


def _lacunarities(view: View) -> np.ndarray | Measurement:
    if view.inputs.field.diameter_px * BOX_SIZES[0] < FIELD_PX * SMALLEST_BOX_PX:
        return missing("resolution_too_low")
    found: np.ndarray = view.shared("raster_reading", _read_raster)[0]
    return found


def _read_raster(view: View) -> tuple[np.ndarray, np.ndarray]:
    """The lacunarities, and the coverage at half the raster's resolution for the distances."""
    raster = coverage_raster(view)
    rooms = of_image(view).shared("box_rooms", lambda view: _rooms(field_raster(view)))
    return _lacunarities_in(raster, rooms), halved(raster)


def _distances(view: View) -> tuple[float, float]:
    """Disc-fovea distances from a pixel of the region to the nearest vessel's edge: the mean and the largest."""
    anatomy = view.inputs.anatomy
    assert anatomy.disc is not None  # both are asked for as landmarks
    assert anatomy.fovea is not None
    far = view.workspace.view(view.structure, "fov").shared("distance_map", _distance_map)
    if far is None:
        return math.nan, math.nan
    weight = _of_region(view).shared("halved_weight", lambda view: halved(region_raster(view)))
    unit = math.dist(anatomy.disc.center, anatomy.fovea) * raster_scale(view)
    inside = weight > 0
    far, weight = far[inside] / unit, weight[inside]
    mean = float(np.average(far, weights=weight)) if len(far) else math.nan
    mostly = far[weight >= 0.5]
    return mean, float(mostly.max()) if len(mostly) else math.nan


def _distance_map(view: View) -> np.ndarray | None:
    """(H / 2, W / 2) float32 raster pixels to the nearest vessel's edge, 0 inside; None without a vessel.

    At half the raster's resolution, where it costs a quarter.
    """
    import cv2

    _, share = view.shared("raster_reading", _read_raster)
    vessel = (share >= 0.5) | _centre_lines(view, share.shape)  # which keep what is thinner than a pixel
    if not vessel.any():
        return None
    _, label = cv2.distanceTransformWithLabels(
        (~vessel).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # the nearest vessel pixel is found by steps, the distance to it is Euclid's, up to the edge within that pixel
    rows, columns = (places.astype(np.float32) for places in np.nonzero(vessel))
    row, column, inset = np.zeros((3, len(rows) + 1), np.float32)
    at = label[vessel]
    row[at], column[at], inset[at] = rows, columns, np.maximum(share[vessel] - np.float32(0.5), 0)
    far, across = row[label], column[label]
    far -= np.arange(share.shape[0], dtype=np.float32)[:, None]
    across -= np.arange(share.shape[1], dtype=np.float32)
    far *= far
    across *= across
    far += across
    np.sqrt(far, out=far)
    far -= inset[label]
    far[vessel] = 0
    far *= 2
    return np.maximum(far, 0, out=far)


def _centre_lines(view: View, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool: the graph's centre lines on a raster of `shape` over the field's window."""
    import cv2

    window = field_window(view)
    begin = np.array([part.start for part in window])
    scale = np.array([size / (part.stop - part.start) for size, part in zip(shape, window, strict=True)])
    places = np.rint((view.graph.points - begin + 0.5) * scale - 0.5).astype(np.int32)[:, ::-1]
    drawn = np.zeros(shape, np.uint8)
    lines = [places[first:stop] for first, stop in pairwise(view.graph.starts.tolist())]
    cv2.polylines(drawn, lines, isClosed=False, color=1)
    return drawn.view(bool)


def _of_region(view: View) -> View:
    """The view that keeps what is the same for all structures in a region."""
    return view.workspace.view(VESSELS[0], view.extent.name)
