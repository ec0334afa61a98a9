"""Where the retina is in a fundus photograph: the lit field, without the black surround, its glow, or its notch.

A camera's field is a circle, often cut flat by the frame or by a mask inside the frame, with a notch or tab on its
rim that tells left from right. So the lit region is found on a reduced copy, a circle is fitted to its outline, and
the circle with its flat cuts is drawn at full size. A field that is no circle (a squeezed picture, a crop) is taken
as the lit region itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from retquant.errors import ImageError
from retquant.images.circle import CircleFit, fit_circle
from retquant.images.retinal_image import Field

WORK_PX = 512  # longer side of the reduced copy; a circle fitted there is right to about 0.1 of its pixels
BLUR_PX = 1.2  # on the reduced copy; removes sensor noise and text overlays' thin strokes
# Lit is what exceeds the floor (8-bit level) and the share of the 60th percentile. The first pair keeps a glowing
# background out; the later ones reach into the shadow of a dim or unevenly lit field. Where the field fills less than
# half of the frame that percentile is the surround's, and the lower quartile of what is plainly lit stands for it.
LEVELS = ((30.0, 0.35), (15.0, 0.35), (12.0, 0.22), (8.0, 0.12))
EDGE_PX = 5  # on the reduced copy, from the middle of an edge to where it is over
OPENING_PX = 9  # on the reduced copy; cuts off printed text and halos
TOLERANCE = 0.006  # of the longer side: how far from the circle a point of its outline may lie
MIN_FRAME_SHARE = 0.10  # a smaller lit region is a lamp or a letter, not a field
MAX_LIT_OUTSIDE = 0.015  # of the lit region; tabs and letters take less, a squeezed field more
AGREEMENT = 0.96  # of circle and lit region; holes, notches and lashes cost up to this
ENOUGH_RIM = 0.80  # share of the circle's visible rim that is seen as an edge
# Pictures resampled to other proportions (2:3 frames made square) show an ellipse: tried where no circle will do.
SQUEEZES = tuple(round(0.70 + 0.03 * i, 2) for i in range(25) if i != 10)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Candidate:
    """A circular field seen on the reduced copy."""

    circle: CircleFit
    squeeze: float  # columns were multiplied by it before the fit: 1 but for a picture of changed proportions
    bounds: tuple[float, float, float, float]  # first and last row, first and last column
    agreement: float  # area shared with the lit region over the area of both


def find_field_of_view(pixels: np.ndarray) -> np.ndarray:
    """Mask of the lit circular field of a fundus photograph, flat cuts included.

    Parameters
    ----------
    pixels : (H, W, 3) uint8

    Returns
    -------
    (H, W) bool

    Raises
    ------
    ImageError
        No lit region fills a tenth of the frame.
    """
    height, width = pixels.shape[:2]
    light, step = _reduced_light(pixels)
    typical = _typical_light(light)
    regions = [_lit_region(light, max(floor, share * typical)) for floor, share in LEVELS]
    lit = [region for region in regions if region is not None and region.mean() >= MIN_FRAME_SHARE]
    if not lit:
        raise ImageError(
            "no field of view was found: no lit region fills a tenth of the frame",
            remedy="check that this is a fundus photograph, or give its field in the column fov_mask",
        )
    found = _search(lit, light)
    if found is not None:
        return _draw_full(found, light.shape, step, (height, width))
    hull = np.zeros(light.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(_outline(lit[0])[:, ::-1].astype(np.int32)), 255)
    return np.asarray(cv2.resize(hull, (width, height), interpolation=cv2.INTER_LINEAR) > 127)


def fit_field(fov: np.ndarray) -> Field:
    """The circle of which the field of view is a part: what `fov_mm` and `fov_deg` are the diameter of.

    Flat cuts are left out of the fit, so a field cut at top and bottom keeps its true diameter. Where the mask shows
    no arc of a circle (an OCTA frame, a crop) the circle has the diameter of the mask's longer side.

    Parameters
    ----------
    fov : (H, W) bool

    Raises
    ------
    ImageError
        The mask is empty.
    """
    rows, cols = np.flatnonzero(fov.any(axis=1)), np.flatnonzero(fov.any(axis=0))
    if rows.size == 0:
        raise ImageError("the field of view is empty", remedy="give a field of view with some pixels in it")
    step = max(1, max(fov.shape) // (2 * WORK_PX))
    outline = _outline(fov[::step, ::step])
    inner = _away_from_frame(outline, fov[::step, ::step].shape)
    circle = fit_circle(inner, tolerance=max(1.0, TOLERANCE * max(fov.shape) / step)) if len(inner) else None
    if circle is not None and circle.on_circle.mean() > 0.3:
        # the outline runs through the centres of the last pixels inside, half a pixel short of the edge
        diameter = 2.0 * (circle.radius * step + 0.5)
        return Field(center=(circle.row * step, circle.col * step), diameter_px=float(diameter))
    center = ((rows[0] + rows[-1]) / 2.0, (cols[0] + cols[-1]) / 2.0)
    sides = rows[-1] - rows[0] + 1, cols[-1] - cols[0] + 1
    return Field(center=(float(center[0]), float(center[1])), diameter_px=float(max(sides)))


def _reduced_light(pixels: np.ndarray) -> tuple[np.ndarray, int]:
    """Brightest channel on a copy of at most `WORK_PX`, and the stride of the first reduction."""
    step = max(1, max(pixels.shape[:2]) // (2 * WORK_PX))
    light = pixels[::step, ::step].max(axis=2)
    scale = WORK_PX / max(light.shape)
    if scale < 1:
        size = (max(1, round(light.shape[1] * scale)), max(1, round(light.shape[0] * scale)))
        light = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(light, (0, 0), BLUR_PX), step


def _typical_light(light: np.ndarray) -> float:
    bright = light[light > LEVELS[0][0]]
    return float(max(np.percentile(light, 60), np.percentile(bright, 25) if bright.size else 0.0))


def _search(lit: list[np.ndarray], light: np.ndarray) -> _Candidate | None:
    """The circle, else the ellipse, that agrees with the brightest region that has one; None where none does.

    A field in deep shadow agrees at no level: then the circle with the most of a rim is taken, if it has enough.
    """
    shadowed: _Candidate | None = None
    for region in lit:
        circle = _circular_field(region, light, 1.0)
        if circle is not None and circle.agreement >= AGREEMENT:
            return circle
        if circle is not None and (shadowed is None or circle.agreement > shadowed.agreement):
            shadowed = circle
        ellipses = [
            found for squeeze in SQUEEZES if (found := _circular_field(region, light, squeeze)) is not None
        ]
        best = max(ellipses, key=lambda found: found.agreement, default=None)
        if best is not None and best.agreement >= AGREEMENT:
            return best
    return shadowed


def _circular_field(lit: np.ndarray, light: np.ndarray, squeeze: float) -> _Candidate | None:
    """Circle and cuts that account for the lit region once its columns are squeezed, or None."""
    scale = np.array([1.0, squeeze])
    points = _away_from_frame(_outline(lit), lit.shape) * scale
    size = (float(lit.shape[0]), lit.shape[1] * squeeze)
    circle = fit_circle(points, tolerance=TOLERANCE * max(lit.shape))
    if circle is None:
        return None
    bounds = _flat_cuts(points, circle, light, scale)
    if _rim_share(circle, bounds, size) < ENOUGH_RIM:
        return None
    found = _Candidate(circle=circle, squeeze=squeeze, bounds=bounds, agreement=0.0)
    drawn = _draw(found, lit.shape, grown=1.0)
    if lit[~drawn].sum() > MAX_LIT_OUTSIDE * lit.sum():
        return None
    return replace(found, agreement=float((drawn & lit).sum() / (drawn | lit).sum()))


def _rim_share(circle: CircleFit, bounds: tuple[float, ...], size: tuple[float, float]) -> float:
    """Share of the circle's rim, where frame and cuts leave it visible, that the outline follows."""
    angles = np.radians(np.arange(2.5, 360.0, 5.0))
    rows = circle.row + circle.radius * np.sin(angles)
    cols = circle.col + circle.radius * np.cos(angles)
    top, bottom = max(bounds[0], 3.0), min(bounds[1], size[0] - 4.0)
    left, right = max(bounds[2], 3.0), min(bounds[3], size[1] - 4.0)
    visible = ((rows > top) & (rows < bottom) & (cols > left) & (cols < right)).sum()
    return min(1.0, circle.arc_deg / 5.0 / visible) if visible else 0.0


