"""Quality of a picture from its pixels and field of view: four measures, a score and a grade.

All but the share of the frame are measured on one reduced copy, in which the field of view is `WORKING_PX` across,
so that the same eye taken with more pixels, or with a wider black border, reads the same.

======================== ========================================================================== ===============
measure                  formula                                                                    better when
======================== ========================================================================== ===============
fov_fraction             pixels in the field of view / pixels of the frame                          neither
illumination_uniformity  5th / 95th percentile, over the field, of brightness averaged over a        higher, to 1
                         sixteenth of the field's diameter
clipped_fraction         share of the field whose green is at either end of its 8 bits              lower, to 0
sharpness                standard deviation of the difference of Gaussians of 1.5 and 3 px of green  higher
                         over its local mean
noise                    robust standard deviation of pixel noise in green [Immerkaer 1996], as much   lower
                         of it as is left at the working size, over the median, over sharpness
blockiness               mean step of green where the blocks of JPEG meet over that elsewhere, mean   lower, to 1
                         of the two axes
(angiograms)             signal_strength, motion_lines, shadow_fraction, defocus: quality/angiogram.py
score                    product of how well each of sharpness, illumination, clipping and exposure higher, to 1
                         meets the levels in `LEVELS`
======================== ========================================================================== ===============

Green carries the contrast of the vessels [Soares 2006]; a band of fine structure relative to a local mean is the
usual measure of focus [Pertuz 2013], and local brightness over the field that of illumination [Dias 2014].
"""

from __future__ import annotations

from types import MappingProxyType

import cv2
import numpy as np

from retquant.images.retinal_image import RetinalImage
from retquant.quality.angiogram import measure_angiogram
from retquant.quality.quality import Quality

WORKING_PX = 512  # across the field: the vessels of 60-150 um that biomarkers rest on are 2-6 px wide
LOCAL_PX = WORKING_PX / 16.0  # sigma of the local mean: wider than any vessel, as wide as a disc's radius
FINE_PX, COARSE_PX = 1.5, 3.0  # sigmas of the band of small and middle vessels; sensor noise is mostly finer
RIM_PX = 12  # left out of sharpness: the edge of the field is no detail
BLOCK_PX = 8  # of JPEG
EDGE_PX = 3  # left out of clipping: pixels half in the field, half in the black surround
DARKEST, BRIGHTEST = 5, 250  # 8-bit levels of green from which detail is lost

# measure -> (level that makes the score 0, level from which it takes nothing). For photographs: between what pictures
# of public data sets, as taken, and the same pictures blurred by 1 % of their height read. For angiograms: between
# those as taken and the same mixed with noise, blurred by 0.4 to 0.7 % of their side, or striped. Ratios count, so the
# ramps of sharpness and exposure are logarithmic.
LEVELS: dict[str, dict[str, tuple[float, float]]] = {
    "cfp": {
        "sharpness": (0.0035, 0.0130),
        "illumination_uniformity": (0.05, 0.25),
        "clipped_fraction": (0.30, 0.03),
        "exposure": (8.0, 25.0),
    },
    "octa": {
        "signal_strength": (0.12, 0.24),
        "motion_lines": (0.30, 0.06),
        "shadow_fraction": (0.60, 0.20),
        "defocus": (0.60, 0.30),
        "illumination_uniformity": (0.05, 0.25),
        "clipped_fraction": (0.30, 0.03),
        "exposure": (4.0, 12.0),
    },
}
LOGARITHMIC = frozenset({"sharpness", "exposure"})
GOOD, USABLE = 0.6, 0.2  # scores from which a picture is graded so

_COMPLAINTS = {
    "sharpness": "blurred or of low contrast",
    "illumination_uniformity": "unevenly lit",
    "clipped_fraction": "over- or underexposed in part",
    "exposure": "dark",
    "signal_strength": "of weak signal",
    "motion_lines": "crossed by lines of motion",
    "shadow_fraction": "shadowed in part",
    "defocus": "out of focus",
}


def assess(image: RetinalImage) -> Quality:
    """Measure a picture's quality inside its field of view; any picture gets a score in [0, 1] and a grade."""
    green, brightness, inside = _working_copy(image)
    local = _local_mean(brightness, inside)
    low, high = np.percentile(local[inside], [5, 95])
    is_photograph = image.modality != "octa"
    lost = green >= BRIGHTEST
    if is_photograph:
        lost |= green <= DARKEST  # an angiogram is black wherever nothing flows
    measures = {
        "fov_fraction": float(np.mean(image.fov)),
        "illumination_uniformity": float(low / high) if high > 0 else 0.0,
        "clipped_fraction": float(np.mean(lost[_inner(inside, EDGE_PX)])),
        "sharpness": _sharpness(green, inside),
        "noise": _noise(image, green, inside),
        "blockiness": _blockiness(image),
    }
    if not is_photograph:
        measures |= measure_angiogram(image.pixels[..., 0], image.fov)
    levels = LEVELS["cfp" if is_photograph else "octa"]
    seen = measures | {"exposure": float(np.median(local[inside]))}
    marks = {name: _mark(seen[name], *levels[name], logarithmic=name in LOGARITHMIC) for name in levels}
    score = float(np.prod(list(marks.values()))) if image.doubt is None else 0.0
    complaints = [
        f"{_COMPLAINTS[name]} ({name} {seen[name]:.3g}, good from {levels[name][1]:.3g})"
        for name, mark in marks.items()
        if mark < 0.5
    ]
    return Quality(
        measures=MappingProxyType(measures | {"score": score}),
        grade="good" if score >= GOOD else "usable" if score >= USABLE else "reject",
        notes=(*([] if image.doubt is None else [image.doubt]), *complaints, *image.remarks),
    )


