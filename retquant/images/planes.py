"""Every plane that an angiogram's file holds: one picture, the pages of a TIFF, or a NumPy array.

A device exports its slabs one a file; tools for research stack them. A stack is told from a volume by its few planes,
and a volume is refused here: without the lines of the retina's layers nobody knows what to project.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images.decode import (
    DAMAGE,
    Decoded,
    check_size,
    decode,
    is_dicom,
    open_picture,
    scaled_to_bytes,
    words_of,
)
from retquant.images.facts import NO_FACTS, FileFacts
from retquant.images.pitch import tiff_um_per_px
from retquant.images.silence import in_silence

MAX_SLABS = 12  # more planes are a volume's; devices project seven at most
_MOST_PAGES = 100  # of a TIFF, copies at a reduced size among them
COLOUR_LEVEL = (
    8.0  # 8-bit; mean distance of the channels from which a picture is coloured; JPEG's grey has below 2
)

_GREY = np.array([0.299, 0.587, 0.114])  # red, green and blue in a colour's brightness
_NPY = b"\x93NUMPY"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PLAIN = frozenset(
    {1, 8, 32773, 32946}
)  # compressions that tifffile opens by itself: none, deflate, PackBits
_BLACK_IS_ZERO, _RGB, _SEPARATE = 1, 2, 2  # TIFF's words for photometry and for channels that lie apart


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Planes:
    """What a file holds. Shapes: S planes of H by W pixels."""

    planes: np.ndarray  # (S, H, W) uint8
    colour: (
        np.ndarray | None
    )  # (H, W, 3) uint8 RGB where the file holds one picture in colour; `planes` then its grey
    bit_depth: int
    facts: FileFacts = NO_FACTS


def read_planes(data: bytes, *, where: str, settings: ImageSettings) -> Planes:
    """Read every plane of a file, all scaled to 8 bits by one factor so that they stay comparable.

    Raises
    ------
    ImageError
        The bytes are no picture, stack or array, are damaged, of a forbidden size, or hold a volume.
    """
    if is_dicom(data):
        return _dicom(data, where, settings)
    if data[:6] == _NPY:
        return _stacked(_array(data, where, settings), where, None)
    if data[:4] in _TIFF:
        pitch = tiff_um_per_px(data)
        pages = _tiff_pages(data, where, settings)
        if len(pages) > 1 or (pages[0].ndim == 3 and pages[0].shape[2] != 3):
            return _stacked(_one_stack(pages, where), where, pitch)
        found = _picture(data, where, settings)
        return replace(found, facts=FileFacts(um_per_px=pitch))
    return _picture(data, where, settings)


def _dicom(data: bytes, where: str, settings: ImageSettings) -> Planes:
    from retquant.images.dicom import read_dicom  # imports this module

    found = read_dicom(data, where=where, settings=settings, most_frames=MAX_SLABS)
    if found.frames.ndim == 3:
        return Planes(planes=found.frames, colour=None, bit_depth=found.bit_depth, facts=found.facts)
    if len(found.frames) == 1:
        picture = found.frames[0]
        decoded = Decoded(
            pixels=picture, bit_depth=found.bit_depth, is_grey=not np.ptp(picture, axis=2).any()
        )
        return replace(_of_picture(decoded), facts=found.facts)
    grey = np.round(found.frames @ _GREY).astype(np.uint8)
    return Planes(planes=grey, colour=None, bit_depth=found.bit_depth, facts=found.facts)


def _picture(data: bytes, where: str, settings: ImageSettings) -> Planes:
    return _of_picture(decode(data, where=where, settings=settings))


def _of_picture(found: Decoded) -> Planes:
    if found.is_grey:
        return Planes(planes=found.pixels[None, ..., 0], colour=None, bit_depth=found.bit_depth)
    if float(np.ptp(found.pixels.astype(np.int16), axis=2).mean()) < COLOUR_LEVEL:
        return Planes(planes=found.pixels[None, ..., 1], colour=None, bit_depth=found.bit_depth)
    grey = np.round(found.pixels @ _GREY).astype(np.uint8)
    return Planes(planes=grey[None], colour=found.pixels, bit_depth=found.bit_depth)


def _stacked(samples: np.ndarray, where: str, um_per_px: float | None) -> Planes:
    planes, depth = scaled_to_bytes(samples, where)
    return Planes(planes=planes, colour=None, bit_depth=depth, facts=FileFacts(um_per_px=um_per_px))


def _array(data: bytes, where: str, settings: ImageSettings) -> np.ndarray:
    """(S, H, W) samples of a .npy file, whose shape is looked at before anything is made of it."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(stream)
    except (ValueError, EOFError, SyntaxError) as error:
        raise ImageError(
            f"the array is damaged ({words_of(error)})", where=where, remedy="save it again"
        ) from None
    if dtype.kind not in "uif":
        raise ImageError(
            f"the array holds {dtype}, not grey levels",
            where=where,
            remedy="save it as uint8, uint16 or float32",
        )
    axis = _slab_axis(shape, where)
    sides = [side for number, side in enumerate(shape) if number != axis]
    check_size((sides[1], sides[0]), where=where, settings=settings)
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ImageError(
            f"the array is damaged ({words_of(error)})", where=where, remedy="save it again"
        ) from None
    return array[None] if axis is None else np.moveaxis(array, axis, 0)


