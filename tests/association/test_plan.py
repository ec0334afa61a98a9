"""Plans of many outcomes: families of tests, outcomes that cannot be analysed, and the pages that come out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control
from typer.testing import CliRunner

from retquant.association import associate
from retquant.association.many import PlannedAssociations, associate_plan
from retquant.association.multiplicity import effective_tests
from retquant.association.plan import AssociationPlan, load_plan
from retquant.cli import app
from retquant.errors import AssociationError, ConfigError
from retquant.report.association_page import render_page
from retquant.report.heat_map import heat_map
from retquant.report.plan_page import page_name, write_plan_pages
from retquant.resources import resource_folder

HOSTILE = "<script>alert(1)</script>"


def cohort(people: int = 150) -> pd.DataFrame:
    random = np.random.default_rng(2)
    images = pd.DataFrame(
        {
            "image_id": [f"i{n}" for n in range(2 * people)],
            "participant_id": np.repeat([f"p{n}" for n in range(people)], 2),
            "eye": ["OD", "OS"] * people,
            "age": np.repeat(random.normal(60, 8, people), 2),
        }
    )
    shared = np.repeat(random.normal(size=people), 2)
    for name in ("artery_a", "artery_b", "vein_a", "vein_b", HOSTILE):
        images[name] = 0.7 * shared + random.normal(size=2 * people)
    own = images.groupby("participant_id")["artery_a"].transform("mean")
    noise = np.repeat(random.normal(size=people), 2)
    images["pressure"] = own + noise
    images["ill"] = (own + noise > 0.5).astype(int)
    images["years"] = np.exp(-0.5 * own - 0.5 * noise) + 0.1
    images["died"] = images["years"] < 1.5
    images["grade"] = np.digitize(own + noise, [-0.5, 1.0])
    images.attrs["units"] = dict.fromkeys(("artery_a", "artery_b", "vein_a", "vein_b", HOSTILE), "um")
    return images


PLAN = AssociationPlan.model_validate(
    {
        "name": "toy",
        "covariates": ["age"],
        "families": {"arteries": ["artery_*"], "veins": ["vein_*"]},
        "outcomes": [
            {"column": "pressure", "family": "body"},
            {"column": "ill", "family": "body"},
            {"column": "died", "time": "years", "family": "time"},
            {"column": "grad", "family": "eye"},
        ],
    }
)


@pytest.fixture(scope="module")
def found() -> PlannedAssociations:
    return associate_plan(cohort(), PLAN)


def test_each_outcome_is_analysed_as_it_would_be_alone(found) -> None:
    alone = associate(cohort(), outcome="died", time="years", covariates=["age"]).table.set_index("biomarker")
    rows = found.table[found.table["outcome"] == "died"].set_index("biomarker").loc[alone.index]
    for column in ("effect", "standard_error", "p", "n_people", "n_events"):
        assert rows[column].tolist() == alone[column].tolist()


def test_a_misspelt_outcome_is_told_and_the_others_go_on(found) -> None:
    assert set(found.refused) == {"grad"}
    assert "did you mean grade" in found.refused["grad"]
    assert {one.study.outcome for one in found.analyses} == {"pressure", "ill", "died"}
    assert "1 could not be analysed" in found.headline


def test_models_are_those_of_the_plan_but_for_what_an_outcome_says(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(
        "model = 'gee'\nsplines = 0\nstrata = 'sex'\ntransform = 'rank'\neyes = 'both'\nrobust = 0\n"
        "[[outcomes]]\ncolumn = 'ill'\n"
        "[[outcomes]]\ncolumn = 'died'\ntime = 'years'\n"
        "[[outcomes]]\ncolumn = 'grade'\nmodel = 'clustered'\ntransform = 'none'\n",
        encoding="utf-8",
    )
    plan = load_plan(tmp_path / "plan.toml")
    images = cohort()
    images["sex"] = np.repeat(np.resize(["f", "m", "f"], 150), 2)
    found = associate_plan(images, plan)
    models = found.table.groupby("outcome")["model"].first().to_dict()
    assert models == {
        "grade": "proportional odds, clustered by person",
        "ill": "GEE, logistic, exchangeable",
    }
    assert found.table.groupby("outcome")["transform"].first().to_dict() == {"grade": "none", "ill": "rank"}
    assert "outcomes that are continuous, binary or count, and this one is survival" in found.refused["died"]
    found.write_tables(tmp_path)
    levels = pd.read_csv(tmp_path / "levels.csv")
    assert set(levels["outcome"]) == {"ill", "grade"}
    assert set(levels["level"]) == {"f", "m"}


def test_false_discovery_rates_are_taken_within_each_family(found) -> None:
    sizes = found.table.groupby("family").size()
    assert sizes["body, arteries"] == 4
    assert sizes["time, veins"] == 2
    assert sizes["body, other"] == 2
    for _, rows in found.table.groupby("family"):
        assert rows["q"].to_numpy() == pytest.approx(false_discovery_control(rows["p"].to_numpy()))


def test_the_page_of_an_outcome_has_the_rates_of_its_family(found) -> None:
    for one in found.analyses:
        rows = found.table[found.table["outcome"] == one.study.outcome].set_index("biomarker")["q"]
        assert one.table["q"].tolist() == rows[one.table["biomarker"]].tolist()
        assert "families of the plan toy" in one.study.notes[-1]


def test_the_effective_number_of_tests_counts_what_is_independent() -> None:
    random = np.random.default_rng(0)
    apart = pd.DataFrame(random.normal(size=(20_000, 6)))
    assert effective_tests(apart) == pytest.approx(6, abs=0.01)
    assert effective_tests(pd.DataFrame(dict.fromkeys("abcd", apart[0]))) == pytest.approx(1)
    twice = pd.concat([apart, apart * 2 + 1], axis=1, keys=["x", "y"])
    assert effective_tests(twice) == pytest.approx(effective_tests(apart))
    assert effective_tests(apart[[0]]) == 1
    assert effective_tests(apart.assign(constant=1.0)) == effective_tests(apart)


def test_bonferroni_takes_the_effective_number_of_the_family(found) -> None:
    sizes = {family.name: family.effective for family in found.families}
    rows = found.table[found.table["role"] == "biomarker"]
    expected = np.minimum(1, rows["p"] * rows["family"].map(sizes))
    assert rows["p_effective"].to_numpy() == pytest.approx(expected.to_numpy())
    assert all(1 <= family.effective <= family.tests + 1e-9 for family in found.families)


def test_hostile_names_stay_text_on_every_page(found, tmp_path: Path) -> None:
    index = write_plan_pages(found, tmp_path)
    page = index.read_text(encoding="utf-8")
    assert HOSTILE not in page
    for outcome in ("pressure", "ill", "died"):
        assert f'href="{outcome}.html"' in page
        assert (tmp_path / f"{outcome}.html").is_file()
    assert page.count("<rect") == 15
    assert page_name("../../x y") != page_name("../../x_y")
    assert "/" not in page_name("../../x y")
    assert page_name("index") != "index.html"


def test_where_biomarkers_are_explained_the_pages_speak_of_differences(tmp_path: Path) -> None:
    plan = AssociationPlan.model_validate(
        {
            "name": "toy",
            "robust": 0,
            "response": "biomarker",
            "model": "mixed",
            "outcomes": [{"column": "ill"}],
        }
    )
    explained = associate_plan(cohort(), plan)
    assert set(explained.table["model"]) == {"mixed, random intercept of person"}
    for page in (write_plan_pages(explained, tmp_path), tmp_path / "ill.html"):
        assert "odds ratio" not in page.read_text(encoding="utf-8")


def test_the_tables_are_read_back_and_no_cell_is_a_formula(found, tmp_path: Path) -> None:
    from dataclasses import replace

    table = found.table.assign(note="=HYPERLINK(1)")
    parquet, csv = replace(found, table=table).write_tables(tmp_path)
    assert pd.read_parquet(parquet)["p"].tolist() == pytest.approx(table["p"].tolist(), nan_ok=True)
    assert set(pd.read_csv(csv)["note"]) == {"'=HYPERLINK(1)"}


def test_like_rows_of_the_heat_map_stand_together() -> None:
    rows = []
    for name, sign in (("up_1", 1), ("down_1", -1), ("up_2", 1), ("down_2", -1), ("up_3", 1)):
        for outcome, size in (("a", 3.0), ("b", 5.0)):
            rows.append({"biomarker": name, "outcome": outcome, "role": "biomarker", "effect": sign * size,
                         "standard_error": 1.0, "p": 0.01, "q": 0.02})  # fmt: skip
    drawn = heat_map(pd.DataFrame(rows), bar=0.05)
    assert drawn is not None
    order = "".join(name[0] for _, name in drawn.rows)
    assert order in ("uuudd", "dduuu")
    assert len({cell.colour for cell in drawn.cells}) == 4
    assert heat_map(pd.DataFrame(rows).assign(p=np.nan), bar=0.05) is None


def test_in_chromium_the_index_draws_sorts_and_filters(
    found, tmp_path: Path, rendered: Callable[[str], tuple[str, str]]
) -> None:
    index = write_plan_pages(found, tmp_path / "out")
    script = (
        "<script>document.querySelectorAll('th button')[0].click();"
        "var f=document.querySelector('.filter');f.value='vein_a';f.dispatchEvent(new Event('input'));"
        "document.title='shown '+Array.prototype.filter.call(document.querySelectorAll('#results tbody tr'),"
        "function(r){return !r.hidden;}).length;</script></body>"
    )
    index.write_text(index.read_text(encoding="utf-8").replace("</body>", script), encoding="utf-8")
    shown, said = rendered(index.as_uri())
    assert said == ""
    assert "<title>shown 3</title>" in shown


def test_the_plan_that_ships_is_read_and_its_labels_lie_beside_it() -> None:
    path = resource_folder("pipelines") / "association.toml"
    plan = load_plan(path)
    assert plan.labels == path.parent / "labels.csv"
    assert plan.family_of("artery_calibre_median_zone_b") == "calibre"
    assert plan.family_of("faz_area") == "other"
    assert AssociationPlan(name="x", outcomes=PLAN.outcomes).family_of("faz_area") == "biomarkers"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("covariates = ['age']", "outcomes"),
        ("[[outcomes]]\ncolumn = 'a'\nkind = 'odds'", "'odds' is none of auto, binary"),
        ("[[outcomes]]\ncolumn = 'a'\n[[outcomes]]\ncolumn = 'a'", "the outcome a is there twice"),
        ("eyes = 'best'\n[[outcomes]]\ncolumn = 'a'", "policy is 'best' .choose one of auto, mean"),
        ("splines = 1\n[[outcomes]]\ncolumn = 'a'", "splines: natural splines of 1"),
        ("site_as = 'meta'\n[[outcomes]]\ncolumn = 'a'", "site_as: there is no site"),
        ("[[outcomes]]\ncolumn = 'a'\nsplines = 'x'", "the outcome a: splines: Input should be a valid int"),
        ("[[outcomes]]\ncolumn = 'a'\nmodel = 'x'", "the outcome a: model: 'x' is none of auto"),
        ("splines = 'x'\n[[outcomes]]\ncolumn = 'a'", "modelling.splines: Input should be a valid int"),
        ("visits = 'nearest'\n[[outcomes]]\ncolumn = 'a'", "belong together"),
        ("covariate = ['age']\n[[outcomes]]\ncolumn = 'a'", "covariate: Extra inputs"),
        ("name = '../up'\n[[outcomes]]\ncolumn = 'a'", "name"),
    ],
)
def test_a_plan_with_a_slip_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
    with pytest.raises(AssociationError, match=message):
        load_plan(tmp_path / "plan.toml")


def test_a_plan_that_is_not_there_or_names_no_outcome_that_exists(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_plan(tmp_path / "plan.toml")
    nothing = PLAN.model_copy(update={"outcomes": PLAN.outcomes[3:]})
    with pytest.raises(AssociationError, match="did you mean grade"):
        associate_plan(cohort(), nothing)


def test_the_command_asks_for_an_outcome_or_a_plan(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["associate", str(tmp_path)])
    assert isinstance(answer.exception, AssociationError)
    assert "--plan" in str(answer.exception)


def test_a_plan_harmonises_every_outcome_and_its_pages_speak_of_families() -> None:
    images = cohort(200)
    attributes = images.attrs
    images["device"] = np.where(images["participant_id"].str[-1] < "5", "old", "new")
    images["artery_a"] += np.where(images["device"] == "old", 3.0, 0.0)
    images.attrs = attributes
    plan = PLAN.model_copy(update={"harmonise": "device", "prediction": False, "robust": 1})
    done = associate_plan(images, plan)
    for one in done.analyses:
        assert one.harmonisation is not None
        assert one.harmonisation.table["share_after"].max() < 0.01
        assert one.families == 3
        assert one.closer is not None
        assert one.closer.prediction is None
        page = render_page(one)
        assert "Harmonised by device" in page
        assert "q is a hard bar" not in page
