"""The default model for angiograms, on eyes that it did not learn from: OCTA-500 and held-out images of ROSSA."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from retquant.anatomy import find_faz
from retquant.anatomy.outline import Outline
from retquant.config import ImageSettings, RunConfig
from retquant.images import read_record
from retquant.manifest.records import ImageRecord
from retquant.pipeline import consistent_labels, open_image
from retquant.segmentation.segmentation import Segmentation
from retquant.segmentation.segmenter import Segmenter, load_segmenter


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    name = RunConfig().segmentation.octa_model
    assert name is not None
    return load_segmenter(name)


def segmented(segmenter: Segmenter, path: Path) -> Segmentation:
    record = ImageRecord(image_id="scan", image=path, row=1, modality="octa")
    image = read_record(record, settings=ImageSettings())
    return consistent_labels(image, segmenter(image), RunConfig())


def drawn(path: Path) -> np.ndarray:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) > 0


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


@pytest.mark.parametrize(
    ("folder", "names", "least"),
    [
        ("OCTA500_3M/val", ("10441", "10445", "10450"), 0.80),
        ("OCTA500_6M/val", ("10181", "10190", "10200"), 0.76),
        ("ROSSA/train_manual", ("5", "45", "95"), 0.84),
    ],
)
def test_large_vessels_are_found(
    segmenter: Segmenter, shared_data: Path, folder: str, names: tuple[str, ...], least: float
) -> None:
    octa = shared_data / "octa" / folder
    found = [
        dice(
            segmented(segmenter, octa / "image" / f"{name}.png").targets["large_vessel"].mask,
            drawn(octa / "large_vessel" / f"{name}.png"),
        )
        for name in names
    ]
    assert np.mean(found) > least


@pytest.mark.parametrize(("eye", "image"), [("10441", "OCTA500_3M/val"), ("10001", "OCTA500_6M/train")])
def test_the_avascular_zone_is_found_whole(
    segmenter: Segmenter, shared_data: Path, eye: str, image: str
) -> None:
    octa = shared_data / "octa"
    target = segmented(segmenter, octa / image / "image" / f"{eye}.png").targets["faz"]
    truth = drawn(octa / "OCTA500_layers" / eye / "faz.png")
    # measured over three such eyes: 0.854 ± 0.066; it is found whole, and too large
    assert dice(target.mask, truth) > 0.72
    assert (target.mask & truth).sum() > 0.95 * truth.sum()
    assert isinstance(find_faz(target, fov=np.ones(truth.shape, bool)), Outline)


def test_the_zone_of_a_wide_scan_has_its_size_where_the_field_is_told(
    segmenter: Segmenter, shared_data: Path
) -> None:
    octa = shared_data / "octa"
    truth = drawn(octa / "OCTA500_layers/10001/faz.png")
    record = ImageRecord(
        image_id="scan",
        image=octa / "OCTA500_6M/train/image/10001.png",
        participant_id="p",
        row=1,
        modality="octa",
        fov_mm=6.0,
    )
    image = open_image(record, RunConfig()).image
    whole, nearer = (segmenter(each).targets["faz"].mask for each in (replace(image, pitch_um=None), image))
    # measured: 1.246 and 1.059 of the drawn area, Dice 0.876 and 0.946
    assert whole.sum() / truth.sum() > 1.15
    assert 0.9 < nearer.sum() / truth.sum() < 1.12
    assert dice(nearer, truth) > 0.92
