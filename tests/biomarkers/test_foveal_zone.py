"""The foveal avascular zone: its figures on shapes of known answer, and what is no zone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retquant.anatomy import locate
from retquant.biomarkers import BIOMARKERS, MeasureInputs, measure
from retquant.images.retinal_image import Field
from retquant.manifest.records import ImageRecord
from retquant.phantoms import Polygon, Shape, foveal_zone, harmonic_zone, polygonal_zone
from retquant.segmentation.segmentation import Segmentation, TargetMask

FIELDS = {"3 mm, 304 px": (3.0, 304), "6 mm, 400 px": (6.0, 400), "3 mm, 512 px": (3.0, 512)}
RADIUS_MM = 0.3
COLUMNS = [name for name in BIOMARKERS if name.startswith("faz_")]


def circle(px_per_mm: float, size: tuple[int, int]) -> Shape:
    return foveal_zone(semi_axes=(RADIUS_MM * px_per_mm,) * 2, size=size)


def ellipse(px_per_mm: float, size: tuple[int, int]) -> Shape:
    return foveal_zone(semi_axes=(0.4 * px_per_mm, 0.2 * px_per_mm), size=size)


def harmonic(px_per_mm: float, size: tuple[int, int]) -> Shape:
    return harmonic_zone(radius=RADIUS_MM * px_per_mm, size=size)


def hexagon(px_per_mm: float, size: tuple[int, int]) -> Shape:
    turn = np.arange(6) * np.pi / 3 + 0.2
    corners = RADIUS_MM * px_per_mm * np.column_stack([np.cos(turn), 0.8 * np.sin(turn)])
    return polygonal_zone(Polygon(points=corners + (np.array(size) - 1) / 2), size=size)


ZONES: dict[str, Callable[[float, tuple[int, int]], Shape]] = {
    "circle": circle,
    "ellipse": ellipse,
    "harmonic": harmonic,
    "hexagon": hexagon,
}
# worst relative error on anti-aliased and on one-bit masks, a little above what is measured; a one-bit mask tells the
# ends of a diameter to half a pixel of 30 to 100
BARS = {
    "area": (0.0015, 0.005),
    "perimeter": (0.0015, 0.004),
    "circularity": (0.003, 0.006),
    "acircularity": (0.0015, 0.003),
    "axis_ratio": (0.003, 0.018),
    "roundness": (0.007, 0.02),
    "solidity": (0.0015, 0.003),
    "equivalent_diameter": (0.001, 0.003),
    "max_inscribed_diameter": (0.006, 0.015),
}
# a pixel rounds a corner off, and a one-bit mask's stairs hide one of two pixels
CORNERED = {
    "perimeter": (0.015, 0.03),
    "circularity": (0.03, 0.06),
    "acircularity": (0.015, 0.03),
    "roundness": (0.045, 0.1),
    "solidity": (0.006, 0.008),
}


def drawn(share: np.ndarray, *, is_hard: bool = False) -> TargetMask:
    share = share >= 0.5 if is_hard else share
    return TargetMask(probability=np.rint(share * 255.0).astype(np.uint8), source="manifest", is_hard=is_hard)


def inputs_of(
    zone: TargetMask,
    *,
    um_per_px: float | None = 10.0,
    fovea: tuple[float, float] | None = None,
    fov: np.ndarray | None = None,
) -> MeasureInputs:
    shape = zone.probability.shape
    segmentation = Segmentation(targets={"faz": zone})
    record = ImageRecord(
        image_id="a",
        image=None,  # type: ignore[arg-type]
        row=1,
        eye="OD",
        modality="octa",
        um_per_px=um_per_px,
        fovea_xy=None if fovea is None else (fovea[1], fovea[0]),
    )
    field = Field(center=((shape[0] - 1) / 2, (shape[1] - 1) / 2), diameter_px=float(shape[0]))
    fov = np.ones(shape, bool) if fov is None else fov
    return MeasureInputs(
        modality="octa",
        fov=fov,
        field=field,
        segmentation=segmentation,
        anatomy=locate(segmentation, record, field=field, fov=fov, modality="octa"),
        graphs={},
    )


def errors(shape: Shape, um_per_px: float, *, is_hard: bool) -> dict[str, float]:
    """Relative error of each figure of a shape's zone."""
    found = measure(inputs_of(drawn(shape.coverage("faz"), is_hard=is_hard), um_per_px=um_per_px), ["faz_*"])
    off = {}
    for figure in BARS:
        power, unit = {"area": (2, 1e-6), "perimeter": (1, 1e-3)}.get(
            figure, (int(figure.endswith("diameter")), 1.0)
        )
        truth = shape.truth[f"faz_{figure}{('', '_px', '_px2')[power]}"] * um_per_px**power * unit
        off[figure] = found[f"faz_{figure}"].value / truth - 1
    return off


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", ZONES)
def test_a_zone_of_known_shape_is_measured_right_at_any_turn(name, field):
    mm, pixels = FIELDS[field]
    shape = ZONES[name](pixels / mm, (pixels, pixels))
    bars = BARS | (CORNERED if name == "hexagon" else {})
    for degrees in (0.0, 30.0, 60.0):
        for is_hard in (False, True):
            turned = shape.rotated(degrees).shifted((0.37, -0.21))
            for figure, off in errors(turned, 1000 * mm / pixels, is_hard=is_hard).items():
                assert abs(off) <= bars[figure][is_hard], (figure, degrees, is_hard, off)


