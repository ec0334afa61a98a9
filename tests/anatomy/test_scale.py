"""Hand-computed scales: which source wins, and what the person's own eye changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retquant.anatomy import Disc, Scale, resolve_scale
from retquant.images import fit_field
from retquant.images.retinal_image import Field
from retquant.manifest.records import ImageRecord

FIELD = Field(center=(500.0, 500.0), diameter_px=1000.0)
DISC = Disc(center=(400.0, 300.0), radius_px=90.0)


def scale_of(
    *, disc: Disc | None = None, fovea: tuple[float, float] | None = None, **columns: object
) -> Scale:
    record = ImageRecord(image_id="a", image=Path("a.png"), row=2, **columns)  # type: ignore[arg-type]
    return resolve_scale(record, field=FIELD, disc=disc, fovea=fovea)


def test_a_given_pixel_size_wins_and_is_never_corrected():
    scale = scale_of(um_per_px=7.5, fov_mm=9.0, axial_length_mm=26.0, disc=DISC)
    assert scale == Scale(um_per_px=7.5, source="um_per_px")
    assert scale.is_nominal


def test_a_field_in_millimetres_is_spread_over_the_field_of_view():
    assert scale_of(fov_mm=9.0).um_per_px == pytest.approx(9.0)
    assert scale_of(fov_mm=9.0, fov_deg=45.0).source == "fov_mm"


def test_a_degree_covers_0_2897_mm_in_an_eye_of_24_mm():
    # 0.01306 x (24.0 - 1.82) = 0.2896708 mm; 45 degrees over 1,000 px
    scale = scale_of(fov_deg=45.0)
    assert scale.um_per_px == pytest.approx(45 * 0.2896708, rel=1e-9)
    assert scale.source == "fov_deg"
    assert not scale.magnification_corrected


def test_a_longer_eye_has_larger_pixels():
    # (26.18 - 1.82) / (24.0 - 1.82) = 24.36 / 22.18
    scale = scale_of(fov_mm=9.0, axial_length_mm=26.18)
    assert scale.um_per_px == pytest.approx(9.0 * 24.36 / 22.18)
    assert (scale.magnification_corrected, scale.magnification_source) == (True, "axial_length_mm")


def test_the_axial_length_enters_a_field_in_degrees_once():
    corrected = scale_of(fov_deg=45.0, axial_length_mm=26.18).um_per_px
    assert corrected == pytest.approx(45 * 0.01306 * 24.36)


@pytest.mark.parametrize(
    ("device", "reference"),
    [("Optovue AngioVue", 23.95), ("CIRRUS 5000", 24.46), ("Zeiss PLEX Elite", 24.46)],
)
def test_a_device_that_assumes_another_eye_length_is_corrected_from_that_one(device, reference):
    scale = scale_of(fov_mm=3.0, device=device, axial_length_mm=25.0)
    assert scale.um_per_px == pytest.approx(3.0 * (25.0 - 1.82) / (reference - 1.82))


def test_refraction_and_corneal_radius_stand_in_for_the_axial_length():
    # 1 / (17.21/7.8 + 1.247 - 6/17.455) = 1 / 3.1096678 = 0.3215778 mm a degree
    scale = scale_of(fov_mm=9.0, spherical_equivalent_d=-6.0, corneal_radius_mm=7.8)
    assert scale.um_per_px == pytest.approx(9.0 * 0.3215778 / 0.2896708, rel=1e-6)
    assert scale.magnification_source == "refraction"


def test_an_emmetropic_average_cornea_is_left_nearly_as_it_is():
    scale = scale_of(fov_mm=9.0, spherical_equivalent_d=0.0, corneal_radius_mm=7.8)
    assert scale.um_per_px == pytest.approx(9.0, rel=1e-3)


def test_refraction_without_the_corneal_radius_corrects_nothing():
    assert not scale_of(fov_mm=9.0, spherical_equivalent_d=-6.0).magnification_corrected


def test_without_a_camera_figure_the_disc_is_taken_as_900_um_and_not_corrected():
    scale = scale_of(disc=DISC, fovea=(400.0, 700.0), axial_length_mm=26.0)
    assert scale == Scale(um_per_px=10.0, source="disc")
    assert not scale.is_nominal


def test_a_disc_known_by_its_centre_alone_gives_scale_with_the_fovea():
    center_only = Disc(center=(400.0, 300.0), radius_px=0.0)
    assert scale_of(disc=center_only, fovea=(400.0, 776.0)) == Scale(um_per_px=10.0, source="disc_fovea")


def test_with_nothing_known_the_scale_is_unknown():
    assert scale_of(fovea=(400.0, 700.0), axial_length_mm=24.0) == Scale(um_per_px=None, source="unknown")


@pytest.mark.parametrize("refraction", [-10.0, -6.0, -3.0, 0.0, 3.0, 6.0])
@pytest.mark.parametrize("radius", [7.0, 7.4, 7.8, 8.2, 8.6])
def test_refraction_and_cornea_correct_as_bengtssons_formula_does(refraction, radius):
    # Bengtsson and Krakau 1992, formula 3: M = k D (1 + (A + 0.84 dD)/D), D about 60 dpt; size is image over M
    cornea = 337.5 / radius - 337.5 / 7.8
    bengtsson = 1 / (1 + (refraction + 0.84 * cornea) / 60)
    usual = scale_of(fov_mm=9.0, spherical_equivalent_d=0.0, corneal_radius_mm=7.8).um_per_px
    own = scale_of(fov_mm=9.0, spherical_equivalent_d=refraction, corneal_radius_mm=radius).um_per_px
    assert own is not None
    assert usual is not None
    assert own / usual == pytest.approx(bengtsson, rel=0.01)


def test_the_axial_length_goes_before_refraction_and_cornea():
    both = scale_of(fov_mm=9.0, axial_length_mm=26.0, spherical_equivalent_d=3.0, corneal_radius_mm=7.4)
    assert both == scale_of(fov_mm=9.0, axial_length_mm=26.0)


EVERYTHING = {"um_per_px": 7.5, "fov_mm": 9.0, "fov_deg": 45.0}


@pytest.mark.parametrize(
    ("left_out", "source", "is_nominal"),
    [
        ((), "um_per_px", True),
        (("um_per_px",), "fov_mm", True),
        (("um_per_px", "fov_mm"), "fov_deg", True),
        (("um_per_px", "fov_mm", "fov_deg"), "disc", False),
        (("um_per_px", "fov_mm", "fov_deg", "radius"), "disc_fovea", False),
        (("um_per_px", "fov_mm", "fov_deg", "disc"), "unknown", False),
    ],
)
def test_the_sources_of_scale_come_in_their_order_and_only_those_of_the_camera_are_corrected(
    left_out, source, is_nominal
):
    disc = Disc(center=(400.0, 300.0), radius_px=0.0 if "radius" in left_out else 90.0)
    scale = scale_of(
        disc=None if "disc" in left_out else disc,
        fovea=(400.0, 700.0),
        axial_length_mm=26.0,
        **{name: value for name, value in EVERYTHING.items() if name not in left_out},
    )
    assert (scale.source, scale.is_nominal) == (source, is_nominal)
    assert scale.magnification_corrected == (source in ("fov_mm", "fov_deg"))


def test_an_angiograms_pixel_is_its_side_over_the_number_of_pixels():
    # 3 mm over 304 A-scans: 9.868 um, not 3/303
    record = ImageRecord(image_id="a", image=Path("a.png"), row=2, modality="octa", fov_mm=3.0)
    field = fit_field(np.ones((304, 304), bool))
    assert resolve_scale(record, field=field).um_per_px == pytest.approx(3000 / 304)
