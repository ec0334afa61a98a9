"""Gaps between vessels on patterns whose gaps are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from retquant.anatomy import Anatomy, Disc, Scale
from retquant.biomarkers import MeasureInputs, measure
from retquant.biomarkers.lacunarity import BOX_SIZES, lacunarities
from retquant.images.retinal_image import Field
from retquant.phantoms import Shape, Tube, full_image, parallel_vessels
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.vessels.build import empty_graph

FOVEA, DISC = (512.0, 400.0), Disc(center=(512.0, 700.0), radius_px=60.0)


def inputs_with(
    share: np.ndarray, fov: np.ndarray | None = None, *, landmarks: bool = True, diameter: float | None = None
) -> MeasureInputs:
    """Lacunarity and sparsity read the map and no graph."""
    fov = np.ones(share.shape, bool) if fov is None else fov
    return MeasureInputs(
        modality="cfp",
        fov=fov,
        field=Field(
            center=(share.shape[0] / 2, share.shape[1] / 2), diameter_px=diameter or min(share.shape)
        ),
        segmentation=Segmentation(
            targets={
                "vessel": TargetMask(probability=np.rint(share * 255).astype(np.uint8), source="manifest")
            }
        ),
        anatomy=Anatomy(
            disc=DISC if landmarks else None,
            fovea=FOVEA if landmarks else None,
            scale=Scale(um_per_px=None, source="unknown"),
            eye=None,
        ),
        graphs={"vessel": empty_graph("vessel", share.shape)},
    )


def test_a_full_image_has_lacunarity_one_at_each_scale():
    share = full_image(size=(1024, 1024)).coverage("vessel")
    assert lacunarities(share, np.ones(share.shape, bool)) == pytest.approx([1.0] * len(BOX_SIZES), abs=1e-9)
    found = measure(inputs_with(share), ["vessel_lacunarity_*"])
    assert found["vessel_lacunarity_mean_fov"].value == pytest.approx(1.0, abs=1e-6)
    assert found["vessel_lacunarity_mean_fov"].n == len(BOX_SIZES)
    assert found["vessel_lacunarity_slope_fov"].value == pytest.approx(0.0, abs=1e-6)


def test_a_field_full_of_vessel_has_lacunarity_one_although_the_frame_is_not():
    rows, columns = np.indices((1024, 1024))
    fov = np.hypot(rows - 511.5, columns - 511.5) <= 500
    found = measure(inputs_with(fov.astype(np.float32), fov, diameter=1001.0), ["vessel_lacunarity_*"])
    # at the field's border the resampled map is in part empty: one ring of the smallest boxes
    assert found["vessel_lacunarity_mean_fov"].value == pytest.approx(1.0, abs=1e-3)


def test_lacunarity_is_that_of_every_box_counted_one_by_one():
    share = (np.random.default_rng(4).random((48, 64)) < 0.1).astype(np.float32)
    field = np.ones(share.shape, bool)
    field[:, :9] = False
    share[~field] = 0
    found = lacunarities(share, field)
    for index, size in enumerate(BOX_SIZES[:4]):
        step = max(1, size // 4)
        mass = np.array(
            [
                share[row : row + size, column : column + size].sum()
                for row in range(0, 48 - size + 1, step)
                for column in range(0, 64 - size + 1, step)
                if field[row : row + size, column : column + size].all()
            ]
        )
        assert found[index] == pytest.approx(np.mean(mass**2) / np.mean(mass) ** 2, rel=1e-5)
    assert np.isnan(found[-2:]).all()  # the frame is smaller than the box


def test_gliding_by_a_quarter_box_is_as_good_as_by_a_pixel():
    share = parallel_vessels(width=9.0, pitch=70.0, size=(1024, 1024)).rotated(17.0).coverage("artery")
    found = lacunarities(share, np.ones(share.shape, bool))
    for index in (3, 4, 5):
        size = BOX_SIZES[index]
        total = np.pad(share.astype(float).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        mass = total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]
        assert found[index] == pytest.approx(np.mean(mass**2) / np.mean(mass) ** 2, rel=0.001)


@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_lacunarity_and_sparsity_do_not_depend_on_the_camera(factor):
    shape = parallel_vessels(width=16.0, pitch=64.0, size=(1024, 1024)).rotated(20.0)
    columns = ["vessel_lacunarity_mean_fov", "vessel_lacunarity_slope_fov"]
    fine = shape.scaled(factor)
    one, other = (
        measure(
            inputs_with(s.coverage("artery"), s.coverage("fov") >= 0.5, diameter=0.96 * s.size[0]), columns
        )
        for s in (shape, fine)
    )
    for column in columns:
        assert other[column].value == pytest.approx(one[column].value, rel=0.01)


@pytest.mark.parametrize("angle", [0.0, 30.0, 60.0, 90.0])
@pytest.mark.parametrize(("width", "pitch"), [(16.0, 64.0), (6.0, 90.0)])
def test_between_parallel_vessels_the_distance_is_known(angle, width, pitch):
    shape = parallel_vessels(width=width, pitch=pitch, circular_field=False, size=(1024, 1024)).rotated(angle)
    found = measure(inputs_with(shape.coverage("artery")), ["vessel_sparsity_*_zone_c"])
    turn, unit = np.deg2rad(angle), math.dist(FOVEA, DISC.center)
    rows, columns = np.indices((1024, 1024))
    across = (rows - 511.5) * np.cos(turn) + (columns - 511.5) * np.sin(turn)
    far = np.maximum(np.abs((across / pitch) % 1 - 0.5) * pitch - width / 2, 0)
    radius = np.hypot(rows - DISC.center[0], columns - DISC.center[1]) / DISC.radius_px
    zone = (radius >= 2) & (radius <= 5)
    # the nearest vessel pixel is not the nearest point of the edge: up to 0.2 px more, of 9 to 20 px
    assert found["vessel_sparsity_mean_zone_c"].value == pytest.approx(far[zone].mean() / unit, rel=0.025)
    # and the farthest pixel's centre lies up to a pixel off the middle of the gap
    assert found["vessel_sparsity_max_zone_c"].value == pytest.approx(far[zone].max() / unit, abs=1.5 / unit)


def test_sparsity_needs_disc_and_fovea_and_both_need_vessels():
    share = parallel_vessels(width=16.0, pitch=64.0, size=(1024, 1024)).coverage("artery")
    found = measure(inputs_with(share, landmarks=False), ["vessel_sparsity_*", "vessel_lacunarity_*"])
    assert found["vessel_sparsity_mean_fov"].reason == "no_disc"
    assert found["vessel_lacunarity_mean_fov"].value > 1
    empty = measure(inputs_with(np.zeros_like(share)), ["vessel_sparsity_*_fov", "vessel_lacunarity_*"])
    assert {value.reason for value in empty.values()} == {"too_few_vessels"}


def test_vessels_thinner_than_the_raster_count_by_their_centre_lines(graph_of):
    lines = [
        Tube(points=np.array([[row, 2.0], [row, 2045.0]]), diameter=2.0)
        for row in np.arange(64.0, 2048.0, 128.0)
    ]
    shape = Shape(name="lines", size=(2048, 2048), tubes={"vessel": tuple(lines)})
    inputs = inputs_with(shape.coverage("vessel"))
    drawn = replace(inputs, graphs={"vessel": graph_of(lines, size=(2048, 2048))})
    found = measure(drawn, ["vessel_sparsity_mean_zone_c"])["vessel_sparsity_mean_zone_c"]
    rows, columns = np.indices((2048, 2048))
    radius = np.hypot(rows - DISC.center[0], columns - DISC.center[1]) / DISC.radius_px
    far = np.maximum(np.abs((rows % 128) - 64.0) - 1.0, 0)[(radius >= 2) & (radius <= 5)]
    # a centre line has no width: 1 px of the vessel's own is added to 32 px; without it the vessels would be lost
    assert found.value == pytest.approx((far.mean() + 1.0) / math.dist(FOVEA, DISC.center), rel=0.02)


def test_a_speck_of_a_field_in_a_large_frame_is_measured_or_missing():
    share = np.zeros((3000, 3000), np.float32)
    share[1500] = 1
    for side in (1, 9, 300):
        fov = np.zeros(share.shape, bool)
        fov[1500 - side // 2 : 1501 + side // 2, 1500 : 1500 + side] = True
        for value in measure(
            inputs_with(share, fov, diameter=float(side)), ["vessel_*arity_*", "vessel_sparsity_*"]
        ).values():
            assert value.reason is not None or math.isfinite(value.value)


def test_a_field_too_small_for_its_smallest_box_gives_a_reason():
    found = measure(inputs_with(np.ones((400, 400), np.float32)), ["vessel_lacunarity_*"])
    assert {value.reason for value in found.values()} == {"resolution_too_low"}
