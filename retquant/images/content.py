"""What a picture shows, by itself: whether it is what the manifest says it is.

A photograph of the fundus is smooth, its vessels dark, its field mostly round and orange. An angiogram is speckle and
bright vessels from edge to edge. A B-scan is bands between two dark margins. The figures below part them; they were
set on real images (docs/design.md) and tell nothing of which eye, disease or quality it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SIDE_PX = 256  # longer side of the reduced copy that everything is measured on
LOCAL_PX = 12.0  # sigma of the local mean
FINE_PX, COARSE_PX = 1.0, 2.0  # sigmas of the band of fine structure
VESSEL_PX = 1.5  # sigma at which ridges and valleys are looked for
MARGIN = 0.15  # of the shorter side: left out, since the edge of a round field is no texture
CORNER = 0.07  # of the shorter side
DARK = 20.0  # 8-bit; below it is a black surround
BANDS = 12  # strips that a B-scan's dark margins are looked for in

# Of angiograms the texture is 0.09 or more but in two of 0.05, whose lines are bright; of photographs 0.076 at most,
# and valleys outweigh ridges in all but the most blurred. How often that errs: docs/design.md.
TEXTURE = 0.075
TEXTURE_OF_VALLEYS = 0.12  # up to which a picture whose lines are dark is none of flow
TEXTURE_OF_BLUR = 0.03  # up to which no line tells anything
TEXTURE_OF_RIDGES = 0.04  # from which a picture whose lines are plainly bright is one of flow
POLARITY, BRIGHT = 0.05, 0.10
RETINAL_CHROMA, RETINAL_RED = 20.0, 10.0  # 8-bit: mean spread of the channels, and excess of red over blue
MARGIN_LIGHT, LAYERING = (
    0.45,
    5.0,
)  # drawn B-scans: 0.2 at most, 9 at least; angiograms: 0.5 at least, 4.1 at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What was measured of a picture."""

    chroma: float  # mean spread of the channels where it is lit, 8-bit
    redness: float  # mean excess of red over blue, 8-bit
    dark_corners: int  # of four
    texture: float  # standard deviation of fine structure over the local mean
    polarity: float  # -1 where all lines are dark, 1 where all are bright
    margin_light: float  # light of the lighter of top and bottom, over that of the lightest strip between
    layering: float  # how much more it changes down than across

    @property
    def is_retinal_orange(self) -> bool:
        """Whether it has the colours of a fundus."""
        return self.chroma > RETINAL_CHROMA and self.redness > RETINAL_RED


def content_of(pixels: np.ndarray) -> Content:
    """Measure what a picture shows.

    Parameters
    ----------
    pixels : (H, W, 3) uint8 RGB, or (H, W) uint8 grey
    """
    colour = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
    scale = SIDE_PX / max(colour.shape[:2])
    size = (max(8, round(colour.shape[1] * scale)), max(8, round(colour.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(np.ascontiguousarray(colour), size, interpolation=how).astype(np.float32)
    brightest = small.max(axis=2)
    lit = brightest > DARK
    spread = (brightest - small.min(axis=2))[lit]
    red = (small[..., 0] - small[..., 2])[lit]
    light, layering = _bands(small[..., 1])
    texture, polarity = _texture(small[..., 1])
    return Content(
        chroma=float(spread.mean()) if spread.size else 0.0,
        redness=float(red.mean()) if red.size else 0.0,
        dark_corners=_dark_corners(brightest),
        texture=texture,
        polarity=polarity,
        margin_light=light,
        layering=layering,
    )


def refusal(content: Content, modality: str) -> tuple[str, str] | None:
    """Why a picture is plainly not of the modality that the manifest says, and what to do; None where it may be."""
    if content.margin_light < MARGIN_LIGHT and content.layering > LAYERING:
        return (
            "this is a B-scan: bands between a dark top and a dark bottom",
            "give the en-face image, or leave it out",
        )
    if modality == "octa":
        round_field = content.dark_corners >= 3
        if _is_smooth(content) and (round_field or content.is_retinal_orange):
            shows = "a round field with black corners" if round_field else "the colours of a fundus"
            return (
                f"this is a photograph, not an angiogram: {shows} and dark, smooth structure",
                "write cfp in the column modality, or leave it out",
            )
    elif _is_flow(content) and content.dark_corners < 3:
        return (
            "this is an angiogram, not a fundus photograph: bright speckle from edge to edge "
            f"(fine structure {content.texture:.2f} of the light)",
            "write octa in the column modality, or leave it out",
        )
    return None


def doubt(content: Content, modality: str) -> str | None:
    """What speaks against the modality that the manifest says, where it is not plain."""
    if modality == "octa" and _is_smooth(content):
        return (
            "it looks like no angiogram: too smooth, and its lines are not bright "
            f"(fine structure {content.texture:.2f} of the light)"
        )
    return None


def _is_smooth(content: Content) -> bool:
    if content.polarity < -POLARITY:
        return content.texture < TEXTURE_OF_VALLEYS
    if content.texture < TEXTURE_OF_BLUR:
        return True
    return content.texture < TEXTURE and content.polarity < POLARITY


def _is_flow(content: Content) -> bool:
    if content.polarity > BRIGHT:
        return content.texture > TEXTURE_OF_RIDGES
    return content.texture > TEXTURE and content.polarity > -POLARITY


def _dark_corners(light: np.ndarray) -> int:
    side = max(4, int(CORNER * min(light.shape)))
    corners = (light[:side, :side], light[:side, -side:], light[-side:, :side], light[-side:, -side:])
    return sum(float(np.percentile(corner, 75)) < DARK for corner in corners)


def _texture(green: np.ndarray) -> tuple[float, float]:
    """Contrast of fine structure, and whether its lines are bright or dark, in the middle of the picture."""
    margin = int(MARGIN * min(green.shape))
    middle = green[margin : green.shape[0] - margin, margin : green.shape[1] - margin]
    relative = middle / (cv2.GaussianBlur(middle, (0, 0), LOCAL_PX) + 2.0)  # + 2: black has no structure
    band = cv2.GaussianBlur(relative, (0, 0), FINE_PX) - cv2.GaussianBlur(relative, (0, 0), COARSE_PX)
    smooth = cv2.GaussianBlur(relative, (0, 0), VESSEL_PX)
    down, across = cv2.Sobel(smooth, cv2.CV_32F, 0, 2), cv2.Sobel(smooth, cv2.CV_32F, 2, 0)
    mixed = cv2.Sobel(smooth, cv2.CV_32F, 1, 1)
    half = np.sqrt(((across - down) / 2) ** 2 + mixed**2)
    most, least = (across + down) / 2 + half, (across + down) / 2 - half
    ridge = np.percentile(np.clip(-least - np.abs(most), 0, None), 95)
    valley = np.percentile(np.clip(most - np.abs(least), 0, None), 95)
    total = float(ridge + valley)
    return float(band.std()), float(ridge - valley) / total if total > 1e-6 else 0.0


def _bands(green: np.ndarray) -> tuple[float, float]:
    """Light of the margins above and below over the lightest strip, and change down over change across."""
    height = max(1, green.shape[0] // BANDS)
    profile = np.convolve(green.mean(axis=1), np.full(height, 1.0 / height), "valid")
    smooth = cv2.GaussianBlur(green, (0, 0), 2 * VESSEL_PX)
    down, across = np.diff(smooth, axis=0).var(), np.diff(smooth, axis=1).var()
    margins = max(float(profile[0]), float(profile[-1]))
    return margins / max(float(profile.max()), 1.0), float(down / max(float(across), 1e-6))
