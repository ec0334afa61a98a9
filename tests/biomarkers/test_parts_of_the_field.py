"""Biomarkers in parts of the field: circles about the fovea, their quarters, halves; mirrored eyes read alike."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from retquant.anatomy import Disc, Scale
from retquant.biomarkers import BIOMARKERS, measure
from retquant.phantoms import Ellipse, Shape, Tube

SIZE = (901, 901)
FOVEA = (450.0, 400.0)  # (row, col); the disc lies to its right, as in an upright right eye
DISC = Ellipse(center=(438.0, 740.0), semi_axes=(60.0, 55.0))
UM_PER_PX = 12.0  # the perifovea's circle has 250 px

WIDTHS = {"superior": 8.0, "nasal": 12.0, "inferior": 16.0, "temporal": 20.0}
COLUMNS = ["artery_*_half", "artery_*fovea*"]


def toward(sector: str) -> np.ndarray:
    axis = np.array(FOVEA) - DISC.center
    temporal = axis / np.hypot(*axis)
    superior = np.array([temporal[1], -temporal[0]])
    return {"temporal": temporal, "nasal": -temporal, "superior": superior, "inferior": -superior}[sector]


def eye(eye: str = "OD") -> Shape:
    """A straight artery of its own width along the middle of each quarter, from 40 to 240 px from the fovea.

    A third of a pixel off the axes, so that no line between two halves runs along a centre line.
    """
    start = np.array(FOVEA) + 0.3 * (toward("superior") + toward("temporal"))
    tubes = tuple(
        Tube(points=start + np.outer([40.0, 240.0], toward(sector)), diameter=width)
        for sector, width in WIDTHS.items()
    )
    shape = Shape(
        name="quarters",
        size=SIZE,
        tubes={"artery": tubes},
        disc=DISC,
        fovea=FOVEA,
        um_per_px=UM_PER_PX,
    )
    return shape if eye == "OD" else mirrored(shape)


def mirrored(shape: Shape) -> Shape:
    """Left and right exchanged, as between the two eyes of one person."""
    width = shape.size[1] - 1.0

    def flip(point: tuple[float, float]) -> tuple[float, float]:
        return point[0], width - point[1]

    def flip_tube(tube: Tube) -> Tube:
        return dataclasses.replace(tube, points=np.array([0.0, width]) + tube.points * np.array([1.0, -1.0]))

    assert shape.disc is not None
    assert shape.fovea is not None
    return dataclasses.replace(
        shape,
        tubes={name: tuple(map(flip_tube, tubes)) for name, tubes in shape.tubes.items()},
        disc=dataclasses.replace(shape.disc, center=flip(shape.disc.center), angle_deg=-shape.disc.angle_deg),
        fovea=flip(shape.fovea),
    )


@pytest.mark.parametrize("turn", [0.0, 30.0, 60.0, 90.0])
def test_each_quarter_holds_its_own_vessel_however_the_picture_is_turned(inputs_of, turn):
    inputs = inputs_of(eye().rotated(turn), draw=True, eye="OD")
    found = measure(inputs, COLUMNS)
    ring = np.pi * ((1.5 / 0.012) ** 2 - (0.5 / 0.012) ** 2) / 4  # square pixels of a quarter
    length = (1.5 - 0.5) / 0.012
    for sector, width in WIDTHS.items():
        area = found[f"artery_area_density_parafovea_{sector}"].value
        assert area == pytest.approx(width * length / ring, rel=5e-3), sector
        reach = found[f"artery_length_density_parafovea_{sector}"].value
        assert reach == pytest.approx(length / ring / 0.012, rel=5e-3), sector


def test_the_whole_ring_is_the_mean_of_its_quarters(inputs_of):
    found = measure(inputs_of(eye(), draw=True, eye="OD"), COLUMNS)
    for name in ("area_density", "length_density"):
        for ring in ("parafovea", "perifovea"):
            quarters = [found[f"artery_{name}_{ring}_{sector}"].value for sector in WIDTHS]
            assert found[f"artery_{name}_{ring}"].value == pytest.approx(np.mean(quarters), rel=2e-3)


def test_a_mirrored_picture_of_the_other_eye_reads_the_same(inputs_of):
    right = measure(inputs_of(eye("OD"), draw=True, eye="OD"), COLUMNS)
    left = measure(inputs_of(eye("OS"), draw=True, eye="OS"), COLUMNS)
    of_masks = [m.reason for m in right.values() if m.reason != "no_photograph"]
    assert of_masks.count(None) >= 0.9 * len(of_masks)  # a spread needs two segments
    for name, found in right.items():
        assert left[name].reason == found.reason
        assert left[name].value == pytest.approx(found.value, rel=1e-5, nan_ok=True), name


def test_temporal_and_nasal_do_not_depend_on_the_side_of_the_picture_but_on_disc_and_fovea(inputs_of):
    found = measure(inputs_of(eye("OS"), draw=True, eye="OS"), COLUMNS)
    assert (
        found["artery_area_density_parafovea_temporal"].value
        > 1.5 * found["artery_area_density_parafovea_nasal"].value
    )


@pytest.mark.parametrize("name", ["artery_area_density_inferior_half", "artery_area_density_perifovea_nasal"])
def test_a_part_measured_alone_reads_as_measured_among_others(inputs_of, name):
    inputs = inputs_of(eye(), draw=True, eye="OD")
    assert measure(inputs, [name])[name].value == pytest.approx(
        measure(inputs, COLUMNS)[name].value, rel=1e-6
    )


def test_a_half_holds_the_vessels_on_its_side(inputs_of):
    # the vessel along the line between two halves belongs to one of them or is cut lengthwise by both
    found = measure(inputs_of(eye(), draw=True, eye="OD"), ["artery_area_density_*_half"])
    area = 901 * 901
    for half, whole, beside in (
        ("superior_half", "superior", ("nasal", "temporal")),
        ("inferior_half", "inferior", ("nasal", "temporal")),
    ):
        vessels = 200.0 * (WIDTHS[whole] + sum(WIDTHS[s] for s in beside) / 2)
        caps = np.pi / 4 * (WIDTHS[whole] ** 2 + sum(WIDTHS[s] ** 2 for s in beside) / 2)
        share = found[f"artery_area_density_{half}"].value
        assert share == pytest.approx((vessels + caps) / (area / 2), rel=0.06)


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"eye": None}, ("no_laterality", None, "no_laterality")),
        (
            {"eye": "OD", "scale": Scale(um_per_px=None, source="unknown")},
            ("scale_unknown", "scale_unknown", None),
        ),
        ({"eye": "OD", "scale": Scale(um_per_px=12.0, source="disc")}, (None, None, None)),
    ],
)
def test_what_a_part_of_the_field_needs_is_asked_for(inputs_of, changes, reasons):
    names = [
        "artery_area_density_parafovea_nasal",
        "artery_area_density_parafovea",
        "artery_area_density_nasal_half",
    ]
    found = measure(inputs_of(eye(), draw=True, **changes), names)
    assert tuple(found[name].reason for name in names) == reasons


def test_without_a_fovea_or_with_the_fovea_on_the_disc_there_is_no_direction(inputs_of):
    inputs = inputs_of(eye(), draw=True, eye="OD")
    for fovea in (None, DISC.center):
        changed = dataclasses.replace(
            inputs,
            anatomy=dataclasses.replace(
                inputs.anatomy, fovea=fovea, disc=Disc(center=DISC.center, radius_px=57.4)
            ),
        )
        found = measure(changed, COLUMNS)
        assert {m.reason for m in found.values()} == {"no_fovea"}


def test_a_circle_about_the_fovea_needs_four_fifths_of_it_in_the_field(inputs_of):
    fov = np.ones(SIZE, bool)
    fov[:, :230] = False  # 170 of the perifovea's 250 px to that side
    found = measure(
        inputs_of(eye(), draw=True, eye="OD", fov=fov),
        ["quality_*fovea_visible", "artery_area_density_perifovea*"],
    )
    assert found["quality_fovea_visible"].value == pytest.approx(1.0, abs=1e-3)
    assert found["quality_parafovea_visible"].value == pytest.approx(1.0, abs=1e-3)
    assert 0.8 < found["quality_perifovea_visible"].value < 0.95
    assert found["artery_area_density_perifovea"].reason is None
    assert found["artery_area_density_perifovea_temporal"].reason == "region_out_of_bounds"
    assert found["artery_area_density_perifovea_nasal"].reason is None


def test_the_columns_say_what_they_need():
    column = BIOMARKERS["artery_area_density_perifovea_nasal"]
    assert column.landmarks == ("fovea", "disc", "laterality")
    assert (column.needs_scale, column.minimum_visible_share) == ("any", 0.8)
    assert BIOMARKERS["artery_area_density_parafovea"].landmarks == ("fovea",)
    assert BIOMARKERS["artery_calibre_median_superior_half"].landmarks == ("disc", "fovea", "laterality")
    assert BIOMARKERS["artery_area_density_zone_b"].minimum_visible_share == 0.6
    assert "artery_area_density_fovea_nasal" not in BIOMARKERS
