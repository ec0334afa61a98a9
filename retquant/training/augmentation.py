"""Random tiles of the training images: stitched, turned, mirrored, scaled, and under other light, colour and noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from retquant.training.recipe import AugmentationRecipe
from retquant.training.working_example import WorkingExample

USUAL = AugmentationRecipe()
SCALE_RANGE = (0.8, 1.25)
SHIFT_SHARE = 0.06  # of the frame, by which the field may be off its centre
SMALL_TARGETS = ("disc", "cup", "fovea", "faz")
SEEK_SMALL = 0.7  # share of the tiles, of an image with a small target, that are taken about one
CONTRAST_SPREAD = 0.2  # of the logarithm of contrast, one a channel
BRIGHTNESS_SPREAD = 0.03
NOISE_MAX = 0.02
BLUR_MAX = 0.8  # sigma, pixels
GAMMA_SPREAD = 0.15  # of its logarithm
ILLUMINATION_SPREAD = 0.08  # of a plane across the tile
JPEG_QUALITY = (40, 95)
STITCHED_SHARE = (0.2, 0.5)  # side of a pasted part, in frames


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Tile:
    """One training tile of side t with T targets, and the whole field that it lies in at g pixels a side."""

    image: np.ndarray  # (t, t, 3) float32 in [0, 1]
    truth: np.ndarray  # (t, t, T) float32 coverage
    valid: np.ndarray  # (t, t, T) float32, 1 where truth is known
    glance: np.ndarray  # (g, g, 6) float32 in [0, 1]
    glance_truth: np.ndarray  # (g, g, T)
    glance_valid: np.ndarray  # (g, g, T)
    corner: np.ndarray  # (2,) float32 x, y of the tile's first pixel in the turned frame


def random_tile(
    example: WorkingExample,
    side: int,
    rng: np.random.Generator,
    *,
    focus: tuple[int, ...] = (),
    options: AugmentationRecipe = USUAL,
) -> Tile:
    """A tile about a random point of the field, under a random change of geometry and light.

    `focus` are indices of small targets, about which tiles are taken more often.
    """
    size = len(example.image)
    turn = _quarter_turn(size, rng) if options.geometry == "quarter_turns" else _random_similarity(size, rng)
    corner = _random_corner(example, turn, side, rng, focus)
    to_tile = np.column_stack([turn[:, :2], turn[:, 2] - corner])
    glance_size = len(example.glance)
    to_glance = _at_glance(turn, size // glance_size)
    light = _Light.draw(rng, options.light)
    return Tile(
        image=light.on(_warp(example.image, to_tile, side, 128), rng),
        truth=_warp(example.truth, to_tile, side, 0) / np.float32(255),
        valid=(_warp(example.valid, to_tile, side, 0) > 252).astype(np.float32),
        glance=light.on(_warp(example.glance, to_glance, glance_size, 128), rng),
        glance_truth=_warp(example.glance_truth, to_glance, glance_size, 0) / np.float32(255),
        glance_valid=(_warp(example.glance_valid, to_glance, glance_size, 0) > 252).astype(np.float32),
        corner=corner.astype(np.float32),
    )


def stitch(example: WorkingExample, other: WorkingExample, rng: np.random.Generator) -> WorkingExample:
    """An example with a random rectangle of another one pasted in at a random place, image and labels alike."""
    grid = len(example.glance)
    shrink = len(example.image) // grid
    rows, cols = (int(rng.uniform(*STITCHED_SHARE) * grid) for _ in range(2))
    (r0, c0), (r1, c1) = ((rng.integers(grid - rows), rng.integers(grid - cols)) for _ in range(2))
    pasted = {}
    for name in ("image", "truth", "valid", "field", "glance", "glance_truth", "glance_valid"):
        step = 1 if name.startswith("glance") else shrink
        whole = getattr(example, name).copy()
        source = getattr(other, name)[r1 * step : (r1 + rows) * step, c1 * step : (c1 + cols) * step]
        whole[r0 * step : (r0 + rows) * step, c0 * step : (c0 + cols) * step] = source
        pasted[name] = whole
    return replace(example, **pasted)


def _random_similarity(size: int, rng: np.random.Generator) -> np.ndarray:
    """(2, 3) map of the frame's (x, y) onto itself: turned, mirrored, scaled and shifted about its centre."""
    scale = np.exp(rng.uniform(*np.log(SCALE_RANGE)))
    angle = rng.uniform(0, 2 * np.pi)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if rng.random() < 0.5:
        turn = turn @ np.diag([-1.0, 1.0])
    center = np.full(2, (size - 1) / 2)
    offset = center + rng.uniform(-SHIFT_SHARE, SHIFT_SHARE, size=2) * size - turn @ center
    return np.column_stack([turn, offset])


