"""The working frame: geometry that comes back where it was, contrast that ignores exposure."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from retquant.segmentation.working_image import frame_of, local_contrast, local_mean


def disc_field(height: int, width: int, radius: float) -> np.ndarray:
    rows, cols = np.mgrid[:height, :width]
    return np.hypot(rows - (height - 1) / 2, cols - (width - 1) / 2) <= radius


@pytest.mark.parametrize("size", [160, 320, 640])
def test_a_blob_cut_and_pasted_comes_back_to_its_place(size: int) -> None:
    fov = disc_field(300, 400, 120)
    rows, cols = np.mgrid[:300, :400]
    blob = np.exp(-((rows - 130.25) ** 2 + (cols - 221.75) ** 2) / (2 * 9.0**2)).astype(np.float32)
    frame = frame_of(fov, size)
    back = frame.paste(frame.cut(blob))
    weight = back / back.sum()
    assert (weight * rows).sum() == pytest.approx(130.25, abs=0.05)
    assert (weight * cols).sum() == pytest.approx(221.75, abs=0.05)


def test_the_field_spans_the_working_frame() -> None:
    fov = disc_field(500, 700, 200)
    inside = frame_of(fov, 640).cut(fov) >= 0.5
    assert inside.any(axis=0).sum() >= 638
    assert inside.any(axis=1).sum() >= 638


def test_shrinking_keeps_the_share_of_pixels_that_a_thin_line_covers() -> None:
    fov = np.ones((1000, 1000), bool)
    line = np.zeros((1000, 1000), np.float32)
    line[:, 500:503] = 1.0
    cut = frame_of(fov, 250).cut(line)
    # the Gaussian that stands for the pixel keeps the sum to 1.3 % for a line thinner than a working pixel
    assert cut[100:150].sum(axis=1).mean() == pytest.approx(3 / 4, rel=0.02)


def test_a_field_cut_at_top_and_bottom_stays_centred() -> None:
    fov = disc_field(400, 600, 250)
    frame = frame_of(fov, 500)
    assert frame.side == pytest.approx(500, abs=2)
    assert frame.row + frame.side / 2 == pytest.approx(200, abs=1)


def test_contrast_does_not_depend_on_exposure_or_on_what_lies_outside_the_field() -> None:
    rng = np.random.default_rng(0)
    fov = disc_field(128, 128, 60)
    pixels = 100 + 20 * rng.standard_normal((128, 128, 3))
    changed = 0.5 * pixels + 30
    changed[~fov] = 255
    first, second = local_contrast(pixels, fov), local_contrast(changed, fov)
    assert np.abs(first - second)[fov].max() < 1e-3
    assert (first[~fov] == 0.5).all()


def test_a_mean_over_a_wide_neighbourhood_is_that_of_a_gaussian() -> None:
    """Taken of larger pixels: to a thousandth of the range, also where the field is cut off by the frame."""
    rng = np.random.default_rng(1)
    image = cv2.GaussianBlur(rng.standard_normal((500, 500, 2)).astype(np.float32), (0, 0), 3)
    image[:, :40] += 1.0
    sigma = 24.0  # three pixels in one
    expected = cv2.GaussianBlur(image, (0, 0), sigma)
    assert np.abs(local_mean(image, sigma) - expected).max() < 1e-3 * np.ptp(image)
    np.testing.assert_array_equal(local_mean(image, 10.0), cv2.GaussianBlur(image, (0, 0), 10.0))
