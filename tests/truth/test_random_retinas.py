"""Random digital eyes, measured from their masks, against the record of what was drawn.

The tolerances are a little above the largest error over ten eyes (`python benchmarks/retinas.py`), in the unit of
`error_of`: whole numbers for counts, degrees for angles, hundredths for shares, else per cent.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.retinas import compare, error_of, unit_of
from retquant.phantoms import EyeTraits, simple_eye

TOLERANCE = {
    # the graph of one class is right to the last branch; ends are lost or found where the field's edge grazes one
    **{f"{s}_branch_points_fov": 0 for s in ("artery", "vein")},
    **{f"{s}_strahler_order_max_fov": 0 for s in ("artery", "vein")},
    **{f"{s}_end_points_fov": 1 for s in ("artery", "vein")},
    **{f"{s}_components_fov": 1 for s in ("artery", "vein")},
    # whether an end of a vessel two pixels wide lies in the other vessel or beyond it is a matter of half a pixel
    "av_crossings_fov": 1,
    # lengths lack the round caps' half widths and what the edge grazes
    **{f"{s}_length_density_fov": 1.0 for s in ("vessel", "artery", "vein")},
    **{f"{s}_area_density_fov": 0.01 for s in ("vessel", "artery", "vein")},
    **{f"{s}_calibre_median_fov": 1.2 for s in ("artery", "vein")},
    **{f"{s}_calibre_length_weighted_fov": 0.8 for s in ("artery", "vein")},
    **{f"{s}_tortuosity_hart1_median_fov": 0.15 for s in ("artery", "vein")},
    **{f"{s}_branching_angle_median_fov": 3.0 for s in ("artery", "vein")},
    **{f"{s}_tree_asymmetry_fov": 0.3 for s in ("artery", "vein")},
    **{f"{s}_horton_branching_ratio_fov": 1.5 for s in ("artery", "vein")},
    **{f"{s}_arcade_angle": 1.5 for s in ("artery", "vein")},
    # a tenth of a pixel of calibre is 6 % of an exponent
    **{f"{s}_asymmetry_ratio_median_fov": 2.0 for s in ("artery", "vein")},
    **{f"{s}_area_ratio_median_fov": 2.0 for s in ("artery", "vein")},
    **{f"{s}_junctional_exponent_median_fov": 2.0 for s in ("artery", "vein")},
    **{f"{s}_optimality_ratio_median_fov": 0.5 for s in ("artery", "vein")},
    # one trunk of four may branch just inside the zone, where its stem is too short to measure
    "crae_knudtson_n4_zone_b": 5.0,
    "crve_knudtson_n4_zone_b": 5.0,
    # the steep end of a notch in a vein of five pixels is flattened by the map's blur; near a junction the graph has
    # no calibre where the record has one, so that the means are over different crossings
    "av_nicking_mean_fov": 4.0,
    "av_nicking_max_fov": 7.0,
    **dict.fromkeys(("disc_area", "cup_area", "rim_area", "cdr_area", "disc_ovality"), 0.1),
    **dict.fromkeys(("disc_diameter_vertical", "disc_diameter_horizontal", "disc_fovea_distance"), 0.3),
    **dict.fromkeys(("cdr_vertical", "cdr_horizontal"), 1.0),
    **dict.fromkeys(("disc_torsion", "disc_fovea_angle"), 0.1),
    **{f"rim_width_{sector}": 0.3 for sector in ("superior", "inferior", "nasal", "temporal")},
}


@pytest.fixture(scope="module", params=[(1000, "OS"), (1004, "OS")], ids=["eye 1000", "eye 1004"])
def pairs(request: pytest.FixtureRequest) -> dict[str, tuple[float, float]]:
    seed, side = request.param
    return compare(simple_eye(seed, side, traits=EyeTraits(nicking=0.4), size=(1024, 1024)))


def test_what_is_measured_is_what_was_drawn(pairs: dict[str, tuple[float, float]]) -> None:
    wrong = {}
    for column, tolerance in TOLERANCE.items():
        value, truth = pairs[column]
        error = error_of(column, value, truth)
        if not abs(error) <= tolerance:
            wrong[column] = (
                f"{value:.5g} for {truth:.5g} ({error:+.2f} {unit_of(column)}, allowed {tolerance})"
            )
    assert not wrong


def test_most_columns_are_measured_where_the_record_knows_them(pairs: dict[str, tuple[float, float]]) -> None:
    absent = [column for column, (value, _) in pairs.items() if np.isnan(value)]
    # counts of zone C need 95 % of it in the field, which a 45 degree picture does not show
    assert [column for column in absent if not column.endswith("_zone_c")] == []
    assert len(pairs) > 200
