"""Every column's name reads back in one way."""

from __future__ import annotations

import itertools

import pytest

from retquant.biomarkers import BIOMARKERS, ColumnName, parse
from retquant.biomarkers.grammar import VOCABULARY, pattern

LATER_SLOTS = ("statistic", "region", "sector", "slab")


def readings(name: str) -> list[tuple[str, ...]]:
    """All ways to cut a name into words of the slots, in order, none but the first two needed."""
    found = []
    for structure in VOCABULARY["structure"]:
        if not name.startswith(structure + "_"):
            continue
        rest = name.removeprefix(structure + "_")
        for biomarker in VOCABULARY["biomarker"]:
            tail = rest.removeprefix(biomarker)
            if rest.startswith(biomarker) and (not tail or tail.startswith("_")):
                found += [(structure, biomarker, *words) for words in tails(tail, LATER_SLOTS)]
    return found


def tails(text: str, slots: tuple[str, ...]) -> list[tuple[str, ...]]:
    if not text:
        return [()]
    if not slots:
        return []
    found = tails(text, slots[1:])
    for word in VOCABULARY[slots[0]]:
        rest = text.removeprefix(f"_{word}")
        if text.startswith(f"_{word}") and (not rest or rest.startswith("_")):
            found += [(word, *words) for words in tails(rest, slots[1:])]
    return found


def test_every_registered_name_reads_back_in_exactly_one_way():
    for name, column in BIOMARKERS.items():
        assert len(readings(name)) == 1, name
        read = parse(name)
        assert str(read) == name
        assert (read.structure, read.biomarker, read.statistic, read.region) == (
            column.structure,
            column.biomarker,
            column.statistic,
            column.region,
        )


def test_a_standard_error_reads_as_the_column_it_belongs_to():
    name = parse("vessel_fractal_d0_fov__se")
    assert name == ColumnName(
        structure="vessel", biomarker="fractal_d0", region="fov", is_standard_error=True
    )
    assert str(name) == "vessel_fractal_d0_fov__se"


@pytest.mark.parametrize(
    "name",
    [
        "crae_knudtson_zone_b",
        "crae_knudtson_n4_zone_b",
        "avr_knudtson_zone_b",
        "artery_calibre_length_weighted_zone_c",
        "artery_calibre_cv_median_zone_c",
        "vein_tortuosity_hart1_median_fov",
        "vessel_fractal_d0_fov",
        "artery_branch_points_fov",
        "artery_branch_point_density_fov",
        "artery_branch_points_per_length_fov",
        "vessel_branching_angle_median_fov",
        "vessel_area_density_fov",
    ],
)
def test_the_names_promised_to_users_exist(name):
    assert name in BIOMARKERS


@pytest.mark.parametrize(
    "name",
    ["", "vessel", "vessel_calibre_um_fov", "zone_b_vessel", "vessel__calibre", "vessel_calibre_fov_median"],
)
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="does not read"):
        parse(name)


def test_no_biomarker_ends_in_a_word_of_a_later_slot():
    later = list(itertools.chain.from_iterable(VOCABULARY[slot] for slot in LATER_SLOTS))
    for biomarker in VOCABULARY["biomarker"]:
        assert not any(biomarker == word or biomarker.endswith("_" + word) for word in later), biomarker


def test_every_word_of_a_biomarker_is_used_and_every_used_one_is_listed():
    assert {column.biomarker for column in BIOMARKERS.values()} == set(VOCABULARY["biomarker"])


def test_the_grammar_is_one_regular_expression():
    match = pattern().fullmatch("artery_calibre_median_zone_c")
    assert match is not None
    assert match["region"] == "zone_c"
