"""The dictionary table: every column of every table with its whole definition."""

from __future__ import annotations

from retquant.biomarkers import BIOMARKERS
from retquant.tables.dictionary import dictionary_table

ROWS = {
    row["name"]: row
    for row in dictionary_table(BIOMARKERS.values()).to_pylist()
    if row["table"] == "biomarkers"
}


def test_every_biomarker_has_its_whole_definition() -> None:
    for name, column in BIOMARKERS.items():
        text = ROWS[name]["definitions"]
        assert text.startswith(f"{column.definition_id}, version {column.version} [{column.reference}]: ")
        assert column.definition in text
        assert column.notes in text
        assert all(alias in text for alias in column.aliases)


def test_a_definition_says_what_others_call_it_and_whether_that_is_comparable() -> None:
    text = ROWS["crae_hubbard_zone_b"]["definitions"]
    assert "AutoMorph CRAE_Hubbard (same)" in text
    assert "PVBM craeh (different definition)" in text
    assert "Elsewhere" not in ROWS["quality_score"]["definitions"]


def test_other_spellings_of_a_name_are_left_to_the_page() -> None:
    assert "median_tortuosity" not in ROWS["artery_tortuosity_hart1_median_fov"]["definitions"]


def test_a_name_that_several_kinds_of_file_share_stands_once() -> None:
    assert ROWS["artery_area_density_fov"]["definitions"].count("AutoMorph Artery_Vessel_density ") == 1
