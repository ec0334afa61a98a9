"""A raster on which the field of view has a fixed number of pixels across, whatever the camera's resolution.

Maps of the raster's size are made when they are asked for and not kept: memory takes longer to get than to fill.
"""

from __future__ import annotations

import numpy as np

from retquant.anatomy.coverage import FULL
from retquant.anatomy.regions import Window
from retquant.biomarkers.workspace import View

FIELD_PX = 1024  # across the field of the raster
MOST_ENLARGED = 2.0  # raster pixels along one of a small image's


def raster_scale(view: View) -> float:
    """Raster pixels along one of the image's."""
    return min(FIELD_PX / view.inputs.field.diameter_px, MOST_ENLARGED)


def field_window(view: View) -> Window:
    """The box round the field of view, which the raster shows."""
    window: Window = of_image(view).shared("field_window", _field_window)
    return window


def field_raster(view: View) -> np.ndarray:
    """(H, W) uint8: whether a raster pixel's middle lies in the field of view; both sides are even."""
    field: np.ndarray = of_image(view).shared("field_raster", _field_raster)
    return field


def coverage_raster(view: View) -> np.ndarray:
    """(H, W) float32 coverage by the structure inside the field of view."""
    from retquant.biomarkers.resampling import resample

    levels, field = view.workspace.coverage_levels(view.structure)[field_window(view)], field_raster(view)
    shape = field.shape[0], field.shape[1]
    share = resample(levels, shape, FULL, enlarge=raster_scale(view) >= 1)
    share *= field
    return share


def region_raster(view: View) -> np.ndarray:
    """(H, W) float32 share of the pixel at a raster pixel's middle in the region, 0 outside the field of view."""
    field = field_raster(view)
    rows, cols = (_at_middles(part, new) for part, new in zip(field_window(view), field.shape, strict=True))
    share = view.extent.region.share(rows, cols)
    share *= field
    return share


def halved(raster: np.ndarray) -> np.ndarray:
    """A map (H, W) at half the resolution, each pixel the mean of four; an odd row or column at the end is left out."""
    import cv2

    height, width = (extent // 2 for extent in raster.shape)
    if not height or not width:
        return np.zeros((height, width), raster.dtype)
    return cv2.resize(raster[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)


def of_image(view: View) -> View:
    """The view that keeps what is the same for all structures and regions."""
    return view.workspace.view("vessel", "fov")


def _at_middles(part: slice, new: int) -> np.ndarray:
    """(new,) rows or columns of the image that `field_raster` reads."""
    import cv2

    pixels = np.arange(part.start, part.stop, dtype=np.float32)
    return cv2.resize(pixels[None], (new, 1), interpolation=cv2.INTER_NEAREST)[0].astype(np.intp)


def _field_window(view: View) -> Window:
    import cv2

    left, top, width, height = cv2.boundingRect(view.inputs.fov.view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def _field_raster(view: View) -> np.ndarray:
    import cv2

    window = field_window(view)
    height, width = (max(2, 2 * round((part.stop - part.start) * raster_scale(view) / 2)) for part in window)
    field = view.inputs.fov[window].view(np.uint8)
    return cv2.resize(field, (width, height), interpolation=cv2.INTER_NEAREST)
