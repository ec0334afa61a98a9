"""The contract that every registered biomarker keeps, generated from the registry itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from retquant.biomarkers import BIOMARKERS, DEFINITIONS, biomarker, catalogue, registry
from retquant.resources import resource_folder

REWRITE = "run: python -m retquant.biomarkers.catalogue"
CHECKOUT = Path(__file__).resolve().parents[2]
KEYS = set(re.findall(r"^@\w+\{(\w+),", (CHECKOUT / "docs" / "references.bib").read_text("utf-8"), re.M))
UCUM = re.compile(r"1|deg|rad|um|mm2?|1/mm2?|mm-0\.75")  # UCUM has no broken powers: Trucco's unit is its own


@pytest.mark.parametrize("name", list(DEFINITIONS))
def test_a_definition_has_sentence_unit_reference_and_version(name):
    definition = DEFINITIONS[name]
    assert re.fullmatch(r"[A-Z][^.]*(\.\d[^.]*)*\.", definition.sentence), definition.sentence
    assert UCUM.fullmatch(definition.unit)
    assert definition.reference in KEYS
    assert definition.version >= 1
    assert definition.structures
    assert 0.0 < definition.minimum_visible_share <= 1.0
    assert definition.direction in ("higher_is_better", "higher_is_worse", "neither")
    assert definition.derived_from is None or definition.derived_from in DEFINITIONS


def test_what_has_a_length_in_its_unit_needs_a_scale():
    for definition in DEFINITIONS.values():
        if definition.pixel_power:
            assert definition.needs_scale != "no", definition.id


def test_hubbard_needs_a_nominal_scale():
    for structure in ("crae", "crve", "avr"):
        assert BIOMARKERS[f"{structure}_hubbard_zone_b"].needs_scale == "nominal"


def test_counts_need_more_of_a_region_to_be_visible_than_densities():
    assert BIOMARKERS["artery_branch_points_zone_b"].minimum_visible_share == 0.95
    assert BIOMARKERS["artery_branch_point_density_zone_b"].minimum_visible_share == 0.6


def test_a_derived_column_names_a_column_that_exists():
    derived = [column for column in BIOMARKERS.values() if column.derived_from]
    assert derived
    for column in derived:
        assert column.derived_from in BIOMARKERS


def test_there_are_at_least_250_columns_that_are_no_function_of_others():
    assert sum(column.derived_from is None for column in BIOMARKERS.values()) >= 250


def test_the_registry_is_read_only():
    with pytest.raises(TypeError):
        BIOMARKERS["x"] = None  # type: ignore[index]
    assert not hasattr(BIOMARKERS, "update")


def mean_of_nothing(view: object) -> float:
    """Number that means nothing."""
    return 0.0


def test_registering_a_name_twice_raises():
    assert "vessel_area_density_fov" in BIOMARKERS
    with pytest.raises(ValueError, match="column 'vessel_area_density_fov' exists already"):
        biomarker(
            unit="1",
            reference="retquant",
            structures=("vessel",),
            regions=("fov",),
            word="area_density",
            id="another",
        )(mean_of_nothing)
    with pytest.raises(ValueError, match="definition 'area_density' exists already"):
        biomarker(unit="1", reference="retquant", structures=("av",), word="area_density")(mean_of_nothing)
    assert "another" not in DEFINITIONS


def test_an_unknown_unit_and_a_docstring_that_is_no_sentence_are_refused():
    with pytest.raises(ValueError, match="furlong"):
        biomarker(unit="furlong", reference="retquant", structures=("vessel",))(mean_of_nothing)
    with pytest.raises(ValueError, match="full stop"):
        biomarker(unit="1", reference="retquant", structures=("vessel",))(lambda view: 0.0)


class BrokenPlugin:
    value = "elsewhere.biomarkers"

    def load(self) -> None:
        raise ImportError("no module named 'elsewhere'")


def test_a_broken_plug_in_is_named_in_a_warning_and_takes_nothing_along(monkeypatch):
    monkeypatch.setattr(registry, "entry_points", lambda group: [BrokenPlugin()])
    monkeypatch.setattr(registry, "_loaded", False)
    with pytest.warns(UserWarning, match=r"elsewhere\.biomarkers.*no module named"):
        assert len(BIOMARKERS) > 250


def test_another_package_may_register_its_own_word(monkeypatch):
    monkeypatch.setattr(registry, "_columns", {})
    monkeypatch.setattr(registry, "_definitions", {})
    biomarker(unit="1", reference="Elsewhere2030", structures=("vein",), regions=("zone_b",), word="glitter")(
        mean_of_nothing
    )
    assert list(registry._columns) == ["vein_glitter_zone_b"]


def test_listing_imports_none_of_the_heavy_libraries():
    code = (
        "import sys; from retquant.biomarkers import BIOMARKERS; assert len(BIOMARKERS);"
        "heavy = 'scipy', 'skimage', 'cv2', 'pandas', 'torch', 'skan', 'numba';"
        "print([module for module in heavy if module in sys.modules])"
    )
    listed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    assert listed.stdout.strip() == "[]"


def test_the_catalogue_in_the_docs_is_what_the_registry_says():
    written = (CHECKOUT / "docs" / "biomarkers.md").read_text("utf-8")
    assert written == catalogue.catalogue(), REWRITE


def test_the_vocabulary_in_the_schemas_is_the_grammar_of_the_code():
    written = (resource_folder("schemas") / "vocabulary.json").read_text("utf-8")
    assert json.loads(written) == json.loads(catalogue.vocabulary()), REWRITE
