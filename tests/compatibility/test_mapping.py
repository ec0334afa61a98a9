"""The mapping of other programs' columns: every entry names a real column of ours and says what differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from retquant.biomarkers import BIOMARKERS
from retquant.compatibility import COMPARABLE, PROGRAMS, Counterpart, names_elsewhere, program
from retquant.compatibility.page import page

ENTRIES = [entry for key in PROGRAMS for entry in program(key).counterparts]


def named(entry: Counterpart) -> str:
    return f"{entry.program} {entry.theirs} {entry.region or ''}".strip()


@pytest.mark.parametrize("entry", ENTRIES, ids=named)
def test_every_counterpart_is_a_column_of_ours_and_says_what_differs(entry: Counterpart) -> None:
    assert entry.ours is None or entry.ours in BIOMARKERS
    assert entry.comparable in COMPARABLE
    assert (entry.ours is None) == (entry.comparable == "no counterpart")
    assert entry.difference.endswith((".", ")."))
    assert "  " not in entry.difference


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.comparable == "same"], ids=named)
def test_what_is_called_the_same_has_our_unit(entry: Counterpart) -> None:
    assert entry.ours is not None
    assert entry.unit == BIOMARKERS[entry.ours].unit


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.comparable == "rescaled"], ids=named)
def test_what_is_rescaled_is_a_length_in_pixels(entry: Counterpart) -> None:
    assert entry.ours is not None
    assert entry.unit == "px"
    assert BIOMARKERS[entry.ours].unit in ("um", "mm")


@pytest.mark.parametrize("key", PROGRAMS)
def test_no_name_of_theirs_stands_twice_for_a_region(key: str) -> None:
    names = [(entry.theirs.casefold(), entry.region) for entry in program(key).counterparts]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("key", PROGRAMS)
def test_columns_that_a_value_needs_are_known_themselves(key: str) -> None:
    described = program(key)
    for entry in described.counterparts:
        for name in (*entry.needs, *entry.needs_if_there, *entry.needs_plausible):
            assert described.knows(name)


def test_no_formula_with_micrometres_in_it_is_taken_from_pixels() -> None:
    from_pixels = [entry for entry in ENTRIES if "hubbard" in (entry.ours or "") and entry.unit == "px"]
    assert from_pixels
    assert {entry.comparable for entry in from_pixels} == {"different definition"}


def test_no_length_that_counts_pixels_is_called_the_same() -> None:
    stepped = [entry for entry in ENTRIES if "pixel to pixel" in entry.difference]
    assert {entry.program for entry in stepped} == {"AutoMorph", "PVBM"}
    assert {entry.comparable for entry in stepped} == {"different definition"}


def test_a_column_of_ours_is_found_under_every_other_name() -> None:
    found = {entry.program for entry in names_elsewhere("crae_knudtson_zone_b")}
    assert found == {"AutoMorph", "VascX", "PVBM"}
    assert not list(names_elsewhere("quality_score"))


def test_the_page_is_what_the_data_files_say() -> None:
    written = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"
    assert written.read_text(encoding="utf-8") == page()
