"""Masks mean the same in every coding, and never change size in silence."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from retquant.errors import ImageError
from retquant.images import read_av_mask, read_target_mask

TRUTH = np.zeros((60, 80), dtype=bool)
TRUTH[20:30, 5:70] = True
SHAPE = TRUTH.shape


def save(picture: np.ndarray | Image.Image, path: Path) -> Path:
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(path)
    return path


def palette(colours: list[int]) -> Image.Image:
    picture = Image.fromarray(TRUTH.astype(np.uint8)).convert("P")
    picture = Image.frombytes("P", picture.size, TRUTH.astype(np.uint8).tobytes())
    picture.putpalette(colours)
    return picture


HARD = {
    "0 and 1": TRUTH.astype(np.uint8),
    "0 and 255": TRUTH.astype(np.uint8) * 255,
    "7 and 9": np.where(TRUTH, 9, 7).astype(np.uint8),
    "1 bit": Image.fromarray(TRUTH.astype(np.uint8) * 255).convert("1"),
    "palette": palette([0, 0, 0, 255, 0, 0]),
    "palette, white second": palette([0, 0, 0, 255, 255, 255]),
    "RGB": np.repeat(TRUTH[..., None].astype(np.uint8) * 255, 3, axis=2),
    "red on black": np.dstack([TRUTH * 255, TRUTH * 0, TRUTH * 0]).astype(np.uint8),
    "16 bits, 0 and 1": TRUTH.astype(np.uint16),
    "16 bits, 0 and 65535": TRUTH.astype(np.uint16) * 65535,
}


@pytest.mark.parametrize("coding", HARD)
def test_a_file_with_two_values_is_a_hard_mask_in_any_coding(coding: str, tmp_path: Path) -> None:
    mask, is_hard = read_target_mask(save(HARD[coding], tmp_path / "mask.png"), SHAPE)
    assert is_hard
    assert mask.dtype == np.uint8
    assert (mask == np.where(TRUTH, 255, 0)).all()


@pytest.mark.parametrize("suffix", ["gif", "tif", "bmp"])
def test_masks_need_not_be_png(suffix: str, tmp_path: Path) -> None:
    mask, is_hard = read_target_mask(save(TRUTH.astype(np.uint8) * 255, tmp_path / f"mask.{suffix}"), SHAPE)
    assert is_hard
    assert ((mask == 255) == TRUTH).all()


def test_more_values_are_coverage_over_the_types_maximum(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(80, dtype=np.uint8), (60, 1))
    eight, is_hard = read_target_mask(save(ramp, tmp_path / "8.png"), SHAPE)
    assert not is_hard
    assert (eight == ramp).all()
    cv2.imwrite(str(tmp_path / "16.png"), ramp.astype(np.uint16) * 257)
    deep, is_hard = read_target_mask(tmp_path / "16.png", SHAPE)
    assert not is_hard
    assert (deep == ramp).all()
    share, is_hard = read_target_mask(save(ramp.astype(np.float32) / 255, tmp_path / "f.tif"), SHAPE)
    assert not is_hard
    assert (share == ramp).all()


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (1, 255), (255, 255)])
def test_a_mask_of_one_value_is_empty_or_full(value: int, expected: int, tmp_path: Path) -> None:
    mask, is_hard = read_target_mask(save(np.full(SHAPE, value, np.uint8), tmp_path / "m.png"), SHAPE)
    assert is_hard
    assert (mask == expected).all()


def test_a_hard_mask_is_not_the_bool_array_that_crashes_thinning(tmp_path: Path) -> None:
    mask, _ = read_target_mask(save(HARD["1 bit"], tmp_path / "mask.png"), SHAPE)
    assert set(np.unique(mask > 0).view(np.uint8)) <= {0, 1}


@pytest.mark.parametrize("mode", ["L", "P"])
def test_artery_and_vein_codes_are_read_as_they_stand(mode: str, tmp_path: Path) -> None:
    codes = np.zeros(SHAPE, np.uint8)
    for code in range(5):
        codes[code * 10 : code * 10 + 10] = code
    picture = Image.frombytes(mode, (SHAPE[1], SHAPE[0]), codes.tobytes())
    if mode == "P":
        picture.putpalette([0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255, 9, 9, 9])
    found = read_av_mask(save(picture, tmp_path / "av.png"), SHAPE)
    assert (found["artery"] == np.isin(codes, (1, 3))).all()
    assert (found["vein"] == np.isin(codes, (2, 3))).all()


def test_an_artery_vein_mask_of_other_codes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="values 255"):
        read_av_mask(save(HARD["0 and 255"], tmp_path / "av.png"), SHAPE)


def test_a_mask_of_another_size_is_refused_with_both_sizes(tmp_path: Path) -> None:
    path = save(HARD["0 and 1"], tmp_path / "mask.png")
    with pytest.raises(ImageError, match="80 × 60 pixels, its image 61 × 60") as caught:
        read_target_mask(path, (60, 61))
    assert caught.value.where == str(path)
    assert "never resampled" in caught.value.remedy


def test_a_colour_picture_is_no_mask(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (*SHAPE, 3), dtype=np.uint8)
    with pytest.raises(ImageError, match="colour"):
        read_target_mask(save(noise, tmp_path / "m.png"), SHAPE)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "no picture"), (b"%PDF-1.7", "PDF"), (b"\x89PNG\r\n\x1a\n\0\0", "no picture|damaged")],
)
def test_a_damaged_mask_is_one_clear_sentence(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(content)
    with pytest.raises(ImageError, match=sentence):
        read_target_mask(tmp_path / "m.png", SHAPE)


def test_a_huge_mask_is_refused_by_its_size_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "m.png")
    with pytest.raises(ImageError, match="20000 × 20000"):
        read_target_mask(tmp_path / "m.png", SHAPE)


def test_a_probability_of_nan_is_refused(tmp_path: Path) -> None:
    share = TRUTH.astype(np.float32)
    share[0, 0] = np.nan
    with pytest.raises(ImageError, match="NaN"):
        read_target_mask(save(share, tmp_path / "m.tif"), SHAPE)
