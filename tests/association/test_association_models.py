"""A reduced form of `benchmarks/association_models.py`: intervals hold planted effects, tests keep their level."""

from __future__ import annotations

import math

from benchmarks.association_models import LEVEL, coverage, false_alarms


def test_intervals_of_every_model_hold_the_planted_effect_and_weights_are_needed() -> None:
    count = 16
    for model, row in coverage(count).items():
        if "unweighted" in model:
            assert row["mean over planted"] < 0.9
            continue
        assert row["covered"] >= 0.95 - 3.5 * math.sqrt(0.95 * 0.05 / count), model
        assert abs(row["mean over planted"] - 1) < 0.2, model


def test_curves_interactions_and_strata_raise_5_false_alarms_in_100() -> None:
    count = 200
    for test, share in false_alarms(count).items():
        assert abs(share - LEVEL) < 3.5 * math.sqrt(LEVEL * (1 - LEVEL) / count), test
