"""What the association page shows beside its table: who was tested, families, correlations."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from retquant.association import associate
from retquant.association.flow import LeftOut, Step
from retquant.report.association_page import render_page
from retquant.report.correlation_map import correlation_map
from retquant.report.flow_figure import flow_figure
from retquant.report.manhattan import manhattan
from retquant.report.name_tags import name_tags
from retquant.report.text import number, share
from tests.association.simulated_cohorts import CALIBRE, person_mean, two_eyed_cohort


def table(p: list[float], names: list[str] | None = None) -> pd.DataFrame:
    names = names or [f"marker_{place}" for place in range(len(p))]
    return pd.DataFrame(
        {"biomarker": names, "role": "biomarker", "p": p, "q": [4 * one for one in p], "effect": 1.0}
    )


def test_boxes_of_the_diagram_do_not_overlap_and_hold_the_counts() -> None:
    steps = (
        Step(
            what="images measured",
            count=1200,
            left_out=(LeftOut(count=3, what="a"), LeftOut(count=4, what="b")),
        ),
        Step(what="people", count=500, least=480, detail="of both sexes"),
    )
    figure = flow_figure(steps)
    first, aside, last = figure.boxes
    assert first.y + first.height < aside.y
    assert aside.y + aside.height < last.y
    assert figure.height > last.y + last.height
    assert [line[1] for line in aside.lines] == ["3", "4"]
    assert last.lines[0][1] == "480 to 500"
    assert figure.arrows == ((first.y + first.height, last.y),)


def test_one_image_and_one_person_are_not_many() -> None:
    alone = LeftOut(count=1, what="images that the rule for eyes does not use")
    steps = (
        Step(what="images measured", count=2, left_out=(alone,)),
        Step(what="people with an outcome", count=1),
    )
    said = [line[2] for box in flow_figure(steps).boxes for line in box.lines]
    assert said == ["images measured", "image that the rule for eyes does not use", "person with an outcome"]


def test_the_bars_of_the_manhattan_plot_lie_where_p_passes_them() -> None:
    rows = table([1e-6, 1e-3, 0.02, 0.5], ["vessel_area_density_fov", "crae_knudtson_zone_b", "b", "a"])
    figure = manhattan(rows, effective=2.5, bar=0.05)
    assert figure is not None
    heights = {bar.text: bar.y for bar in figure.bars}
    assert heights["0.05 / 2.5 effective tests"] == figure.up.position(-math.log10(0.02))
    assert heights["q < 0.05 from here up"] == figure.up.position(3)
    assert [family for _, _, family in figure.bands] == ["density", "equivalents", "other"]
    dots = {dot.values["biomarker"]: dot for dot in figure.dots}
    assert dots["a"].x < dots["b"].x  # by name within a family
    assert dots["vessel_area_density_fov"].y == figure.up.position(6)
    for left, wide, family in figure.bands:
        inside = [dot for dot in figure.dots if left <= dot.x <= left + wide]
        assert len(inside) == (2 if family == "other" else 1)


def test_without_a_discovery_only_the_bar_of_bonferroni_is_drawn() -> None:
    figure = manhattan(table([0.4, 0.9]), effective=2.0, bar=0.05)
    assert figure is not None
    assert [bar.text for bar in figure.bars] == ["0.05 / 2.0 effective tests"]
    assert manhattan(table([math.nan]), effective=0.0, bar=0.05) is None


def test_names_hang_where_there_is_room() -> None:
    dots = [(100.0, 50.0, "alpha"), (290.0, 50.0, "beta"), (108.0, 52.0, "gamma"), (50.0, 90.0, "delta")]
    assert name_tags(dots, left=0, right=300, most=3) == ["end", "end", "start", ""]
    taken = name_tags([(100.0, 50.0, "alpha")], left=80, right=300, most=1, taken=[(110.0, 52.0, "a line")])
    assert taken == [""]


def test_correlations_stand_once_a_pair_with_like_beside_like() -> None:
    names = ["a", "b", "c", "d"]
    values = pd.DataFrame(np.eye(4), index=names, columns=names)
    values.loc["a", "c"] = values.loc["c", "a"] = 0.9
    values.loc["b", "d"] = values.loc["d", "b"] = -0.8
    figure = correlation_map(values)
    assert figure is not None
    assert len(figure.cells) == 6
    order = [name for _, name, _ in figure.names]
    assert abs(order.index("a") - order.index("c")) == 1
    found = {frozenset((name, other)): (colour, r) for _, _, colour, name, other, r in figure.cells}
    assert found[frozenset("ac")][1] == 0.9
    assert found[frozenset("ac")][0] != found[frozenset("bd")][0] != found[frozenset("ab")][0]
    assert correlation_map(values.iloc[:2, :2]) is None


def test_the_page_shows_what_noise_costs_and_how_well_the_outcome_is_predicted() -> None:
    images = two_eyed_cohort(150, seed=0, correlation=0.5)
    images["pressure"] = person_mean(images, CALIBRE) + 0.2 * images["age"]
    found = associate(images, outcome="pressure", covariates=["age"], robust=2, predicts=True)
    assert found.closer is not None
    page = render_page(found)
    noise = page.split("What noise of measurement costs")[1].split("<h2")[0]
    errors = found.closer.errors.set_index("biomarker")
    assert f"<td>{number(errors.loc[CALIBRE, 'left'], 2)}</td>" in noise
    assert "two eyes (150 pairs)" in noise
    assert "Assumed is classical error" in noise
    prediction = page.split("Exploratory: would the biomarkers predict pressure?")[1].split("<h2")[0]
    assert found.closer.prediction is not None
    assert found.closer.prediction.gain is not None
    assert f"<td>{share(found.closer.prediction.gain.value)}</td>" in prediction
    assert prediction.count("<title>") == len(found.closer.prediction.calibration)
    images["pressure"] = images["pressure"].where(images["participant_id"] < "00050")
    few = render_page(associate(images, outcome="pressure", robust=0, predicts=True))
    assert "No prediction was tried: 50 people are too few" in few
    assert "What noise of measurement costs" not in few


@pytest.mark.parametrize("outcome", ["diabetes", "age"])
def test_the_page_tells_who_was_tested_before_what_was_found(outcome: str) -> None:
    images = two_eyed_cohort(90, seed=0)
    images["diabetes"] = np.where(images["age"] > 60, "yes", "no")
    page = render_page(associate(images, outcome=outcome, covariates=["sex"]))
    who = page.split("Who was analysed")[1].split("Strongest associations")[0]
    assert '<tspan class="n">180</tspan> images measured' in who
    assert '<tspan class="n">90</tspan> people' in who
    assert "Table 1. People by outcome" in who
    assert who.count("<th>") == (5 if outcome == "age" else 4)
    assert "By family of biomarkers" in page
