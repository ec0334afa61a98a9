"""Mixed models, GEE and weights as `associate` fits them, against direct calls of statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from simulated_cohorts import CALIBRE, two_eyed_cohort

from retquant.association import Modelling, associate
from retquant.association.models import Fitted, Sample, fit_sample
from retquant.errors import AssociationError

ESTIMATE = ["effect", "standard_error", "ci_low", "ci_high", "p"]
PEOPLE = 150


@pytest.fixture(scope="module")
def images() -> pd.DataFrame:
    images = two_eyed_cohort(PEOPLE, seed=11)
    random = np.random.default_rng(11)
    shared = np.repeat(random.normal(size=PEOPLE), 2)
    z = (images[CALIBRE] - 120) / 12
    images["acuity"] = 0.3 * z + 0.02 * images["age"] + shared + random.normal(size=2 * PEOPLE)
    images["drusen"] = (0.4 * z + shared + random.logistic(size=2 * PEOPLE) > 0).astype(int)
    images["spots"] = random.poisson(np.exp(0.3 * z + 0.4 * shared))
    images["ill"] = np.repeat(random.random(PEOPLE) < 0.4, 2).astype(int)
    images["pressure"] = np.repeat(random.normal(size=PEOPLE), 2)
    images["weight"] = np.repeat(random.uniform(0.2, 3, PEOPLE), 2)
    images["years"] = np.repeat(random.uniform(1, 5, PEOPLE), 2)
    return images


def parts(images: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Design with the biomarker per SD over people in the last column, and person of each row."""
    sd = images.groupby("participant_id")[CALIBRE].mean().std()
    X = sm.add_constant(images[["age"]].assign(z=(images[CALIBRE] - images[CALIBRE].mean()) / sd))
    return X, pd.factorize(images["participant_id"])[0]


def ours(images: pd.DataFrame, **settings: object) -> pd.Series:
    found = associate(images, covariates=["age"], biomarkers=[CALIBRE], **settings)  # type: ignore[arg-type]
    return found.table.iloc[0]


def values(row: pd.Series) -> np.ndarray:
    return row[ESTIMATE].astype(float).to_numpy()


def theirs(fit: object) -> list[float]:
    interval = fit.conf_int().loc["z"]  # type: ignore[attr-defined]
    return [fit.params["z"], fit.bse["z"], *interval, fit.pvalues["z"]]  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore")  # statsmodels' of steps on its way
def test_a_mixed_model_is_that_of_statsmodels(images: pd.DataFrame) -> None:
    X, person = parts(images)
    row = ours(images, outcome="acuity", modelling=Modelling(model="mixed"))
    fit = sm.MixedLM(images["acuity"], X, groups=person).fit(reml=True, method="lbfgs")
    np.testing.assert_allclose(
        values(row), theirs(fit), rtol=1e-5
    )  # covariates are standardised: another path
    assert row["model"] == "mixed, random intercept of person"


@pytest.mark.parametrize(
    ("outcome", "family", "kind", "model"),
    [
        ("acuity", sm.families.Gaussian(), "continuous", "GEE, linear, exchangeable"),
        ("drusen", sm.families.Binomial(), "binary", "GEE, logistic, exchangeable"),
        ("spots", sm.families.Poisson(), "count", "GEE, Poisson, exchangeable"),
    ],
)
def test_gee_is_that_of_statsmodels(
    images: pd.DataFrame, outcome: str, family: object, kind: str, model: str
) -> None:
    X, person = parts(images)
    row = ours(images, outcome=outcome, kind=kind, modelling=Modelling(model="gee"))
    structure = sm.cov_struct.Exchangeable()
    fit = sm.GEE(images[outcome], X, groups=person, family=family, cov_struct=structure).fit()
    np.testing.assert_allclose(values(row), theirs(fit), rtol=1e-6)
    assert row["model"] == model


@pytest.mark.filterwarnings("ignore")
def test_the_biomarker_of_each_eye_can_be_explained_by_an_illness_of_the_person(images: pd.DataFrame) -> None:
    """The difference in a biomarker between ill and well people, both eyes of each with a random intercept."""
    row = ours(images, outcome="ill", modelling=Modelling(model="mixed", response="biomarker"))
    sd = images.groupby("participant_id")[CALIBRE].mean().std()
    X = sm.add_constant(images[["age", "ill"]].rename(columns={"ill": "z"}))
    fit = sm.MixedLM(images[CALIBRE] / sd, X, groups=parts(images)[1]).fit(reml=True, method="lbfgs")
    np.testing.assert_allclose(values(row), theirs(fit), rtol=1e-5)
    assert row["effect_per_unit"] == pytest.approx(row["effect"] * row["sd"])
    assert np.isnan(row["ratio"])
    assert (row["response"], row["n_eyes"], row["kind"]) == ("biomarker", 2 * PEOPLE, "binary")