def _mark(value: float, worst: float, enough: float, *, logarithmic: bool) -> float:
    """0 at `worst`, 1 at `enough` and beyond, in either order."""
    if logarithmic:
        value, worst, enough = np.log(max(value, 1e-9)), np.log(worst), np.log(enough)
    return float(np.clip((value - worst) / (enough - worst), 0.0, 1.0))


def _working_copy(image: RetinalImage) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Green, brightness (h, w) float32 and field (h, w) bool, the field cropped and `WORKING_PX` across."""
    radius = image.field.diameter_px / 2.0
    window = tuple(
        slice(max(0, int(middle - radius)), min(side, int(np.ceil(middle + radius)) + 1))
        for middle, side in zip(image.field.center, image.shape, strict=True)
    )
    if not image.fov[window].any():  # a given mask may lie off the circle fitted to it
        window = (slice(None), slice(None))
    pixels, inside = image.pixels[window], image.fov[window]
    scale = WORKING_PX / image.field.diameter_px
    size = tuple(max(8, round(side * scale)) for side in (pixels.shape[1], pixels.shape[0]))
    reduced = cv2.resize(
        np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    ).astype(np.float32)
    field = cv2.resize(inside.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    if not field.any():  # thinner than a pixel of the working copy
        field = np.ones(field.shape, dtype=bool)
    return reduced[..., 1], reduced @ np.array([0.299, 0.587, 0.114], np.float32), field


def _local_mean(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Mean over the field's pixels alone, so that the black surround darkens nothing."""
    weight = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), LOCAL_PX)
    total = cv2.GaussianBlur(values * inside, (0, 0), LOCAL_PX)
    return np.asarray(total / np.maximum(weight, 1e-3))


def _sharpness(green: np.ndarray, inside: np.ndarray) -> float:
    relative = green / (_local_mean(green, inside) + 1.0)  # + 1: a black field has no detail
    band = cv2.GaussianBlur(relative, (0, 0), FINE_PX) - cv2.GaussianBlur(relative, (0, 0), COARSE_PX)
    return float(np.std(band[_inner(inside, RIM_PX)]))


def _noise(image: RetinalImage, green: np.ndarray, inside: np.ndarray) -> float:
    """Noise of the image's own pixels, as much as the working copy keeps, against the structure that vessels make."""
    fine = _sharpness(green, inside)
    level = float(np.median(green[inside])) + 1.0
    native = image.pixels[..., 1].astype(np.float32)
    # a mask that is blind to slopes and bends; 6 is its norm
    across = cv2.filter2D(native, -1, np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32))
    spread = float(np.median(np.abs(across[image.fov]))) / 0.6745 / 6.0 if image.fov.any() else 0.0
    averaged = max(1.0, image.field.diameter_px / WORKING_PX)  # side of the square of pixels that becomes one
    return spread / averaged / level / fine if fine > 0 else 0.0


def _blockiness(image: RetinalImage) -> float:
    """Steps at the blocks' borders over those elsewhere, on a copy reduced by 2 or 4 where it stays wide enough."""
    step = next(s for s in (4, 2, 1) if s == 1 or image.field.diameter_px >= s * WORKING_PX)
    height, width = (side // step * step for side in image.shape)
    green = image.pixels[:height, :width, 1]
    green = cv2.resize(green, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA).astype(np.float32)
    field = _inner(image.fov[:height:step, :width:step], EDGE_PX)
    block = BLOCK_PX // step
    excess = []
    for axis in (0, 1):
        count = green.shape[axis] - 1
        change = np.abs(np.diff(green, axis=axis))
        both = field.take(range(1, count + 1), axis) & field.take(range(count), axis)
        total, pixels = (change * both).sum(axis=1 - axis), both.sum(axis=1 - axis)
        means = [total[k::block].sum() / max(pixels[k::block].sum(), 1) for k in range(block)]
        typical = float(np.median(means))
        excess.append(max(means) / typical if typical > 0 else 1.0)
    return float(np.mean(excess))


def _inner(inside: np.ndarray, margin: int) -> np.ndarray:
    """The field without a margin along its edge and the frame's; all of it where it is no wider than that."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    bordered = np.pad(inside.astype(np.uint8), margin)
    inner = cv2.erode(bordered, kernel)[margin:-margin, margin:-margin] > 0
    return inner if inner.any() else inside
