"""The benchmark of random angiograms against their graphs: its truth, its statistics, its lines and its page."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import octa_agreement, octa_retinas
from benchmarks.bland_altman import limits
from benchmarks.octa_agreement import carry_out, key_of, numbers_of
from benchmarks.octa_agreement_page import PLOTTED, TRUE_MASKS, draw_plots, page
from benchmarks.octa_retinas import SCANS, Scan, overlaid_share, part_of, retina_of, truth_of
from retquant.biomarkers import BIOMARKERS
from retquant.phantoms.octa_graph import OctaGraph
from retquant.resources import resource_folder
from retquant.training.recipe import TrainingRecipe, load_recipe


def straight(*vessels: tuple[tuple[float, float], tuple[float, float], float]) -> OctaGraph:
    """Vessels of 10 um steps from point to point with a radius, mm, none joined to another."""
    lines = [
        np.linspace(first, last, max(round(math.dist(first, last) / 0.01), 1) + 1)
        for first, last, _ in vessels
    ]
    count = len(vessels)
    return OctaGraph(
        field_mm=3.0,
        points=np.concatenate(lines),
        starts=np.cumsum([0, *(len(line) for line in lines)]),
        radius=np.array([radius for *_, radius in vessels]),
        is_vein=np.arange(count) % 2 == 1,
        plexus=np.zeros(count, int),
        tree=np.arange(count),
        nodes=np.arange(2 * count).reshape(-1, 2),
        node_position=np.concatenate([line[[0, -1]] for line in lines]),
        node_type=np.full(2 * count, 2),
    )


def test_limits_of_agreement_are_those_of_the_closed_form() -> None:
    truth = np.array([1.0, 2.0, 3.0, 4.0])
    found = 2 * truth - 1  # off by 0, 1, 2, 3
    agreed = limits(np.column_stack([[*found, np.nan], [*truth, 5.0]]))
    assert (agreed.n, agreed.missing) == (4, 1)
    spread = math.sqrt(5 / 3)
    assert (agreed.bias, agreed.low, agreed.high) == pytest.approx(
        (1.5, 1.5 - 1.96 * spread, 1.5 + 1.96 * spread)
    )
    assert agreed.median_error == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert (agreed.slope, agreed.r_squared) == pytest.approx((2, 1))
    assert math.isnan(limits(np.array([[0.0, 0.0]])).median_error)
    assert limits(np.empty((0, 2))).n == 0


def test_length_inside_a_wider_vessel_is_overlaid_and_length_beside_it_is_not() -> None:
    wide = ((1.0, 0.5), (1.0, 2.5), 0.05)
    inside, beside = ((1.03, 1.0), (1.03, 1.5), 0.02), ((1.1, 1.0), (1.1, 1.5), 0.02)
    assert overlaid_share(straight(wide, beside)) == 0
    assert overlaid_share(straight(wide, inside, beside)) == pytest.approx(0.5 / 3.0, rel=1e-6)
    thin = ((1.03, 1.0), (1.03, 1.5), 0.005)  # a capillary is no large vessel
    assert overlaid_share(straight(wide, thin)) == 0
    large = part_of(straight(wide, thin, beside), np.array([True, False, True]))
    assert large.length == pytest.approx([2.0, 0.5])
    assert large.radius.tolist() == [0.05, 0.02]


@pytest.fixture(scope="module")
def small() -> Scan:
    """A scan of 2 mm, which grows and is measured in seconds."""
    return Scan(2.0, 203, 79)


def test_retinas_repeat_and_are_ill_where_the_number_is_odd(
    small: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCANS, 3, small)
    first, again, ill = retina_of(3, 0), retina_of(3, 0), retina_of(3, 1)
    assert first.truth == again.truth
    assert first.traits == type(first.traits)()
    assert ill.traits.dropout > 0
    assert ill.seed == first.seed + 1


def test_arteries_and_veins_of_the_truth_are_the_large_vessels(
    small: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCANS, 3, small)
    monkeypatch.setattr(octa_retinas, "fine_side", lambda field_mm: 800)
    retina = retina_of(3, 0)
    truth = truth_of(retina)
    assert set(truth) <= set(BIOMARKERS)
    kinds = truth["artery_length_density_field"] + truth["vein_length_density_field"]
    assert kinds == pytest.approx(truth["large_vessel_length_density_field"])
    assert kinds < 0.2 * truth["capillary_length_density_field"]
    assert truth["faz_area"] == pytest.approx(retina.faz.polygon().area)
    index = 1000 * truth["vein_area_density_field"] / truth["vein_length_density_field"]
    assert truth["vein_diameter_index_field"] == pytest.approx(index)
    bare = replace(retina, graph=part_of(retina.graph, retina.graph.radius < 0.01))
    assert not any(name.startswith("artery_calibre") for name in truth_of(bare))


def test_no_network_learns_from_the_retinas_that_judge_it() -> None:
    judged = {scan.first_seed + number for scan in SCANS.values() for number in range(1000)}
    assert len(judged) == 1000 * len(SCANS)
    for file in (resource_folder("pipelines") / "training").glob("octa-*.toml"):
        for phantoms in load_recipe(file, TrainingRecipe).phantoms:
            assert not judged & set(range(phantoms.seed, phantoms.seed + phantoms.count)), file.name


def test_a_retina_is_measured_once_and_a_line_cut_short_again(
    small: Scan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(SCANS, 3, small)
    monkeypatch.setattr(octa_retinas, "fine_side", lambda field_mm: 800)
    results = tmp_path / "results.jsonl"
    carry_out(tmp_path, [3], [0], None)
    (line,) = (json.loads(text) for text in results.read_text(encoding="utf-8").splitlines())
    assert key_of(line) == (3, 0, TRUE_MASKS, None)
    assert line["found"]["faz_area"] == pytest.approx(line["truth"]["faz_area"], rel=0.003)
    large = "large_vessel_length_density_field"
    assert line["found"][large] == pytest.approx(line["truth"][large], rel=0.05)
    assert line["missing"]["capillary_lacunarity_mean_field"] == "resolution_too_low"
    assert set(line["truth"]) <= {*line["found"], *line["missing"]}

    done: list[tuple[int, int]] = []

    def stand_in(field: int, number: int) -> dict[str, object]:
        done.append((field, number))
        return {**line, "seed": number}

    monkeypatch.setattr(octa_agreement, "line_on_masks", stand_in)
    results.write_text(results.read_text(encoding="utf-8") + '{"field": 3, "seed": 1, "by', encoding="utf-8")
    carry_out(tmp_path, [3], [0, 1], None)
    carry_out(tmp_path, [3], [0, 1], None)
    assert done == [(3, 1)]


def lines(by: str = TRUE_MASKS, weights: str | None = None, off: float = 0.0) -> list[dict[str, object]]:
    return [
        {
            "field": 3,
            "seed": seed,
            "by": by,
            "weights": weights,
            "overlaid_share": 0.03,
            "truth": {"faz_area": 0.2 + 0.1 * seed, "artery_area_density_parafovea_nasal": 0.05},
            "found": {"faz_area": 0.21 + 0.1 * seed + off * seed},
            "missing": {"artery_area_density_parafovea_nasal": "target_absent"},
        }
        for seed in range(3)
    ]


def test_the_page_has_bias_and_limits_by_way_and_says_what_is_missing() -> None:
    text = page([*lines(), *lines("net", "0123abcd", off=0.01)])
    assert "from 3 retinas of 3 mm." in text.replace("\n", " ")
    exact = "| `faz_area` | mm2 | 0.3 | 0.01 | 0.01 | 0.01 | +3.33 | 3.33 | 1.000 | 1.000 | 3 |"
    assert exact in text
    spread = 1.96 * 0.01
    row = f"| `faz_area` | mm2 | 0.3 | 0.02 | {0.02 - spread:.4g} | {0.02 + spread:.4g} | +6.67 |"
    assert row in text.split("## 3 mm, through `net` (weights 0123abcd)")[1]
    assert "Missing with `target_absent`, retinas: `artery_area_density_parafovea_nasal` 3." in text
    assert "3.0 % (3 mm)" in text


def test_the_page_says_where_truth_and_measurement_differ_by_definition() -> None:
    text = page(lines()).replace("\n  ", " ")
    for word in ("thinner than a pixel", "projection", "Crossings", "among the large vessels", "Lacunarity"):
        assert word in text


def test_plots_are_drawn_of_what_was_measured(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    both = [*lines(), *lines("net", "0123abcd")]
    files = draw_plots(both, tmp_path / "plots")
    assert [file.name for file in files] == ["faz_area.png"]
    assert files[0].stat().st_size > 5000
    assert "](plots/faz_area.png)" in page(both, pictures=files, at=tmp_path)


def test_plotted_columns_and_spans_of_seeds_are_read() -> None:
    assert set(PLOTTED) <= set(BIOMARKERS)
    assert numbers_of("0-3,7,2") == [0, 1, 2, 3, 7]
