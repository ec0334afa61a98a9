"""Quantiles of p-values lie where chance has them, and images far out are named, with a way to their page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retquant.association import associate
from retquant.association.far_values import MOST, far_values
from retquant.report.association_page import render_page, write_page
from retquant.report.quantile_plot import quantile_plot
from retquant.tables.outliers import FAR, robust_z
from tests.association.simulated_cohorts import CALIBRE, DENSITY, two_eyed_cohort


def table(p: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"biomarker": [f"m{n}" for n in range(len(p))], "role": "biomarker", "p": p})


def test_p_values_of_chance_lie_on_the_line_and_are_not_inflated() -> None:
    count = 999
    figure = quantile_plot(table((np.arange(count) + 0.5) / count))
    assert figure is not None
    assert figure.inflation == pytest.approx(1, abs=0.002)
    slope = (figure.ideal[3] - figure.ideal[1]) / (figure.ideal[2] - figure.ideal[0])
    for x, y, _ in figure.dots:
        assert y == pytest.approx(figure.ideal[1] + slope * (x - figure.ideal[0]), abs=0.2)
    from scipy.stats import norm

    z = norm.isf((np.arange(count) + 0.5) / count / 2) * 1.5
    raised = quantile_plot(table(2 * norm.sf(z)))
    assert raised is not None
    assert raised.inflation == pytest.approx(2.25, rel=0.01)
    assert quantile_plot(table(np.full(9, 0.5))) is None


def test_robust_distances_are_standard_deviations_of_the_normal_distribution() -> None:
    from scipy.stats import norm

    values = norm.ppf((np.arange(100_001) + 0.5) / 100_001) * 3 + 7
    z = robust_z(values)
    assert z is not None
    assert z == pytest.approx((values - 7) / 3, rel=1e-4, abs=1e-9)
    assert robust_z(np.r_[np.ones(51), np.arange(49.0)]) is None


def test_the_farthest_images_are_named_and_all_are_counted() -> None:
    images = two_eyed_cohort(100, seed=2)
    far = [3, 10, 40, 77, 120, 121, 150]
    images.loc[far, CALIBRE] = 120 + 12 * np.array([9, -12, 10, 30, 25, 26, -40.0])
    found = far_values(images, [CALIBRE, DENSITY])
    assert found["biomarker"].tolist() == [CALIBRE] * MOST
    assert found["image_id"].tolist() == [f"i{n:05d}" for n in (150, 77, 121, 120, 10)]
    assert found["participant_id"].iloc[0] == "00075"
    assert (found["z"].abs() >= FAR).all()
    assert (found["images"] == 7).all()


def test_the_page_leads_to_the_image_where_the_run_has_its_page(tmp_path: Path) -> None:
    images = two_eyed_cohort(60, seed=2)
    images["image_id"] = "odd & <b>" + images["image_id"]
    images.loc[5, CALIBRE] = 1000.0
    found = associate(images, outcome="age", robust=2, source=str(tmp_path / "a run"))
    assert "odd &amp; &lt;b&gt;i00005</td>" in render_page(found)  # named, and no page to lead to
    (tmp_path / "a run" / "pages").mkdir(parents=True)
    (tmp_path / "a run" / "pages" / "subject.html").write_text("", encoding="utf-8")
    page = write_page(found, tmp_path / "a run" / "associations" / "age.html").read_text(encoding="utf-8")
    assert '<a href="../pages/subject.html?q=odd%20%26%20%3Cb%3Ei00005">' in page
    elsewhere = write_page(replace(found), tmp_path / "far" / "age.html").read_text(encoding="utf-8")
    assert '<a href="../a%20run/pages/subject.html?q=' in elsewhere
