"""Findings analysed otherwise: a planted effect of one site, of outliers and of poor pictures is seen to be that."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retquant.association import associate
from retquant.association.robustness import COLUMNS, variants
from retquant.report.association_page import render_page

PEOPLE = 300
MARKERS = ("everywhere", "north", "lone", "poor")


@pytest.fixture(scope="module")
def images() -> pd.DataFrame:
    """`everywhere` bears on the outcome, `north` at one site, `lone` through two people, `poor` in poor pictures."""
    random = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "image_id": [f"i{n}" for n in range(2 * PEOPLE)],
            "participant_id": np.repeat([f"p{n}" for n in range(PEOPLE)], 2),
            "eye": ["OD", "OS"] * PEOPLE,
            "sex": np.repeat(random.choice(["female", "male"], PEOPLE), 2),
            "site": np.repeat(random.choice(["north", "south"], PEOPLE), 2),
            "quality_score": random.uniform(0, 1, 2 * PEOPLE),
        }
    )
    noise = np.repeat(random.normal(size=PEOPLE), 2)
    for name in MARKERS:
        frame[name] = np.repeat(random.normal(size=PEOPLE), 2) + 0.2 * random.normal(size=2 * PEOPLE)
    at_north = frame["site"] == "north"
    frame["pressure"] = 0.5 * frame.groupby("participant_id")["everywhere"].transform("mean") + noise
    frame["pressure"] += np.where(at_north, frame.groupby("participant_id")["north"].transform("mean"), 0)
    frame.loc[:3, "lone"] = 60.0
    frame.loc[:3, "pressure"] = 25.0
    poorest = frame["quality_score"] < 0.2
    frame.loc[poorest, "poor"] += 3 * frame.loc[poorest, "pressure"]
    frame.attrs["units"] = dict.fromkeys(MARKERS, "um")
    return frame


@pytest.fixture(scope="module")
def found(images):
    return associate(images, outcome="pressure", biomarkers=MARKERS, robust=4)


def test_each_variant_shows_what_a_finding_rests_on(found) -> None:
    again = found.reruns.set_index(["biomarker", "variant"])
    main = found.table.set_index("biomarker")
    assert list(again.columns) == [name for name in COLUMNS if name not in ("biomarker", "variant")]
    north, south = again.loc[("north", "site north"), "effect"], again.loc[("north", "site south"), "effect"]
    assert north > 3 * abs(south)
    assert again.loc[("lone", "outliers pulled in"), "p"] > main.loc["lone", "p"]
    assert again.loc[("poor", "better pictures"), "effect"] < 0.5 * main.loc["poor", "effect"]
    by_sex = [again.loc[("everywhere", f"sex {sex}"), "n_people"] for sex in ("male", "female")]
    assert sum(by_sex) == PEOPLE


def test_a_variant_alone_is_that_analysis_alone(images, found) -> None:
    part = images[images["site"] == "north"].copy()
    part.attrs = dict(images.attrs)
    alone = associate(part, outcome="pressure", biomarkers=["everywhere"]).table.iloc[0]
    again = found.reruns.set_index(["biomarker", "variant"]).loc[("everywhere", "site north")]
    assert again["p"] == pytest.approx(alone["p"])
    main = found.table.set_index("biomarker").loc["everywhere"]
    assert again["effect"] == pytest.approx(alone["effect_per_unit"] * main["sd"])


def test_the_page_marks_what_turned_or_moved(found) -> None:
    section = render_page(found).split("Does it stand?")[1].split("<h2")[0]
    assert section.count("<tr>") == 5
    assert 'class="up"' in section
    assert "better pictures" in section


def test_variants_that_the_images_do_not_allow_are_not_made(images) -> None:
    plain = images.drop(columns=["quality_score", "sex", "site", "eye"])
    assert [name for name, _ in variants(plain, ["north"])] == ["outliers pulled in"]
    few = images.assign(site=np.where(images["participant_id"] == "p0", "rare", "north"))
    assert "site rare" not in [name for name, _ in variants(few, ["north"])]


def test_a_variant_in_which_nothing_can_be_analysed_says_so(images) -> None:
    one_sided = images.assign(pressure=images["pressure"].where(images["sex"] == "male"))
    again = associate(one_sided, outcome="pressure", biomarkers=["north"], robust=1).reruns
    row = again.set_index("variant").loc["sex female"]
    assert "no value at all" in row["reason"]
    assert np.isnan(row["effect"])


def test_nothing_is_done_again_unless_asked(images) -> None:
    plain = associate(images, outcome="pressure", biomarkers=["north"])
    assert plain.reruns is None
    assert "Does it stand?" not in render_page(plain)
