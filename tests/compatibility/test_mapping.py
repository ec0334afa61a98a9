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
        counts = [name for spellings in entry.needs_six for name in spellings]
        for name in (*entry.needs, *entry.needs_if_there, *entry.needs_plausible, *counts):
            assert described.knows(name)


FULL_V3 = """
temporal_angle bifangle bifangle_hf_superior bifangle_hf_inferior md_diam md_diam_hf_superior
md_diam_hf_inferior lw_diam lw_diam_hf_superior lw_diam_hf_inferior lw_diam_disc_full temporal_cre
temporal_cre_hf_superior temporal_cre_hf_inferior nasal_cre full_cre md_tort_dist md_tort_curv
lw_tort_dist_vessels lw_tort_dist lw_tort_dist_max_segment_len_0p2 lw_tort_curv lw_tort_dist_etdrs_full
lw_tort_dist_max_segment_len_0p2_etdrs_full lw_tort_curv_etdrs_full lw_tort_dist_disc_full
lw_tort_dist_max_segment_len_0p2_disc_full lw_tort_curv_disc_full vd_elps_full vd_disc_full vd_etdrs_full
vd_hf_superior vd_hf_inferior
"""
"""What retinalysis-vascx 2.1.0 writes with its recommended feature set, before `_arteries` and `_veins`."""


def test_every_name_of_the_recommended_feature_set_of_vascx_is_known() -> None:
    names = [f"{name}_{layer}" for name in FULL_V3.split() for layer in ("arteries", "veins")]
    names += ["disc_fovea_distance", "mean_sparsity", "max_sparsity"]
    names += [f"{s}_sparsity_{r}_full" for s in ("mean", "max") for r in ("elps", "disc", "etdrs")]
    assert len(names) == 75  # as many as it has columns
    assert [name for name in names if not program("vascx").knows(name)] == []


def test_every_name_of_a_zones_file_of_automorph_is_known() -> None:
    names = ["Disc_height", "Disc_width", "Cup_height", "Cup_width", "CDR_vertical", "CDR_horizontal"]
    names += [f"{name}_{formula}" for name in ("CRAE", "CRVE", "AVR") for formula in ("Hubbard", "Knudtson")]
    whole = ("Fractal_dimension", "Vessel_density", "Average_width", "Distance_tortuosity")
    bends = ("Squared_curvature_tortuosity", "Tortuosity_density")
    names += [f"{structure}{name}" for structure in ("", "Artery_", "Vein_") for name in (*whole, *bends)]
    assert [name for name in names if not program("automorph").knows(name)] == []


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
