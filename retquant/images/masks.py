"""Masks that a manifest brings: hard or soft, in any coding people save them in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from retquant.errors import ImageError
from retquant.images.decode import DAMAGE, open_picture, what_it_is, words_of
from retquant.images.files import read_bytes

AV_CODES = {"artery": (1, 3), "vein": (2, 3)}  # 0 background, 3 crossing (both), 4 uncertain (neither)


def read_target_mask(path: Path, shape: tuple[int, int]) -> tuple[np.ndarray, bool]:
    """A mask or probability map as ((H, W) uint8, whether it is hard).

    A file with two values is a hard mask, the larger one foreground, whether 0/1, 0/255, 1-bit, palette or 16-bit;
    one with more is coverage or probability, value over the type's maximum. A file of one value is all foreground,
    or, where that value is 0, empty.

    Raises
    ------
    ImageError
        The file cannot be read, or its size is not the image's (H, W): masks are never resampled in silence.
    """
    samples = _samples(path, shape)
    if samples.dtype.kind == "f" and not np.isfinite(samples).all():
        raise ImageError("the mask holds NaN or infinity", where=str(path), remedy="write 0 where nothing is")
    values = _distinct(samples)
    if len(values) == 1:
        return np.full(shape, 255 if values[0] else 0, np.uint8), True
    if len(values) == 2:
        return np.where(samples == values[1], np.uint8(255), np.uint8(0)), True
    return np.round(np.clip(samples / _full_scale(samples), 0, 1) * 255).astype(np.uint8), False


def _distinct(samples: np.ndarray) -> np.ndarray:
    """The values that occur, in order; counted rather than sorted where they are small whole numbers."""
    if samples.dtype.kind == "u" and samples.dtype.itemsize <= 2:
        return np.flatnonzero(np.bincount(samples.ravel()))
    return np.unique(samples)


def _full_scale(samples: np.ndarray) -> float:
    """What stands for certainty: the type's maximum, or 1 (or 255) in a file of floating-point numbers."""
    if samples.dtype.kind == "f":
        return 1.0 if samples.max() <= 1 else 255.0
    return float(np.iinfo(samples.dtype).max)


def read_av_mask(path: Path, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Arteries and veins as (H, W) bool, from codes 0 background, 1 artery, 2 vein, 3 both, 4 uncertain.

    Raises
    ------
    ImageError
        The file cannot be read, has another size than (H, W), or holds other codes.
    """
    codes = _samples(path, shape, codes=True)
    if strange := sorted(set(_distinct(codes).tolist()) - {0, 1, 2, 3, 4}):
        raise ImageError(
            f"the artery/vein mask holds the values {', '.join(map(str, strange[:5]))}",
            where=str(path),
            remedy="code it 0 background, 1 artery, 2 vein, 3 crossing, 4 uncertain, or give artery_mask and vein_mask",
        )
    return {name: np.isin(codes, wanted) for name, wanted in AV_CODES.items()}


def _samples(path: Path, shape: tuple[int, int], *, codes: bool = False) -> np.ndarray:
    """(H, W) raw values: 1-bit becomes 0/255, colour must be grey; palettes as `_palette_values`, or as codes."""
    data = read_bytes(path)
    try:
        with open_picture(data) as picture:
            if picture.size != shape[::-1]:
                width, height = picture.size
                raise ImageError(
                    f"the mask is {width} × {height} pixels, its image {shape[1]} × {shape[0]}",
                    where=str(path),
                    remedy="give the mask at the image's own size; it is never resampled in silence",
                )
            return np.asarray(picture) if codes and picture.mode == "P" else _plane(picture, path)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(what_it_is(data), where=str(path), remedy="save the mask as PNG") from None
    except DAMAGE as error:
        raise ImageError(
            f"the mask is damaged ({words_of(error)})", where=str(path), remedy="save it again as PNG"
        ) from None


def _plane(picture: Image.Image, path: Path) -> np.ndarray:
    if picture.mode == "P":
        return _palette_values(picture)
    if picture.mode in ("L", "F", "I") or picture.mode.startswith("I;16"):
        plane = np.asarray(picture)
        return (
            plane.astype(np.uint16)
            if picture.mode == "I" and 0 <= plane.min() <= plane.max() < 65536
            else plane
        )
    if picture.mode in ("1", "LA"):
        return np.asarray(picture.convert("L"))
    colour = np.asarray(picture.convert("RGB"))
    spread = np.ptp(colour.astype(np.int16), axis=2)
    if spread.max() > 0 and len(np.unique(colour.reshape(-1, 3), axis=0)) > 2:
        raise ImageError(
            "the mask is a colour picture",
            where=str(path),
            remedy="save one target a file, as a grey or 1-bit PNG",
        )
    return np.asarray(colour.max(axis=2))


def _palette_values(picture: Image.Image) -> np.ndarray:
    """Indices of a palette picture; a grey palette gives its grey values, which is what a GIF mask means."""
    indices = np.asarray(picture)
    palette = np.array(picture.getpalette() or [], dtype=np.uint8).reshape(-1, 3)
    used = _distinct(indices)
    is_grey = len(palette) > used[-1] and bool((np.ptp(palette[used].astype(int), axis=1) == 0).all())
    if is_grey and len(used) > 2:
        return np.asarray(palette[:, 0][indices])
    if is_grey and len(used) == 2 and palette[used[0], 0] > palette[used[1], 0]:
        return np.where(indices == used[0], np.uint8(255), np.uint8(0))
    return indices
