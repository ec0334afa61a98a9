"""Correlations of columns with holes are those of pandas, and the best biomarkers come with them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retquant.association import associate
from retquant.association.correlation import FEWEST, correlations
from retquant.association.multiplicity import effective_tests
from tests.association.simulated_cohorts import CALIBRE, DENSITY, two_eyed_cohort


def test_correlations_over_shared_rows_are_those_of_pandas() -> None:
    random = np.random.default_rng(5)
    values = random.normal(size=(300, 12)) + 2 * random.normal(size=(300, 1)) + 1e6
    values[random.random(values.shape) < 0.3] = np.nan
    wanted = pd.DataFrame(values).corr(min_periods=FEWEST)
    assert correlations(values) == pytest.approx(wanted.to_numpy(), abs=1e-9)


def test_columns_that_share_few_rows_or_do_not_vary_have_none() -> None:
    values = np.full((40, 3), np.nan)
    values[:20, 0] = np.arange(20.0)
    values[15:, 1] = np.arange(25.0)
    values[:, 2] = 3.0
    found = correlations(values)
    assert np.isnan(found[0, 1])
    assert np.isnan(found[2]).all()
    assert found[0, 0] == 1


def test_the_effective_number_lies_between_one_and_all() -> None:
    random = np.random.default_rng(6)
    one = random.normal(size=(2000, 1))
    assert effective_tests(pd.DataFrame(np.repeat(one, 8, axis=1))) == pytest.approx(1, abs=1e-3)
    assert effective_tests(pd.DataFrame(random.normal(size=(20_000, 8)))) == pytest.approx(8, abs=0.02)


def test_few_people_do_not_make_tests_look_few() -> None:
    random = np.random.default_rng(7)
    alike = np.repeat(random.normal(size=(300, 20)), 10, axis=1) + 0.01 * random.normal(size=(300, 200))
    assert effective_tests(pd.DataFrame(alike)) == pytest.approx(20, abs=2)
    assert effective_tests(pd.DataFrame(alike[:199])) == 200


def test_of_a_large_study_as_many_rows_as_are_needed_are_taken() -> None:
    random = np.random.default_rng(8)
    values = pd.DataFrame(random.normal(size=(70_000, 5)) + random.normal(size=(70_000, 1)))
    assert effective_tests(values) == effective_tests(values.iloc[::4])
    assert effective_tests(values) == pytest.approx(effective_tests(values.iloc[:20_000]), rel=0.02)


def test_an_analysis_knows_how_its_best_biomarkers_hang_together() -> None:
    images = two_eyed_cohort(100, seed=1)
    images["pressure"] = images["age"]
    closer = associate(images, outcome="pressure").closer
    assert closer is not None
    means = images.groupby("participant_id")[[CALIBRE, DENSITY]].mean()
    assert closer.correlations.loc[CALIBRE, DENSITY] == pytest.approx(means.corr().iloc[0, 1])
    assert closer.effective == pytest.approx(effective_tests(means))
