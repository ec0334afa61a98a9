"""A picture that is plainly not what the manifest says is told by what it shows, and real ones are left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images import RetinalImage, read_record
from retquant.images.content import content_of, doubt, refusal
from retquant.manifest.records import ImageRecord
from retquant.quality import assess


def angiogram(side: int = 304) -> np.ndarray:
    """(S, S) uint8 speckle and bright lines."""
    rng = np.random.default_rng(0)
    flow = np.full((side, side), 0.25)
    for _ in range(60):
        start, angle = rng.uniform(0, side, 2), rng.uniform(0, np.pi)
        reach = np.array([np.cos(angle), np.sin(angle)]) * side / 3
        first, last = (tuple((start + sign * reach).astype(int).tolist()) for sign in (-1, 1))
        cv2.line(flow, first, last, rng.uniform(0.6, 1.0), int(rng.integers(1, 5)), cv2.LINE_AA)
    speckled = flow * cv2.GaussianBlur(rng.gamma(2, 0.5, flow.shape), (0, 0), 0.6)
    return np.clip(speckled * 160, 0, 255).astype(np.uint8)


def photograph(side: int = 400, *, crop: bool = False) -> np.ndarray:
    """(S, S, 3) uint8 orange field, dark smooth vessels."""
    rng = np.random.default_rng(1)
    light = np.full((side, side), 1.0)
    for _ in range(14):
        angle = rng.uniform(0, np.pi)
        reach = np.array([np.cos(angle), np.sin(angle)]) * side
        middle = rng.uniform(0.3, 0.7, 2) * side
        first, last = (tuple((middle + sign * reach).astype(int).tolist()) for sign in (-1, 1))
        cv2.line(light, first, last, 0.75, 5, cv2.LINE_AA)
    light = cv2.GaussianBlur(light, (0, 0), 1.5) + rng.normal(0, 0.01, light.shape)
    colour = light[..., None] * np.array([190.0, 105.0, 50.0])
    rows, cols = np.ogrid[:side, :side]
    if not crop:
        colour[(rows - side / 2) ** 2 + (cols - side / 2) ** 2 > (0.48 * side) ** 2] = 3
    return np.clip(colour, 0, 255).astype(np.uint8)


def b_scan() -> np.ndarray:
    """(496, 512) uint8 bands of speckle over a fall-off, between dark margins."""
    rng = np.random.default_rng(2)
    depth, across = np.arange(496.0)[:, None], np.linspace(-1, 1, 512)[None]
    at = depth - (190 + 30 * across**2 + 25 * np.exp(-((across / 0.15) ** 2)))
    edges, levels = [0, 18, 34, 50, 66, 80, 92, 108], [18, 150, 95, 130, 80, 60, 170, 200]
    light = np.select([at < edge for edge in edges], levels, 110 * np.exp(-(at - 108) / 60) + 15)
    return np.clip(cv2.GaussianBlur(light, (0, 0), 1.5) * rng.gamma(4, 0.25, light.shape), 0, 255).astype(
        np.uint8
    )


def read(folder: Path, picture: np.ndarray, modality: str, **told: Any) -> RetinalImage:
    path = folder / "a.png"
    Image.fromarray(picture).save(path)
    record = ImageRecord(image_id="a", image=path, row=2, modality=modality, **told)
    return read_record(record, settings=ImageSettings())


def test_what_is_what_the_manifest_says_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, angiogram(), "octa", fov_mm=3.0).doubt is None
    assert read(tmp_path, angiogram(), "octa", fov_mm=3.0).remarks == ()
    assert read(tmp_path, photograph(), "cfp").doubt is None


@pytest.mark.parametrize(
    ("picture", "modality", "sentence", "remedy"),
    [
        (photograph(), "octa", "a photograph, not an angiogram: a round field", "write cfp"),
        (photograph(crop=True), "octa", "a photograph, not an angiogram: the colours", "write cfp"),
        (photograph()[..., 1], "octa", "a photograph, not an angiogram: a round field", "write cfp"),
        (angiogram(), "cfp", "an angiogram, not a fundus photograph", "write octa"),
        (b_scan(), "octa", "a B-scan", "en-face"),
        (b_scan(), "cfp", "a B-scan", "en-face"),
    ],
)
def test_what_is_plainly_something_else_is_refused_with_the_word_to_write(
    tmp_path: Path, picture: np.ndarray, modality: str, sentence: str, remedy: str
) -> None:
    with pytest.raises(ImageError, match=sentence) as caught:
        read(tmp_path, picture, modality)
    assert remedy in caught.value.remedy
    assert caught.value.where == str(tmp_path / "a.png")


def test_what_may_be_something_else_is_read_and_rejected_by_quality(tmp_path: Path) -> None:
    image = read(tmp_path, photograph(crop=True)[..., 1], "octa", fov_mm=3.0)  # a red-free crop
    assert image.doubt is not None
    quality = assess(image)
    assert (quality.grade, quality.measures["score"]) == ("reject", 0.0)
    assert "looks like no angiogram" in quality.notes[0]


def test_an_angiogram_in_false_colour_is_still_one(tmp_path: Path) -> None:
    tinted = (angiogram()[..., None] * np.array([1.0, 0.6, 0.2])).astype(np.uint8)
    image = read(tmp_path, tinted, "octa", fov_mm=3.0)
    assert image.doubt is None
    assert any("in colour" in note for note in assess(image).notes)


def test_a_scan_of_unknown_field_says_that_it_has_no_lengths(tmp_path: Path) -> None:
    unknown = read(tmp_path, angiogram(304), "octa")
    assert unknown.um_per_px is None
    assert any("304 × 304 pixels may be of 3 or of 6 mm" in note for note in assess(unknown).notes)
    for told in ({"fov_mm": 3.0}, {"um_per_px": 10.0}, {"fov_deg": 10.0}):
        assert read(tmp_path, angiogram(304), "octa", **told).remarks == ()


def test_a_black_picture_has_no_content_and_no_figures_that_are_not_finite() -> None:
    for level in (0, 128, 255):
        content = content_of(np.full((200, 300), level, np.uint8))
        figures = (content.texture, content.polarity, content.margin_light, content.layering)
        assert np.isfinite(figures).all()
        assert content.texture == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("pattern", "step"),
    [
        *(("OCTA500_3M/*/image/*.png", 15), ("OCTA500_6M/*/image/*.png", 20), ("ROSSA/*/image/*.png", 20)),
        *(
            ("OCTA25K_FAZ/image/*.png", 4),
            ("synthetic_3M/image/*.png", 6),
            ("OCTA500_layers/*/octa_*.png", 1),
        ),
    ],
)
def test_real_angiograms_are_no_photographs_and_plainly_no_fundus(
    shared_data: Path, pattern: str, step: int
) -> None:
    paths = sorted((shared_data / "octa").glob(pattern))[::step]
    if not paths:
        pytest.skip(f"no {pattern} in {shared_data}")
    for path in paths:
        content = content_of(np.asarray(Image.open(path).convert("RGB")))
        assert refusal(content, "octa") is None, path.name
        assert doubt(content, "octa") is None, path.name
        assert "angiogram" in (refusal(content, "cfp") or ("",))[0], path.name


@pytest.mark.parametrize(
    ("pattern", "step"),
    [
        ("DRIVE/training/images/*.tif", 5),
        ("CHASE_DB1/*.jpg", 5),
        ("HRF_half/images/*.jpg", 8),
        ("ODIR_256/*/*.jpg", 90),
    ],
)
def test_real_photographs_are_no_angiograms_and_refused_as_such(
    shared_data: Path, pattern: str, step: int
) -> None:
    paths = sorted((shared_data / "fundus").glob(pattern))[::step]
    if not paths:
        pytest.skip(f"no {pattern} in {shared_data}")
    for path in paths:
        content = content_of(np.asarray(Image.open(path).convert("RGB")))
        assert refusal(content, "cfp") is None, path.name
        assert "photograph" in (refusal(content, "octa") or ("",))[0], path.name