def _slab_axis(shape: tuple[int, ...], where: str) -> int | None:
    """Along which axis of an array the slabs lie; None for a single one."""
    text = " × ".join(map(str, shape))
    if len(shape) == 2:
        return None
    if len(shape) != 3 or 0 in shape:
        raise ImageError(
            f"the array is of {text}, which is no stack of slabs",
            where=where,
            remedy="save it as slabs × rows × columns",
        )
    few = [axis for axis in (0, 2) if shape[axis] <= MAX_SLABS]
    if not few:
        raise volume_without_lines(f"the array is of {text}, a volume", where)
    return few[0]


def volume_without_lines(what: str, where: str) -> ImageError:
    """The error for a volume of which nobody knows where the retina's layers run."""
    return ImageError(
        f"{what}, and holds no lines of the retina's layers to project between",
        where=where,
        remedy="export the en-face slabs, or the volume with its segmentation (HEYEX .vol)",
    )


def _tiff_pages(data: bytes, where: str, settings: ImageSettings) -> list[np.ndarray]:
    """Samples of every page at full size: (H, W), (H, W, 3) or (S, H, W)."""
    import tifffile

    try:
        with in_silence(), tifffile.TiffFile(io.BytesIO(data)) as file:
            chosen: list[tuple[int, Any]] = []
            for number, page in enumerate(islice(file.pages, _MOST_PAGES)):  # pages may lead in a circle
                if not getattr(page, "is_reduced", False):
                    chosen.append((number, page))
                if len(chosen) > MAX_SLABS:
                    raise volume_without_lines(f"the file holds more than {MAX_SLABS} pages, a volume", where)
            if not chosen:
                raise ValueError("no page")
            first = chosen[0][1]
            check_size((first.imagewidth, first.imagelength), where=where, settings=settings)
            if max(page.samplesperpixel * page.imagedepth for _, page in chosen) > MAX_SLABS:
                raise volume_without_lines(f"a page holds more than {MAX_SLABS} planes, a volume", where)
            sizes = {(page.imagewidth, page.imagelength) for _, page in chosen}
            if len(sizes) > 1:
                found = " and ".join(f"{width} × {height}" for width, height in sorted(sizes))
                raise ImageError(
                    f"the pages are of unlike size ({found} pixels)",
                    where=where,
                    remedy="export all slabs of an eye at one size",
                )
            return [_tiff_page(data, number, page) for number, page in chosen]
    except (ImageError, UnidentifiedImageError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(
            "the pages are compressed in a way that cannot be read",
            where=where,
            remedy="save the stack without compression, or with deflate",
        ) from None
    except (*DAMAGE, AttributeError) as error:
        raise ImageError(
            f"the picture is damaged ({words_of(error)})", where=where, remedy="copy the image again"
        ) from None


def _tiff_page(data: bytes, number: int, page: Any) -> np.ndarray:
    if page.compression in _PLAIN and page.photometric in (_BLACK_IS_ZERO, _RGB):
        samples: np.ndarray = page.asarray()
        if samples.ndim == 3 and page.planarconfig != _SEPARATE and samples.shape[2] != 3:
            return np.moveaxis(samples, 2, 0)  # channels of no colour are slabs
        return samples
    with open_picture(data) as picture:
        picture.seek(number)
        return _upright_samples(picture)


def _upright_samples(picture: Image.Image) -> np.ndarray:
    if picture.mode in ("L", "F", "I") or picture.mode.startswith("I;16"):
        return np.asarray(picture)
    return np.asarray(picture.convert("L" if picture.mode in ("1", "LA") else "RGB"))


def _one_stack(pages: list[np.ndarray], where: str) -> np.ndarray:
    """(S, H, W) samples of pages; a page in grey saved as colour is one slab."""
    planes: list[np.ndarray] = []
    for page in pages:
        if page.ndim == 2:
            planes.append(page)
        elif page.shape[2] == 3 and page.shape[0] > MAX_SLABS:
            planes.append(page @ _GREY)
        elif page.shape[0] <= MAX_SLABS:
            planes.extend(page)
        else:
            raise ImageError(
                f"a page holds an array of {' × '.join(map(str, page.shape))}",
                where=where,
                remedy="save one slab a page",
            )
    if len(planes) > MAX_SLABS:
        raise volume_without_lines(f"the file holds {len(planes)} planes, a volume", where)
    return np.stack(planes)
