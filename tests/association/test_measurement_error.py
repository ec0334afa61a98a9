"""Planted noise is found again, and the corrected effect is the one without it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retquant.association import analysis, associate
from retquant.association.closer_look import CloserLook
from retquant.association.measurement_error import COLUMNS, Noise, left_of_effect, noise_of
from retquant.association.modelling import Modelling
from retquant.report.association_page import render_page

NOISE = 1.2  # standard deviation of one picture's noise
DIRECTED = "vessel_area_density_fov"  # of whose eyes one is the worse
SLOPE = 0.5  # of the outcome on the true value


def cohort(people: int, *, repeats: bool = False, seed: int = 0) -> pd.DataFrame:
    """Both eyes alike but for noise; age goes with the true value, and the outcome with both."""
    random = np.random.default_rng(seed)
    each = 4 if repeats else 2
    person = np.repeat(np.arange(people), each)
    age = random.normal(size=people)
    true = 0.8 * age + random.normal(size=people)
    frame = pd.DataFrame(
        {
            "image_id": [f"i{n:06d}" for n in range(len(person))],
            "participant_id": [f"p{n:05d}" for n in person],
            "eye": np.tile(["OD", "OS"], len(person) // 2),
            "age": age[person],
            "pressure": (SLOPE * true + 0.3 * age + random.normal(size=people))[person],
            "calibre": true[person] + NOISE * random.normal(size=len(person)),
        }
    )
    frame.attrs["units"] = {"calibre": "um"}
    return frame


def corrected(images: pd.DataFrame, **options: object) -> tuple[pd.Series, pd.Series]:
    found = associate(images, outcome="pressure", covariates=["age"], robust=1, **options)
    assert isinstance(found.closer, CloserLook)
    return found.table.iloc[0], found.closer.errors.iloc[0]


@pytest.mark.parametrize(("repeats", "several"), [(False, 2), (True, 4)])
def test_the_effect_without_noise_is_the_planted_one(repeats: bool, several: int) -> None:
    row, error = corrected(cohort(20_000, repeats=repeats))
    assert error["design"] == ("repeats" if repeats else "eyes")
    assert error["noise_sd"] == pytest.approx(NOISE, rel=0.02)
    # given age the true value has variance 1, and the mean of k pictures noise of 1.44 / k
    assert error["left"] == pytest.approx(1 / (1 + NOISE**2 / several), rel=0.02)
    assert error["reliability"] == pytest.approx(1.64 / (1.64 + NOISE**2 / several), rel=0.02)
    assert row["effect_per_unit"] == pytest.approx(SLOPE / (1 + NOISE**2 / several), rel=0.04)
    assert error["corrected"] / row["sd"] == pytest.approx(SLOPE, rel=0.04)


def test_by_eye_one_picture_counts() -> None:
    _, error = corrected(cohort(4000), eyes="eye")
    assert error["left"] == pytest.approx(1 / (1 + NOISE**2), rel=0.05)
    assert "repeat pictures would tell noise" in error["reason"]
    _, error = corrected(cohort(4000, repeats=True), eyes="eye")
    assert error["left"] == pytest.approx(1 / (1 + NOISE**2 / 2), rel=0.05)  # two pictures of each eye
    assert error["reason"] is None


def test_the_interval_holds_the_truth_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "reruns", lambda *_, **__: pd.DataFrame())  # which take most of the time
    held = 0
    for seed in range(60):
        row, error = corrected(cohort(120, seed=seed))
        held += error["corrected_low"] <= SLOPE * row["sd"] <= error["corrected_high"]
    assert held >= 52  # 3 standard errors below 95 %


def test_a_shared_difference_is_no_noise_and_few_pairs_give_none() -> None:
    first = np.arange(40.0)
    assert noise_of(first, first + 3) == Noise(variance=0.0, pairs=40)
    second = first.copy()
    second[:15] = np.nan
    assert noise_of(first, second) is None
    random = np.random.default_rng(0)
    apart = random.normal(size=(2, 5000))
    found = noise_of(*apart)
    assert found is not None
    assert found.variance == pytest.approx(np.var(apart[1] - apart[0], ddof=1) / 2)


def test_no_more_than_all_of_an_effect_is_lost() -> None:
    left, error = left_of_effect(Noise(variance=0.5, pairs=101), 2.0, freedom=400)
    assert (left, error) == (0.75, pytest.approx(0.25 * np.sqrt(2 / 100 + 2 / 400)))
    images = cohort(300)
    random = np.random.default_rng(1)
    images["calibre"] = images["age"] + random.normal(size=len(images))  # noise is all that age leaves
    _, error_row = corrected(images)
    assert error_row["reason"] == "nearly all that the covariates leave of the biomarker is noise"
    assert np.isnan(float(error_row["corrected"] or np.nan))


def test_without_second_eyes_the_table_says_why_there_is_none() -> None:
    images = cohort(200)
    one_eyed = images[images["eye"] == "OD"].copy()
    one_eyed.attrs = images.attrs
    _, error = corrected(one_eyed)
    assert list(error.index) == list(COLUMNS)
    assert error["reason"] == "fewer than 30 pairs of measurements"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"eyes": "worse"}, "the worse of two eyes is no mean"),
        ({"modelling": Modelling(transform="rank")}, "the noise of transformed values"),
        ({"modelling": Modelling(response="biomarker")}, "less sure, and no smaller"),
    ],
)
def test_values_that_are_no_means_of_measurements_are_not_corrected(options: dict, reason: str) -> None:
    images = cohort(200)
    images = images.rename(columns={"calibre": DIRECTED})
    images.attrs["units"] = {DIRECTED: "1"}
    found = associate(images, outcome="pressure", robust=1, **{**options, "biomarkers": [DIRECTED]})
    assert found.closer is not None
    assert reason in found.closer.errors["reason"].iloc[0]
    page = render_page(found)
    assert f"Effects are not corrected for noise: {found.closer.errors['reason'].iloc[0]}." in page


def test_one_eye_of_a_person_is_one_measurement() -> None:
    _, error = corrected(cohort(4000), eyes="right")
    assert error["left"] == pytest.approx(1 / (1 + NOISE**2), rel=0.06)
    assert error["reason"] is None
