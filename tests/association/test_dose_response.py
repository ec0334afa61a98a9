"""Curves equal statsmodels' own with patsy's splines, run through the reference, and are refused with a reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from patsy import build_design_matrices

from retquant.association import associate
from retquant.association.dose_response import DoseResponse, spline_basis
from retquant.association.modelling import Modelling
from retquant.report.association_page import render_page
from retquant.report.dose_figure import dose_figure
from tests.association.simulated_cohorts import CALIBRE, person_mean, two_eyed_cohort


@pytest.fixture(scope="module")
def images() -> pd.DataFrame:
    """Pressure is lowest in the middle of the calibre; the odds of diabetes rise with it in a straight line."""
    frame = two_eyed_cohort(400, seed=8)
    standard = (person_mean(frame, CALIBRE) - 120) / 12
    random = np.random.default_rng(8)
    noise = np.repeat(random.normal(size=400), 2)
    frame["pressure"] = 130 + 4 * standard**2 + 0.1 * frame["age"] + 3 * noise
    chance = 1 / (1 + np.exp(-0.8 * standard))
    frame["diabetes"] = (np.repeat(random.random(400), 2) < chance).astype(int)
    return frame


def curves(images: pd.DataFrame, outcome: str, **options: object) -> tuple[DoseResponse, ...]:
    found = associate(images, outcome=outcome, biomarkers=[CALIBRE], robust=2, **options)
    assert found.closer is not None
    return found.closer.doses


@pytest.mark.parametrize(("outcome", "model"), [("pressure", "ols"), ("diabetes", "logit")])
def test_the_curve_equals_that_of_statsmodels(images: pd.DataFrame, outcome: str, model: str) -> None:
    (curve,) = curves(images, outcome, covariates=["age"])
    people = images.groupby("participant_id")[[CALIBRE, "age", outcome]].mean()
    formula = f"{outcome} ~ age + cr({CALIBRE}, df=3, constraints='center')"
    options = {"cov_type": "HC3", "use_t": True} if model == "ols" else {"disp": 0}
    fit = getattr(smf, model)(formula, people).fit(**options)
    at = pd.DataFrame({CALIBRE: np.append(curve.values, people[CALIBRE].median()), "age": 60.0})
    (there,) = build_design_matrices([fit.model.data.model_spec], at)
    contrast = np.asarray(there)[:-1] - np.asarray(there)[-1]
    wanted = fit.t_test(contrast)
    assert curve.effect == pytest.approx(wanted.effect, abs=1e-6)
    bounds = wanted.conf_int()
    assert curve.low == pytest.approx(bounds[:, 0], abs=1e-5)
    assert curve.high == pytest.approx(bounds[:, 1], abs=1e-5)
    assert curve.reference == pytest.approx(people[CALIBRE].median())
    assert curve.counts.sum() == 400 - 2 * 10  # 2.5 % at each end


def test_a_valley_is_no_straight_line_and_a_slope_is_one(images: pd.DataFrame) -> None:
    (valley,), (slope,) = curves(images, "pressure"), curves(images, "diabetes")
    assert valley.p_nonlinear < 1e-6 < 0.01 < slope.p_nonlinear
    assert valley.effect[0] > 4
    assert valley.effect[-1] > 4
    straight = slope.slope * (slope.values - slope.reference)
    assert np.mean((slope.low <= straight) & (straight <= slope.high)) > 0.9


def test_splines_are_the_same_functions_at_other_points() -> None:
    values = np.random.default_rng(0).normal(size=200)
    bases = spline_basis(values, values[:7])
    assert bases is not None
    assert bases[0][:7] == pytest.approx(bases[1])
    assert bases[0].mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-12)
    assert spline_basis(np.repeat([0.0, 1.0], 50), values[:7]) is None


def test_what_has_no_curve_says_why(images: pd.DataFrame) -> None:
    stepped = images.copy()
    stepped[CALIBRE] = (stepped[CALIBRE] > 120).astype(float)
    stepped[CALIBRE] = stepped.groupby("participant_id")[CALIBRE].transform("max")
    stepped.attrs = images.attrs
    (curve,) = curves(stepped, "pressure")
    assert curve.reason == "it has too few different values for a curve"
    assert dose_figure(curve, is_ratio=False) is None
    rare = images.assign(stroke=(images["participant_id"] < "00012").astype(int))
    (curve,) = curves(rare, "stroke", covariates=["age"])
    assert curve.reason == "too few events for a curve"
    page = render_page(associate(rare, outcome="stroke", biomarkers=[CALIBRE], robust=1))
    assert f"No curve of {CALIBRE}: too few events for a curve." in page


def test_a_biomarker_that_is_the_response_has_no_curve(images: pd.DataFrame) -> None:
    assert curves(images, "pressure", modelling=Modelling(response="biomarker")) == ()


def test_the_drawing_passes_the_reference_and_stays_in_its_frame(images: pd.DataFrame) -> None:
    (curve,) = curves(images, "diabetes")
    figure = dose_figure(curve, is_ratio=True)
    assert figure is not None
    points = [tuple(map(float, point.split())) for point in figure.curve[1:].split("L")]
    assert len(points) == len(curve.values)
    nearest = min(points, key=lambda point: abs(point[0] - figure.reference_x))
    assert nearest[1] == pytest.approx(figure.null_y, abs=4)
    assert all(figure.up.end <= y <= figure.up.start for _, y in points)
    assert figure.band.count("M") == 1
    assert figure.bars.count("z") == 30
