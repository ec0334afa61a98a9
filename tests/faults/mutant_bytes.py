"""Kinds of mutants whose bytes are at fault: cut, bent, of another kind, or armed."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

import cv2
import numpy as np
import tifffile
from mutants import (
    DAMAGED,
    ENDINGS,
    FORMS,
    LIMIT,
    NO_PICTURE,
    SOUND,
    STRANGE,
    Mutant,
    Workbench,
    coded,
    either,
    kind,
    png_chunk,
    with_chunk,
)
from PIL import Image

Made = tuple[str, str]


@cache
def _packed_zeros(count: int) -> bytes:
    return zlib.compress(bytes(count), 1)


# ---- cut and bent


@kind
def cut(at: Workbench) -> Made:
    form = at.pick(FORMS)
    data = coded(at.picture, form)
    data = data[: int(len(data) * at.random.uniform(0.05, 0.95))]
    return at.write(data, ENDINGS[form]), f"{DAMAGED}|{NO_PICTURE}"


@kind
def cut_at_its_head(at: Workbench) -> Made:
    form = at.pick(FORMS)
    data = coded(at.picture, form)[: int(at.random.integers(1, 24))]
    return at.write(data, ENDINGS[form]), f"{DAMAGED}|{NO_PICTURE}"


@kind
def cut_deep(at: Workbench) -> Made:
    deep = at.picture.astype(np.uint16) * 257
    ending = at.pick((".png", ".tif", ".ppm", ".jp2"))
    data = cv2.imencode(ending, deep if ending != ".tif" or at.variant % 2 else deep[..., 0])[1].tobytes()
    return at.write(data[: int(len(data) * at.random.uniform(0.1, 0.95))], ending), f"{DAMAGED}|{NO_PICTURE}"


@kind
def flipped(at: Workbench) -> Made:
    form = at.pick(FORMS)
    data = bytearray(coded(at.picture, form))
    for place in at.random.integers(0, len(data), 1 + at.variant % 5):
        data[place] ^= 1 << int(at.random.integers(8))
    return at.write(bytes(data), ENDINGS[form]), either()


@kind
def flipped_in_a_check_sum(at: Workbench) -> Made:
    data = bytearray(coded(at.picture, "PNG"))
    first, last = data.index(b"IDAT") + 4, data.index(b"IEND") - 8
    data[int(at.random.integers(first, last))] ^= 1 << int(at.random.integers(8))
    return at.write(bytes(data), ".png"), DAMAGED


@kind
def flipped_head(at: Workbench) -> Made:
    form = at.pick(FORMS)
    data = bytearray(coded(at.picture, form))
    for place in at.random.integers(0, 64, 3):
        data[place] = int(at.random.integers(256))
    return at.write(bytes(data), ENDINGS[form]), either()


@kind
def flipped_deep(at: Workbench) -> Made:
    ending = at.pick((".png", ".tif", ".ppm"))
    data = bytearray(cv2.imencode(ending, at.picture.astype(np.uint16) * 257)[1].tobytes())
    for place in at.random.integers(0, len(data) if at.variant % 2 else 200, 4):
        data[place] = int(at.random.integers(256))
    return at.write(bytes(data), ending), either(f"{STRANGE}|beyond 16 bits")


@kind
def zeros_within(at: Workbench) -> Made:
    form = at.pick(FORMS)
    data = bytearray(coded(at.picture, form))
    start = int(len(data) * at.random.uniform(0.2, 0.8))
    data[start : start + 512] = bytes(len(data[start : start + 512]))
    return at.write(bytes(data), ENDINGS[form]), either()


@kind
def doubled(at: Workbench) -> Made:
    data = coded(at.picture, "JPEG")
    return at.write(data + data, ".jpg"), SOUND


@kind
def with_an_archive_behind(at: Workbench) -> Made:
    return at.write(coded(at.picture, at.pick(("PNG", "JPEG"))) + b"PK\x03\x04" + bytes(4096), ".png"), SOUND


# ---- something else under a picture's name


@kind
def named_otherwise(at: Workbench) -> Made:
    form, other = at.pick(FORMS), at.pick(FORMS[1:] + FORMS[:1])
    return at.write(coded(at.picture, form), ENDINGS[other]), SOUND


@kind
def another_kind(at: Workbench) -> Made:
    data, words = at.pick(
        [
            (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
            (b"%!PS-Adobe-3.0 EPSF-3.0\nsystemdict /quit get exec", "PostScript"),
            (b"<!DOCTYPE html><html><script>alert(1)</script>", "web page"),
            (b"\x1f\x8b\x08\0" + bytes(90), "gzip"),
            (
                b"<?xml version='1.0'?><!DOCTYPE s [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><svg>&x;</svg>",
                "XML",
            ),
            (
                b"<svg xmlns='http://www.w3.org/2000/svg'><image href='http://example.org/'/></svg>",
                "no picture",
            ),
            (b"MZ\x90\0" + bytes(400), "no picture"),
            (b"\x80\x04cposix\nsystem\n(S'true'\ntR.", "no picture"),
            (b"\0\0\0\x18ftypheic" + bytes(400), "HEIC"),
            (b"name,age\nsomebody,4\n" * 40, "no picture"),
            (b"\xd7\xcd\xc6\x9a" + bytes(300), "no picture"),
            (b"SIMPLE  =   T" + b" " * 2900, "no picture"),
        ]
    )
    return at.write(data, at.pick((".png", ".jpg", ".tif"))), words


@kind
def noise(at: Workbench) -> Made:
    return at.write(at.random.bytes(int(at.random.integers(1, 9000))), ".jpg"), NO_PICTURE


@kind
def noise_after_a_signature(at: Workbench) -> Made:
    head = at.pick(
        (
            b"\xff\xd8\xff\xe0",
            b"\x89PNG\r\n\x1a\n",
            b"II*\0",
            b"MM\0*",
            b"BM",
            b"P6\n",
            b"GIF89a",
            b"RIFF\x40\0\0\0WEBPVP8 ",
            b"\0\0\0\x0cjP  \r\n\x87\n",
            b"\xff\x4f\xff\x51",
            b"II+\0",
        )
    )
    return at.write(head + at.random.bytes(3000), ".png"), f"{DAMAGED}|{NO_PICTURE}|{LIMIT}|too few"


@kind
def other_content(at: Workbench) -> Made:
    shape = (200, 230, 3)
    grey = at.random.integers(0, 255, (200, 200), np.uint8)
    bands = np.repeat(40 + 160 * np.exp(-(((np.arange(200) - 100) / 25.0) ** 2)), 230).reshape(200, 230)
    picture, words = at.pick(
        [
            (np.zeros(shape, np.uint8), "all black"),
            (np.full(shape, 255, np.uint8), "all white"),
            (np.full(shape, 128, np.uint8), "one even colour"),
            (grey, "angiogram"),
            (
                np.clip(at.random.normal(0, 6, shape) + np.array([90, 140, 210]), 0, 255).astype(np.uint8),
                "no fundus",
            ),
            (
                np.clip(at.random.normal(0, 2, shape) + np.array([250, 250, 249]), 0, 255).astype(np.uint8),
                "all white|no fundus",
            ),
            (np.clip(bands + at.random.normal(0, 6, bands.shape) - 30, 0, 255).astype(np.uint8), STRANGE),
        ]
    )
    return at.write(coded(picture, "PNG"), ".png"), words


@kind
def too_small(at: Workbench) -> Made:
    size = at.pick(((1, 1), (127, 400), (400, 3), (2, 1), (127, 127)))
    return at.write(
        coded(Image.new("RGB", size, (200, 100, 50)), at.pick(("PNG", "JPEG", "BMP"))), ".png"
    ), "too few"


# ---- bombs and sizes that lie


@kind
def claims_a_huge_size(at: Workbench) -> Made:
    form = at.pick(("PNG", "JPEG", "BMP", "PPM", "GIF", "TIFF", "JPEG2000", "WEBP"))
    data = bytearray(coded(at.picture, form, **({"lossless": True} if form == "WEBP" else {})))
    wide, high = at.pick(((65_000, 65_000), (30_000, 30_000), (16_000, 16_000)))
    words = LIMIT
    if form == "PNG":
        data[8:33] = png_chunk(b"IHDR", struct.pack(">II", wide * 9, high * 9) + b"\x08\x02\0\0\0")
    elif form == "JPEG":
        place = data.index(b"\xff\xc0") + 5
        data[place : place + 4] = struct.pack(">HH", high, wide)
    elif form == "BMP":
        data[18:26] = struct.pack("<ii", wide, high)
    elif form == "PPM":
        data[:10] = b"P6\n%d %d" % (wide, high)
    elif form == "GIF":
        data[6:10] = struct.pack("<HH", wide, high)
    elif form == "TIFF":
        stream = io.BytesIO()
        tifffile.imwrite(stream, np.zeros((2, 2, 3), np.uint8))
        data = bytearray(stream.getvalue())
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            tags = [file.pages[0].tags[name] for name in ("ImageWidth", "ImageLength")]
        for tag, side in zip(tags, (wide, high), strict=True):
            data[tag.valueoffset : tag.valueoffset + 2] = struct.pack("<H", side)
    elif form == "JPEG2000":
        place = data.index(b"ihdr") + 4
        data[place : place + 8] = struct.pack(">II", high, wide)
        place = data.index(b"\xff\x4f\xff\x51") + 8
        data[place : place + 8] = struct.pack(">II", wide, high)
        words = f"{LIMIT}|{DAMAGED}|{NO_PICTURE}"
    else:
        data[21:25] = struct.pack("<I", (16_382) | (16_382 << 14))
        words = f"{LIMIT}|{DAMAGED}|{NO_PICTURE}"
    return at.write(bytes(data), ENDINGS[form]), words


@kind
def bomb(at: Workbench) -> Made:
    """Few bytes that inflate to hundreds of megabytes."""
    side = at.pick((2_100, 3_000, 5_000))
    if at.variant % 3 == 0:
        body = _packed_zeros(side * (1 + side * 3))
        header = png_chunk(b"IHDR", struct.pack(">II", side, side) + b"\x08\x02\0\0\0")
        data = b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    elif at.variant % 3 == 1:
        data = coded(Image.new("1", (side, side)), "TIFF", compression="group4")
    else:
        data = coded(Image.new("P", (side, side)), "GIF")
    return at.write(data, ".png"), LIMIT


@kind
def bomb_in_a_remark(at: Workbench) -> Made:
    """A sound picture whose text or profile inflates to 200 megabytes."""
    packed = _packed_zeros(200_000_000)
    name, data = at.pick(
        (
            (b"zTXt", b"note\0\0" + packed),
            (b"iCCP", b"profile\0\0" + packed),
            (b"iTXt", b"note\0\1\0\0\0" + packed),
        )
    )
    return at.write(with_chunk(coded(at.picture, "PNG"), name, data), ".png"), either(DAMAGED)


@kind
def claims_more_than_it_holds(at: Workbench) -> Made:
    data = bytearray(coded(at.picture, "PNG" if at.variant % 2 else "BMP"))
    if at.variant % 2:
        data[8:33] = png_chunk(b"IHDR", struct.pack(">II", 1900, 1900) + b"\x08\x02\0\0\0")
    else:
        data[18:26] = struct.pack("<ii", 1900, 1900)
    return at.write(bytes(data), ".png"), DAMAGED


@kind
def pages_that_lead_in_a_circle(at: Workbench) -> Mutant:
    """A TIFF whose page is followed by itself; angiograms have all pages read."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, at.random.gamma(2.0, 22.0, (160, 160)).clip(0, 255).astype(np.uint8))
    data = bytearray(stream.getvalue())
    start = struct.unpack_from("<I", data, 4)[0]
    entries = struct.unpack_from("<H", data, start)[0]
    data[start + 2 + 12 * entries :][:4] = b"\0\0\0\0"
    place = start + 2 + 12 * entries
    data[place : place + 4] = struct.pack("<I", at.pick((start, start + 2, len(data) + 50, 8)))
    words = "damaged|a volume|unlike size|B-scan|photograph|array of"
    return Mutant(
        kind="pages_that_lead_in_a_circle",
        cell=at.write(bytes(data), ".tif"),
        outcome=either(words),
        modality=at.pick(("octa", "octa", "cfp")),
    )
