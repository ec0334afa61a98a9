"""Angiograms of known answer, from the masks through the graph to the columns, at three samplings of the eye.

The tolerances are a little above what is measured, and no wider than 3 % for any density of parallel vessels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest

from retquant.anatomy import Anatomy, Scale
from retquant.biomarkers import BIOMARKERS, MeasureInputs, measure
from retquant.config import VesselSettings
from retquant.images.retinal_image import Field
from retquant.phantoms import Shape, Tube, capillary_grid, foveal_zone, parallel_vessels
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.vessels import build_graphs

FIELDS = {"3 mm, 304 px": (3.0, 304), "6 mm, 400 px": (6.0, 400), "3 mm, 512 px": (3.0, 512)}
PITCH_MM, WIDTH_MM = 0.1875, 0.06  # a whole and even number of pitches in each field


def target(share: np.ndarray, *, is_hard: bool = False) -> TargetMask:
    drawn = share >= 0.5 if is_hard else share
    return TargetMask(probability=np.rint(drawn * 255.0).astype(np.uint8), source="manifest", is_hard=is_hard)


def angiogram(
    targets: Mapping[str, TargetMask],
    *,
    um_per_px: float | None,
    eye: str = "OD",
    fov: np.ndarray | None = None,
    photograph: np.ndarray | None = None,
) -> MeasureInputs:
    """The fovea is in the middle; a field without a zone has an empty mask of it."""
    shape = next(iter(targets.values())).probability.shape
    fov = np.ones(shape, bool) if fov is None else fov
    vessels = {name: mask for name, mask in targets.items() if name != "faz"}
    middle = ((shape[0] - 1) / 2, (shape[1] - 1) / 2)
    return MeasureInputs(
        modality="octa",
        fov=fov,
        field=Field(center=middle, diameter_px=float(shape[1])),
        segmentation=Segmentation(targets={"faz": target(np.zeros(shape)), **targets}),
        anatomy=Anatomy(
            disc=None,
            fovea=middle,
            scale=Scale(um_per_px=um_per_px, source="unknown" if um_per_px is None else "fov_mm"),
            eye=eye,
            fovea_source="manifest",
            is_upright=True,
        ),
        graphs=build_graphs(vessels, fov=fov, settings=VesselSettings()),
        photograph=photograph,
    )


@cache
def grid(field: str, *, is_crossed: bool = False, turn: float = 0.0) -> MeasureInputs:
    mm, pixels = FIELDS[field]
    shape = capillary_grid(
        width=WIDTH_MM / mm * pixels,
        pitch=PITCH_MM / mm * pixels,
        is_crossed=is_crossed,
        size=(pixels, pixels),
    )
    return angiogram(
        {"capillary": target(shape.rotated(turn).coverage("capillary"))}, um_per_px=1000 * mm / pixels
    )


def parallel_truth(mm: float) -> dict[str, float]:
    density, edge = WIDTH_MM / PITCH_MM, 2 / PITCH_MM
    return {
        "area_density": density,
        "length_density": 1 / PITCH_MM,
        "diameter_index": 1000 * WIDTH_MM,
        "perimeter_index": edge,
        "complexity_index": edge**2 * mm**2 / (4 * math.pi * density),
        "intercapillary_distance_mean": 1000 * (PITCH_MM - WIDTH_MM),
        "intercapillary_distance_p95": 1000 * (PITCH_MM - WIDTH_MM),
        "flow_deficit_fraction": 1 - density,
    }


# each edge is read to a twelfth of a pixel between the pixels' middles, and a gap of 8.5 px has two
BARS = dict.fromkeys(parallel_truth(3.0), 0.003) | {
    "intercapillary_distance_mean": 0.01,
    "intercapillary_distance_p95": 0.02,
}


@pytest.mark.parametrize("turn", [0.0, 90.0])
@pytest.mark.parametrize("field", FIELDS)
def test_parallel_vessels_have_their_densities_at_any_sampling(field, turn):
    found = measure(grid(field, turn=turn), ["capillary_*_field"])
    for name, truth in parallel_truth(FIELDS[field][0]).items():
        assert found[f"capillary_{name}_field"].value == pytest.approx(truth, rel=BARS[name]), name
    gaps = round(FIELDS[field][0] / PITCH_MM) + 1
    assert found["capillary_flow_deficit_count_field"].value == gaps
    assert found["capillary_nonperfusion_area_field"].value == 0


@pytest.mark.parametrize("field", FIELDS)
def test_one_bit_masks_of_turned_parallel_vessels_are_within_three_per_cent(field):
    mm, pixels = FIELDS[field]
    width, pitch = WIDTH_MM / mm * pixels, PITCH_MM / mm * pixels
    shape = parallel_vessels(width=width, pitch=pitch, structure="capillary", size=(pixels, pixels))
    turned = shape.rotated(30.0)
    inputs = angiogram(
        {"capillary": target(turned.coverage("capillary"), is_hard=True)},
        um_per_px=1000 * mm / pixels,
        fov=turned.coverage("fov") >= 0.5,
    )
    found = measure(inputs, ["capillary_*_density_field", "capillary_*_index_field"])
    density, length = shape.truth["area_density"], shape.truth["length_density_per_px"] * pixels / mm
    assert found["capillary_area_density_field"].value == pytest.approx(density, rel=0.03)
    assert found["capillary_length_density_field"].value == pytest.approx(length, rel=0.03)
    assert found["capillary_diameter_index_field"].value == pytest.approx(1000 * density / length, rel=0.03)
    assert found["capillary_perimeter_index_field"].value == pytest.approx(2 * length, rel=0.03)


@pytest.mark.parametrize("field", FIELDS)
def test_crossed_capillaries_leave_one_flow_deficit_a_mesh(field):
    mm, _ = FIELDS[field]
    found = measure(grid(field, is_crossed=True), ["capillary_*_field"])
    density = 1 - (1 - WIDTH_MM / PITCH_MM) ** 2
    # a pixel rounds the corners of a mesh off, four of them of 8 px across at the coarsest
    assert found["capillary_area_density_field"].value == pytest.approx(density, rel=0.01)
    assert found["capillary_flow_deficit_fraction_field"].value == pytest.approx(1 - density, rel=0.01)
    assert found["capillary_flow_deficit_count_field"].value == (round(mm / PITCH_MM) + 1) ** 2


def vessels_of(*across: tuple[float, float], size: int = 200) -> np.ndarray:
    """Coverage by upright vessels of the given columns and widths, over the whole frame."""
    tubes = tuple(
        Tube(points=np.array([[-20.0, column], [size + 20.0, column]]), diameter=width)
        for column, width in across
    )
    return Shape(name="comb", size=(size, size), tubes={"capillary": tubes}).coverage("capillary")


def test_a_comb_of_vessels_of_many_widths_has_their_mean_width():
    widths = np.arange(3.0, 12.1, 1.5)
    columns = 14.3 + np.arange(len(widths)) * 27.41  # at as many sub-pixel offsets
    share = vessels_of(*zip(columns, widths, strict=True))
    found = measure(angiogram({"capillary": target(share)}, um_per_px=15.0), ["capillary_*_field"])
    count, area = len(widths), widths.sum() * 200
    assert found["capillary_diameter_index_field"].value == pytest.approx(15 * widths.mean(), rel=0.003)
    assert found["capillary_area_density_field"].value == pytest.approx(area / 200**2, rel=0.002)
    assert found["capillary_length_density_field"].value == pytest.approx(count / 3.0, rel=0.003)
    assert found["capillary_perimeter_index_field"].value == pytest.approx(2 * count / 3.0, rel=0.003)
    complexity = (2 * count * 200) ** 2 / (4 * math.pi * area)
    assert found["capillary_complexity_index_field"].value == pytest.approx(complexity, rel=0.006)
    assert found["capillary_end_points_field"].value == 0
    assert found["capillary_tortuosity_hart1_median_field"].value == pytest.approx(1.0, abs=1e-4)


def disc_of(radius: float, size: int = 200) -> np.ndarray:
    return foveal_zone(semi_axes=(radius, radius), size=(size, size)).coverage("faz")


def test_what_is_far_from_any_vessel_is_not_perfused_but_for_the_avascular_zone():
    share = vessels_of((19.2, 6.0), (179.8, 6.0))
    zone = disc_of(20.0)
    inputs = angiogram({"capillary": target(share), "faz": target(zone)}, um_per_px=15.0)
    found = measure(inputs, ["capillary_nonperfusion_area_field", "capillary_flow_deficit_*_field"])
    gap_mm = (160.6 - 6.0) * 0.015
    far = (gap_mm - 0.2) * 3.0 + 2 * ((19.2 + 0.5 - 3.0) * 0.015 - 0.1) * 3.0
    area = math.pi * 0.3**2
    assert found["capillary_nonperfusion_area_field"].value == pytest.approx(far - area, rel=0.002)
    bare = 9.0 - 12.0 * 0.015 * 3.0 - area
    assert found["capillary_flow_deficit_fraction_field"].value == pytest.approx(bare / (9 - area), rel=0.002)
    assert found["capillary_flow_deficit_count_field"].value == 3
    assert found["capillary_flow_deficit_mean_area_field"].value == pytest.approx(bare / 3, rel=0.002)


def test_gaps_below_24_um_are_no_flow_deficits():
    share = np.ones((200, 200))
    share[40, 40] = 0  # 15 um square
    share[100:102, 100:103] = 0  # 30 x 45 um: 41 um of equivalent diameter
    found = measure(
        angiogram({"capillary": target(share)}, um_per_px=15.0), ["capillary_flow_deficit_*_field"]
    )
    assert found["capillary_flow_deficit_count_field"].value == 1
    assert found["capillary_flow_deficit_mean_area_field"].value == pytest.approx(6 * 0.015**2)


@pytest.mark.parametrize("field", FIELDS)
def test_the_ring_round_the_avascular_zone_has_its_density(field):
    mm, pixels = FIELDS[field]
    px = pixels / mm
    zone, inner = disc_of(0.3 * px, pixels), disc_of(0.45 * px, pixels)
    inputs = angiogram({"capillary": target(1 - inner), "faz": target(zone)}, um_per_px=1000 * mm / pixels)
    truth = (0.6**2 - 0.45**2) / (0.6**2 - 0.3**2)
    assert measure(inputs, ["capillary_fd300"])["capillary_fd300"].value == pytest.approx(truth, rel=0.003)


def test_intensities_are_means_of_region_and_vessels_and_stand_against_the_zone():
    share, zone = vessels_of((40.0, 8.0), (160.0, 8.0)), disc_of(20.0)
    bright = np.where(share > 0, 200, 50).astype(np.uint8)
    bright[zone > 0] = 20
    picture = np.repeat(bright[..., None], 3, axis=2)
    found = measure(
        angiogram({"capillary": target(share), "faz": target(zone)}, um_per_px=15.0, photograph=picture),
        [
            "capillary_perfusion_intensity_density_field",
            "capillary_flux_field",
            "capillary_blood_flow_index_field",
        ],
    )
    assert found["capillary_perfusion_intensity_density_field"].value == pytest.approx(bright.mean() / 255)
    assert found["capillary_flux_field"].value == pytest.approx(200 / 255, rel=1e-3)
    assert found["capillary_blood_flow_index_field"].value == pytest.approx(180 / 235, rel=1e-3)


@pytest.mark.parametrize("eye", ["OD", "OS"])
def test_nasal_is_to_the_right_in_a_right_eye_and_superior_up(eye):
    share = np.zeros((200, 200))
    share[60:140, 160:168] = 1.0  # 0.9 mm to the right of the fovea
    share[30:34, 90:110] = 1.0
    found = measure(
        angiogram({"artery": target(share), "vein": target(share)}, um_per_px=15.0, eye=eye),
        ["artery_area_density_parafovea*", "avr_area_density_parafovea", "artery_area_density_*fovea"],
    )
    side, other = ("nasal", "temporal") if eye == "OD" else ("temporal", "nasal")
    quarter = math.pi * (1.5**2 - 0.5**2) / 4
    assert found[f"artery_area_density_parafovea_{other}"].value == 0
    assert found["artery_area_density_parafovea_inferior"].value == 0
    assert found["artery_area_density_parafovea_superior"].value == pytest.approx(
        80 * 0.015**2 / quarter, rel=0.01
    )
    assert found[f"artery_area_density_parafovea_{side}"].value == pytest.approx(
        80 * 8 * 0.015**2 / quarter, rel=0.01
    )
    assert found["artery_area_density_fovea"].value == 0
    assert found["artery_area_density_perifovea"].reason == "region_out_of_bounds"
    assert found["avr_area_density_parafovea"].value == 1


def test_without_a_scale_nothing_is_guessed():
    share = vessels_of((40.0, 8.0), (160.0, 8.0))
    found = measure(angiogram({"capillary": target(share)}, um_per_px=None), ["capillary_*", "faz_area"])
    for name, measurement in found.items():
        if BIOMARKERS[name].needs_scale != "no":
            assert measurement.reason in ("scale_unknown", "no_photograph"), name
    assert found["capillary_area_density_field"].value == pytest.approx(16 / 200, rel=1e-3)
    assert found["capillary_area_density_parafovea"].reason == "scale_unknown"


def test_what_is_not_known_of_an_angiogram_is_a_reason():
    share = vessels_of((40.0, 8.0), (160.0, 8.0))
    inputs = angiogram({"capillary": target(share)}, um_per_px=15.0, eye="unknown")
    found = measure(inputs)
    assert found["capillary_area_density_parafovea"].reason is None
    assert found["capillary_area_density_parafovea_nasal"].reason == "no_laterality"
    assert found["capillary_fd300"].reason == "no_faz"
    assert found["capillary_flux_field"].reason == "no_photograph"
    assert found["large_vessel_area_density_field"].reason == "target_absent"
    assert set(found) == {name for name, column in BIOMARKERS.items() if "octa" in column.modalities}
    assert all(math.isfinite(one.value) or one.reason for one in found.values())
