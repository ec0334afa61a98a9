"""The picture that shows at a glance what was found in a photograph, and the masks as files.

Photograph, vessels tinted (arteries red, veins blue where they are known, others green), thin centre lines, the disc's
outline and the circles of zones B and C where they lie in the field of view; in an angiogram the avascular zone.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import cast

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from retquant.anatomy.anatomy import Anatomy, Disc
from retquant.anatomy.faz import find_faz
from retquant.anatomy.patch import largest_patch
from retquant.images.retinal_image import RetinalImage
from retquant.segmentation.segmentation import Segmentation
from retquant.vessels.graph import VesselGraph

_WIDEST = 1600  # pixels of the picture
_NARROWEST = 1000  # smaller photographs are enlarged, so that lines stay thinner than the vessels
_ZONE_RADII = (2.0, 3.0, 5.0)  # disc radii: zone B lies between the first two, zone C between the outer ones
_TINT = 0.6  # weight of the colour over the photograph
_RIM_PX, _RIM_SHARE = 2, 0.002  # by which a mask of all vessels may be wider than those of both kinds
_SUBPIXEL_BITS = 4  # OpenCV draws at 1/16 pixel

_WHOLE = ("vessel", "large_vessel")  # what arteries and veins are part of, in photographs and angiograms
_COLOURS: Mapping[str, tuple[int, int, int]] = {
    "artery": (255, 60, 70),
    "vein": (60, 130, 255),
    "vessel": (40, 225, 140),
    "large_vessel": (40, 225, 140),
    "neither": (40, 225, 140),
    "disc": (255, 225, 60),
    "zones": (235, 235, 235),
    "fovea": (255, 225, 60),
    "faz": (70, 220, 230),
}
_LINES: Mapping[str, tuple[int, int, int]] = {
    "artery": (255, 215, 205),
    "vein": (205, 230, 255),
    "vessel": (235, 255, 240),
    "large_vessel": (235, 255, 240),
}
_NAMES: Mapping[str, str] = {
    "artery": "arteries",
    "vein": "veins",
    "vessel": "vessels",
    "large_vessel": "large vessels",
    "neither": "other vessels",
    "disc": "disc",
    "zones": "zones B and C (2, 3, 5 disc radii)",
    "fovea": "fovea",
    "faz": "avascular zone",
}
_STRIP = (24, 28, 33)
_INK = (228, 232, 236)


def draw_overlay(
    image: RetinalImage,
    segmentation: Segmentation,
    graphs: Mapping[str, VesselGraph],
    anatomy: Anatomy,
    *,
    caption: str = "",
) -> np.ndarray:
    """The overlay as (H', W', 3) uint8 RGB, 1,000 to 1,600 pixels wide, with a legend below the photograph.

    Parameters
    ----------
    graphs : mapping
        Structure -> graph; the centre lines of those that are tinted are drawn.
    caption : str
        What the picture is of, usually the image's name.
    """
    height, width = image.shape
    scale = min(_WIDEST, max(_NARROWEST, width)) / width
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = cv2.resize(image.pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    drawn = _tinted_structures(segmentation)
    unlabelled = _of_neither_kind(segmentation)
    if unlabelled is not None:
        _tint(canvas, unlabelled, _COLOURS["neither"])
    for name in drawn:
        _tint(canvas, segmentation.targets[name].mask, _COLOURS[name])
    for name in drawn:
        if name in graphs:
            _draw_centre_lines(canvas, graphs[name], scale, _LINES[name])
    legend = [*drawn, "neither"] if unlabelled is not None else list(drawn)
    if anatomy.disc is not None:
        _draw_disc(canvas, segmentation, anatomy.disc, scale)
        _draw_zones(canvas, anatomy.disc, image.fov, scale)
        legend += ["disc", "zones"]
    if _draw_avascular_zone(canvas, segmentation, anatomy, image.fov, scale):
        legend.append("faz")
    if anatomy.fovea is not None:
        _draw_cross(canvas, anatomy.fovea, scale)
        legend.append("fovea")
    return np.vstack([canvas, _legend(size[0], legend, caption)])


def overlay_png(drawn: np.ndarray) -> bytes:
    """The overlay as a PNG file."""
    return _encoded(cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))


def mask_png(mask: np.ndarray) -> bytes:
    """A mask (H, W) bool as a 1-bit PNG of its own size, which reads back bit for bit as a mask of the manifest."""
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).convert("1", dither=Image.Dither.NONE).save(file, "PNG")
    return file.getvalue()


def probability_png(probability: np.ndarray) -> bytes:
    """Probabilities (H, W) uint8 as an 8-bit PNG of their own size.

    A map of more than two values reads back bit for bit; one of two values is a hard mask to every reader of masks.
    """
    return _encoded(probability)


def _tinted_structures(segmentation: Segmentation) -> tuple[str, ...]:
    """Arteries and veins where they are known, else all vessels, of an angiogram the large ones."""
    kinds = tuple(name for name in ("artery", "vein") if segmentation.get(name) is not None)
    return kinds or tuple(name for name in _WHOLE if segmentation.get(name) is not None)


def _of_neither_kind(segmentation: Segmentation) -> np.ndarray | None:
    """(H, W) bool, vessels that are neither arteries nor veins, but for rims of those; None where there are none."""
    artery, vein = segmentation.get("artery"), segmentation.get("vein")
    vessel = next((segmentation.targets[name] for name in _WHOLE if name in segmentation.targets), None)
    if vessel is None or artery is None or vein is None:
        return None
    known = (artery.mask | vein.mask).astype(np.uint8)
    side = 2 * (_RIM_PX + round(_RIM_SHARE * max(known.shape))) + 1
    found = vessel.mask & ~cv2.dilate(known, np.ones((side, side), np.uint8)).astype(bool)
    return found if found.any() else None


def _tint(canvas: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Blend a colour over the masked part, with a soft edge where the mask is resampled."""
    size = (canvas.shape[1], canvas.shape[0])
    shrinks = size[0] < mask.shape[1]
    share = cv2.resize(
        mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    where = np.nonzero(share)
    weight = share[where][:, None] * np.float32(_TINT / 255)
    canvas[where] = (canvas[where] * (1 - weight) + np.array(colour, np.float32) * weight).astype(np.uint8)


def _draw_centre_lines(
    canvas: np.ndarray, graph: VesselGraph, scale: float, colour: tuple[int, int, int]
) -> None:
    points = _fixed_point(graph.points, scale)
    lines = np.split(points, graph.starts[1:-1]) if len(graph) else []
    cv2.polylines(canvas, lines, False, colour, 1, cv2.LINE_AA, _SUBPIXEL_BITS)


def _draw_disc(canvas: np.ndarray, segmentation: Segmentation, disc: Disc, scale: float) -> None:
    """The outline that is measured, of the mask's largest part, or the circle where there is no mask."""
    target = segmentation.get("disc")
    patch = largest_patch(target) if target is not None else None
    if patch is None:
        _circle(canvas, disc, disc.radius_px, scale, _COLOURS["disc"], 2)
        return
    line = _fixed_point(patch.outline, scale)
    cv2.polylines(canvas, [line], True, _COLOURS["disc"], 2, cv2.LINE_AA, _SUBPIXEL_BITS)


def _draw_avascular_zone(
    canvas: np.ndarray, segmentation: Segmentation, anatomy: Anatomy, fov: np.ndarray, scale: float
) -> bool:
    """The outline that is measured; False where there is none."""
    target = segmentation.get("faz")
    if target is None:
        return False
    given = anatomy.fovea if anatomy.fovea_source != "faz" else None
    zone = find_faz(target, fov=fov, fovea=given, um_per_px=anatomy.scale.um_per_px)
    if isinstance(zone, str):
        return False
    line = _fixed_point(zone.points, scale)
    cv2.polylines(canvas, [line], True, _COLOURS["faz"], 2, cv2.LINE_AA, _SUBPIXEL_BITS)
    return True


def _draw_zones(canvas: np.ndarray, disc: Disc, fov: np.ndarray, scale: float) -> None:
    ringed = canvas.copy()
    for radii in _ZONE_RADII:
        _circle(ringed, disc, radii * disc.radius_px, scale, _COLOURS["zones"], 1)
    inside = cv2.resize(
        fov.astype(np.uint8), (canvas.shape[1], canvas.shape[0]), interpolation=cv2.INTER_NEAREST
    )
    cv2.copyTo(ringed, inside, canvas)


def _circle(
    canvas: np.ndarray, disc: Disc, radius_px: float, scale: float, colour: tuple[int, int, int], width: int
) -> None:
    (center,) = _fixed_point(np.array([disc.center]), scale)
    radius = round(radius_px * scale * 2**_SUBPIXEL_BITS)
    cv2.circle(canvas, tuple(map(int, center)), radius, colour, width, cv2.LINE_AA, _SUBPIXEL_BITS)


def _draw_cross(canvas: np.ndarray, fovea: tuple[float, float], scale: float) -> None:
    center = np.array(fovea)
    arm = 0.008 * canvas.shape[1] / scale
    for direction in (np.array([0.0, arm]), np.array([arm, 0.0])):
        line = _fixed_point(np.stack([center - direction, center + direction]), scale)
        cv2.polylines(canvas, [line], False, _COLOURS["fovea"], 2, cv2.LINE_AA, _SUBPIXEL_BITS)


def _fixed_point(points: np.ndarray, scale: float) -> np.ndarray:
    """(row, col) of the image as (x, y) of the picture in 1/16 pixels; pixel centres are at whole numbers in both."""
    moved = (points[:, ::-1] + 0.5) * scale - 0.5
    return np.round(moved * 2**_SUBPIXEL_BITS).astype(np.int32)


def _legend(width: int, entries: Sequence[str], caption: str) -> np.ndarray:
    """A strip with the caption at the left and a swatch and name for each entry at the right."""
    font = _font(max(13, round(width * 0.0135)))
    line = round(font.size * 2.3)
    strip = Image.new("RGB", (width, line), _STRIP)
    pen = ImageDraw.Draw(strip)
    right = float(width - line // 2)
    for entry in reversed(entries):
        right -= pen.textlength(_NAMES[entry], font=font)
        pen.text((right, line / 2), _NAMES[entry], font=font, fill=_INK, anchor="lm")
        side = font.size * 0.75
        right -= side * 1.6
        box = (right, (line - side) / 2, right + side, (line + side) / 2)
        hollow = entry in ("disc", "zones", "fovea", "faz")
        pen.rectangle(box, outline=_COLOURS[entry], width=2, fill=None if hollow else _COLOURS[entry])
        right -= font.size * 1.3
    room = right - line / 2
    while caption and pen.textlength(caption, font=font) > room:
        caption = (
            caption[:-2].rstrip("\N{HORIZONTAL ELLIPSIS}") + "\N{HORIZONTAL ELLIPSIS}"
            if len(caption) > 2
            else ""
        )
    pen.text((line / 2, line / 2), caption, font=font, fill=_INK, anchor="lm")
    return np.asarray(strip)


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    # the scalable font that Pillow carries; only a Pillow built without FreeType has none
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))


def _encoded(pixels: np.ndarray) -> bytes:
    done, file = cv2.imencode(".png", pixels)
    if not done:
        raise ValueError(f"an array of shape {pixels.shape} and type {pixels.dtype} is no picture")
    return file.tobytes()
