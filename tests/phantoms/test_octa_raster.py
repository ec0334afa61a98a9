"""What is measured on a raster of an OCTA field: the fast renderer and the brute force, on shapes of known answer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from retquant import phantoms
from retquant.phantoms.octa_brute import area_truth, gap_truth, lacunarity_truth, ring_density
from retquant.phantoms.octa_raster import draw_pieces
from retquant.phantoms.octa_truth import Regions

FIELD_MM = 3.0
SIDE = 512
UM = 1000 * FIELD_MM / SIDE
NO_ZONE = np.zeros((SIDE, SIDE), dtype=np.float32)


def pieces(shape: phantoms.Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    tubes = shape.tubes["artery"]
    starts = np.concatenate([tube.points[:-1] for tube in tubes])
    stops = np.concatenate([tube.points[1:] for tube in tubes])
    return starts, stops, np.concatenate([tube.radii[1:] for tube in tubes])


@pytest.mark.parametrize("width", [1.2, 1.7, 6.0, 40.0])
@pytest.mark.parametrize("degrees", [0.0, 17.0, 45.0, 90.0])
def test_many_short_pieces_are_drawn_as_the_whole_vessel_is(width: float, degrees: float) -> None:
    shape = phantoms.sine_vessel(amplitude=30, period=120, periods=2, width=width, size=(320, 320))
    shape = shape.rotated(degrees).shifted((0.3, 0.1))
    drawn = draw_pieces(*pieces(shape), shape.size)
    # The pieces' caps stick out a little where a vessel bends.
    assert np.abs(drawn - shape.coverage("artery")).max() < 0.04
    assert drawn.sum(dtype=float) == pytest.approx(shape.coverage("artery").sum(dtype=float), rel=3e-3)


def test_pieces_outside_the_frame_are_left_out_and_those_across_its_border_cut() -> None:
    starts, stops = np.array([[-50.0, 5.0], [5.0, 5.0]]), np.array([[-40.0, 5.0], [5.0, 60.0]])
    drawn = draw_pieces(starts, stops, np.array([1.0, 2.0]), (20, 20))
    assert drawn[3:8, 10].tolist() == pytest.approx([0.5, 1, 1, 1, 0.5])
    assert drawn[:, 19].sum() == pytest.approx(4)
    assert draw_pieces(starts[:1], stops[:1], np.array([1.0]), (20, 20)).sum() == 0


def test_the_brighter_of_two_vessels_shows() -> None:
    starts, stops = np.array([[10.0, 0.0], [0.0, 10.0]]), np.array([[10.0, 20.0], [20.0, 10.0]])
    drawn = draw_pieces(starts, stops, np.array([2.0, 2.0]), (21, 21), values=np.array([0.4, 0.9]))
    assert drawn[10, 4] == pytest.approx(0.4)
    assert drawn[10, 10] == drawn[4, 10] == pytest.approx(0.9)


@pytest.mark.parametrize("degrees", [0, 90])
def test_parallel_capillaries_are_as_far_apart_as_pitch_less_width(degrees: float) -> None:
    shape = phantoms.capillary_grid(width=6.0, pitch=32.0, size=(SIDE, SIDE)).rotated(degrees)
    figures = gap_truth(shape.coverage("capillary"), NO_ZONE, FIELD_MM)
    # Vessel edges lie between pixels and the ridge in the middle of a pixel: half a pixel on either side.
    assert figures["intercapillary_distance_mean"] == pytest.approx(26 * UM, abs=UM)
    assert figures["intercapillary_distance_p95"] == pytest.approx(26 * UM, abs=UM)
    assert figures["flow_deficit_fraction"] == pytest.approx(26 / 32, rel=1e-6)
    assert figures["flow_deficit_count"] == 17  # 16 vessels cut the field into 15 whole and two half gaps
    assert figures["nonperfusion_area"] == 0


def test_tilted_capillaries_are_as_far_apart() -> None:
    shape = phantoms.parallel_vessels(width=6.0, pitch=32.0, structure="capillary", size=(SIDE, SIDE))
    figures = gap_truth(shape.rotated(30).coverage("capillary"), NO_ZONE, FIELD_MM)
    assert figures["intercapillary_distance_mean"] == pytest.approx(26 * UM, abs=UM)


def test_crossed_capillaries_leave_square_deficits() -> None:
    shape = phantoms.capillary_grid(width=6.0, pitch=64.0, is_crossed=True, size=(SIDE, SIDE))
    figures = gap_truth(shape.coverage("capillary"), NO_ZONE, FIELD_MM)
    assert figures["flow_deficit_count"] == 81  # 7 x 7 whole squares, halves and quarters along the border
    total = figures["flow_deficit_count"] * figures["flow_deficit_mean_area"]
    assert total == pytest.approx((58 / 64) ** 2 * FIELD_MM**2, rel=1e-6)


def test_small_gaps_are_no_deficits_and_wide_ones_are_not_perfused() -> None:
    wide = phantoms.capillary_grid(width=6.0, pitch=128.0, size=(SIDE, SIDE)).coverage("capillary")
    figures = gap_truth(wide, NO_ZONE, FIELD_MM)
    far = (122 * UM - 200) / (128 * UM)  # share of a pitch that lies farther than 100 um from both vessels
    assert figures["nonperfusion_area"] == pytest.approx(far * FIELD_MM**2, rel=0.02)
    speck = np.ones((SIDE, SIDE), dtype=np.float32)
    speck[100:103, 100:103] = 0  # 17.6 um across
    assert gap_truth(speck, NO_ZONE, FIELD_MM)["flow_deficit_count"] == 0
    speck[200:206, 200:206] = 0  # 40 um
    assert gap_truth(speck, NO_ZONE, FIELD_MM)["flow_deficit_count"] == 1


def test_the_avascular_zone_is_no_deficit() -> None:
    zone = phantoms.harmonic_zone(radius=50, amplitudes=(), size=(SIDE, SIDE)).coverage("faz")
    vessel = 1 - zone
    figures = gap_truth(vessel, zone, FIELD_MM)
    assert figures["flow_deficit_count"] == 0
    assert figures["flow_deficit_fraction"] == 0
    assert "intercapillary_distance_mean" not in figures


def test_the_density_round_the_zone_is_that_of_the_ring_drawn_there() -> None:
    first, last = 50 + 100 / UM, 50 + 200 / UM
    discs = [
        phantoms.harmonic_zone(radius=radius, amplitudes=(), size=(SIDE, SIDE)).coverage("faz")
        for radius in (50, first, last)
    ]
    expected = (last**2 - first**2) / ((50 + 300 / UM) ** 2 - 50**2)
    drawn = ring_density(discs[2] - discs[1], discs[0], FIELD_MM)
    assert drawn == pytest.approx(expected, rel=0.01)  # half a pixel of 51


def test_a_full_field_has_lacunarity_one_and_stripes_their_closed_form() -> None:
    side = 1024
    full = lacunarity_truth(np.ones((side, side), dtype=np.float32))
    assert full["lacunarity_mean"] == pytest.approx(1.0, abs=1e-9)
    assert full["lacunarity_slope"] == pytest.approx(0.0, abs=1e-9)
    stripe = np.arange(side) // 64 % 2.0  # half the pitch is vessel
    sums = np.concatenate([[0.0], np.cumsum(stripe)])
    values = []
    for box in (2, 4, 8, 16, 32, 64, 128):
        mass = sums[box:] - sums[:-box]
        values.append((mass**2).mean() / mass.mean() ** 2)
    figures = lacunarity_truth(np.tile(stripe[:, None], (1, side)))
    assert figures["lacunarity_mean"] == pytest.approx(float(np.mean(values)), rel=1e-9)
    assert values[-1] == pytest.approx(1.0)  # a box of one pitch holds the same everywhere


@pytest.mark.parametrize(("eye", "nasal_right"), [("OD", True), ("OS", False)])
def test_regions_are_named_as_the_eye_lies(eye: str, nasal_right: bool) -> None:
    regions = Regions(field_mm=3.0, fovea=(1.5, 1.5), eye=eye)
    right = np.array([1.5, 2.5])
    assert bool(regions.contains("parafovea_nasal", right)) == nasal_right
    assert bool(regions.contains("parafovea_temporal", right)) != nasal_right
    assert regions.contains("parafovea_superior", np.array([0.5, 1.5]))
    assert regions.contains("parafovea_inferior", np.array([2.5, 1.5]))
    assert regions.contains("fovea", np.array([1.2, 1.5]))


def test_areas_of_regions_are_exact_and_regions_outside_the_field_are_left_out() -> None:
    small, large = (Regions(field_mm=f, fovea=(f / 2, f / 2), eye="OD") for f in (3.0, 6.0))
    assert small.area("field") == 9
    assert small.area("parafovea") == pytest.approx(math.pi * 2)
    assert np.isnan(small.area("perifovea"))
    assert large.area("perifovea_nasal") == pytest.approx(math.pi * 6.75 / 4)
    shares = area_truth({"artery": np.full((300, 300), 0.25), "vein": np.full((300, 300), 0.5)}, small)
    assert shares["artery_area_density_parafovea_nasal"] == pytest.approx(0.25)
    assert shares["avr_area_density_field"] == pytest.approx(0.5)
    assert not any("perifovea" in name for name in shares)