def test_a_continuous_outcome_that_explains_a_biomarker_counts_per_its_standard_deviation(
    images: pd.DataFrame,
) -> None:
    row = ours(images, outcome="pressure", modelling=Modelling(response="biomarker"))
    X, person = parts(images)
    z = (images["pressure"] - images["pressure"].mean()) / images["pressure"].std()
    fit = sm.OLS(X["z"], X[["const", "age"]].assign(z=z)).fit(
        cov_type="cluster", cov_kwds={"groups": person}, use_t=True
    )
    np.testing.assert_allclose(values(row), theirs(fit), rtol=1e-6)
    assert row["model"] == "linear, clustered by person"


def test_asked_to_cluster_the_eyes_of_a_person_enter_both(images: pd.DataFrame) -> None:
    row = ours(images, outcome="ill", modelling=Modelling(model="clustered"))
    X, person = parts(images)
    fit = sm.Logit(images["ill"], X).fit(disp=0, cov_type="cluster", cov_kwds={"groups": person})
    np.testing.assert_allclose(values(row)[:2], theirs(fit)[:2], rtol=1e-6)
    assert row["n_eyes"] == 2 * PEOPLE


@pytest.mark.parametrize("model", ["mixed", "gee"])
def test_the_best_of_a_large_study_are_fitted_by_statsmodels_after_a_screen(
    images: pd.DataFrame, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retquant.association.screening._SMALL", 10)
    found = associate(
        images, outcome="acuity", covariates=["age"], modelling=Modelling(model=model), refit=1
    ).table
    exact = associate(images, outcome="acuity", covariates=["age"], modelling=Modelling(model=model)).table
    wanted = {"mixed": "mixed, variance ratio under no effect", "gee": "linear, clustered by person"}
    assert list(found["model"]) == [exact["model"][0], wanted[model]]
    np.testing.assert_allclose(found["effect"], exact["effect"], atol=0.02)


def test_a_biomarker_as_response_is_screened_with_the_roles_changed(
    images: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    modelling = Modelling(response="biomarker")
    exact = associate(images, outcome="ill", covariates=["age"], modelling=modelling).table
    monkeypatch.setattr("retquant.association.screening._SMALL", 10)
    fast = associate(images, outcome="ill", covariates=["age"], modelling=modelling, refit=0).table
    np.testing.assert_allclose(fast[ESTIMATE].astype(float), exact[ESTIMATE].astype(float), rtol=1e-6)


def sandwich(
    X: np.ndarray, left: pd.Series, weights: pd.Series, chance: pd.Series, person: np.ndarray, is_person: bool
) -> float:
    """The sandwich by its definition: scores added up by person between inverse informations, of the last column."""
    scores = X * (weights * left).to_numpy()[:, None]
    sums = np.array([scores[person == one].sum(axis=0) for one in range(person.max() + 1)])
    bread = np.linalg.inv((X * (weights * chance * (1 - chance)).to_numpy()[:, None]).T @ X)
    n, people = len(X), len(sums)
    small = 1.0 if is_person else people / (people - 1) * (n - 1) / (n - X.shape[1])
    return float(np.sqrt(small * (bread @ sums.T @ sums @ bread)[-1, -1]))


@pytest.mark.filterwarnings("ignore:cov_type not fully supported")  # held to the sandwich's definition below
@pytest.mark.parametrize("outcome", ["pressure", "ill", "acuity", "drusen"])
def test_weights_are_those_of_statsmodels_with_the_sandwich(images: pd.DataFrame, outcome: str) -> None:
    row = ours(images, outcome=outcome, modelling=Modelling(weights="weight"))
    is_person = outcome in ("pressure", "ill")
    frame = images.groupby("participant_id", as_index=False).mean(numeric_only=True) if is_person else images
    X, person = parts(frame)
    robust = {"pressure": "HC3", "ill": "HC1"}
    kind = (
        {"cov_type": robust[outcome]}
        if is_person
        else {"cov_type": "cluster", "cov_kwds": {"groups": person}}
    )
    if outcome in ("pressure", "acuity"):
        fit = sm.WLS(frame[outcome], X, weights=frame["weight"]).fit(use_t=True, **kind)
        np.testing.assert_allclose(values(row), theirs(fit), rtol=1e-6)
    else:
        model = sm.GLM(frame[outcome], X, family=sm.families.Binomial(), var_weights=frame["weight"])
        fit = model.fit(**kind)
        np.testing.assert_allclose(values(row)[:2], theirs(fit)[:2], rtol=1e-6)
        error = sandwich(X.to_numpy(), frame[outcome] - fit.mu, frame["weight"], fit.mu, person, is_person)
        assert row["standard_error"] == pytest.approx(error, rel=1e-6)
    assert "weighted" in row["model"]


def test_weighting_a_person_twice_moves_the_effect_as_repeating_the_person_does(images: pd.DataFrame) -> None:
    twice = images.assign(weight=np.repeat(np.r_[np.full(50, 2.0), np.ones(PEOPLE - 50)], 2))
    row = ours(twice, outcome="pressure", modelling=Modelling(weights="weight"))
    people = images.groupby("participant_id", as_index=False).mean(numeric_only=True)
    repeated = pd.concat([people, people.iloc[:50]])
    X, _ = parts(people)
    fit = sm.OLS(repeated["pressure"], pd.concat([X, X.iloc[:50]])).fit()
    assert row["effect"] == pytest.approx(fit.params["z"], rel=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.where(w.index > 1, -1.0), "have one of 0 or less, as those of 00000"),
        (lambda w: w.where(w.index > 1), "2 of 300 images have none, as those of 00000"),
        (lambda w: w.astype(object).where(w.index > 1, "heavy"), "'heavy' is no weight"),
    ],
)
def test_weights_that_are_none_are_refused(images: pd.DataFrame, change: object, message: str) -> None:
    wrong = images.assign(weight=change(images["weight"]))  # type: ignore[operator]
    with pytest.raises(AssociationError, match=message):
        associate(wrong, outcome="pressure", modelling=Modelling(weights="weight"))


