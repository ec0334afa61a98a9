"""The shipped bundle on real photographs that it did not learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retquant.config import ImageSettings
from retquant.images import read_image
from retquant.segmentation.segmenter import Segmenter, load_segmenter
from retquant.training.metrics import Confusion
from retquant.training.truth import read_truth


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return load_segmenter("fundus-vessels")


@pytest.mark.parametrize("number", ["01", "19"])
def test_a_photograph_of_drives_test_part_is_segmented_as_well_as_a_second_person_draws(
    segmenter: Segmenter, shared_data: Path, number: str
) -> None:
    folder = shared_data / "fundus" / "DRIVE" / "test"
    image = read_image(
        folder / "images" / f"{number}_test.tif",
        fov_mask=folder / "mask" / f"{number}_test_mask.gif",
        settings=ImageSettings(),
    )
    truth = read_truth(folder / "1st_manual" / f"{number}_manual1.gif", image.shape)
    counts = Confusion.count(segmenter(image).targets["vessel"].probability, truth, image.fov)
    assert counts.at(0.5)["dice"] > 0.788  # the second observer's mean over this part
    assert counts.auc() > 0.97


def test_nothing_is_found_outside_the_field(segmenter: Segmenter, shared_data: Path) -> None:
    path = sorted((shared_data / "fundus" / "CHASE_DB1").glob("*.jpg"))[0]
    image = read_image(path, settings=ImageSettings())
    probability = segmenter(image).targets["vessel"].probability
    assert probability.dtype == np.uint8
    assert not probability[~image.fov].any()


def test_the_same_image_gives_the_same_bits(segmenter: Segmenter, shared_data: Path) -> None:
    path = shared_data / "fundus" / "DRIVE" / "test" / "images" / "02_test.tif"
    image = read_image(path, settings=ImageSettings())
    first, second = (segmenter(image).targets["vessel"].probability for _ in range(2))
    assert (first == second).all()
