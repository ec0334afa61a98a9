"""The pipeline weighs a model's arteries and veins along the vessels, when it is set to and a model made them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retquant.config import ImageSettings, RunConfig, VesselSettings
from retquant.images import RetinalImage, read_image
from retquant.pipeline import consistent_labels
from retquant.segmentation.segmentation import Segmentation, TargetMask

SIZE = 400
ROWS, COLUMNS = np.indices((SIZE, SIZE))
ARTERY = (np.abs(ROWS - COLUMNS) < 6) & (np.hypot(ROWS - 200, COLUMNS - 200) < 150)
VEIN = (np.abs(ROWS + COLUMNS - SIZE) < 8) & (np.hypot(ROWS - 200, COLUMNS - 200) < 150)
WRONG = ARTERY & ~VEIN & (ROWS > 240) & (ROWS < 265)  # a stretch of the artery that the model calls vein


@pytest.fixture
def image(tmp_path: Path) -> RetinalImage:
    field = np.hypot(ROWS - 200, COLUMNS - 200) < 195
    Image.fromarray(np.where(field[..., None], [180, 110, 60], 0).astype(np.uint8)).save(tmp_path / "a.png")
    return read_image(tmp_path / "a.png", settings=ImageSettings())


def segmentation(source: str) -> Segmentation:
    masks = {"artery": ARTERY & ~WRONG, "vein": VEIN | WRONG, "vessel": ARTERY | VEIN}
    return Segmentation(
        targets={
            n: TargetMask(probability=np.where(m, np.uint8(240), np.uint8(0)), source=source)
            for n, m in masks.items()
        }
    )


def test_a_wrong_stretch_is_set_right_and_the_crossing_stays_of_both(image: RetinalImage) -> None:
    found = consistent_labels(image, segmentation("model:x"), RunConfig())
    assert found.targets["artery"].mask[WRONG].all()
    assert not found.targets["vein"].mask[WRONG].any()
    for kind in ("artery", "vein"):
        assert found.targets[kind].mask[195:206, 195:206].mean() > 0.7
    np.testing.assert_array_equal(found.targets["vessel"].mask, ARTERY | VEIN)


@pytest.mark.parametrize(("modality", "is_of_a_kind"), [("cfp", False), ("octa", True)])
def test_a_vessel_of_which_the_model_is_unsure_has_a_kind_in_angiograms_alone(
    image: RetinalImage, modality: str, is_of_a_kind: bool
) -> None:
    either = ARTERY | VEIN
    maps = {
        "artery": np.where(ARTERY, 138, 118) * either,
        "vein": np.where(VEIN & ~ARTERY, 138, 118) * either,
        "vessel": 240 * either,
    }
    found = Segmentation(
        targets={n: TargetMask(probability=m.astype(np.uint8), source="model:x") for n, m in maps.items()}
    )
    settings = VesselSettings(artery_vein_sureness=0.9, angiogram_artery_vein_sureness=0.5)
    kinds = consistent_labels(replace(image, modality=modality), found, RunConfig(vessels=settings)).targets
    for kind, drawn in (("artery", ARTERY & ~VEIN), ("vein", VEIN & ~ARTERY)):
        assert kinds[kind].mask[drawn].mean() == pytest.approx(float(is_of_a_kind), abs=0.02)


def test_what_was_given_or_is_not_asked_for_stays(image: RetinalImage) -> None:
    given = segmentation("manifest")
    assert consistent_labels(image, given, RunConfig()) is given
    off = RunConfig(vessels=VesselSettings(consistent_arteries_and_veins=False))
    found = segmentation("model:x")
    assert consistent_labels(image, found, off) is found
