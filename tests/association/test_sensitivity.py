"""E-values of the published examples, and what a study could have found, by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from retquant.association.engines.linear import least_squares
from retquant.association.sensitivity import DETECTABLE, e_value, e_value_of_interval


def test_e_values_are_those_of_the_published_examples() -> None:
    """VanderWeele and Ding 2017: RR 3.9 (1.8 to 8.7) has 7.26 and 3.0; RR 0.80 (0.71 to 0.91) has 1.81 and 1.43."""
    assert e_value(3.9, "count", math.nan) == pytest.approx(7.26, abs=0.005)
    assert e_value_of_interval(1.8, 8.7, "count", math.nan) == pytest.approx(3.0, abs=0.005)
    assert e_value(0.80, "binary", 0.05) == pytest.approx(1.81, abs=0.005)
    assert e_value_of_interval(0.71, 0.91, "binary", 0.05) == pytest.approx(1.43, abs=0.005)


def test_common_outcomes_are_brought_to_risk_ratios_first() -> None:
    assert e_value(4.0, "binary", 0.4) == pytest.approx(e_value(2.0, "binary", 0.01))
    hazard = (1 - 0.5 ** math.sqrt(2)) / (1 - 0.5 ** math.sqrt(0.5))
    assert e_value(2.0, "survival", 0.4) == pytest.approx(e_value(hazard, "count", math.nan))
    assert e_value(2.0, "survival", 0.4) == pytest.approx(e_value(0.5, "survival", 0.4))


def test_an_interval_that_holds_1_needs_no_confounder_and_other_kinds_have_none() -> None:
    assert e_value_of_interval(0.9, 1.2, "binary", 0.1) == 1
    assert math.isnan(e_value(math.nan, "binary", 0.1))
    assert math.isnan(e_value(1.5, "continuous", 0.1))
    assert math.isnan(e_value_of_interval(0.9, 1.2, "ordinal", 0.1))


def test_an_effect_of_the_detectable_size_is_found_by_80_of_100_studies() -> None:
    random = np.random.default_rng(0)
    n, studies = 300, 1000
    x = random.normal(size=(n, 1))
    x = (x - x.mean()) / x.std()
    effect = DETECTABLE / math.sqrt(n)
    y = effect * x + random.normal(size=(n, studies))
    found = (least_squares(x, y, np.ones((n, 1)), errors="classical").p < 0.05).mean()
    assert found == pytest.approx(0.8, abs=3 * math.sqrt(0.16 / studies))