def _quarter_turn(size: int, rng: np.random.Generator) -> np.ndarray:
    """(2, 3) map of the frame onto itself, pixel by pixel."""
    turn = np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), int(rng.integers(4)))
    if rng.random() < 0.5:
        turn = turn @ np.diag([-1.0, 1.0])
    center = np.full(2, (size - 1) / 2)
    return np.column_stack([turn, center - turn @ center])


def _random_corner(
    example: WorkingExample, turn: np.ndarray, side: int, rng: np.random.Generator, focus: tuple[int, ...]
) -> np.ndarray:
    """(2,) whole x, y of the tile's first pixel, so that a random point of the field lies in its middle half."""
    size = len(example.image)
    wanted = example.field
    small = [example.truth[..., i] >= 128 for i in focus if example.truth[..., i].max() >= 128]
    if small and rng.random() < SEEK_SMALL:
        wanted = small[rng.integers(len(small))]
    rows, cols = np.nonzero(wanted)
    pick = rng.integers(len(rows))
    point = turn[:, :2] @ np.array([cols[pick], rows[pick]]) + turn[:, 2]
    corner = np.rint(point - side / 2 + rng.uniform(-side / 4, side / 4, size=2))
    return np.clip(corner, 0, max(0, size - side))


def _at_glance(turn: np.ndarray, shrink: int) -> np.ndarray:
    """The same map between frames that are `shrink` times smaller, pixel centres at integers in all."""
    shift = (shrink - 1) / 2  # of a glance pixel's centre from its first working pixel's
    offset = turn[:, :2] @ np.full(2, shift) + turn[:, 2] - shift
    return np.column_stack([turn[:, :2], offset / shrink])


def _warp(array: np.ndarray, matrix: np.ndarray, side: int, border: int) -> np.ndarray:
    return _in_fours(
        array,
        lambda part: cv2.warpAffine(
            part, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=(border,) * 4
        ),
    )


def _in_fours(array: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Apply an OpenCV function, which takes up to four channels, to any number of them."""
    parts = [change(np.ascontiguousarray(array[..., i : i + 4])) for i in range(0, array.shape[-1], 4)]
    return np.concatenate([part if part.ndim == 3 else part[..., None] for part in parts], axis=-1)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Light:
    """One photographic change, the same for a tile and the glance at its field."""

    gain: np.ndarray  # (3,)
    offset: np.ndarray  # (3,)
    gamma: float
    slope: np.ndarray  # (2,) of a plane of light over the picture
    blur: float  # sigma, pixels; 0 for none
    quality: int | None  # of a JPEG
    noise: float  # greatest SD

    @classmethod
    def draw(cls, rng: np.random.Generator, strength: float) -> _Light:
        common = rng.normal(0, CONTRAST_SPREAD)
        return cls(
            gain=np.exp(strength * (common + rng.normal(0, CONTRAST_SPREAD / 2, size=3))),
            offset=strength * rng.normal(0, BRIGHTNESS_SPREAD, size=3),
            gamma=float(np.exp(strength * rng.normal(0, GAMMA_SPREAD))) if rng.random() < 0.5 else 1.0,
            slope=strength * rng.normal(0, ILLUMINATION_SPREAD, size=2)
            if rng.random() < 0.3
            else np.zeros(2),
            blur=float(rng.uniform(0.2, BLUR_MAX)) if rng.random() < 0.3 * strength else 0.0,
            quality=int(rng.integers(*JPEG_QUALITY)) if rng.random() < 0.15 * strength else None,
            noise=strength * NOISE_MAX,
        )

    def on(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(h, w, 3 n) float32 in [0, 1] of a uint8 image whose channels repeat red, green and blue."""
        if self.quality is not None:
            image = _in_threes(image, lambda part: _through_jpeg(part, self.quality or 100))
        repeats = image.shape[-1] // 3
        gain, offset = (np.tile(a, repeats).astype(np.float32) for a in (self.gain, self.offset))
        changed = 0.5 + (image.astype(np.float32) / 255 - 0.5) * gain + offset
        if self.slope.any():
            ramp = np.linspace(-1, 1, len(image), dtype=np.float32)
            changed += (self.slope[0] * ramp[:, None] + self.slope[1] * ramp[None, :])[..., None].astype(
                np.float32
            )
        if self.gamma != 1:
            changed = np.clip(changed, 0, 1) ** np.float32(self.gamma)
            changed += np.float32(0.5 - 0.5**self.gamma)  # the middle stays
        if self.blur:
            changed = _in_threes(changed, lambda part: cv2.GaussianBlur(part, (0, 0), self.blur))
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        changed += noise * np.float32(rng.uniform(0, self.noise))
        return np.clip(changed, 0, 1)


def _in_threes(image: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    parts = [change(np.ascontiguousarray(image[..., i : i + 3])) for i in range(0, image.shape[-1], 3)]
    return np.concatenate(parts, axis=-1)


def _through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
