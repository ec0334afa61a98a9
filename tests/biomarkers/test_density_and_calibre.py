"""Areas, lengths and widths of vessels whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.anatomy import Disc
from retquant.biomarkers import measure
from retquant.phantoms import Shape, Tube, parallel_vessels, spokes

ROTATIONS = [0.0, 30.0, 60.0, 90.0]


@pytest.mark.parametrize("angle", ROTATIONS)
def test_stripes_cover_width_over_pitch_of_the_field(inputs_of, angle):
    shape = parallel_vessels(width=16.0, pitch=64.0, size=(1000, 1000)).rotated(angle)
    inputs = inputs_of(shape, draw=True, fov=shape.coverage("fov") >= 0.5)
    found = measure(inputs, ["artery_area_density_fov"])["artery_area_density_fov"]
    assert found.value == pytest.approx(shape.truth["area_density"], rel=1e-3)


def test_stripes_have_one_over_pitch_of_length_to_an_area(inputs_of):
    lines = [Tube(points=np.array([[row, 0.0], [row, 1000.0]]), diameter=16.0) for row in range(25, 1000, 50)]
    inputs = inputs_of(Shape(name="stripes", size=(1000, 1000), tubes={"artery": tuple(lines)}))
    found = measure(inputs, ["artery_length_density_fov"])["artery_length_density_fov"]
    assert found.value == pytest.approx(1 / (50 * 0.005), rel=1e-9)  # per mm at 5 um a pixel


@pytest.mark.parametrize("angle", ROTATIONS)
@pytest.mark.parametrize(("region", "inner", "outer"), [("zone_b", 2, 3), ("zone_c", 2, 5)])
def test_spokes_fill_a_zone_as_geometry_says(inputs_of, angle, region, inner, outer):
    shape = spokes(disc_radius=90.0, size=(1000, 1000)).rotated(angle)
    found = measure(inputs_of(shape, draw=True), [f"artery_*_density_{region}"])
    ring = np.pi * (outer**2 - inner**2) * 90.0**2
    run = 90.0 * (outer - inner)
    assert found[f"artery_length_density_{region}"].value == pytest.approx(6 * run / ring / 0.005, rel=2e-3)
    # a straight vessel of width w covers w (outer - inner) of a ring but for the circles' sagitta
    assert found[f"artery_area_density_{region}"].value == pytest.approx(6 * 16 * run / ring, rel=2e-3)


def test_a_density_refers_to_what_is_visible_of_a_zone(inputs_of):
    lines = [Tube(points=np.array([[row, 0.0], [row, 999.0]]), diameter=10.0) for row in range(25, 1000, 50)]
    shape = Shape(name="stripes", size=(1000, 1000), tubes={"artery": tuple(lines)})
    disc = Disc(center=(150.0, 500.0), radius_px=80.0)  # its zone B leaves the frame at the top
    found = measure(
        inputs_of(shape, disc=disc, draw=True), ["artery_area_density_zone_b", "quality_zone_b_visible"]
    )
    assert 0.6 < found["quality_zone_b_visible"].value < 0.95
    assert found["artery_area_density_zone_b"].value == pytest.approx(0.2, rel=0.05)


def test_the_calibre_of_segments_is_summarised_in_micrometres(inputs_of):
    widths, lengths = np.array([8.0, 10.0, 18.0]), np.array([800.0, 400.0, 200.0])
    tubes = [
        Tube(points=np.array([[100.0 * i, 50.0], [100.0 * i, 50.0 + length]]), diameter=width)
        for i, (width, length) in enumerate(zip(widths, lengths, strict=True), start=1)
    ]
    found = measure(
        inputs_of(Shape(name="three", size=(900, 900), tubes={"vein": tuple(tubes)})), ["vein_calibre*fov"]
    )
    assert found["vein_calibre_mean_fov"].value == pytest.approx(60.0)
    assert found["vein_calibre_median_fov"].value == pytest.approx(50.0)
    assert found["vein_calibre_std_fov"].value == pytest.approx(5 * np.std(widths, ddof=1))
    assert found["vein_calibre_p90_fov"].value == pytest.approx(5 * np.percentile(widths, 90))
    assert found["vein_calibre_length_weighted_fov"].value == pytest.approx(
        5 * np.average(widths, weights=lengths), rel=1e-6
    )
    assert found["vein_calibre_cv_median_fov"].value == pytest.approx(0.0, abs=1e-12)
    assert found["vein_calibre_mean_fov"].n == 3


def test_a_segment_of_fewer_than_ten_samples_has_no_calibre(inputs_of):
    tube = Tube(points=np.array([[50.0, 50.0], [50.0, 57.0]]), diameter=2.0)
    inputs = inputs_of(Shape(name="stub", size=(100, 100), tubes={"vein": (tube,)}))
    assert measure(inputs, ["vein_calibre_mean_fov"])["vein_calibre_mean_fov"].reason == "too_few_vessels"