def _lit_region(light: np.ndarray, threshold: float) -> np.ndarray | None:
    """(h, w) bool, the largest region brighter than the threshold."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (OPENING_PX, OPENING_PX))
    opened = cv2.morphologyEx((light > threshold).astype(np.uint8), cv2.MORPH_OPEN, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return None
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def _outline(mask: np.ndarray) -> np.ndarray:
    """(P, 2) row and column of the outer boundary's pixels, of the largest part."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest = max(contours, key=len)
    return np.asarray(longest[:, 0, ::-1], dtype=float)


def _away_from_frame(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    rows, cols = points[:, 0], points[:, 1]
    return points[(rows > 2) & (rows < shape[0] - 3) & (cols > 2) & (cols < shape[1] - 3)]


def _flat_cuts(
    points: np.ndarray, circle: CircleFit, light: np.ndarray, scale: np.ndarray
) -> tuple[float, float, float, float]:
    """First and last row, first and last column, where a straight abrupt edge lies inside the circle.

    `scale` is what the points' rows and columns were multiplied by.
    """
    bounds = [-np.inf, np.inf, -np.inf, np.inf]
    inside = points[~circle.on_circle]
    inside = inside[np.hypot(inside[:, 0] - circle.row, inside[:, 1] - circle.col) < circle.radius]
    for side in range(4):
        axis, first = side // 2, side % 2 == 0
        middle = (circle.row, circle.col)[axis]
        beyond = inside[inside[:, axis] < middle if first else inside[:, axis] > middle]
        if len(beyond) < 0.1 * circle.radius:
            continue
        level = float(np.median(beyond[:, axis]))
        flat = beyond[np.abs(beyond[:, axis] - level) < TOLERANCE * max(light.shape)]
        chord = 2.0 * np.sqrt(max(circle.radius**2 - (level - middle) ** 2, 0.0))
        # a cut is straight over most of the chord at its level, and dark at once; a shadow wanders or fades
        if len(flat) > 0.6 * chord and _is_abrupt(flat / scale, light, axis, outward=-1 if first else 1):
            bounds[side] = level
    return bounds[0], bounds[1], bounds[2], bounds[3]


def _is_abrupt(points: np.ndarray, light: np.ndarray, axis: int, *, outward: int) -> bool:
    """Whether it is less than half as light a few pixels outside an edge as it is inside."""
    step = np.zeros(2)
    step[axis] = outward * EDGE_PX
    limits = np.array(light.shape) - 1
    outer, inner = (
        np.median(light[tuple(np.clip(np.round(points + side), 0, limits).astype(int).T)])
        for side in (step, -step)
    )
    return bool(outer < 0.5 * inner)


def _draw(
    found: _Candidate,
    shape: tuple[int, ...],
    *,
    grown: float,
    zoom: tuple[float, float] = (1.0, 1.0),
    origin: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """(H, W) bool, the circle made larger by `grown` and kept between the bounds, row by row.

    A place x of the reduced copy lies at `zoom` x + `origin` of the picture that is drawn.
    """
    mask = np.zeros(shape, dtype=bool)
    circle, squeeze = found.circle, found.squeeze
    radius = circle.radius + grown
    top, bottom, left, right = (b + (grown if side % 2 else -grown) for side, b in enumerate(found.bounds))
    first = max(0, int(np.ceil(max(circle.row - radius, top) * zoom[0] + origin[0])))
    last = min(shape[0] - 1, int(np.floor(min(circle.row + radius, bottom) * zoom[0] + origin[0])))
    for row in range(first, last + 1):
        half = np.sqrt(max(radius**2 - ((row - origin[0]) / zoom[0] - circle.row) ** 2, 0.0))
        start = max(circle.col - half, left) / squeeze * zoom[1] + origin[1]
        stop = min(circle.col + half, right) / squeeze * zoom[1] + origin[1]
        mask[row, max(0, int(np.ceil(start))) : max(0, int(np.floor(stop)) + 1)] = True
    return mask


def _draw_full(found: _Candidate, small: tuple[int, ...], step: int, shape: tuple[int, int]) -> np.ndarray:
    """The circle of the reduced copy, drawn on the photograph's own pixels."""
    # pixel j of the reduced copy averages the strided pixels round (j + .5) ratio - .5, which lie `step` apart
    ratios = [-(-shape[axis] // step) / small[axis] for axis in (0, 1)]
    zoom = (step * ratios[0], step * ratios[1])
    origin = (step * (0.5 * ratios[0] - 0.5), step * (0.5 * ratios[1] - 0.5))
    # the outline runs through the last lit pixels' centres, half a reduced pixel inside the edge
    return _draw(found, shape, grown=0.5, zoom=zoom, origin=origin)
