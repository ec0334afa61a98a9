"""Interactions, strata, sites, curves and transformations, against direct calls of statsmodels and planted effects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from patsy import dmatrix
from scipy.stats import chi2
from simulated_cohorts import CALIBRE, DENSITY, person_mean, two_eyed_cohort
from statsmodels.stats.meta_analysis import combine_effects

from retquant.association import Associations, Modelling, associate
from retquant.association.levels import COLUMNS, FIXED, RANDOM, Level, heterogeneity
from retquant.association.models import Estimate
from retquant.association.nonlinear import spline_columns
from retquant.association.transforms import rank_normal
from retquant.errors import AssociationError

PEOPLE = 400


@pytest.fixture(scope="module")
def images() -> pd.DataFrame:
    images = two_eyed_cohort(PEOPLE, seed=21)
    random = np.random.default_rng(21)
    z = (person_mean(images, CALIBRE) - 120) / 11.4
    at = np.repeat(random.choice(["1", "2", "3"], PEOPLE), 2)
    slope = np.where(images["sex"] == "male", 0.8, 0.1)
    noise = np.repeat(random.normal(size=PEOPLE), 2)
    images["centre"] = at
    images["pressure"] = slope * z + 0.4 * (at == "2") + noise
    images["ill"] = (slope * z + np.repeat(random.logistic(size=PEOPLE), 2) > 0).astype(int)
    images["curved"] = 0.5 * z**2 + noise
    images["straight"] = 0.5 * z + noise
    images["years"] = np.repeat(random.exponential(5, PEOPLE), 2) * np.exp(-0.3 * z)
    return images


@pytest.fixture(scope="module")
def people(images: pd.DataFrame) -> pd.DataFrame:
    found = images.groupby("participant_id").mean(numeric_only=True)
    found[["sex", "centre"]] = images.groupby("participant_id")[["sex", "centre"]].first()
    found["z"] = (found[CALIBRE] - found[CALIBRE].mean()) / found[CALIBRE].std()
    found["male"] = (found["sex"] == "male").astype(float)
    return found


def analysed(images: pd.DataFrame, outcome: str, **modelling: object) -> Associations:
    settings = Modelling(**modelling)  # type: ignore[arg-type]
    return associate(images, outcome=outcome, covariates=["age"], biomarkers=[CALIBRE], modelling=settings)


def test_an_interaction_is_walds_test_of_the_product_and_each_level_has_its_effect(
    images: pd.DataFrame, people: pd.DataFrame
) -> None:
    found = analysed(images, "pressure", interaction="sex")
    X = sm.add_constant(people[["age", "male", "z"]].assign(product=people["male"] * people["z"]))
    fit = sm.OLS(people["pressure"], X).fit(cov_type="HC3", use_t=True)
    row = found.table.iloc[0]
    assert row["p_interaction"] == pytest.approx(fit.pvalues["product"], rel=1e-6)
    assert row["p_interaction"] < 1e-4
    levels = found.levels.set_index("level")
    assert levels.loc["female", "effect"] == pytest.approx(fit.params["z"], rel=1e-6)
    male = fit.t_test([0, 0, 0, 1, 1])
    ours = levels.loc["male", ["effect", "standard_error", "p"]].astype(float)
    np.testing.assert_allclose(ours, [male.effect[0], male.sd[0, 0], male.pvalue], rtol=1e-6)
    assert levels["n_people"].sum() == PEOPLE
    assert "The models are also adjusted for sex." in found.study.notes
    plain = associate(images, outcome="pressure", covariates=["age", "sex"], biomarkers=[CALIBRE]).table.iloc[
        0
    ]
    assert row["effect"] == pytest.approx(plain["effect"], rel=1e-9)


def test_three_levels_are_tested_together_and_a_number_at_its_mean_less_and_plus_a_deviation(
    images: pd.DataFrame, people: pd.DataFrame
) -> None:
    found = analysed(images, "ill", interaction="centre")
    dummies = pd.get_dummies(people["centre"]).astype(float)
    dummies = dummies.drop(columns=people["centre"].value_counts().index[0])
    products = dummies.mul(people["z"], axis=0).add_prefix("x")
    fit = sm.Logit(
        people["ill"], sm.add_constant(pd.concat([people[["age", "z"]], dummies, products], axis=1))
    ).fit(disp=0)
    wald = fit.wald_test(np.eye(7)[5:], scalar=True)
    assert found.table["p_interaction"][0] == pytest.approx(float(wald.pvalue), rel=1e-6)
    assert set(found.levels["level"]) == {"1", "2", "3"}
    found = analysed(images, "ill", interaction="age")
    age = (people["age"] - people["age"].mean()) / people["age"].std(ddof=0)
    X = sm.add_constant(people[["age", "z"]].assign(product=age * people["z"]))
    fit = sm.Logit(people["ill"], X).fit(disp=0)
    assert found.table["p_interaction"][0] == pytest.approx(fit.pvalues["product"], rel=1e-6)
    low, high = found.levels["effect"]
    assert [low, high] == pytest.approx(
        [fit.params["z"] - fit.params["product"], fit.params["z"] + fit.params["product"]]
    )
    assert found.levels["level"].str.contains("mean").all()


def test_an_interaction_of_a_time_to_event_is_that_of_phreg(
    images: pd.DataFrame, people: pd.DataFrame
) -> None:
    found = associate(
        images, outcome="ill", time="years", biomarkers=[CALIBRE], modelling=Modelling(interaction="sex")
    )
    X = people[["male", "z"]].assign(product=people["male"] * people["z"])
    fit = sm.PHReg(people["years"], X, status=people["ill"], ties="efron").fit(disp=0)
    assert found.table["p_interaction"][0] == pytest.approx(fit.pvalues[2], rel=1e-5)


def test_strata_are_fitted_each_alone_and_differ_by_cochrans_q(
    images: pd.DataFrame, people: pd.DataFrame
) -> None:
    found = analysed(images, "pressure", strata="sex")
    effects, errors = [], []
    for sex in ("female", "male"):
        part = people[people["sex"] == sex]
        fit = sm.OLS(part["pressure"], sm.add_constant(part[["age", "z"]])).fit(cov_type="HC3", use_t=True)
        effects.append(fit.params["z"])
        errors.append(fit.bse["z"])
    np.testing.assert_allclose(found.levels["effect"], effects, rtol=1e-6)
    np.testing.assert_allclose(found.levels["standard_error"], errors, rtol=1e-6)
    q = (effects[0] - effects[1]) ** 2 / (errors[0] ** 2 + errors[1] ** 2)  # Cochran's of two
    assert found.table["q_strata"][0] == pytest.approx(q, rel=1e-6)
    assert found.table["p_strata"][0] == pytest.approx(chi2.sf(q, 1), rel=1e-6)
    assert (found.levels["by"] == "strata").all()
    assert list(found.levels.columns) == list(COLUMNS)


def test_sites_are_indicators_even_where_they_are_numbers(images: pd.DataFrame, people: pd.DataFrame) -> None:
    found = analysed(images, "pressure", site="centre").table.iloc[0]
    dummies = pd.get_dummies(people["centre"]).astype(float)[["2", "3"]]
    X = sm.add_constant(pd.concat([people[["age", "z"]], dummies], axis=1))
    fit = sm.OLS(people["pressure"], X).fit(cov_type="HC3", use_t=True)
    assert found["effect"] == pytest.approx(fit.params["z"], rel=1e-6)
    assert found["standard_error"] == pytest.approx(fit.bse["z"], rel=1e-6)


@pytest.mark.filterwarnings("ignore")  # statsmodels' of steps on its way
def test_sites_as_a_random_intercept_are_that_of_statsmodels(
    images: pd.DataFrame, people: pd.DataFrame
) -> None:
    found = analysed(images, "pressure", site="centre", site_as="random").table.iloc[0]
    fit = sm.MixedLM(people["pressure"], sm.add_constant(people[["age", "z"]]), groups=people["centre"]).fit(
        reml=True
    )
    assert found["effect"] == pytest.approx(fit.params["z"], rel=1e-5)
    assert found["standard_error"] == pytest.approx(fit.bse["z"], rel=1e-5)
    assert found["model"] == "mixed, random intercept of site"


def test_a_meta_analysis_of_sites_is_that_of_statsmodels(images: pd.DataFrame, people: pd.DataFrame) -> None:
    found = analysed(images, "ill", site="centre", site_as="meta")
    effects, errors = [], []
    for site in "123":
        part = people[people["centre"] == site]
        fit = sm.Logit(part["ill"], sm.add_constant(part[["age", "z"]])).fit(disp=0)
        effects.append(fit.params["z"])
        errors.append(fit.bse["z"])
    together = combine_effects(np.array(effects), np.array(errors) ** 2, method_re="dl")
    levels = found.levels.set_index("level")
    np.testing.assert_allclose(levels["effect"][:3], effects, rtol=1e-6)
    assert levels.loc[FIXED, "effect"] == pytest.approx(together.mean_effect_fe, rel=1e-6)
    assert levels.loc[FIXED, "standard_error"] == pytest.approx(together.sd_eff_w_fe, rel=1e-6)
    row = found.table.iloc[0]
    assert row["effect"] == levels.loc[RANDOM, "effect"]
    assert row["i2_sites"] == pytest.approx(max(0, together.i2), rel=1e-6)
    assert row["model"] == "logistic; 3 sites, random effects"
    assert row["n_people"] == levels.loc[RANDOM, "n_people"] == PEOPLE


def level(effect: float, error: float) -> Level:
    return Level(
        by="site",
        column="s",
        level=str(effect),
        people=9,
        found=Estimate(effect=effect, standard_error=error),
    )


def test_heterogeneity_by_its_formulas_and_none_where_sites_agree() -> None:
    effects, errors = np.array([0.1, 0.9, 0.5]), np.array([0.1, 0.15, 0.2])
    found = heterogeneity([level(*pair) for pair in zip(effects, errors, strict=True)])
    w = errors**-2.0
    fixed = (w * effects).sum() / w.sum()
    q = (w * (effects - fixed) ** 2).sum()
    tau2 = (q - 2) / (w.sum() - (w**2).sum() / w.sum())
    wide = 1 / (errors**2 + tau2)
    assert (found.q, found.p, found.i2) == pytest.approx((q, chi2.sf(q, 2), 1 - 2 / q))
    assert found.tau2 == pytest.approx(tau2)
    assert found.random == pytest.approx(((wide * effects).sum() / wide.sum(), wide.sum() ** -0.5))
    alike = heterogeneity([level(0.50, 0.1), level(0.51, 0.1), level(0.49, 0.1)])
    assert (alike.tau2, alike.i2) == (0, 0)
    assert alike.random == alike.fixed == pytest.approx((0.5, 0.1 / np.sqrt(3)))
    assert np.isnan(heterogeneity([level(0.5, 0.1), level(np.nan, np.nan)]).q)


def test_a_site_without_an_estimate_is_named_and_the_others_go_on(images: pd.DataFrame) -> None:
    small = images.copy()
    small.loc[small.index[:8], "centre"] = "4"
    small.attrs = dict(images.attrs)
    found = analysed(small, "ill", site="centre", site_as="meta")
    assert found.table["note"][0] == "without 4, where there is no estimate"
    assert found.levels.set_index("level").loc["4", "reason"] in ("too_few_people", "too_few_events")
    one = small.assign(centre=np.where(small["centre"] == "4", "4", "1"))
    one.attrs = dict(images.attrs)
    assert analysed(one, "ill", site="centre", site_as="meta").table["reason"][0] == "too_few_sites"


def test_a_site_that_differs_within_a_person_is_unknown_and_not_a_site_between(images: pd.DataFrame) -> None:
    moved = images.assign(centre=images["centre"].astype(int))
    moved.loc[0, "centre"] = 5 - moved.loc[0, "centre"]
    moved.attrs = dict(images.attrs)
    found = analysed(moved, "pressure", site="centre", site_as="meta")
    assert set(found.levels["level"]) == {"1", "2", "3", FIXED, RANDOM}
    assert "centre differs within 1 people and was taken as unknown for them." in found.study.warnings


def test_reruns_keep_the_adjustment_and_leave_out_what_is_asked_beside_it(images: pd.DataFrame) -> None:
    asked = Modelling(interaction="sex", site="centre", site_as="meta", strata="sex", splines=3)
    found = associate(images, outcome="pressure", biomarkers=[CALIBRE], modelling=asked, robust=1)
    right = found.reruns.set_index("variant").loc["right eyes"]
    part = images[images["eye"] == "OD"]
    part.attrs = dict(images.attrs)
    plain = Modelling(site="centre")
    alone = associate(
        part, outcome="pressure", covariates=["sex"], biomarkers=[CALIBRE], modelling=plain
    ).table.iloc[0]
    assert right["p"] == pytest.approx(alone["p"], rel=1e-9)
    assert found.reruns.set_index("variant").loc["sex male", "n_people"] > 100


def test_reruns_by_eye_of_models_of_both_eyes_are_those_of_one_row_a_person(images: pd.DataFrame) -> None:
    asked = Modelling(model="mixed", response="biomarker")
    found = associate(
        images, outcome="ill", covariates=["age"], biomarkers=[CALIBRE], modelling=asked, robust=1
    )
    right = found.reruns.set_index("variant").loc["right eyes"]
    people = images[images["eye"] == "OD"].set_index("participant_id")
    X = sm.add_constant(people[["age", "ill"]])
    fit = sm.OLS(people[CALIBRE] / found.table["sd"][0], X).fit()
    assert right["effect"] == pytest.approx(fit.params["ill"], rel=1e-6)


def test_of_a_large_study_without_a_fast_engine_the_best_alone_have_curves_and_levels(
    images: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Modelling(site="centre", site_as="meta", strata="sex", splines=3)
    exact = associate(images, outcome="pressure", modelling=asked)
    monkeypatch.setattr("retquant.association.screening._SMALL", 10)
    found = associate(images, outcome="pressure", modelling=asked, refit=1)
    for name in ("effect", "p", "p_sites", "i2_sites"):
        assert found.table[name].tolist() == exact.table[name].tolist()
    for name in ("p_nonlinear", "p_strata"):
        assert found.table[name].notna().tolist() == [True, False]
    assert "Curves and levels are those of the 1 biomarkers of least p." in found.study.notes
    assert found.levels.groupby("by").size().to_dict() == {"site": 10, "strata": 2}


def test_an_outcome_cannot_part_people(images: pd.DataFrame) -> None:
    with pytest.raises(AssociationError, match="ill is the outcome, and what people are parted"):
        analysed(images, "ill", strata="ill")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("age", "strata age: it has 400 different values"),
        ("nowhere", "strata nowhere: it has 1 different value "),
    ],
)
def test_columns_that_part_nobody_or_everybody_are_no_strata(
    images: pd.DataFrame, column: str, message: str
) -> None:
    with pytest.raises(AssociationError, match=message):
        analysed(images.assign(nowhere="x"), "pressure", strata=column)


def test_curves_are_found_against_natural_splines_and_straight_lines_are_not(
    images: pd.DataFrame, people: pd.DataFrame
) -> None:
    bent, straight = (
        analysed(images, outcome, splines=3).table["p_nonlinear"][0] for outcome in ("curved", "straight")
    )
    basis = dmatrix("cr(z, df=3, constraints='center') - 1", people)
    spline = sm.OLS(people["curved"], np.column_stack([np.ones(PEOPLE), people["age"], basis])).fit()
    ours = sm.OLS(
        people["curved"],
        np.column_stack([np.ones(PEOPLE), people[["age", "z"]], spline_columns(people["z"].to_numpy(), 3)]),
    ).fit()
    assert ours.ssr == pytest.approx(spline.ssr, rel=1e-9)  # the same curves
    robust = ours.get_robustcov_results("HC3", use_t=True)
    assert bent == pytest.approx(
        float(robust.wald_test(np.eye(5)[3:], scalar=True, use_f=True).pvalue), rel=1e-6
    )
    assert bent < 1e-10
    assert straight > 0.01


def test_walds_test_of_a_curve_is_near_the_likelihood_ratio(
    images: pd.DataFrame, people: pd.DataFrame
) -> None:
    found = analysed(images, "ill", splines=3).table["p_nonlinear"][0]
    line = sm.add_constant(people[["age", "z"]])
    curve = np.column_stack([line, spline_columns(people["z"].to_numpy(), 3)])
    logs = [sm.Logit(people["ill"], X).fit(disp=0).llf for X in (line, curve)]
    assert found == pytest.approx(chi2.sf(2 * (logs[1] - logs[0]), 2), abs=0.02)


def test_too_few_values_or_events_for_a_curve_give_no_p(images: pd.DataFrame) -> None:
    steps = images.assign(**{CALIBRE: np.round(images[CALIBRE] / 40)})
    steps[CALIBRE] = person_mean(steps, CALIBRE).round()
    steps.attrs = dict(images.attrs)
    assert np.isnan(analysed(steps, "pressure", splines=3).table["p_nonlinear"][0])
    few = images.assign(ill=(images["participant_id"] < "00012").astype(int))
    few.attrs = dict(images.attrs)
    row = analysed(few, "ill", splines=3).table.iloc[0]
    assert row["model"] == "logistic, Firth"
    assert np.isnan(row["p_nonlinear"])
    assert spline_columns(np.array([0.0, 1.0, 0.0, 1.0]), 3) is None


def test_transformations_are_those_of_the_rows_and_are_stated(
    images: pd.DataFrame, people: pd.DataFrame
) -> None:
    found = analysed(images, "pressure", transform="rank")
    scores = rank_normal(people[CALIBRE].to_numpy())
    X = np.column_stack([np.ones(PEOPLE), people["age"], scores / scores.std(ddof=1)])
    fit = sm.OLS(people["pressure"].to_numpy(), X).fit(cov_type="HC3", use_t=True)
    row = found.table.iloc[0]
    assert [row["effect"], row["p"]] == pytest.approx([fit.params[2], fit.pvalues[2]], rel=1e-6)
    assert row["transform"] == "rank"
    assert np.isnan(row["effect_per_unit"])
    assert any("transformed over the rows of the analysis: rank" in note for note in found.study.notes)
    pulled = analysed(images, "pressure", transform="winsor").table.iloc[0]
    assert pulled["effect_per_unit"] == pytest.approx(pulled["effect"] / pulled["sd"])


def test_values_of_zero_have_no_logarithm_and_the_others_go_on(images: pd.DataFrame) -> None:
    zero = images.copy()
    zero.loc[zero["participant_id"] == "00000", DENSITY] = 0.0
    zero.attrs = dict(images.attrs)
    table = associate(zero, outcome="pressure", modelling=Modelling(transform="log")).table.set_index(
        "biomarker"
    )
    assert table.loc[DENSITY, "reason"] == "no_logarithm"
    assert table.loc[CALIBRE, "p"] < 1
    logs = np.log(images.groupby("participant_id")[CALIBRE].mean())
    assert table.loc[CALIBRE, "sd"] == pytest.approx(logs.std(), rel=1e-9)


def test_levels_are_written_beside_the_table_and_only_where_there_are_any(
    images: pd.DataFrame, tmp_path: Path
) -> None:
    path = analysed(images, "pressure", strata="sex", interaction="centre").write_levels(
        tmp_path / "levels.csv"
    )
    assert path is not None
    written = pd.read_csv(path, dtype={"level": str})
    assert list(written["by"]) == ["interaction"] * 3 + ["strata"] * 2
    assert analysed(images, "pressure").write_levels(tmp_path / "none.csv") is None