def test_the_same_eye_has_the_same_zone_at_other_samplings():
    areas = []
    for mm, pixels in FIELDS.values():
        shape = harmonic(pixels / mm, (pixels, pixels))
        found = measure(inputs_of(drawn(shape.coverage("faz")), um_per_px=1000 * mm / pixels), ["faz_area"])
        areas.append(found["faz_area"].value)
    assert np.ptp(areas) / np.mean(areas) <= 0.003


def reasons(zone: TargetMask, **about: object) -> set[str | None]:
    return {found.reason for found in measure(inputs_of(zone, **about), COLUMNS).values()}  # type: ignore[arg-type]


def disc_share(center: tuple[float, float], radius: float, size: int = 120) -> np.ndarray:
    rows, cols = np.mgrid[:size, :size]
    return np.clip(radius - np.hypot(rows - center[0], cols - center[1]) + 0.5, 0, 1)


def test_an_empty_mask_has_no_zone():
    assert reasons(drawn(np.zeros((120, 120))), fovea=(60.0, 60.0)) == {"no_faz"}


def test_nobody_supplied_a_zone():
    inputs = inputs_of(drawn(disc_share((60, 60), 20)))
    nothing = MeasureInputs(
        modality="octa",
        fov=inputs.fov,
        field=inputs.field,
        segmentation=Segmentation(),
        anatomy=inputs.anatomy,
        graphs={},
    )
    assert {found.reason for found in measure(nothing, COLUMNS).values()} == {"target_absent"}


def test_two_regions_are_no_zone_and_specks_beside_one_do_no_harm():
    zone = disc_share((60, 40), 20)
    assert reasons(drawn(np.maximum(zone, disc_share((60, 90), 14))), fovea=(60.0, 40.0)) == {"no_faz"}
    speckled = np.maximum(zone, disc_share((60, 90), 2))
    assert reasons(drawn(speckled), fovea=(60.0, 40.0)) == {None}


def test_a_ring_is_no_zone_and_a_small_hole_is_filled():
    zone = disc_share((60, 60), 30)
    assert reasons(drawn(zone - disc_share((60, 60), 20)), fovea=(60.0, 60.0)) == {"no_faz"}
    pierced = measure(inputs_of(drawn(zone - disc_share((60, 60), 2))), ["faz_area"])
    whole = measure(inputs_of(drawn(zone)), ["faz_area"])
    assert pierced["faz_area"].value == pytest.approx(whole["faz_area"].value, rel=1e-6)


def test_a_zone_elsewhere_than_the_fovea_is_none():
    zone = drawn(disc_share((60, 30), 15))
    assert reasons(zone, fovea=(60.0, 100.0)) == {"no_faz"}
    assert reasons(zone, fovea=(60.0, 50.0)) == {None}  # less than a radius beside it


