"""Fast engines against statsmodels, pair by pair, and what they say where there is no estimate."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import statsmodels.api as sm

from retquant.association.engines.linear import least_squares, least_squares_by_cluster
from retquant.association.engines.logistic import logistic, logistic_score, logistic_score_by_cluster
from retquant.association.engines.mixed import random_intercept
from retquant.association.engines.survival import Follow, cox_score, fit_cox

PEOPLE, VARIABLES, OUTCOMES = 300, 3, 2


@pytest.fixture(scope="module")
def cohort() -> dict[str, np.ndarray]:
    """One to two eyes a person; covariates, tested variables and outcomes that go together."""
    random = np.random.default_rng(4)
    person = np.repeat(np.arange(PEOPLE), random.integers(1, 3, PEOPLE))
    random.shuffle(person)
    n = len(person)
    own = random.normal(size=(PEOPLE, VARIABLES))[person]
    tested = own + 0.6 * random.normal(size=(n, VARIABLES)) + 100.0
    design = np.column_stack([np.ones(n), random.normal(60, 8, PEOPLE)[person], random.integers(0, 2, n)])
    shared = random.normal(size=(PEOPLE, OUTCOMES))[person]
    outcomes = (
        0.3 * (tested[:, :2] - 100)
        + 0.02 * design[:, [1]]
        + shared
        + (0.5 + 0.3 * np.abs(own[:, [0]])) * random.normal(size=(n, OUTCOMES))
    )
    return {"tested": tested, "design": design, "outcomes": outcomes, "person": person}


def pairs(cohort: dict[str, np.ndarray]):
    for variable in range(VARIABLES):
        whole = np.column_stack([cohort["design"], cohort["tested"][:, variable]])
        for outcome in range(OUTCOMES):
            yield variable, outcome, whole, cohort["outcomes"][:, outcome]


@pytest.mark.parametrize(("errors", "kind"), [("classical", "nonrobust"), ("HC3", "HC3")])
def test_least_squares_are_those_of_statsmodels(cohort, errors: str, kind: str) -> None:
    found = least_squares(cohort["tested"], cohort["outcomes"], cohort["design"], errors=errors)
    for variable, outcome, whole, y in pairs(cohort):
        fit = sm.OLS(y, whole).fit(cov_type=kind, use_t=True)
        expected = [fit.params[-1], fit.bse[-1], fit.pvalues[-1]]
        values = [a[variable, outcome] for a in (found.effect, found.standard_error, found.p)]
        assert values == pytest.approx(expected, rel=1e-8)


def test_clustered_errors_are_those_of_statsmodels(cohort) -> None:
    found = least_squares_by_cluster(cohort["tested"], cohort["outcomes"], cohort["design"], cohort["person"])
    for variable, outcome, whole, y in pairs(cohort):
        fit = sm.OLS(y, whole).fit(cov_type="cluster", cov_kwds={"groups": cohort["person"]}, use_t=True)
        expected = [fit.params[-1], fit.bse[-1], fit.pvalues[-1]]
        values = [a[variable, outcome] for a in (found.effect, found.standard_error, found.p)]
        assert values == pytest.approx(expected, rel=1e-8)


def test_exact_logistic_fits_are_those_of_statsmodels(cohort) -> None:
    events = (cohort["outcomes"] > np.median(cohort["outcomes"], axis=0)).astype(float)
    found = logistic(cohort["tested"], events, cohort["design"])
    for variable, outcome, whole, _ in pairs(cohort):
        fit = sm.Logit(events[:, outcome], whole).fit(disp=0)
        values = [a[variable, outcome] for a in (found.effect, found.standard_error, found.p)]
        assert values == pytest.approx([fit.params[-1], fit.bse[-1], fit.pvalues[-1]], rel=1e-6)


def test_the_score_test_is_that_of_statsmodels(cohort) -> None:
    events = (cohort["outcomes"] > np.median(cohort["outcomes"], axis=0)).astype(float)
    found = logistic_score(cohort["tested"], events, cohort["design"])
    for outcome in range(OUTCOMES):
        null = sm.GLM(events[:, outcome], cohort["design"], family=sm.families.Binomial()).fit()
        for variable in range(VARIABLES):
            chi2, p = null.score_test(exog_extra=cohort["tested"][:, [variable]])[:2]
            assert found.statistic[variable, outcome] ** 2 == pytest.approx(float(np.squeeze(chi2)), rel=1e-6)
            assert found.p[variable, outcome] == pytest.approx(float(np.squeeze(p)), rel=1e-6)


def test_the_clustered_score_test_is_that_of_gee(cohort) -> None:
    """Its one-step estimate and sandwich are those of GEE under independence, one Newton step from the null."""
    events = (cohort["outcomes"] > np.median(cohort["outcomes"], axis=0)).astype(float)
    found = logistic_score_by_cluster(cohort["tested"], events, cohort["design"], cohort["person"])
    for variable, outcome, whole, _ in pairs(cohort):
        fit = sm.Logit(events[:, outcome], whole).fit(
            disp=0, cov_type="cluster", cov_kwds={"groups": cohort["person"]}
        )
        # a score and a Wald test differ by the size of the effect; errors of the cluster kind agree to a few per cent
        assert found.statistic[variable, outcome] == pytest.approx(fit.tvalues[-1], rel=0.12, abs=0.1)
        plain = logistic_score(cohort["tested"], events, cohort["design"])
        assert found.effect[variable, outcome] == pytest.approx(plain.effect[variable, outcome], rel=1e-8)
    alone = logistic_score_by_cluster(
        cohort["tested"], events, cohort["design"], np.arange(len(cohort["person"]))
    )
    assert alone.standard_error != pytest.approx(found.standard_error, rel=0.01)


def test_a_random_intercept_is_that_of_statsmodels_at_the_same_ratio(cohort) -> None:
    found = random_intercept(cohort["tested"], cohort["outcomes"], cohort["design"], cohort["person"])
    for outcome in range(OUTCOMES):
        y = cohort["outcomes"][:, outcome]
        null = sm.MixedLM(y, cohort["design"], groups=cohort["person"]).fit(reml=True, gtol=1e-8)
        assert found.ratio[outcome] == pytest.approx(float(null.cov_re[0, 0] / null.scale), rel=2e-3)
    for variable, outcome, whole, y in pairs(cohort):
        # least squares after whitening by the ratio is the mixed model with that ratio
        ratio = found.ratio[outcome]
        V = np.eye(len(y)) + ratio * (cohort["person"][:, None] == cohort["person"][None, :])
        fit = sm.GLS(y, whole, sigma=V).fit()
        values = [a[variable, outcome] for a in (found.screen.effect, found.screen.standard_error)]
        assert values == pytest.approx([fit.params[-1], fit.bse[-1]], rel=1e-6)
        whole_fit = sm.MixedLM(y, whole, groups=cohort["person"]).fit(reml=True)
        # its own ratio: the shortcut is close while effects are small, as those of biomarkers are
        assert values[0] == pytest.approx(float(whole_fit.fe_params[-1]), abs=0.2 * values[1])


def test_two_eyes_shrink_no_error_as_two_people_would() -> None:
    """A variable of the person, twins of rows: the honest error is that of half as many rows."""
    random = np.random.default_rng(2)
    y, x = random.normal(size=200), random.normal(size=200)
    person = np.repeat(np.arange(200), 2)
    doubled = {"tested": np.repeat(x, 2)[:, None], "design": np.ones((400, 1))}
    outcome = np.repeat(y, 2)[:, None] + 1e-3 * random.normal(size=(400, 1))
    once = least_squares(x[:, None], y[:, None], np.ones((200, 1)), errors="classical").standard_error.item()
    naive = least_squares(doubled["tested"], outcome, doubled["design"], errors="classical")
    mixed = random_intercept(doubled["tested"], outcome, doubled["design"], person).screen
    clustered = least_squares_by_cluster(doubled["tested"], outcome, doubled["design"], person)
    assert naive.standard_error.item() == pytest.approx(once / np.sqrt(2), rel=0.01)
    assert mixed.standard_error.item() == pytest.approx(once, rel=0.02)
    assert clustered.standard_error.item() == pytest.approx(once, rel=0.1)


@pytest.fixture(scope="module", params=["from the start", "late entry"])
def follow(request, cohort) -> Follow:
    random = np.random.default_rng(9)
    n = len(cohort["person"])
    hazard = np.exp(0.4 * (cohort["tested"][:, 0] - 100) + 0.02 * (cohort["design"][:, 1] - 60))
    time = random.exponential(8 / hazard)
    entry = random.uniform(0, 2, n) if request.param == "late entry" else None
    start = np.zeros(n) if entry is None else entry
    length = np.maximum(np.ceil(np.minimum(time, random.uniform(2, 10, n)) * 4) / 4, 0.25)  # ties
    return Follow(exit=start + length, event=time < 6, entry=entry)


def test_cox_is_that_of_statsmodels(cohort, follow: Follow) -> None:
    design = cohort["design"][:, 1:]
    null = sm.PHReg(follow.exit, design, status=follow.event.astype(int), entry=follow.entry).fit()
    assert fit_cox(follow, design) == pytest.approx(null.params, rel=1e-6, abs=1e-9)
    found = cox_score(cohort["tested"], follow, design)
    for variable in range(VARIABLES):
        whole = np.column_stack([design, cohort["tested"][:, variable]])
        model = sm.PHReg(follow.exit, whole, status=follow.event.astype(int), entry=follow.entry)
        at_null = np.r_[null.params, 0.0]
        score, information = model.score(at_null), -model.hessian(at_null)
        expected = score[-1] * np.sqrt(np.linalg.inv(information)[-1, -1])
        assert found.statistic[variable, 0] == pytest.approx(expected, rel=1e-6)
        assert found.effect[variable, 0] == pytest.approx(model.fit().params[-1], abs=0.05)


def test_a_variable_that_the_design_determines_has_no_estimate(cohort) -> None:
    design = cohort["design"]
    tested = np.column_stack([design[:, 1] * 2 + 3, np.full(len(design), 7.0), cohort["tested"][:, 0]])
    events = (cohort["outcomes"] > 2).astype(float)
    follow = Follow(exit=cohort["outcomes"][:, 0] + 50, event=events[:, 0] > 0)
    for found in (
        least_squares(tested, cohort["outcomes"], design),
        least_squares_by_cluster(tested, cohort["outcomes"], design, cohort["person"]),
        random_intercept(tested, cohort["outcomes"], design, cohort["person"]).screen,
        logistic_score(tested, events, design),
        logistic(tested, events, design),
        cox_score(tested, follow, design[:, 1:]),
    ):
        assert np.isnan(found.p[:2]).all()
        assert np.isfinite(found.p[2]).all()


def test_a_separated_outcome_has_no_exact_estimate(cohort) -> None:
    x = cohort["tested"][:, [0]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = logistic(x, (x > 100).astype(float), cohort["design"])
    assert np.isnan(found.effect).all()
