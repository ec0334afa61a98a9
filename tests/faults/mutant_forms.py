"""Kinds of mutants that are rare and sound, or carry remarks that do harm."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import tifffile
from mutants import DAMAGED, ENDINGS, SOUND, Workbench, coded, either, kind, png_chunk
from PIL import Image

Made = tuple[str, str]


@kind
def turned(at: Workbench) -> Made:
    exif = Image.Exif()
    exif[274] = 1 + at.variant % 8
    return at.write(coded(at.picture, at.pick(("JPEG", "PNG", "WEBP")), exif=exif), ".jpg"), SOUND


@kind
def turned_with_wild_remarks(at: Workbench) -> Made:
    """Turned, and with other tags of which no writer could make anything: the picture is sound."""
    entries = [
        (274, 3, 1, struct.pack("<HH", 6, 0)),
        (282, 5, 1, b"\xff\xff\xff\x7f"),
        (305, 2, 9_999_999, b"\x10\0\0\0"),
        (33432, 7, 4, b"\xff\xfe\xfd\xfc"),
        (34665, 4, 1, struct.pack("<I", 8)),
        (50000, 99, 3, b"abcd"),
        (34853, 4, 1, b"\xff\xff\xff\xff"),
        (40965, 13, 1, struct.pack("<I", 8)),
    ]
    chosen = sorted(entries[:1] + [entry for entry in entries[1:] if at.random.random() < 0.6])
    ifd = (
        struct.pack("<H", len(chosen))
        + b"".join(struct.pack("<HHI", *e[:3]) + e[3] for e in chosen)
        + bytes(4)
    )
    tiff = b"Exif\0\0II*\0\x08\0\0\0" + ifd + bytes(16)
    data = coded(at.picture, "JPEG")
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(tiff) + 2) + tiff + data[2:]
    return at.write(data, ".jpg"), SOUND


@kind
def turned_in_no_known_way(at: Workbench) -> Made:
    exif = Image.Exif()
    exif[274] = at.pick((0, 9, 255, 65_535))
    return at.write(coded(at.picture, at.pick(("JPEG", "PNG")), exif=exif), ".jpg"), SOUND


@kind
def noise_for_metadata(at: Workbench) -> Made:
    junk = at.random.bytes(int(at.random.integers(4, 3000)))
    data = coded(at.picture, "JPEG")
    marker = at.pick((b"\xff\xe1", b"\xff\xe2", b"\xff\xed", b"\xff\xfe"))
    name = {b"\xff\xe1": b"Exif\0\0", b"\xff\xe2": b"ICC_PROFILE\0\1\1", b"\xff\xed": b"Photoshop 3.0\0"}.get(
        marker, b""
    )
    body = name + junk
    return at.write(data[:2] + marker + struct.pack(">H", len(body) + 2) + body + data[2:], ".jpg"), either(
        DAMAGED
    )


@kind
def noise_for_a_profile(at: Workbench) -> Made:
    form = at.pick(("JPEG", "PNG", "TIFF", "WEBP"))
    junk = struct.pack(">I", 1 << 30) + at.random.bytes(2000)
    return at.write(coded(at.picture, form, icc_profile=junk), ENDINGS[form]), SOUND


@kind
def names_in_remarks(at: Workbench) -> Made:
    """Who a person is, and what a spreadsheet or browser would run, in comments of a sound picture."""
    exif = Image.Exif()
    exif[270] = "=cmd|'/C calc'!A0 <script>alert(1)</script> Zyxwander"
    return at.write(coded(at.picture, "JPEG", exif=exif, comment=b"<img onerror=x> Zyxwander"), ".jpg"), SOUND


@kind
def rare_kind_of_pixel(at: Workbench) -> Made:
    picture = Image.fromarray(at.picture)
    grey = at.picture[..., 1]
    form, image, options = at.pick(
        [
            ("JPEG", picture.convert("CMYK"), {}),
            ("TIFF", picture.convert("CMYK"), {}),
            ("PNG", picture.quantize(200), {}),
            ("PNG", picture.convert("LA"), {}),
            ("PNG", picture.convert("RGBA"), {}),
            ("TIFF", picture.convert("YCbCr"), {}),
            ("TIFF", Image.fromarray(grey.astype(np.float32) / 255), {}),
            ("TIFF", Image.fromarray(grey.astype(np.int32)), {}),
            ("PNG", Image.fromarray(grey.astype(np.uint16) * 257), {}),
            ("GIF", picture.quantize(256), {"interlace": True}),
            ("JPEG", picture, {"progressive": True, "quality": 100}),
            ("JPEG", picture, {"quality": 30}),
            ("TIFF", picture, {"compression": "tiff_lzw"}),
            ("TIFF", picture, {"compression": "tiff_adobe_deflate"}),
            ("TIFF", picture, {"save_all": True, "append_images": [picture.rotate(90)] * 3}),
            ("JPEG2000", picture, {}),
            ("PNG", picture, {"save_all": True, "append_images": [picture] * 2}),
            ("WEBP", picture, {"lossless": True}),
            ("TIFF", picture, {"compression": "jpeg"}),
            ("PPM", picture.convert("L"), {}),
        ]
    )
    return at.write(coded(image, form, **options), ENDINGS[form]), SOUND


@kind
def rare_tiff(at: Workbench) -> Made:
    deep = at.picture.astype(np.uint16) * 257
    pixels, options = at.pick(
        [
            (deep, {"photometric": "rgb"}),
            (deep, {"photometric": "rgb", "compression": "zlib"}),
            (deep, {"photometric": "rgb", "byteorder": ">"}),
            (at.picture, {"photometric": "rgb", "bigtiff": True}),
            (at.picture, {"photometric": "rgb", "tile": (64, 64)}),
            (deep[..., 1], {"photometric": "minisblack"}),
            (np.moveaxis(at.picture, 2, 0), {"photometric": "rgb", "planarconfig": "separate"}),
            (at.picture.astype(np.float32) / 255, {"photometric": "rgb"}),
        ]
    )
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return at.write(stream.getvalue(), ".tif"), SOUND


@kind
def one_bit(at: Workbench) -> Made:
    form = at.pick(("PNG", "TIFF", "BMP", "GIF", "PPM"))
    return at.write(coded(Image.fromarray(at.picture).convert("1"), form), ".png"), either()


@kind
def interlaced(at: Workbench) -> Made:
    """Adam7 takes a writer of its own: seven small pictures in one stream."""
    picture = at.picture
    passes = (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    )
    raw = b"".join(
        b"\0" + row.tobytes()
        for top, left, down, across in passes
        for row in picture[top::down, left::across]
    )
    header = struct.pack(">II", picture.shape[1], picture.shape[0]) + b"\x08\x02\0\0\x01"
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(raw))
    data += png_chunk(b"IEND", b"")
    if at.variant % 3 == 2:
        return at.write(data[: len(data) // 2], ".png"), DAMAGED
    return at.write(data, ".png"), SOUND
