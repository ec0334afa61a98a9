"""The tables of segments, bifurcations and crossings."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.anatomy import Scale
from retquant.biomarkers import bifurcation_table, crossing_table, measure, segment_table
from retquant.biomarkers.equivalents import pair_up
from retquant.phantoms import murray_junction, quarter_circle, spokes
from retquant.tables.schemas import TABLES


def test_a_segment_is_told_in_x_and_y_in_pixels_and_micrometres(inputs_of):
    shape = quarter_circle(radius=450.56)
    tube = shape.tubes["artery"][0]
    rows = segment_table(inputs_of(shape))
    assert len(rows["segment"]) == 1
    assert (rows["x_start"][0], rows["y_start"][0]) == pytest.approx((tube.points[0, 1], tube.points[0, 0]))
    assert rows["length_px"][0] == pytest.approx(450.56 * np.pi / 2, rel=1e-4)
    assert rows["length_um"][0] == pytest.approx(5 * rows["length_px"][0])
    assert rows["chord_px"][0] == pytest.approx(450.56 * np.sqrt(2), rel=1e-6)
    assert (rows["calibre_px"][0], rows["calibre_um"][0]) == (16.0, 80.0)
    assert rows["tortuosity_hart1"][0] == pytest.approx(1.1107207, rel=1e-4)
    assert rows["start_kind"][0] == "end"


def test_every_column_of_a_table_is_equally_long_and_names_its_structure(inputs_of):
    rows = segment_table(inputs_of(spokes()))
    assert {len(values) for values in rows.values()} == {12}
    assert rows["structure"].tolist() == ["artery"] * 6 + ["vein"] * 6
    assert rows["in_zone_b"].all()
    assert rows["in_zone_c"].all()


def test_the_segments_that_equivalents_are_made_of_are_told_with_their_widths(inputs_of):
    widths = [9.0, 12.0, 14.0, 15.0, 17.0, 20.0, 5.0, 7.0]
    inputs = inputs_of(spokes(size=(700, 700), disc_radius=60.0, artery_widths=widths))
    rows = segment_table(inputs)
    artery = rows["structure"] == "artery"
    used = artery & np.array([rank is not None and rank <= 6 for rank in rows["equivalent_rank"]])
    order = np.argsort(rows["equivalent_rank"][used].astype(int))
    six = rows["equivalent_calibre_px"][used][order]
    assert six.tolist() == [20.0, 17.0, 15.0, 14.0, 12.0, 9.0]
    assert six.tolist() == rows["calibre_px"][used][order].tolist()  # straight spokes are as wide everywhere
    combined = pair_up(six, lambda narrow, wide: 0.88 * np.hypot(narrow, wide))
    crae = measure(inputs, ["crae_knudtson_zone_b"])["crae_knudtson_zone_b"]
    assert combined * inputs.anatomy.scale.um_per_px == pytest.approx(crae.value)


def test_without_a_disc_no_segment_enters_an_equivalent(inputs_of):
    rows = segment_table(inputs_of(quarter_circle()))
    assert set(rows["equivalent_rank"]) == {None}
    assert np.isnan(rows["equivalent_calibre_px"]).all()


def test_micrometres_are_missing_without_a_scale(inputs_of):
    rows = segment_table(inputs_of(spokes(), scale=Scale(um_per_px=None, source="unknown")))
    assert np.isnan(rows["calibre_um"]).all()
    assert np.isfinite(rows["calibre_px"]).all()


def test_a_bifurcation_has_its_angles_and_calibres(inputs_of):
    shape = murray_junction(angle_deg=75.0)
    rows = bifurcation_table(inputs_of(shape))
    assert rows["angle_deg"] == pytest.approx([75.0])
    assert rows["asymmetry_deg"] == pytest.approx([0.0], abs=1e-4)
    assert (rows["x"][0], rows["y"][0]) == pytest.approx((1023.5, 1023.5), abs=0.01)
    assert rows["parent_calibre_um"] == pytest.approx([80.0])
    assert rows["wider_daughter_calibre_px"] == pytest.approx([16 * 2 ** (-1 / 3)])
    assert not rows["in_zone_b"].any()  # no disc


def test_tables_without_a_row_still_have_their_columns(inputs_of):
    inputs = inputs_of(quarter_circle())
    assert len(bifurcation_table(inputs)["angle_deg"]) == 0
    declared = {column.name for column in TABLES["crossings"]}
    assert set(crossing_table(inputs)) == declared - {"image_id"}
