"""Every coding that people save photographs in gives the same pixels."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images.decode import decode

ROWS, COLS = np.mgrid[:200, :240]
RGB = np.stack([COLS, ROWS, (ROWS + COLS) // 2], axis=-1).clip(0, 255).astype(np.uint8)
DEEP = RGB.astype(np.uint16) * 257
SETTINGS = ImageSettings()


def saved(pixels: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack", **options)
    return buffer.getvalue()


def opencv(pixels: np.ndarray, suffix: str) -> bytes:
    return bytes(cv2.imencode(suffix, pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1].tobytes())


def decoded(data: bytes) -> np.ndarray:
    return decode(data, where="eye", settings=SETTINGS).pixels


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_lossless_files_give_their_very_pixels(kind: str) -> None:
    assert (decoded(saved(RGB, kind)) == RGB).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM", "GIF"])
def test_a_grey_file_has_three_equal_channels_and_says_it_is_grey(kind: str) -> None:
    found = decode(saved(RGB[..., 0], kind), where="eye", settings=SETTINGS)
    assert found.is_grey
    assert (found.pixels == RGB[..., :1]).all()


def test_a_colour_file_of_grey_pixels_is_grey_and_one_coloured_pixel_is_not() -> None:
    grey = np.repeat(RGB[..., :1], 3, axis=2)
    assert decode(saved(grey, "PNG"), where="eye", settings=SETTINGS).is_grey
    grey[101, 7, 2] ^= 1
    assert not decode(saved(grey, "PNG"), where="eye", settings=SETTINGS).is_grey


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}])
def test_tiff_compression_changes_nothing(options: dict[str, str]) -> None:
    assert (decoded(saved(RGB, "TIFF", **options)) == RGB).all()


def test_jpeg_is_close_and_cmyk_jpeg_as_close() -> None:
    for picture in (Image.fromarray(RGB), Image.fromarray(RGB).convert("CMYK")):
        assert np.abs(decoded(saved(picture, "JPEG", quality=97)).astype(int) - RGB).max() <= 12


def test_a_palette_picture_has_its_colours() -> None:
    palette = Image.fromarray(RGB).quantize(64)
    assert (decoded(saved(palette, "PNG")) == np.asarray(palette.convert("RGB"))).all()


def test_transparent_pixels_are_black_at_8_and_at_16_bits() -> None:
    opaque = COLS < 120
    expected = RGB * opaque[..., None]
    shallow = np.dstack([RGB, np.where(opaque, 255, 0).astype(np.uint8)])
    deep = np.dstack([DEEP, np.where(opaque, 65535, 0).astype(np.uint16)])
    assert (decoded(saved(shallow, "PNG")) == expected).all()
    assert (decoded(bytes(cv2.imencode(".png", deep[..., [2, 1, 0, 3]])[1].tobytes())) == expected).all()


@pytest.mark.parametrize("channels", [slice(None), 0], ids=["colour", "grey"])
@pytest.mark.parametrize("kind", ["png", "pnm", "tiff", "tiff-be", "tiff-deflate", "tiff-tiles"])
def test_sixteen_bits_are_scaled_by_their_full_range(kind: str, channels: slice | int) -> None:
    pixels = DEEP[..., channels]
    pnm = ".ppm" if pixels.ndim == 3 else ".pgm"
    data = {
        "png": lambda: opencv(pixels, ".png"),
        "pnm": lambda: opencv(pixels, pnm),
        "tiff": lambda: tiff(pixels),
        "tiff-be": lambda: tiff(pixels, byteorder=">"),
        "tiff-deflate": lambda: tiff(pixels, compression="zlib"),
        "tiff-tiles": lambda: tiff(pixels, tile=(64, 64)),
    }[kind]()
    found = decode(data, where="eye", settings=SETTINGS)
    assert found.bit_depth == 16
    assert (found.pixels == (RGB if pixels.ndim == 3 else RGB[..., :1])).all()


def test_twelve_bits_in_a_sixteen_bit_file_use_the_whole_range() -> None:
    twelve = np.round(RGB.astype(float) * 4095 / 255).astype(np.uint16)
    for data in (opencv(twelve, ".png"), tiff(twelve)):
        found = decode(data, where="eye", settings=SETTINGS)
        assert found.bit_depth == 12
        assert (found.pixels == RGB).all()


def test_a_one_bit_picture_is_black_and_white() -> None:
    stripes = ((COLS // 20) % 2 * 255).astype(np.uint8)
    found = decode(saved(Image.fromarray(stripes).convert("1"), "PNG"), where="eye", settings=SETTINGS)
    assert found.pixels.dtype == np.uint8
    assert (found.pixels == stripes[..., None]).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(orientation: int) -> None:
    tag = Image.Exif()
    tag[274] = orientation
    png = saved(RGB, "PNG", exif=tag)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(png))))
    assert (decoded(png) == upright).all()
    for pixels in (RGB, DEEP):
        assert (decoded(tiff(pixels, extratags=[(274, 3, 1, orientation, True)])) == upright).all()


def test_a_limit_above_pillows_own_is_honoured() -> None:
    data = saved(Image.new("1", (15_000, 15_000)), "PNG")
    with pytest.raises(ImageError, match="225,000,000 pixels"):
        decode(data, where="eye", settings=SETTINGS)
    limit = Image.MAX_IMAGE_PIXELS
    from retquant.images.decode import open_picture

    with open_picture(data) as picture:
        assert picture.size == (15_000, 15_000)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_reading_starts_no_other_program() -> None:
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 200 200\n%%EndComments\nshowpage\n"
    with pytest.raises(ImageError, match="PostScript"):
        decode(postscript, where="eye", settings=SETTINGS)
