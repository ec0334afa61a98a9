"""Biomarkers of drawn masks of real eyes: all answered, at rest under flips, little moved by turns and resampling."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from benchmarks.real_eyes import DrawnEye, arteries_and_veins, chase, drive, hrf, measured
from benchmarks.turned_eyes import QUARTERS, RESAMPLED
from retquant.association.reliability import agreement
from retquant.biomarkers import BIOMARKERS, Measurement

READERS: dict[str, Callable[[Path], Iterator[DrawnEye]]] = {
    "DRIVE": drive,
    "CHASE_DB1": chase,
    "HRF_half": hrf,
}


def first_eye(shared_data: Path, name: str) -> DrawnEye:
    for eye in READERS[name](shared_data / "fundus"):
        return eye
    pytest.skip(f"no {name} in {shared_data}")


@pytest.mark.parametrize("name", READERS)
def test_every_column_is_a_number_or_has_a_reason_that_holds(shared_data: Path, name: str) -> None:
    eye = first_eye(shared_data, name)
    for column, found in measured(eye).items():
        entry = BIOMARKERS[column]
        assert math.isnan(found.value) == (found.reason is not None), column
        assert not math.isinf(found.value), column
        if "quality" in column:
            continue  # there is no photograph
        if not set(entry.targets) <= set(eye.masks):
            assert found.reason in ("target_absent", "no_disc"), column
        elif entry.landmarks:
            assert found.reason in ("no_disc", "no_fovea", "no_laterality"), column
        elif found.reason is not None:
            # of DRIVE's coarse pixels not every measure can be taken, and not every eye shows what is sought
            allowed = {"no_photograph", "no_crossing", "too_few_vessels", "no_disc", "resolution_too_low"}
            assert found.reason in allowed, f"{column}: {found.reason}"


@pytest.mark.parametrize("way", QUARTERS)
def test_flips_and_quarter_turns_change_no_number(shared_data: Path, way: str) -> None:
    eye = only_vessels(first_eye(shared_data, "DRIVE"))
    wanted = ("vessel_*_fov",)
    before, after = measured(eye, wanted), measured(QUARTERS[way](eye), wanted)
    moved = {
        name: change(found, after[name]) for name, found in before.items() if not is_same(found, after[name])
    }
    # these look at the pixels in an order of their own
    assert {BIOMARKERS[name].biomarker for name in moved} <= {
        "fractal_skeleton_d0",
        "lacunarity",
        "lacunarity_slope",
    }
    assert max(moved.values(), default=0.0) < OWN_ORDER, moved


def is_same(first: Measurement, second: Measurement) -> bool:
    if first.reason is not None:
        return first.reason == second.reason
    return second.reason is None and math.isclose(first.value, second.value, rel_tol=1e-6, abs_tol=1e-9)


def change(before: Measurement, after: Measurement) -> float:
    """Size of a change as a share of what it was; infinite where a value appears or vanishes."""
    if (before.reason is None) != (after.reason is None):
        return math.inf
    return abs(after.value - before.value) / max(abs(before.value), 1e-12)


# Median over columns and eyes. Drawn vessels are partly one pixel wide: turned or shrunk they fall below half coverage,
# which no measurement can undo, so that the goal of 2 % holds only for some of the families.
OWN_ORDER = 0.002  # 0.11 % measured

BARS = {
    # boxes begin at two median calibres: where a turn moves that, it moves the fit (1.8 % over these three eyes)
    "30 degrees": {"area_density": 0.01, "tortuosity_hart1": 0.015, "fractal_d0": 0.02},
    "x 0.7": {"area_density": 0.015, "tortuosity_hart1": 0.02, "fractal_d0": 0.02},
    "x 1.4": {
        "area_density": 0.01,
        "length_density": 0.015,
        "tortuosity_hart1": 0.015,
        "fractal_d0": 0.02,
        "calibre": 0.04,
    },
    "x 1.4, one bit": {
        "area_density": 0.01,
        "length_density": 0.015,
        "tortuosity_hart1": 0.015,
        "fractal_d0": 0.02,
        "calibre": 0.04,
    },
}


@pytest.mark.parametrize("way", BARS)
def test_turning_and_resampling_change_little(shared_data: Path, way: str) -> None:
    folder = shared_data / "fundus"
    sizes = defaultdict(list)
    wanted = tuple(f"vessel_{word}*_fov" for word in BARS[way])
    for eye in (*islice(drive(folder), 0, 5, 4), *islice(chase(folder), 1)):
        plain = only_vessels(eye)
        before, after = measured(plain, wanted), measured(RESAMPLED[way](plain), wanted)
        for name, found in before.items():
            if found.reason is None:
                sizes[BIOMARKERS[name].biomarker].append(change(found, after[name]))
    if not sizes:
        pytest.skip(f"no masks in {folder}")
    for word, bar in BARS[way].items():
        assert np.median(sizes[word]) <= bar, (word, sizes[word])


def test_two_observers_differ_less_in_dimension_than_in_how_much_they_draw(shared_data: Path) -> None:
    folder = shared_data / "fundus"
    pairs = zip(drive(folder, observer=1), drive(folder, observer=2), strict=True)
    names = ("vessel_fractal_d0_fov", "vessel_area_density_fov")
    rows = [
        [
            [found[name].value for name in names]
            for found in (measured(only_vessels(eye), names) for eye in pair)
        ]
        for pair in islice(pairs, 0, None, 6)
    ]
    if not rows:
        pytest.skip(f"no DRIVE in {folder}")
    table = np.array(rows)
    apart = np.abs(table[:, 1] / table[:, 0] - 1)
    assert apart[:, 0].max() < 0.05
    assert apart[:, 1].max() < 0.3
    assert (apart[:, 0] < apart[:, 1]).mean() >= 0.5


def only_vessels(eye: DrawnEye) -> DrawnEye:
    return replace(eye, masks={"vessel": eye.masks["vessel"]})


def test_agreement_is_that_of_the_published_example() -> None:
    # Shrout and Fleiss (1979), table 2: six targets, four judges; ICC(2,1) 0.29, ICC(3,1) 0.71
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    found = agreement(np.array(ratings, dtype=float))
    assert found.agreement == pytest.approx(0.29, abs=0.005)
    assert found.consistency == pytest.approx(0.71, abs=0.005)
    assert (found.low, found.high) == pytest.approx((0.019, 0.761), abs=0.005)


def test_agreement_leaves_out_what_is_missing_and_needs_three_subjects() -> None:
    ratings = np.array([[1.0, 1.1], [2.0, 2.1], [3.0, np.nan]])
    assert math.isnan(agreement(ratings).agreement)
    assert agreement(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])).agreement == pytest.approx(1.0)


def test_code_three_is_a_crossing_only_where_it_touches_an_artery_and_a_vein(tmp_path: Path) -> None:
    from PIL import Image

    codes = np.zeros((9, 12), np.uint8)
    codes[1, 1:4], codes[1, 4], codes[1, 5:8] = 1, 3, 2
    codes[5, 1:4], codes[5, 4] = 1, 3
    Image.fromarray(codes).save(tmp_path / "av.png")
    found = arteries_and_veins(tmp_path / "av.png")
    assert found["artery"][1, 4] == found["vein"][1, 4] == 255
    assert found["artery"][5, 4] == found["vein"][5, 4] == 0
    assert found["artery"][5, 3] == 255
