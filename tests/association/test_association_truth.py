"""A reduced form of `benchmarks/association_truth.py`: false alarms, coverage, false discoveries, all planted."""

from __future__ import annotations

import math

from benchmarks.association_truth import LEVEL, coverage, discoveries, false_alarms


def test_honest_models_raise_5_false_alarms_in_100_and_eyes_taken_as_people_twice_as_many() -> None:
    count = 4000
    # tests of one drawing of a biomarker share it: a hundred of them tell less than a hundred drawings
    error = 3 * math.sqrt(LEVEL * (1 - LEVEL) / count) * 1.5
    for model, share in false_alarms(count).items():
        if "eyes taken as people" in model:
            assert share > 2 * LEVEL
        else:
            assert abs(share - LEVEL) < error + 0.003, model  # .3 %: 200 people are few for a sandwich


def test_intervals_hold_the_planted_effect() -> None:
    for outcome, row in coverage(40).items():
        assert row["covered"] > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 40), outcome
        assert abs(row["mean over planted"] - 1) < 0.25, outcome


def test_false_discoveries_stay_few_and_planted_ones_are_found() -> None:
    found = discoveries(8)
    assert found["false among findings"] < 0.15
    assert found["planted that were found"] > 0.5
