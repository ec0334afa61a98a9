"""Whatever is wrong with a file, one clear sentence says so, where, and what to do."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images import read_image

ROWS, COLS = np.ogrid[:400, :440]
FIELD = (ROWS - 200) ** 2 + (COLS - 220) ** 2 <= 190**2


def fundus() -> Image.Image:
    light = np.where(FIELD, 160.0, 3.0)[..., None] * np.array([1.0, 0.5, 0.25])
    light += np.random.default_rng(0).normal(0, 3, light.shape)
    return Image.fromarray(np.clip(light, 0, 255).astype(np.uint8))


def jpeg_cut_to(share: float) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        fundus().save(path, "JPEG")
        os.truncate(path, int(path.stat().st_size * share))

    return make


def writes(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def even(colour: tuple[int, int, int], size: tuple[int, int] = (400, 400)) -> Callable[[Path], None]:
    return lambda path: Image.new("RGB", size, colour).save(path, "PNG")


def page_of_text(path: Path) -> None:
    page = Image.new("RGB", (600, 800), (255, 255, 255))
    pen = ImageDraw.Draw(page)
    for line in range(20, 780, 24):
        pen.text(
            (30, line), "The patient was seen on Monday, and both eyes were photographed.", fill=(0, 0, 0)
        )
    page.save(path, "JPEG")


def sky(path: Path) -> None:
    light = np.random.default_rng(0).normal(0, 6, (400, 500, 3)) + np.array([90.0, 140.0, 210.0])
    Image.fromarray(np.clip(light, 0, 255).astype(np.uint8)).save(path, "PNG")


def huge_header(path: Path) -> None:
    """A bitmap that claims 30,000 × 30,000 pixels and holds none of them."""
    path.write_bytes(
        b"BM"
        + bytes(8)
        + struct.pack("<I", 54)
        + struct.pack("<IiiHH", 40, 30_000, 30_000, 1, 24)
        + bytes(24)
    )


def corrupt_png(path: Path) -> None:
    fundus().save(path, "PNG")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "no such file"),
    "a folder": (lambda path: path.mkdir(), "folder"),
    "zero bytes": (writes(b""), "0 bytes"),
    "a truncated JPEG": (jpeg_cut_to(0.6), "damaged"),
    "a JPEG that lacks its last hundredth": (jpeg_cut_to(0.99), "damaged"),
    "a JPEG of a few bytes": (jpeg_cut_to(0.001), "damaged|no picture"),
    "a corrupt PNG": (corrupt_png, "damaged"),
    "a PDF renamed": (writes(b"%PDF-1.7\n%\xe2\xe3\n1 0 obj"), "PDF"),
    "a web page renamed": (writes(b"<!DOCTYPE html><html>not found</html>"), "web page"),
    "random bytes": (writes(np.random.default_rng(0).bytes(5000)), "no picture"),
    "1 × 1": (even((200, 100, 50), (1, 1)), "1 × 1 pixels are too few"),
    "30,000 × 30,000": (lambda p: Image.new("1", (30_000, 30_000)).save(p, "PNG"), "900,000,000 pixels"),
    "a header that lies": (huge_header, "900,000,000 pixels"),
    "all black": (even((0, 0, 0)), "all black"),
    "all white": (even((255, 255, 255)), "all white"),
    "all grey": (even((128, 128, 128)), "one even colour"),
    "a page of text": (page_of_text, "no fundus"),
    "the sky": (sky, "no fundus"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_image_gets_one_clear_sentence(fault: str, tmp_path: Path) -> None:
    make, sentence = FAULTS[fault]
    path = tmp_path / "eye.jpg"
    make(path)
    with pytest.raises(ImageError, match=sentence) as caught:
        read_image(path, settings=ImageSettings())
    assert caught.value.where == str(path)
    assert caught.value.remedy
    assert "\n" not in caught.value.problem


def test_a_sound_photograph_is_refused_for_none_of_these(tmp_path: Path) -> None:
    fundus().save(tmp_path / "eye.jpg")
    assert read_image(tmp_path / "eye.jpg", settings=ImageSettings()).fov.any()


def test_a_field_mask_of_another_size_names_the_mask(tmp_path: Path) -> None:
    fundus().save(tmp_path / "eye.jpg")
    Image.new("L", (100, 100), 255).save(tmp_path / "fov.png")
    with pytest.raises(ImageError, match="100 × 100 pixels, its image 440 × 400") as caught:
        read_image(tmp_path / "eye.jpg", fov_mask=tmp_path / "fov.png", settings=ImageSettings())
    assert caught.value.where == str(tmp_path / "fov.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF", "BMP", "PPM"])
def test_no_damage_to_a_file_raises_anything_but_an_image_error(kind: str, tmp_path: Path) -> None:
    small = fundus().resize((160, 150))
    path = tmp_path / "eye"
    small.save(path, kind)
    whole = path.read_bytes()
    random = np.random.default_rng(4)
    read = 0
    for _ in range(40):
        damaged = bytearray(whole)
        for place in random.integers(0, min(len(whole), 700), size=6):  # headers are where readers trust most
            damaged[place] = random.integers(256)
        path.write_bytes(bytes(damaged[: random.integers(len(whole) // 2, len(whole) + 1)]))
        try:
            read_image(path, settings=ImageSettings(max_pixels=4_000_000))
            read += 1
        except ImageError as error:
            assert error.where == str(path)  # noqa: PT017
    assert read < 40
