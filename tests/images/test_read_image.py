"""From a file and what the manifest says of it to a retinal image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images import read_image

SETTINGS = ImageSettings()
ROWS, COLS = np.ogrid[:400, :440]
FIELD = (ROWS - 200) ** 2 + (COLS - 220) ** 2 <= 190**2


def fundus(path: Path) -> Path:
    light = np.where(FIELD, 160.0, 3.0)[..., None] * np.array([1.0, 0.5, 0.25])
    light += np.random.default_rng(0).normal(0, 3, light.shape)
    Image.fromarray(np.clip(light, 0, 255).astype(np.uint8)).save(path)
    return path


def test_a_photograph_comes_with_its_field_and_what_was_told_of_it(tmp_path: Path) -> None:
    image = read_image(fundus(tmp_path / "a.png"), eye="OD", settings=SETTINGS)
    assert image.shape == (400, 440)
    assert image.fov.shape == image.shape
    assert image.field.diameter_px == pytest.approx(380, abs=3)
    assert (image.eye, image.modality, image.bit_depth, image.is_grey) == ("OD", "cfp", 8, False)


def test_an_angiograms_field_is_its_frame(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (304, 304), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "octa.png")
    image = read_image(tmp_path / "octa.png", modality="octa", settings=SETTINGS)
    assert image.fov.all()
    assert image.field.diameter_px == 304
    assert image.is_grey


def test_a_given_field_of_view_wins(tmp_path: Path) -> None:
    given = (ROWS - 150) ** 2 + (COLS - 220) ** 2 <= 100**2
    Image.fromarray(given.astype(np.uint8)).save(tmp_path / "fov.png")
    image = read_image(fundus(tmp_path / "a.png"), fov_mask=tmp_path / "fov.png", settings=SETTINGS)
    assert (image.fov == given).all()
    assert image.field.diameter_px == pytest.approx(200, abs=1)


def test_an_empty_given_field_is_refused(tmp_path: Path) -> None:
    for name, values in (("empty", [0]), ("faint", [0, 20, 40])):
        mask = np.resize(np.array(values, np.uint8), (400, 440))
        Image.fromarray(mask).save(tmp_path / f"{name}.png")
        with pytest.raises(ImageError, match="empty"):
            read_image(fundus(tmp_path / "a.png"), fov_mask=tmp_path / f"{name}.png", settings=SETTINGS)
