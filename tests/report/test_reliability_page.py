"""The page and the command of `retquant reliability`: figures, hostile names as text, drawn without a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retquant.association.reliability import reliability
from retquant.report.bland_altman import bland_altman
from retquant.report.reliability_page import write_reliability_page

HOSTILE = "<script>alert(1)</script>"
Rendered = Callable[[str], tuple[str, str]]


def images() -> pd.DataFrame:
    random = np.random.default_rng(1)
    people = 40
    frame = pd.DataFrame(
        {
            "image_id": [f"i{n}" for n in range(4 * people)],
            "participant_id": np.repeat([f"p{n}" for n in range(people)], 4),
            "eye": ["OD", "OD", "OS", "OS"] * people,
            HOSTILE: np.repeat(random.normal(50, 3, people), 4) + random.normal(size=4 * people),
            "empty": np.nan,
        }
    )
    frame.attrs["units"] = {HOSTILE: "um", "empty": "um"}
    return frame


def test_a_hostile_name_stays_text_and_every_design_has_its_section(tmp_path: Path) -> None:
    found = reliability(images(), against=images())
    page = write_reliability_page(found, tmp_path / "r.html").read_text(encoding="utf-8")
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page
    for title in ("Repeat pictures of an eye", "The two eyes of a person", "Two methods"):
        assert title in page
    assert page.count("<svg") == 3  # a column without values has no plot
    assert "http" not in page.replace("http-equiv", "")


def test_a_plot_of_many_pairs_says_how_many_it_draws() -> None:
    random = np.random.default_rng(2)
    first = random.normal(size=1000)
    plot = bland_altman("x", first, first + 0.5, unit="1", limits=(0.4, 0.5, 0.6))
    assert plot is not None
    assert (plot.shown, plot.pairs) == (400, 1000)
    assert plot.points == bland_altman("x", first, first + 0.5, unit="1", limits=(0.4, 0.5, 0.6)).points
    assert bland_altman("x", first[:2], first[:2], unit="1", limits=(0.0, 0.0, 0.0)) is None


def test_in_chromium_a_heading_sorts_its_table_and_nothing_complains(
    tmp_path: Path, rendered: Rendered
) -> None:
    page = write_reliability_page(reliability(images()), tmp_path / "r.html")
    click = "<script>document.querySelectorAll('th button')[1].click();</script></body>"
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", click), encoding="utf-8")
    shown, said = rendered(page.as_uri())
    assert said == ""
    table = shown.split("<tbody>")[1].split("</tbody>")[0]
    assert table.index("empty") < table.index("&lt;script")  # 0 pairs before 80
    assert 'aria-sort="ascending"' in shown


def test_the_table_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    found = reliability(images())
    read = pd.read_csv(found.to_csv(tmp_path / "out" / "reliability.csv")).set_index(["design", "biomarker"])
    assert read.loc[("repeats", HOSTILE), "n"] == 80
    assert read["agreement"].to_numpy() == pytest.approx(found.table["agreement"].to_numpy(), nan_ok=True)
    assert [line.split(":")[0] for line in found.middle()] == ["repeats", "eyes"]
