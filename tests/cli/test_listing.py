"""What the command line answers without doing any work."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from retquant.biomarkers import BIOMARKERS
from retquant.biomarkers.grammar import SLABS
from retquant.cli import app
from retquant.errors import ConfigError, ModelError
from retquant.segmentation.bundles import list_bundles

run = CliRunner().invoke

COMMANDS = (
    ["cohort", "run"],
    ["cohort", "status"],
    ["quantify"],
    ["biomarkers", "list"],
    ["biomarkers", "show"],
    ["manifest"],
    ["models", "list"],
    ["models", "show"],
    ["models", "fetch"],
    ["models", "verify"],
    ["train"],
    ["evaluate"],
    ["associate"],
    ["reliability"],
    ["export"],
    ["doctor"],
    ["cluster", "show"],
    ["cluster", "start"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: list[str]) -> None:
    answer = run(app, [*command, "--help"])
    assert answer.exit_code == 0
    assert "Usage" in answer.output


def test_the_version_is_printed() -> None:
    from retquant import __version__

    assert run(app, ["--version"]).output == f"retquant {__version__}\n"


def test_biomarkers_are_listed_with_their_units() -> None:
    answer = run(app, ["biomarkers", "list", "vessel_calibre_*_fov"])
    assert answer.exit_code == 0
    lines = answer.stdout.splitlines()
    assert {line.split()[0] for line in lines} == {
        n for n in BIOMARKERS if n.startswith("vessel_calibre_") and n.endswith("_fov")
    }
    assert all(line.split()[1] in ("um", "1") for line in lines)


def test_the_json_list_holds_every_biomarker() -> None:
    listed = json.loads(run(app, ["biomarkers", "list", "--json"]).stdout)
    assert {entry["name"] for entry in listed} == set(BIOMARKERS)


def test_columns_of_a_slab_are_shown_and_listed_by_their_names() -> None:
    shown = json.loads(run(app, ["biomarkers", "show", "capillary_flux_field_opl_bm", "--json"]).stdout)
    assert (shown["slab"], shown["definition_id"]) == ("opl_bm", "flux")
    listed = run(app, ["biomarkers", "list", "capillary_flux_field_*"]).stdout.split()
    assert listed[::2] == [f"capillary_flux_field_{slab}" for slab in SLABS]
    with pytest.raises(ConfigError, match="faz_area_svc"):
        run(app, ["biomarkers", "show", "faz_area_svc"], catch_exceptions=False)


def test_showing_a_biomarker_gives_unit_definition_and_source() -> None:
    text = run(app, ["biomarkers", "show", "crae_knudtson_zone_b"]).stdout
    assert "Knudtson2003" in text
    assert "um" in text


def test_a_misspelt_biomarker_is_answered_with_near_names() -> None:
    with pytest.raises(ConfigError) as caught:
        run(app, ["biomarkers", "show", "crae_knudson_zone_b"], catch_exceptions=False)
    assert "crae_knudtson_zone_b" in caught.value.remedy


def test_models_are_listed_with_what_their_data_allow() -> None:
    text = run(app, ["models", "list"]).stdout
    for bundle in list_bundles():
        (line,) = [line for line in text.splitlines() if line.split()[0] == bundle.name]
        assert ("open data" in line) == bundle.is_open


def test_an_unknown_model_is_answered_with_those_that_ship() -> None:
    with pytest.raises(ModelError) as caught:
        run(app, ["models", "show", "nothing-like-it"], catch_exceptions=False)
    assert all(bundle.name in caught.value.remedy for bundle in list_bundles())
