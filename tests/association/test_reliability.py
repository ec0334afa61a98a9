"""Agreement against the published example and planted noise; which pictures are paired; what cannot be compared."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retquant.association.reliability import agreement, agreements, reliability
from retquant.association.reliability.pairs import repeats, two_eyes
from retquant.errors import AssociationError

RATINGS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
CALIBRE, DENSITY = "artery_calibre_length_weighted_field", "vessel_area_density_field"


def pictures(people: int, *, noise: float, seed: int = 0, shots: int = 2) -> pd.DataFrame:
    """Both eyes of each person, `shots` pictures an eye; spread 3 between people, 1 between eyes."""
    random = np.random.default_rng(seed)
    rows = []
    for person, own in enumerate(random.normal(100, 3, people)):
        for eye in ("OD", "OS"):
            value = own + random.normal()
            for shot in range(shots):
                rows.append(
                    {
                        "image_id": f"{person}_{eye}_{shot}",
                        "participant_id": f"{person:04d}",
                        "eye": eye,
                        CALIBRE: value + noise * random.normal(),
                        DENSITY: random.normal(),
                    }
                )
    frame = pd.DataFrame(rows)
    frame.attrs["units"] = {CALIBRE: "um", DENSITY: "1"}
    return frame


def test_coefficients_and_intervals_are_those_of_the_published_example() -> None:
    """Shrout and Fleiss 1979, table 2; intervals as in McGraw and Wong 1996."""
    found = agreement(np.array(RATINGS, dtype=float))
    assert found.agreement == pytest.approx(0.29, abs=0.005)
    assert found.consistency == pytest.approx(0.7148, abs=5e-4)
    assert (found.low, found.high) == pytest.approx((0.019, 0.761), abs=0.005)
    assert (found.consistency_low, found.consistency_high) == pytest.approx((0.342, 0.946), abs=0.005)


def test_a_shift_of_one_method_costs_agreement_and_no_consistency() -> None:
    random = np.random.default_rng(3)
    true = random.normal(0, 2, 400)
    pair = np.stack([true, true + 3], axis=1) + 0.5 * random.normal(size=(400, 2))
    found = agreement(pair)
    assert found.consistency == pytest.approx(4 / 4.25, abs=0.01)
    assert found.agreement == pytest.approx(4 / (4.25 + 4.5), abs=0.03)
    assert found.difference == pytest.approx(3, abs=0.1)
    assert (found.limit_low, found.limit_high) == pytest.approx((3 - 1.386, 3 + 1.386), abs=0.15)


def test_planted_noise_is_found_with_what_it_does_to_an_effect() -> None:
    noise = 2.0
    found = reliability(pictures(1500, noise=noise, seed=5), biomarkers=[CALIBRE])
    row = found.table.set_index("design").loc["repeats"]
    between = 3**2 + 1  # an eye differs from another by its person and by itself
    assert row["n"] == 3000
    assert row["people"] == 1500
    assert row["within_sd"] == pytest.approx(noise, rel=0.03)
    assert row["minimum_detectable_change"] == pytest.approx(1.96 * 2**0.5 * noise, rel=0.03)
    # the spread between 1,500 people drawn at random: three standard errors of it
    assert row["agreement"] == pytest.approx(between / (between + noise**2), abs=0.035)
    assert row["noise_ratio"] == pytest.approx(noise**2 / between, rel=0.17)
    assert row["attenuation_one"] == pytest.approx(between / (between + noise**2), abs=0.035)
    # the slope on a noisy value is the true one times this share
    images = pictures(1500, noise=noise, seed=5)
    true = images.groupby(["participant_id", "eye"])[CALIBRE].transform("mean")
    slope = np.polyfit(images[CALIBRE], true, 1)[0]
    halved = between / (between + noise**2 / 2)
    assert slope == pytest.approx(row["attenuation_one"] / halved, abs=0.02)


def test_two_eyes_of_a_person_are_drawn_together_for_the_interval() -> None:
    """Eyes of a person alike as twins: an interval that took them for two people would be too narrow."""
    random = np.random.default_rng(8)
    people = 60
    person = np.repeat(np.arange(people), 2)
    twins = np.repeat(random.normal(size=(people, 2)) * 0.6 + random.normal(size=(people, 1)), 2, axis=0)
    alone, together = agreement(twins), agreement(twins, person)
    assert alone.agreement == pytest.approx(together.agreement)
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(2**0.5, rel=0.15)


def test_intervals_hold_the_truth_19_times_of_20() -> None:
    """400 studies of 40 people with two eyes each; 95 % within the error of 400 tries (three standard errors)."""
    random = np.random.default_rng(11)
    people, studies, truth = 40, 400, 1 / 1.5
    person = np.repeat(np.arange(people), 2)
    own = random.normal(size=(studies, people, 1)) * 0.8**0.5
    eye = random.normal(size=(studies, 2 * people, 1)) * 0.2**0.5
    values = np.repeat(own, 2, axis=1) + eye + 0.5**0.5 * random.normal(size=(studies, 2 * people, 2))
    found = agreements(values, person)
    held = np.mean([one.low <= truth <= one.high for one in found])
    assert 0.95 - 3 * (0.95 * 0.05 / studies) ** 0.5 - 0.01 <= held <= 1


def test_repeats_are_the_first_two_pictures_of_an_eye_at_one_visit() -> None:
    images = pictures(2, noise=1, shots=3)
    images["visit"] = ["1", "1", "2"] * 4
    assert len(repeats(images, [CALIBRE]).first) == 4
    images["acquired_at"] = pd.date_range("2020-01-01", periods=len(images), freq="-1min").astype(str)
    pairs = repeats(images, [CALIBRE])
    assert pairs.first[0, 0] == images.loc[images.image_id == "1_OS_1", CALIBRE].item()  # taken before 1_OS_0
    images.loc[:, "eye"] = None
    assert len(repeats(images, [CALIBRE]).first) == 0


def test_eyes_are_compared_once_a_person() -> None:
    images = pictures(5, noise=1)
    images["visit"] = ["1", "2"] * 10
    pairs = two_eyes(images, [CALIBRE])
    assert len(pairs.first) == 5
    assert pairs.first[0, 0] == images.loc[images.image_id == "0_OD_0", CALIBRE].item()
    one_eyed = images[(images.participant_id != "0002") | (images.eye == "OD")]
    assert len(two_eyes(one_eyed, [CALIBRE]).first) == 4


def test_a_second_run_is_matched_picture_by_picture() -> None:
    images = pictures(30, noise=1)
    other = images.sample(frac=0.5, random_state=1).assign(**{CALIBRE: lambda t: t[CALIBRE] + 2})
    found = reliability(images, against=other, biomarkers=[CALIBRE])
    row = found.table.set_index("design").loc["methods"]
    assert row["n"] == 60
    assert row["difference"] == pytest.approx(2)
    assert row["within_sd"] == pytest.approx(2**0.5)


def test_missing_and_constant_values_are_counted_and_never_a_crash() -> None:
    images = pictures(20, noise=1)
    images.loc[images.image_id.str.endswith("_1"), DENSITY] = np.nan
    images["vein_calibre_length_weighted_field"] = 7.0
    table = reliability(images).table.set_index(["design", "biomarker"])
    assert table.loc[("repeats", DENSITY), "n"] == 0
    assert np.isnan(table.loc[("repeats", "vein_calibre_length_weighted_field"), "agreement"])


def test_a_run_without_repeats_or_pairs_says_what_is_needed() -> None:
    images = pictures(20, noise=1, shots=1)
    with pytest.raises(AssociationError, match=r"(?s)nothing to compare.*participant_id and eye"):
        reliability(images[images.eye == "OD"])
    with pytest.raises(AssociationError, match="no image_id in common"):
        reliability(images, against=images.assign(image_id=lambda t: "x" + t.image_id))