def test_a_zone_that_the_edge_of_the_field_cuts_is_out_of_bounds():
    assert reasons(drawn(disc_share((60, 5), 20)), fovea=(60.0, 5.0)) == {"region_out_of_bounds"}
    fov = np.ones((120, 120), bool)
    fov[:, :50] = False
    share = disc_share((60, 60), 20) * fov
    assert reasons(drawn(share), fovea=(60.0, 60.0), fov=fov) == {"region_out_of_bounds"}


def test_a_zone_of_a_few_pixels_has_no_shape():
    assert reasons(drawn(disc_share((60, 60), 2)), fovea=(60.0, 60.0)) == {"resolution_too_low"}


def test_a_speck_that_a_model_found_is_no_zone_and_one_that_was_drawn_is() -> None:
    share = disc_share((60, 60), 7)  # 0.015 mm2 at 10 um
    found = replace(drawn(share), source="model:some")
    assert reasons(found, fovea=(60.0, 60.0), um_per_px=10.0) == {"no_faz"}
    assert reasons(drawn(share), fovea=(60.0, 60.0), um_per_px=10.0) == {None}
    assert reasons(found, fovea=(60.0, 60.0), um_per_px=12.0) == {None}  # 0.022 mm2
    without_scale = measure(inputs_of(found, um_per_px=None, fovea=(60.0, 60.0)), ["faz_circularity"])
    assert without_scale["faz_circularity"].value > 0.9  # a pixel of 50 um makes it large enough


def test_a_speck_tells_nobody_where_the_fovea_is() -> None:
    shares = {radius: disc_share((60, 60), radius) for radius in (7, 20)}
    for radius, share in shares.items():
        target = replace(drawn(share), source="model:some")
        anatomy = locate(
            Segmentation(targets={"faz": target}),
            ImageRecord(image_id="scan", image=Path("scan.png"), row=1, modality="octa", um_per_px=10.0),
            field=Field(center=(59.5, 59.5), diameter_px=120.0),
            modality="octa",
        )
        assert anatomy.fovea_source == (None if radius == 7 else "faz")


def test_without_a_scale_sizes_go_and_shapes_stay():
    found = measure(inputs_of(drawn(disc_share((60, 60), 20)), um_per_px=None, fovea=(60.0, 60.0)), ["faz_*"])
    for name, measurement in found.items():
        assert (measurement.reason == "scale_unknown") == (BIOMARKERS[name].unit != "1"), name


def test_the_offset_from_the_fovea_needs_a_fovea_from_elsewhere():
    zone = drawn(disc_share((60.0, 60.0), 20))
    found = measure(inputs_of(zone, fovea=(63.0, 56.0)), ["faz_centroid_offset"])["faz_centroid_offset"]
    assert found.value == pytest.approx(50.0, abs=0.2)  # 5 px of 10 um
    assert measure(inputs_of(zone), ["faz_centroid_offset"])["faz_centroid_offset"].reason == "no_fovea"


def test_the_middle_of_the_zone_is_the_fovea_of_an_angiogram_that_has_no_other():
    zone = drawn(disc_share((62.3, 57.8), 20))
    anatomy = inputs_of(zone).anatomy
    assert anatomy.fovea == pytest.approx((62.3, 57.8), abs=0.02)
    assert anatomy.fovea_source == "faz"
    assert inputs_of(zone, fovea=(60.0, 61.0)).anatomy.fovea == (60.0, 61.0)
    record = ImageRecord(image_id="a", image=None, row=1)  # type: ignore[arg-type]
    field = Field(center=(60.0, 60.0), diameter_px=120.0)
    assert locate(Segmentation(targets={"faz": zone}), record, field=field).fovea is None


def test_circularity_is_a_function_of_acircularity():
    found = measure(inputs_of(drawn(ellipse(60.0, (120, 120)).coverage("faz"))), ["faz_*circularity"])
    assert found["faz_circularity"].value == pytest.approx(found["faz_acircularity"].value ** -2)
    assert BIOMARKERS["faz_circularity"].derived_from == "faz_acircularity"
    assert BIOMARKERS["faz_equivalent_diameter"].derived_from == "faz_area"


def test_photographs_have_no_zone():
    assert not any("cfp" in BIOMARKERS[name].modalities for name in COLUMNS)
