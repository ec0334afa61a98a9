"""Photograph-like pictures of digital eyes: close enough to a fundus camera's that segmentation can be run on them.

Light is taken away as in a camera's picture: each layer multiplies the one below (choroid, macular pigment, disc,
blood), then the optics blur, the sensor adds noise and the field stop cuts. The look has no physiological meaning;
the geometry is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retquant.phantoms.coverage import render_coverage
from retquant.phantoms.eye import Eye

_BLOOD = {  # optical density in red, green, blue of a wide vessel: veins carry the darker blood
    "artery": np.array([0.20, 0.60, 0.48]),
    "vein": np.array([0.32, 0.76, 0.55]),
}
_CALIBRE_EDGES_UM = (0.0, 40.0, 75.0, np.inf)
_CALIBRE_DENSITY = (0.72, 0.9, 1.0)  # of vessels within these edges: thin ones hold less blood in depth
_REFLEX = {"artery": 0.32, "vein": 0.10}  # light off the crest of wide vessels, as a share of their density


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotographStyle:
    """The look of a picture: the person's pigment and the camera's setting."""

    background: tuple[float, float, float]  # red, green, blue at the middle of the field, 0 to 255
    fall_off: float = 0.35  # share of light lost at the field's edge
    texture: float = 1.0  # strength of the choroid's pattern
    blur_mm: float = 0.011  # Gaussian sigma in the eye; a sharp 45 degree picture
    noise: float = 2.5  # standard deviation, grey levels

    @classmethod
    def drawn(cls, seed: int) -> PhotographStyle:
        """A random look; the spread is that of IDRiD and DRIVE by eye."""
        rng = np.random.default_rng([seed, 7])
        brightness, redness = rng.uniform(0.9, 1.15), rng.uniform(-1, 1)
        red, green, blue = 178.0, 92.0 - 10 * redness, 42.0 - 6 * redness
        return cls(
            background=(brightness * red, brightness * green, brightness * blue),
            fall_off=float(rng.uniform(0.25, 0.45)),
            texture=float(rng.uniform(0.7, 1.3)),
            blur_mm=float(rng.uniform(0.009, 0.014)),
            noise=float(rng.uniform(1.5, 3.0)),
        )


def photograph(eye: Eye, seed: int = 0, *, style: PhotographStyle | None = None) -> np.ndarray:
    """(H, W, 3) uint8 RGB picture of the eye, black outside the field; the same for the same arguments."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng([seed, 11])
    style = style or PhotographStyle.drawn(seed)
    px_per_mm = 1000 / eye.shape.um_per_px
    field = eye.drawn["fov"]
    light = _illumination(eye, style, rng)[..., None] * np.asarray(style.background, dtype=np.float32)
    light *= _choroid(eye.shape.size, px_per_mm, style.texture, rng)
    light *= _macula(eye, px_per_mm)
    light = _with_disc(light, eye, px_per_mm, style)
    for structure in ("vein", "artery"):
        density = _blood_depth(eye, structure)
        light *= np.exp(-density[..., None] * _BLOOD[structure].astype(np.float32))
    sigma = style.blur_mm * px_per_mm
    light = np.stack([gaussian_filter(light[..., c], sigma) for c in range(3)], axis=-1)
    grain = rng.normal(0, style.noise, (*light.shape[:2], 3)).astype(np.float32)
    grain = (
        gaussian_filter(grain, (0.6, 0.6, 0)) * 1.8
    )  # neighbouring pixels share noise in a demosaiced picture
    light = (light + grain) * field[..., None] + np.abs(grain) * 0.3
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def _illumination(eye: Eye, style: PhotographStyle, rng: np.random.Generator) -> np.ndarray:
    """(H, W) share of light: brightest a little off the middle, less towards the edge."""
    assert eye.shape.fov is not None
    radius = eye.shape.fov.radius
    middle = np.asarray(eye.shape.fov.center) + rng.uniform(-0.2, 0.2, 2) * radius
    away = _distance(eye.shape.size, middle) / radius
    return (1.06 - style.fall_off * np.minimum(away, 1.4) ** 2.2).astype(np.float32)