@pytest.mark.parametrize(
    ("outcome", "settings", "modelling", "message"),
    [
        ("drusen", {}, {"model": "mixed"}, "outcomes that are continuous, and this one is binary"),
        ("pressure", {}, {"model": "mixed"}, "never differs within a person"),
        ("pressure", {"eyes": "mean"}, {"model": "gee"}, "a person has one row"),
        ("ill", {"time": "years"}, {"model": "gee"}, "and this one is survival"),
        (
            "ill",
            {"time": "years"},
            {"weights": "weight"},
            "weights: it is there for outcomes that are continuous, binary or count",
        ),
        ("ill", {"time": "years"}, {"response": "biomarker"}, "a time to event cannot explain"),
        ("ill", {}, {"site": "sex", "site_as": "random"}, "site_as=random: it is there for outcomes that"),
        ("acuity", {}, {"site": "sex", "site_as": "random"}, "a person has several rows"),
        ("ill", {}, {"weights": "wait"}, "did you mean weight"),
    ],
)
def test_models_that_do_not_suit_the_outcome_are_refused_with_what_does(
    images: pd.DataFrame, outcome: str, settings: dict, modelling: dict, message: str
) -> None:
    with pytest.raises(AssociationError, match=message):
        associate(images, outcome=outcome, modelling=Modelling(**modelling), **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "gees"}, "model: 'gees' is none of auto, clustered, gee, mixed"),
        ({"transform": "sqrt"}, "transform: 'sqrt' is none of none"),
        ({"splines": 1}, "are no test of a straight line"),
        ({"site_as": "meta"}, "there is no site"),
        ({"weights": "w", "model": "mixed"}, "whose sandwich variance they need"),
        ({"site": "s", "site_as": "random", "model": "gee"}, "one random intercept"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(AssociationError, match=message):
        Modelling(**settings)


def test_a_fit_that_does_not_converge_or_has_nothing_repeated_says_so() -> None:
    random = np.random.default_rng(0)
    X = np.column_stack([np.ones(60), random.normal(size=60)])
    lone = Sample(y=X[:, 1], kind="continuous", person=np.arange(60), is_clustered=True, model="mixed")
    found = fit_sample(lone, X)
    assert not isinstance(found, Fitted)
    assert found.reason == "no_repeats"
    split = Sample(
        y=(X[:, 1] > 0).astype(float),
        kind="binary",
        person=np.arange(60) // 2,
        is_clustered=True,
        model="gee",
    )
    found = fit_sample(split, X)
    assert not isinstance(found, Fitted)
    assert found.reason == "separation"
