"""The bundles that ship: whole, small, and described by their own cards."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from retquant.errors import ModelError
from retquant.resources import MODELS
from retquant.segmentation.bundles import Bundle, list_bundles, read_bundle, read_weights, render_card

BUNDLES = list_bundles()


def test_a_bundle_ships() -> None:
    assert "fundus-vessels" in {bundle.name for bundle in BUNDLES}


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda b: b.name)
def test_its_weights_are_those_of_its_card_and_small(bundle: Bundle) -> None:
    data = read_weights(bundle)
    assert hashlib.sha256(data).hexdigest() == bundle.weights_sha256
    assert len(data) <= 16 * 2**20


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda b: b.name)
def test_its_written_card_is_the_one_its_facts_give(bundle: Bundle) -> None:
    assert (MODELS / bundle.name / "CARD.md").read_text(encoding="utf-8") == render_card(bundle)


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda b: b.name)
def test_it_names_its_data_with_licences_and_has_held_out_figures(bundle: Bundle) -> None:
    assert bundle.training_data
    assert all(data.licence for data in bundle.training_data)
    assert any(result.role == "test" for result in bundle.results)


def test_a_bundle_that_learned_from_research_data_says_so() -> None:
    note = read_bundle("fundus-vessels").licence_note
    assert "research use only" in note
    assert "DRIVE" in note


def test_a_card_tells_the_error_of_areas_where_it_was_judged() -> None:
    bundle = read_bundle("fundus-vessels")
    assert "area error" not in render_card(bundle)
    zone = bundle.results[0].model_copy(update={"target": "faz", "area_error": 0.0421})
    lines = render_card(bundle.model_copy(update={"results": (zone, *bundle.results)})).splitlines()
    head = next(i for i, line in enumerate(lines) if line.endswith("| error | area error |"))
    table = [line for line in lines[head:] if line.startswith("|")]
    assert table[2].endswith("| 0.042 |")
    assert table[3].endswith("| – |")
    assert len({line.count("|") for line in table}) == 1


def test_a_card_that_was_written_before_areas_were_judged_is_read(tmp_path: Path) -> None:
    card = json.loads((MODELS / "fundus-vessels" / "model.json").read_text(encoding="utf-8"))
    for result in card["results"]:
        for newer in ("area_error", "area_bias"):
            result.pop(newer, None)
    (tmp_path / "model.json").write_text(json.dumps(card), encoding="utf-8")
    assert all(result.area_error is None for result in read_bundle(str(tmp_path)).results)


def test_a_damaged_card_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="damaged"):
        read_bundle(str(tmp_path))


def test_missing_weights_are_told(tmp_path: Path) -> None:
    shutil.copy(MODELS / "fundus-vessels" / "model.json", tmp_path / "model.json")
    with pytest.raises(ModelError, match="weights are missing"):
        read_weights(read_bundle(str(tmp_path)))


def test_a_card_with_an_unknown_fact_is_refused(tmp_path: Path) -> None:
    card = json.loads((MODELS / "fundus-vessels" / "model.json").read_text(encoding="utf-8"))
    (tmp_path / "model.json").write_text(json.dumps({**card, "colour": "red"}), encoding="utf-8")
    with pytest.raises(ModelError, match="colour"):
        read_bundle(str(tmp_path))
