"""The model that ships by default, on photographs of persons whom it did not learn from: all of its targets."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from retquant.anatomy import find_disc
from retquant.config import ImageSettings, RunConfig
from retquant.images import read_image
from retquant.images.retinal_image import RetinalImage
from retquant.pipeline import consistent_labels
from retquant.segmentation.bundles import read_bundle
from retquant.segmentation.landmark import landmark_of
from retquant.segmentation.segmentation import Segmentation
from retquant.segmentation.segmenter import Segmenter, load_segmenter


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return load_segmenter(RunConfig().segmentation.model)


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


def segmented(segmenter: Segmenter, path: Path) -> tuple[RetinalImage, Segmentation]:
    image = read_image(path, settings=ImageSettings())
    return image, consistent_labels(image, segmenter(image), RunConfig())


def test_it_learned_from_openly_licensed_images_only() -> None:
    assert read_bundle(RunConfig().segmentation.model).is_open


@pytest.mark.parametrize("name", ["07_h", "08_g"])
def test_arteries_and_veins_are_told_apart(segmenter: Segmenter, shared_data: Path, name: str) -> None:
    folder = shared_data / "fundus" / "HRF_half"
    _, found = segmented(segmenter, folder / "images" / f"{name}.jpg")
    codes = cv2.imread(str(folder / "av" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    # measured over four such photographs: artery 0.746 ± 0.071, vein 0.772 ± 0.051
    assert dice(found.targets["artery"].mask, np.isin(codes, (1, 3))) > 0.55
    assert dice(found.targets["vein"].mask, np.isin(codes, (2, 3))) > 0.6


@pytest.mark.parametrize("name", ["IDRiD_03", "IDRiD_13"])
def test_the_disc_is_found(segmenter: Segmenter, shared_data: Path, name: str) -> None:
    folder = shared_data / "fundus" / "IDRiD_lesions"
    image, found = segmented(segmenter, folder / "images" / f"{name}.jpg")
    truth = cv2.imread(str(folder / "OD" / f"{name}.png"), cv2.IMREAD_GRAYSCALE) > 0
    assert dice(found.targets["disc"].mask, truth) > 0.88  # measured over three: 0.946 ± 0.022
    disc = find_disc(found.targets["disc"], image.fov)
    assert disc is not None
    assert disc.radius_px == pytest.approx(np.sqrt(truth.sum() / np.pi), rel=0.1)


def test_the_fovea_is_found_within_a_quarter_of_a_disc_radius(
    segmenter: Segmenter, shared_data: Path
) -> None:
    folder = shared_data / "fundus" / "IDRiD_cohort"
    points = pd.read_csv(folder / "labels.csv").set_index("image")
    errors = []
    for number in (5, 20, 35, 50):
        name = f"images/IDRiD_{number:03}.jpg"
        _, found = segmented(segmenter, folder / name)
        place = landmark_of(found.targets["fovea"].probability)
        assert place is not None
        row = points.loc[name]
        radius = np.hypot(row.fovea_x - row.disc_x, row.fovea_y - row.disc_y) / 5.29
        errors.append(np.hypot(place.x - row.fovea_x, place.y - row.fovea_y) / radius)
    assert np.median(errors) < 0.25  # measured over twelve: 0.14
