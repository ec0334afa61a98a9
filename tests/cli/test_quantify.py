"""`retquant quantify --uncertainty`: standard errors beside the values, which stay what they were.

A fixed rule stands in for the model, whose every run takes seconds: what is darker than its surroundings is vessel.
It sees the picture as the model does, the mirrored one too, and all else is the command's own way.
"""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from scipy.special import expit
from typer.testing import CliRunner

from retquant.biomarkers import BIOMARKERS
from retquant.cli import app
from retquant.images.retinal_image import RetinalImage
from retquant.phantoms import photograph, simple_eye
from retquant.segmentation.segmentation import Segmentation, TargetMask


def darker_than_around(image: RetinalImage, *_given: object, **_settings: object) -> Segmentation:
    green = image.pixels[..., 1].astype(np.float32)
    contrast = 1 - green / np.maximum(cv2.GaussianBlur(green, (0, 0), 12), 1)
    chance = expit((contrast - 0.12) / 0.02)
    shade = np.rint(255 * np.where(image.fov, chance, 0)).astype(np.uint8)
    return Segmentation(targets={"vessel": TargetMask(probability=shade, source="model")})


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "eye.png"
    Image.fromarray(photograph(simple_eye(7, size=(400, 400)))).save(path)
    return path


@pytest.fixture
def quantify(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("retquant.segmentation.drawings.segmenter_for", lambda *_, **__: darker_than_around)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, ["quantify", *map(str, arguments)])

    return run


def measured(done: Result) -> dict[str, dict[str, float]]:
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_every_value_has_its_error_beside_it_and_is_the_one_measured_without(quantify, picture):
    options = (picture, "--json", "--biomarkers", "vessel_*_median_fov")
    plain = measured(quantify(*options))["eye.png"]
    asked = measured(quantify(*options, "--uncertainty"))["eye.png"]
    assert not any(name.endswith("__se") for name in plain)
    assert {name: value for name, value in asked.items() if not name.endswith("__se")} == plain
    assert {"vessel_tortuosity_hart1_median_fov", "vessel_branching_angle_median_fov"} <= set(plain)
    errors = {name: asked[f"{name}__se"] for name in plain}
    assert all(math.isfinite(error) and error >= 0 for error in errors.values())
    assert sum(error > 0 for error in errors.values()) > 0.9 * len(errors)
    # an edge that moves alike to both sides of a vessel leaves its line, and so its length over its chord (0.0009)
    assert errors["vessel_tortuosity_hart1_median_fov"] < 0.005


def test_the_table_file_holds_each_error_right_of_its_value(quantify, picture, tmp_path):
    file = tmp_path / "table.csv"
    done = quantify(picture, "--biomarkers", "*_area_density_fov", "--csv", file, "--uncertainty")
    assert done.exit_code == 0, done.stderr
    with file.open(newline="", encoding="utf-8") as lines:
        (row,) = csv.DictReader(lines)
    names = [name for name in row if name != "image"]
    assert names[1::2] == [f"{name}__se" for name in names[::2]]
    assert float(row["vessel_area_density_fov__se"]) > 0
    assert row["artery_area_density_fov"] == row["artery_area_density_fov__se"] == ""  # nobody drew arteries


def test_the_screen_shows_a_value_with_its_error_on_one_line(quantify, picture):
    names = "vessel_area_density_fov"
    plain, asked = (
        quantify(picture, "--biomarkers", names, *more).stdout.splitlines()
        for more in ([], ["--uncertainty"])
    )
    assert len(plain) == len(asked) == 2
    assert not any("±" in line or "__se" in line for line in plain)
    assert "__se" not in asked[1]
    value, error = asked[1].split()[-3::2]
    assert value == plain[1].split()[-1]
    # the edge's step of 0.5 in logits is a hundredth of contrast to this rule, a small part of its vessels' 0.2 to 0.5
    assert 0 < float(error) < 0.2 * float(value)


def test_what_no_mask_enters_has_no_error(quantify, picture):
    asked = measured(quantify(picture, "--biomarkers", "quality_*", "--json", "--uncertainty"))["eye.png"]
    without = {name for name in asked if not name.endswith("__se") and not BIOMARKERS[name].targets}
    assert without
    assert not any(f"{name}__se" in asked for name in without)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [("--uncertainty=high", "'--uncertainty' does not take a value"), ("--uncertain", "--uncertainty")],
)
def test_a_flag_that_is_wrong_is_told_in_one_message(quantify, picture, wrong, complaint):
    done = quantify(picture, wrong)
    assert done.exit_code == 2
    assert complaint in done.stderr
    assert done.stdout == ""


def test_a_level_given_as_a_word_is_taken_for_a_picture_and_told_and_the_others_are_measured(
    quantify, picture
):
    done = quantify(picture, "--uncertainty", "high", "--biomarkers", "vessel_area_density_fov", "--json")
    assert done.exit_code == 3
    assert "high: there is no such file" in done.stderr
    assert json.loads(done.stdout)["eye.png"]["vessel_area_density_fov__se"] > 0


def test_errors_of_an_unknown_biomarker_are_refused(quantify, picture):
    done = quantify(picture, "--biomarkers", "vessel_area_density_fov__se", "--uncertainty")
    assert done.exit_code != 0
    assert "vessel_area_density_fov__se" in str(done.exception)
