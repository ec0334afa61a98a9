"""Quality falls with everything that spoils a picture, and depends on nothing else."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from retquant.config import ImageSettings
from retquant.images import fit_field, read_image
from retquant.images.retinal_image import RetinalImage
from retquant.quality import Quality, assess

MEASURES = {
    *("fov_fraction", "illumination_uniformity", "clipped_fraction", "sharpness", "noise", "blockiness"),
    "score",
}


def drawn_fundus(size: int = 600, *, detail: float = 0.12) -> np.ndarray:
    """A disc of light with dark sinusoidal vessels; every length is a share of the size."""
    rows, cols = np.mgrid[:size, :size] / size
    vessels = np.zeros((size, size))
    for offset in np.linspace(0.08, 0.92, 22):
        line = offset + 0.02 * np.sin(14 * cols + 40 * offset)
        vessels = np.maximum(vessels, np.exp(-(((rows - line) / 0.004) ** 2)))
    light = 150.0 * (1 - 0.25 * ((rows - 0.5) ** 2 + (cols - 0.5) ** 2) * 4) * (1 - 4 * detail * vessels)
    picture = light[..., None] * np.array([1.0, 0.7, 0.4])
    picture[(rows - 0.5) ** 2 + (cols - 0.5) ** 2 > 0.47**2] = 2.0
    return picture


def image(picture: np.ndarray, *, modality: str = "cfp") -> RetinalImage:
    size = picture.shape[0]
    rows, cols = np.ogrid[:size, :size]
    middle = size / 2
    fov = (rows - middle) ** 2 + (cols - middle) ** 2 <= (0.47 * size) ** 2
    if modality == "octa":
        fov = np.ones((size, size), dtype=bool)
    pixels = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    return RetinalImage(pixels=pixels, fov=fov, field=fit_field(fov), modality=modality, eye=None)


def falls(found: list[Quality], measure: str) -> bool:
    values = [quality.measures[measure] for quality in found]
    return all(after < before for before, after in pairwise(values))


def test_a_sharp_even_picture_is_good_and_has_every_measure() -> None:
    found = assess(image(drawn_fundus()))
    assert set(found.measures) == MEASURES
    assert found.grade == "good"
    assert found.notes == ()
    assert found.measures["fov_fraction"] == pytest.approx(np.pi * 0.47**2, abs=0.003)
    assert found.measures["clipped_fraction"] < 0.01


def test_sharpness_falls_with_blur_and_the_grade_with_it() -> None:
    found = [
        assess(image(cv2.GaussianBlur(drawn_fundus(), (0, 0), sigma) if sigma else drawn_fundus()))
        for sigma in (0.0, 1.0, 2.0, 4.0, 8.0)
    ]
    assert falls(found, "sharpness")
    assert found[-1].grade == "reject"
    assert "blurred" in found[-1].notes[0]


def test_sharpness_falls_with_contrast() -> None:
    assert falls([assess(image(drawn_fundus(detail=d))) for d in (0.15, 0.1, 0.05, 0.02)], "sharpness")


@pytest.mark.parametrize("measure", ["sharpness", "illumination_uniformity"])
def test_more_pixels_of_the_same_eye_read_the_same(measure: str) -> None:
    small, large = (assess(image(drawn_fundus(size))).measures[measure] for size in (640, 1600))
    assert large == pytest.approx(small, rel=0.08)


def test_a_wider_black_border_changes_nothing_but_the_share_of_the_frame() -> None:
    narrow = image(drawn_fundus())
    pixels = np.pad(narrow.pixels, ((90, 90), (90, 90), (0, 0)))
    fov = np.pad(narrow.fov, 90)
    wide = RetinalImage(pixels=pixels, fov=fov, field=fit_field(fov), modality="cfp", eye=None)
    before, after = assess(narrow).measures, assess(wide).measures
    assert after["fov_fraction"] < before["fov_fraction"]
    for measure in MEASURES - {"fov_fraction"}:
        assert after[measure] == pytest.approx(before[measure], rel=0.02, abs=1e-4), measure


def test_brightness_alone_does_not_change_sharpness() -> None:
    bright, dim = (assess(image(drawn_fundus() * gain)).measures["sharpness"] for gain in (1.0, 0.5))
    assert dim == pytest.approx(bright, rel=0.05)


def test_illumination_falls_with_a_shadow_over_one_side() -> None:
    found = []
    for depth in (0.0, 0.4, 0.7, 0.9):
        shade = 1 - depth * np.clip(np.linspace(1.5, -0.5, 600), 0, 1)[None, :, None]
        found.append(assess(image(drawn_fundus() * shade)))
    assert falls(found, "illumination_uniformity")
    assert found[0].measures["score"] > found[-1].measures["score"]


def test_clipping_grows_and_the_score_falls_with_overexposure() -> None:
    found = [assess(image(drawn_fundus() * gain)) for gain in (1.0, 2.2, 2.6, 3.5)]
    clipped = [quality.measures["clipped_fraction"] for quality in found]
    assert clipped == sorted(clipped)
    assert clipped[-1] > 0.5
    scores = [quality.measures["score"] for quality in found]
    assert scores == sorted(scores, reverse=True)
    assert found[-1].grade == "reject"


def test_the_score_falls_with_darkness() -> None:
    scores = [assess(image(drawn_fundus() * gain)).measures["score"] for gain in (1.0, 0.15, 0.07)]
    assert scores[0] > scores[1] > scores[2]


def test_a_turned_or_mirrored_picture_has_the_same_quality() -> None:
    upright = assess(image(drawn_fundus())).measures
    for turned in (np.rot90(drawn_fundus()), drawn_fundus()[:, ::-1]):
        for measure, value in assess(image(np.ascontiguousarray(turned))).measures.items():
            assert value == pytest.approx(upright[measure], rel=0.02, abs=1e-4), measure


def test_black_ground_between_vessels_is_no_clipping_in_an_angiogram() -> None:
    grey = np.where(np.random.default_rng(0).random((304, 304, 1)) < 0.4, 180.0, 0.0) * np.ones(3)
    assert assess(image(grey, modality="octa")).measures["clipped_fraction"] == 0


def test_a_black_or_even_field_gets_a_score_of_nought_and_never_nan() -> None:
    for level in (0.0, 128.0, 255.0):
        found = assess(image(np.full((300, 300, 3), level)))
        assert found.measures["score"] == 0
        assert np.isfinite(list(found.measures.values())).all()
        assert found.grade == "reject"


def test_a_given_field_away_from_its_own_circle_is_still_assessed() -> None:
    fov = np.zeros((300, 300), dtype=bool)
    fov[10:14, 10:290] = True
    picture = image(drawn_fundus(300))
    odd = RetinalImage(pixels=picture.pixels, fov=fov, field=fit_field(fov), modality="cfp", eye=None)
    assert np.isfinite(assess(odd).measures["score"])


@pytest.mark.parametrize(
    "pattern", ["DRIVE/test/images/*.tif", "HRF_half/images/0[1-3]_*.jpg", "FIVES/images/*.jpg"]
)
def test_published_photographs_are_good_and_their_blurred_copies_are_not(
    shared_data: Path, pattern: str
) -> None:
    paths = sorted((shared_data / "fundus").glob(pattern))
    if not paths:
        pytest.skip(f"no {pattern} in {shared_data}")
    for path in paths[:8]:
        sharp = read_image(path, settings=ImageSettings())
        scores = [assess(sharp).measures["score"]]
        assert assess(sharp).grade == "good", path.name
        for share in (0.005, 0.01, 0.02):
            blurred = cv2.GaussianBlur(sharp.pixels, (0, 0), share * sharp.shape[0])
            copy = RetinalImage(pixels=blurred, fov=sharp.fov, field=sharp.field, modality="cfp", eye=None)
            scores.append(assess(copy).measures["score"])
        assert scores == sorted(scores, reverse=True), path.name
        assert scores[-1] < 0.2, path.name


def test_noise_grows_with_noise_and_not_with_blur() -> None:
    def spoilt(level: float) -> np.ndarray:
        return drawn_fundus() + np.random.default_rng(1).normal(0, level, (600, 600, 1))

    readings = [assess(image(spoilt(level))).measures["noise"] for level in (0.0, 3.0, 8.0, 20.0)]
    assert all(after > 1.3 * before for before, after in pairwise(readings))
    blurred = assess(image(cv2.GaussianBlur(spoilt(3.0), (0, 0), 1.5))).measures["noise"]
    assert blurred < readings[1]


def test_noise_of_single_pixels_counts_less_in_a_picture_of_more_pixels() -> None:
    rng = np.random.default_rng(3)
    small, large = (
        assess(image(drawn_fundus(size) + rng.normal(0, 8.0, (size, size, 1)))).measures["noise"]
        for size in (600, 1200)
    )
    assert large == pytest.approx(small / 2, rel=0.25)  # four pixels become one


def test_blocks_of_compression_stand_out_however_the_picture_lies() -> None:
    def compressed(quality: int, turned: bool) -> float:
        picture = np.clip(drawn_fundus(), 0, 255).astype(np.uint8)
        _, data = cv2.imencode(
            ".jpg", np.rot90(picture) if turned else picture, [cv2.IMWRITE_JPEG_QUALITY, quality]
        )
        return assess(image(cv2.imdecode(data, cv2.IMREAD_COLOR).astype(float))).measures["blockiness"]

    assert assess(image(drawn_fundus())).measures["blockiness"] < 1.1
    for turned in (False, True):
        readings = [compressed(quality, turned) for quality in (90, 30, 8)]
        assert readings == sorted(readings)
        assert readings[-1] > 2.0
