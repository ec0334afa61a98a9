"""The field of view on real photographs of seven cameras: against drawn masks, and against what is known of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retquant.config import ImageSettings
from retquant.images import find_field_of_view, fit_field, read_image, read_target_mask


def photographs(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern))
    if not found:
        pytest.skip(f"no {pattern} in {folder}")
    return found


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def drive_mask(image: Path) -> Path:
    return image.parent.parent / "mask" / f"{image.stem}_mask.gif"


def hrf_mask(image: Path) -> Path:
    return image.parent.parent / "fov" / f"{image.stem}.png"


@pytest.mark.parametrize(
    ("pattern", "mask_of", "least_mean"),
    [
        ("DRIVE/*/images/*.tif", drive_mask, 0.995),
        ("HRF_half/images/*.jpg", hrf_mask, 0.998),
        ("HRF_full/images/*.jpg", hrf_mask, 0.998),
    ],
)
def test_every_field_agrees_with_the_data_sets_own_mask(
    shared_data: Path, pattern: str, mask_of: object, least_mean: float
) -> None:
    scores, diameters = {}, {}
    for path in photographs(shared_data / "fundus", pattern):
        picture = pixels(path)
        truth = read_target_mask(mask_of(path), picture.shape[:2])[0] > 0  # type: ignore[operator]
        found = find_field_of_view(picture)
        scores[path.name] = dice(found, truth)
        diameters[path.name] = fit_field(found).diameter_px / fit_field(truth).diameter_px
    assert min(scores.values()) >= 0.99, min(scores, key=scores.__getitem__)
    assert np.mean(list(scores.values())) >= least_mean
    assert np.abs(np.array(list(diameters.values())) - 1).max() <= 0.01


@pytest.mark.parametrize(
    ("pattern", "share", "diameter_over_height"),
    [
        # one camera takes each set, so the share of the frame and the circle hardly vary; outlines looked at by eye
        ("CHASE_DB1/Image_*.jpg", (0.64, 0.70), (0.92, 0.97)),
        ("FIVES/images/*.jpg", (0.74, 0.77), (0.97, 0.99)),
        ("IDRiD_cohort/images/IDRiD_0?[05].jpg", (0.68, 0.70), (1.18, 1.21)),
        ("DRISHTI-GS_half/images/*.jpg", (0.70, 0.88), (1.10, 1.19)),
    ],
)
def test_the_field_is_the_cameras_own(
    shared_data: Path, pattern: str, share: tuple[float, float], diameter_over_height: tuple[float, float]
) -> None:
    for path in photographs(shared_data / "fundus", pattern):
        found = find_field_of_view(pixels(path))
        assert share[0] <= found.mean() <= share[1], path.name
        ratio = fit_field(found).diameter_px / found.shape[0]
        assert diameter_over_height[0] <= ratio <= diameter_over_height[1], path.name


def test_small_photographs_of_many_cameras_are_framed_by_their_light(shared_data: Path) -> None:
    paths = photographs(shared_data / "fundus", "ODIR_256/images/*.jpg")[::20]
    agreement = []
    for path in paths:
        picture = pixels(path)
        found = find_field_of_view(picture)
        agreement.append(dice(found, picture.max(axis=2) > 25))
    # a lit background or a shadow on the rim is where light and field differ
    assert np.median(agreement) >= 0.995
    assert np.percentile(agreement, 3) >= 0.97


def test_no_real_photograph_is_refused(shared_data: Path) -> None:
    for path in photographs(shared_data / "fundus", "ODIR_256/images/*.jpg")[::20]:
        assert read_image(path, settings=ImageSettings()).fov.mean() > 0.3, path.name
