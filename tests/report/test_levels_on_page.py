"""What was asked beside the effect stands on the page: levels, curves, and in what effects are counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retquant.association import Modelling, associate
from retquant.report.association_page import methods, render_page
from retquant.report.levels_grid import levels_grids

PEOPLE = 240
HOSTILE = "<b>north</b>"


@pytest.fixture(scope="module")
def images() -> pd.DataFrame:
    random = np.random.default_rng(8)
    images = pd.DataFrame(
        {
            "image_id": [f"i{n}" for n in range(2 * PEOPLE)],
            "participant_id": np.repeat([f"p{n}" for n in range(PEOPLE)], 2),
            "eye": ["OD", "OS"] * PEOPLE,
            "sex": np.repeat(random.choice(["female", "male"], PEOPLE), 2),
            "centre": np.repeat(random.choice([HOSTILE, "south"], PEOPLE), 2),
        }
    )
    for name in ("a", "b"):
        images[name] = np.repeat(random.normal(size=PEOPLE), 2) + 0.3 * random.normal(size=2 * PEOPLE)
    own = images.groupby("participant_id")["a"].transform("mean")
    images["ill"] = (own + np.repeat(random.logistic(size=PEOPLE), 2) > 0).astype(int)
    images.attrs["units"] = {"a": "um", "b": "um"}
    return images


def test_every_level_has_its_ratio_and_hostile_names_stay_text(images: pd.DataFrame) -> None:
    asked = Modelling(interaction="sex", strata="centre", site="centre", site_as="meta", splines=3)
    found = associate(images, outcome="ill", modelling=asked)
    page = render_page(found)
    section = page.split("Does the effect differ between people?")[1].split("<h2")[0]
    assert section.count("<h3>") == 3
    assert HOSTILE not in page
    assert "&lt;b&gt;north&lt;/b&gt;" in section
    grids = {grid.by: grid for grid in levels_grids(found, is_ratio=True)}
    first = grids["strata"].rows[0]
    expected = found.levels[(found.levels["by"] == "strata") & (found.levels["biomarker"] == first[0])]
    assert [cell.effect for cell in first[1] if cell] == pytest.approx(np.exp(expected["effect"]))
    assert first[2] == found.table.set_index("biomarker").loc[first[0], "p_strata"]
    assert grids["site"].rows[0][3] == found.table.set_index("biomarker").loc[first[0], "i2_sites"]
    assert ("no straight line" in page) == bool((found.table["p_nonlinear"] < 0.05).any())
    assert "brought together with random effects" in methods(found)
    assert "natural cubic splines of 3 degrees" in methods(found)


def test_a_biomarker_that_acts_in_a_curve_is_said_to(images: pd.DataFrame) -> None:
    own = images.groupby("participant_id")["b"].transform("mean")
    bent = images.assign(pressure=own**2 + np.repeat(np.random.default_rng(0).normal(size=PEOPLE), 2))
    bent.attrs = dict(images.attrs)
    page = render_page(associate(bent, outcome="pressure", modelling=Modelling(splines=3)))
    rows = {name: page.split(f">{name}</td>")[-1].split("</tr>")[0] for name in ("a", "b")}
    assert "no straight line (p " in page
    assert "no straight line" not in rows["a"]


def test_a_page_without_groups_has_no_such_section(images: pd.DataFrame) -> None:
    page = render_page(associate(images, outcome="ill"))
    assert "Does the effect differ between people?" not in page
    assert "no straight line" not in page


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"model": "gee"}, "logistic regression by generalised estimating equations, exchangeable"),
        ({"transform": "rank"}, "per standard deviation of the rank-based inverse normal of the biomarker"),
        ({"response": "biomarker", "model": "mixed"}, "a random intercept for each person"),
        ({"response": "biomarker"}, "Effects are differences in the biomarker, in its standard deviations"),
    ],
)
def test_the_methods_say_what_was_asked(images: pd.DataFrame, asked: dict, sentence: str) -> None:
    found = associate(images, outcome="ill", modelling=Modelling(**asked))
    assert sentence in methods(found)
    if "response" in asked:
        assert "difference in the biomarker with ill" in render_page(found)
        assert "fewer than 5 people with" not in methods(found)
        assert "odds ratio" not in render_page(found)
