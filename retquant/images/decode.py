"""From the bytes of any picture file to 8-bit RGB, or one clear sentence about why not.

Files are untrusted: the number of pixels is read from the header and checked before anything is decoded.
"""

from __future__ import annotations

import io
import re
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images.facts import NO_FACTS, FileFacts
from retquant.images.silence import in_silence

_DEEP_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I", "F"})
_RANGES = (255, 1023, 4095, 16383, 65535)
"""Full scale of 8, 10, 12, 14 and 16 bits: a deep file is scaled by the smallest that holds its brightest pixel."""

FORMATS = ("BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""What Pillow may open (MPO comes with JPEG): no format whose reader starts another program, as PostScript's does."""

DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    OverflowError,
    MemoryError,
    struct.error,
)
"""What Pillow's readers raise on files that are damaged or made to do harm."""

_ZIP = b"PK\x03\x04"
_SIGNATURES = (
    (0, b"%PDF", "a PDF file"),
    (0, b"%!PS", "a PostScript file"),
    (0, _ZIP, "a ZIP archive or office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"<!DO", "a web page"),
    (0, b"<htm", "a web page"),
    (0, b"<?xm", "an XML file"),
    (4, b"ftyp", "a HEIC picture or a film"),
    (128, b"DICM", "a DICOM file"),
)
_BITS_PER_SAMPLE, _ORIENTATION = 258, 274  # TIFF and EXIF tags
_pillow_limit = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Decoded:
    """A picture's pixels, as the eye should see them."""

    pixels: np.ndarray  # (H, W, 3) uint8, RGB
    bit_depth: int  # of the file's samples
    is_grey: bool
    facts: FileFacts = NO_FACTS


def is_dicom(data: bytes) -> bool:
    """Whether the bytes are a DICOM file, by its prefix; the name of a DICOM file means nothing."""
    return data[128:132] == b"DICM"


def decode(data: bytes, *, where: str, settings: ImageSettings) -> Decoded:
    """Decode JPEG, PNG, TIFF, PPM/PGM, BMP, GIF, WebP, JPEG 2000 or DICOM; of several pages the first.

    Orientation by EXIF is applied, transparency becomes black, CMYK, palette and grey become RGB. Samples of more than
    8 bits are scaled by the smallest of 10, 12, 14, 16 bits that holds the brightest pixel.

    Raises
    ------
    ImageError
        The bytes are no picture, are damaged, or hold too many or too few pixels.
    """
    if not data:
        raise ImageError("the file is empty (0 bytes)", where=where, remedy="copy the image again")
    if is_dicom(data):
        from retquant.images.dicom import (
            decode_dicom,
        )  # imports this module, and a library that few runs need

        return decode_dicom(data, where=where, settings=settings)
    try:
        with open_picture(data) as picture:
            check_size(picture.size, where=where, settings=settings)
            if picture.mode in _DEEP_MODES or _is_deep_colour(data, picture):
                # OpenCV turns TIFFs upright by itself, and no other format
                orientation = 1 if picture.format == "TIFF" else _orientation(picture)
                if (
                    picture.format == "PNG"
                ):  # OpenCV's reader tells the terminal what it thinks of a wrong check sum
                    with open_picture(data) as unread:
                        unread.verify()
                return _deep(data, where, orientation=orientation)
            picture.load()  # which turns TIFFs upright
            # others are turned here and not by Pillow, which writes their other remarks anew and may fail at those
            pixels = np.ascontiguousarray(_turned(_to_rgb(picture), _orientation(picture)))
            bit_depth = 1 if picture.mode == "1" else 8
            return Decoded(pixels=pixels, bit_depth=bit_depth, is_grey=is_grey(pixels))
    except ImageError:
        raise
    except UnidentifiedImageError:
        if data[:4] in (
            b"II*\0",
            b"MM\0*",
        ):  # a TIFF of a kind that Pillow does not know, 16-bit colour above all
            _check_tiff_size(data, where, settings)
            return _deep(data, where, orientation=1)
        raise ImageError(
            what_it_is(data),
            where=where,
            remedy="name the picture within it, as eyes.zip::left/1.png"
            if data[:4] == _ZIP
            else "give a JPEG, PNG, TIFF, PPM, BMP, GIF or DICOM",
        ) from None
    except DAMAGE as error:
        raise ImageError(
            f"the picture is damaged ({words_of(error)})", where=where, remedy="copy the image again"
        ) from None


@contextmanager
def open_picture(data: bytes) -> Iterator[Image.Image]:
    """A picture whose header is read and whose pixels are not; the caller checks its size before loading them.

    Pillow's own limit on pixels is lifted while the header is read: settings say what is too large, and the size is
    told in the message. Its warnings of odd metadata are nobody's concern.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _pillow_limit:
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                picture = Image.open(io.BytesIO(data), formats=FORMATS)
            finally:
                Image.MAX_IMAGE_PIXELS = limit
        with picture:
            yield picture


def words_of(error: BaseException) -> str:
    """What a reader says of a file, up to where it begins to quote the file: a person's name may stand there."""
    return re.split(r"b?['\"<:]", str(error), maxsplit=1)[0].strip()[:120] or type(error).__name__


def check_size(size: tuple[int, int], *, where: str, settings: ImageSettings) -> None:
    """Refuse a (width, height) that is too large to decode safely or too small to hold a vessel.

    Raises
    ------
    ImageError
        It is.
    """
    width, height = size
    if width * height > settings.max_pixels:
        raise ImageError(
            f"{width} × {height} is {width * height:,} pixels, more than the limit of {settings.max_pixels:,}",
            where=where,
            remedy="raise [images] max_pixels if this is right",
        )
    if min(size) < settings.min_side_px:
        raise ImageError(
            f"{width} × {height} pixels are too few, the shorter side must have {settings.min_side_px}",
            where=where,
            remedy="give the image at its full resolution",
        )


def _to_rgb(picture: Image.Image) -> np.ndarray:
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        coloured = picture.convert("RGBA")
        black = Image.new("RGBA", coloured.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, coloured)
    # a 1-bit picture goes by way of 8 bits: numpy would give it as bool whose true bytes are 255
    return np.ascontiguousarray(np.asarray(picture.convert("RGB")))


def is_grey(pixels: np.ndarray) -> bool:
    """Whether the three channels are equal, first on a few rows, which settles it for most photographs."""
    return all(
        bool((rows[..., :1] == rows[..., 1:]).all())
        for rows in (pixels[:: max(1, len(pixels) // 16)], pixels)
    )


def _orientation(picture: Image.Image) -> int:
    """EXIF's orientation, 1 (upright) where there is none or it cannot be read."""
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except (*DAMAGE, AttributeError):  # metadata may be damaged where the picture itself is sound
        return 1


def _is_deep_colour(data: bytes, picture: Image.Image) -> bool:
    """Whether colour has more than 8 bits a sample, which Pillow would cut to 8."""
    if picture.format == "PNG":
        return len(data) > 24 and data[24] == 16
    if picture.format == "TIFF":
        bits = getattr(picture, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,))
        return max(bits if isinstance(bits, tuple) else (bits,)) > 8
    if picture.format == "PPM":
        fields = [word for line in data[:512].splitlines() for word in line.split(b"#")[0].split()]
        return len(fields) > 3 and fields[3].isdigit() and int(fields[3]) > 255
    return False


def _check_tiff_size(data: bytes, where: str, settings: ImageSettings) -> None:
    import tifffile

    try:
        with in_silence(), tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            check_size((page.imagewidth, page.imagelength), where=where, settings=settings)
    except ImageError:
        raise
    except Exception as error:  # tifffile raises many kinds on damaged files
        raise ImageError(
            f"the picture is damaged ({words_of(error)})", where=where, remedy="copy the image again"
        ) from None


def _deep(data: bytes, where: str, *, orientation: int) -> Decoded:
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    with in_silence():
        samples = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if samples is None:
        raise ImageError(
            "the picture is damaged or of an unknown kind", where=where, remedy="save it as PNG or JPEG"
        )
    alpha = samples[..., 3:] if samples.ndim == 3 and samples.shape[2] == 4 else None
    if samples.ndim == 3:
        samples = samples[..., 2::-1]  # BGR(A) to RGB
    opacity = None if alpha is None else alpha.astype(np.float32) / np.iinfo(alpha.dtype).max
    scaled, depth = scaled_to_bytes(samples, where, opacity=opacity)
    colour = np.repeat(scaled[..., None], 3, axis=2) if scaled.ndim == 2 else scaled
    upright = np.ascontiguousarray(_turned(colour, orientation))
    return Decoded(pixels=upright, bit_depth=depth, is_grey=is_grey(upright))


def scaled_to_bytes(
    samples: np.ndarray, where: str, *, opacity: np.ndarray | None = None
) -> tuple[np.ndarray, int]:
    """Samples of any depth as uint8 of the same shape, and how many bits they had; what is not finite becomes 0.

    Raises
    ------
    ImageError
        The brightest sample is beyond 16 bits.
    """
    full, depth = _full_scale(samples, where)
    share = np.clip(samples.astype(np.float32) / full, 0, 1)
    if opacity is not None:  # transparent is black
        share *= opacity
    return np.round(np.nan_to_num(share) * 255).astype(np.uint8), depth


def _full_scale(samples: np.ndarray, where: str) -> tuple[float, int]:
    if samples.dtype == np.uint8:
        return 255.0, 8
    finite = samples[np.isfinite(samples)] if samples.dtype.kind == "f" else samples
    brightest = float(finite.max()) if finite.size else 0.0
    if samples.dtype.kind == "f" and brightest <= 1.0:
        return 1.0, 32
    for full in _RANGES:
        if brightest <= full:
            return float(full), full.bit_length()
    raise ImageError(
        f"the brightest sample is {brightest:g}, beyond 16 bits",
        where=where,
        remedy="save it as 8- or 16-bit PNG",
    )


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    turns = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
        7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda a: a.transpose(1, 0, 2)[::-1],
    }
    return turns[orientation](pixels) if orientation in turns else pixels


def what_it_is(data: bytes) -> str:
    """A sentence that says what a file is that is no picture."""
    for offset, signature, name in _SIGNATURES:
        if data[offset:].lstrip()[: len(signature)] == signature:
            return f"this is {name}, not a picture that can be read"
    return "this is no picture that can be read"
