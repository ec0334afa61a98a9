"""The page says what was analysed, escapes what it is given, and needs nothing from the network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retquant.association import associate
from retquant.report.association_page import render_page
from retquant.report.axes import axis_over
from retquant.report.text import number, p_value

HOSTILE = "<script>alert(1)</script>"


def cohort(people: int = 120) -> pd.DataFrame:
    random = np.random.default_rng(0)
    images = pd.DataFrame(
        {
            "image_id": [f"i{n}" for n in range(2 * people)],
            "participant_id": np.repeat([f"p{n}" for n in range(people)], 2),
            "eye": ["OD", "OS"] * people,
            "age": np.repeat(random.normal(60, 8, people), 2),
        }
    )
    for index in range(40):
        images[f"marker_{index:02d}"] = np.repeat(random.normal(size=people), 2) + random.normal(
            size=2 * people
        )
    images["pressure"] = images.groupby("participant_id")["marker_03"].transform("mean") + np.repeat(
        random.normal(size=people), 2
    )
    images["diabetes"] = np.where(images["pressure"] > 0.3, "yes", "no")
    images.loc[:30, "marker_05"] = np.nan
    images["marker_07"] = 1.0
    images.attrs["units"] = {f"marker_{index:02d}": "um" for index in range(40)}
    return images


class Tags(HTMLParser):
    """Collects the tags of a page and checks that they are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.count: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in ("meta", "input"):
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    assert tags.opened == []
    return tags


@pytest.mark.parametrize("outcome", ["diabetes", "pressure"])
def test_the_page_shows_forest_volcano_table_and_who_was_analysed(outcome: str, tmp_path: Path) -> None:
    result = associate(cohort(), outcome=outcome, covariates=["age"])
    page = result.report(str(tmp_path / "page.html")).read_text(encoding="utf-8")
    tags = parsed(page)
    assert tags.count["svg"] == 6  # flow, forest, volcano, families, quantiles, correlations
    assert tags.count["circle"] == 39  # every estimated biomarker is a dot of the volcano
    assert page.count("<tr>") >= 41
    assert result.headline in page
    assert "120 people" in result.headline
    assert "adjusted for age" in page
    assert "the biomarker has one value only" in page
    assert "Research use only" in page
    assert ("odds ratio of diabetes" in page) == (outcome == "diabetes")


def test_names_and_labels_with_markup_stay_text() -> None:
    images = cohort().rename(columns={"diabetes": HOSTILE, "marker_03": "<img src=x onerror=alert(2)>"})
    images["participant_id"] = images["participant_id"] + HOSTILE
    images["image_id"] = images["image_id"] + HOSTILE
    images.attrs["units"]["<img src=x onerror=alert(2)>"] = HOSTILE
    images.attrs["definitions"] = {"marker_01": f'"{HOSTILE}'}
    images["site"] = np.where(images["age"] > 60, HOSTILE, "B")
    images.loc[:5, HOSTILE] = None
    page = render_page(associate(images, outcome=HOSTILE, covariates=["site"]))
    assert parsed(page).count["script"] == 1  # the page's own
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_page_asks_for_nothing_from_the_network() -> None:
    page = render_page(associate(cohort(), outcome="diabetes"))
    assert not re.search(r"(\ssrc=|href=(?!['\"]#)|url\(|@import|https?:)", page)
    assert "default-src 'none'" in page
    assert len(page.encode()) < 200_000


def test_a_page_with_no_estimate_at_all_says_so() -> None:
    images = cohort(people=30)
    images["rare"] = (images["participant_id"] == "p3").astype(int)
    page = render_page(associate(images, outcome="rare"))
    parsed(page)
    assert "None could be estimated" in page
    assert "Forest plot" not in page
    assert page.count("<svg") == 1  # who was tested is drawn all the same


def test_warnings_and_exclusions_are_shown() -> None:
    images = cohort().drop(columns="participant_id")
    images.loc[:9, "pressure"] = np.nan
    page = render_page(associate(images, outcome="pressure"))
    assert "240 of 240 images have no participant_id" in page
    assert "<b>10</b> images whose outcome is not known" in page
    assert "i0, i1, i2" in page


def test_axes_have_round_ticks_inside_their_range() -> None:
    odds = axis_over([0.4, 3.0], start=0, end=100, include=1.0, is_log=True)
    labels = [label for _, label in odds.ticks()]
    assert "1" in labels
    assert odds.position(1.0) == pytest.approx(
        100 * np.log(1 / odds.low) / np.log(odds.high / odds.low), abs=0.06
    )
    linear = axis_over([-0.31, 0.1], start=0, end=100, include=0.0)
    assert [label for _, label in linear.ticks()] == ["−0.3", "−0.2", "−0.1", "0", "0.1"]
    flat = axis_over([], start=0, end=100, include=0.0)
    assert flat.position(0.0) == 50


def test_numbers_read_as_people_write_them() -> None:
    assert number(-0.01234) == "−0.0123"
    assert number(1.2e-9, 2) == "1.2×10⁻⁹"
    assert (number(0.2), number(153.2), number(0)) == ("0.200", "153", "0")
    assert number(float("nan")) == "–"
    assert (p_value(0.0432), p_value(0.00012), p_value(0.0)) == ("0.043", "0.00012", "<10⁻³⁰⁰")
