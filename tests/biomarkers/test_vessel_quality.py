"""Sharpness and contrast of vessels, on pictures of drawn eyes that are spoilt one way at a time."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from benchmarks.shapes import inputs_of
from retquant.biomarkers import MeasureInputs, measure
from retquant.phantoms import photograph, simple_eye, straight_vessel

COLUMNS = ["quality_vessel_sharpness", "quality_vessel_contrast_to_noise"]


@pytest.fixture(scope="module")
def eye() -> MeasureInputs:
    drawn = simple_eye(4, size=(640, 640))
    return replace(inputs_of(drawn.shape, is_hard=False), photograph=photograph(drawn, 4))


def both(inputs: MeasureInputs) -> tuple[float, float]:
    found = measure(inputs, COLUMNS)
    return found[COLUMNS[0]].value, found[COLUMNS[1]].value


def test_blur_takes_sharpness(eye: MeasureInputs) -> None:
    readings = [both(eye)[0]]
    for sigma in (1.0, 2.0, 4.0):
        spoilt = cv2.GaussianBlur(eye.photograph, (0, 0), sigma)
        readings.append(both(replace(eye, photograph=spoilt))[0])
    assert readings == sorted(readings, reverse=True)
    assert readings[-1] < 0.8 * readings[0]


def test_noise_takes_contrast_to_noise(eye: MeasureInputs) -> None:
    readings = [both(eye)[1]]
    for level in (6.0, 12.0, 24.0):
        noise = np.random.default_rng(2).normal(0, level, eye.photograph.shape)
        spoilt = np.clip(eye.photograph + noise, 0, 255).astype(np.uint8)
        readings.append(both(replace(eye, photograph=spoilt))[1])
    assert readings == sorted(readings, reverse=True)
    assert readings[-1] < 0.4 * readings[0]


def test_exposure_changes_sharpness_little(eye: MeasureInputs) -> None:
    dark = (eye.photograph * 0.4).astype(np.uint8)
    assert both(replace(eye, photograph=dark))[0] == pytest.approx(both(eye)[0], rel=0.05)


@pytest.mark.parametrize("angle", [0.0, 30.0, 60.0, 90.0])
def test_a_gaussian_edge_of_known_width_reads_its_slope(angle: float) -> None:
    # an edge blurred by s has the slope depth / (s sqrt(2 pi)); times a hundredth of the field
    inputs = inputs_of(straight_vessel(length=700.0, size=(1024, 1024)).rotated(angle), is_hard=False)
    share = inputs.segmentation.targets["artery"].probability / 255.0
    blurred = cv2.GaussianBlur(200.0 - 80.0 * share, (0, 0), 2.0)
    picture = np.repeat(blurred[..., None], 3, axis=2).round().astype(np.uint8)
    sharpness = both(replace(inputs, photograph=picture))[0]
    # a pixel, reading between pixels and a step of the profile (1.6 px) blur by 1/12 + 1/6 + 1.6^2/12 px^2 more
    width = np.sqrt(2.0**2 + 1 / 12 + 1 / 6 + 1.6**2 / 12)
    # and the steepest point lies between two steps
    assert sharpness == pytest.approx(10.24 / (width * np.sqrt(2 * np.pi)), rel=0.05)


def test_without_a_photograph_both_are_missing(eye: MeasureInputs) -> None:
    found = measure(replace(eye, photograph=None), COLUMNS)
    assert {value.reason for value in found.values()} == {"no_photograph"}


def test_a_picture_without_vessels_says_so(eye: MeasureInputs) -> None:
    blank = straight_vessel(length=0.5, size=(640, 640))
    empty = replace(inputs_of(blank, is_hard=True), photograph=eye.photograph)
    assert {value.reason for value in measure(empty, COLUMNS).values()} == {"too_few_vessels"}