def _choroid(
    size: tuple[int, int], px_per_mm: float, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """(H, W, 3) factor about 1: mottling at several sizes, and streaks that stand for choroidal vessels."""
    mottle = sum(
        weight * _smooth_noise(size, scale * px_per_mm, rng)
        for scale, weight in ((1.6, 0.045), (0.45, 0.022), (0.12, 0.014), (0.03, 0.010))
    )
    streaks = 1 - np.abs(_smooth_noise(size, 0.38 * px_per_mm, rng)) / 1.5  # ridges where the noise crosses 0
    streaks = np.maximum(streaks - 0.62, 0) * _smooth_noise(size, 1.5 * px_per_mm, rng)
    red = 1 + strength * (0.8 * mottle + 0.12 * streaks)
    green = 1 + strength * (1.2 * mottle + 0.05 * streaks)
    blue = 1 + strength * (1.4 * mottle)
    return np.stack([red, green, blue], axis=-1).astype(np.float32)


def _smooth_noise(size: tuple[int, int], sigma: float, rng: np.random.Generator) -> np.ndarray:
    """(H, W) noise of unit variance with a Gaussian correlation of `sigma` pixels."""
    from scipy.ndimage import gaussian_filter, zoom

    coarse = max(sigma / 2, 1.0)  # drawn on a coarser grid, or wide filters would take the most time
    small = tuple(int(np.ceil(n / coarse)) + 3 for n in size)
    noise = gaussian_filter(rng.normal(size=small), sigma / coarse, mode="wrap")
    noise /= max(float(noise.std()), 1e-6)
    if coarse > 1:
        noise = zoom(noise, coarse, order=1)
    return noise[: size[0], : size[1]].astype(np.float32)


def _macula(eye: Eye, px_per_mm: float) -> np.ndarray:
    """(H, W, 3) factor: the pigment's wide shade and the fovea's darker centre."""
    away = _distance(eye.shape.size, np.asarray(eye.shape.fovea)) / px_per_mm
    wide = np.exp(-((away / 1.15) ** 2))
    centre = np.exp(-((away / 0.38) ** 2))
    dark = [0.10 * wide + 0.10 * centre, 0.20 * wide + 0.20 * centre, 0.30 * wide + 0.20 * centre]
    return np.stack([1 - part for part in dark], axis=-1).astype(np.float32)


def _with_disc(light: np.ndarray, eye: Eye, px_per_mm: float, style: PhotographStyle) -> np.ndarray:
    """The disc, paler than the retina, with a soft margin and a bright cup."""
    from scipy.ndimage import gaussian_filter

    brightness = style.background[0] / 178
    disc = gaussian_filter(eye.shape.coverage("disc"), 0.06 * px_per_mm)[..., None]
    cup = gaussian_filter(eye.shape.coverage("cup"), 0.09 * px_per_mm)[..., None]
    rim_colour = np.array([228.0, 150.0, 88.0], dtype=np.float32) * brightness
    cup_colour = np.array([250.0, 212.0, 150.0], dtype=np.float32) * brightness
    inside = rim_colour + cup * (cup_colour - rim_colour)
    glow = np.exp(-((_distance(eye.shape.size, np.asarray(eye.shape.disc.center)) / px_per_mm / 1.7) ** 2))  # type: ignore[union-attr]
    light = light * (1 + np.float32(0.14) * glow[..., None].astype(np.float32))
    return light + disc * (inside - light)


def _blood_depth(eye: Eye, structure: str) -> np.ndarray:
    """(H, W) depth of blood, 1 along the middle of a wide vessel, less its central light reflex."""
    assert eye.shape.disc is not None
    tubes, um = eye.shape.tubes[structure], eye.shape.um_per_px
    depth = np.zeros(eye.shape.size, dtype=np.float32)
    for low, high, density in zip(
        _CALIBRE_EDGES_UM[:-1], _CALIBRE_EDGES_UM[1:], _CALIBRE_DENSITY, strict=True
    ):
        members = [tube for tube in tubes if low <= float(np.mean(tube.diameter)) * um < high]
        outer = render_coverage(members, eye.shape.size)
        inner = render_coverage([tube.narrowed(0.6) for tube in members], eye.shape.size)
        layer = density * (0.62 * outer + 0.38 * inner)  # a round vessel is deepest along its middle
        if low > 0:
            crest = render_coverage([tube.narrowed(0.28) for tube in members], eye.shape.size)
            layer -= density * _REFLEX[structure] * crest
        np.maximum(depth, layer, out=depth)
    # Trunks dive into the cup: they fade towards the disc's centre.
    away = _distance(eye.shape.size, np.asarray(eye.shape.disc.center)) / eye.shape.disc.radius
    return depth * np.clip(0.35 + 0.65 * (away - 0.4) / 0.5, 0.35, 1.0).astype(np.float32)


def _distance(size: tuple[int, int], center: np.ndarray) -> np.ndarray:
    """(H, W) pixels from `center`."""
    return np.hypot(np.arange(size[0])[:, None] - center[0], np.arange(size[1])[None, :] - center[1])
