"""The overlay shows what was found where it was found, and masks written as files read back bit for bit."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retquant.anatomy.anatomy import Anatomy, Disc, Scale
from retquant.config import ImageSettings, VesselSettings
from retquant.images import read_image, read_target_mask
from retquant.images.retinal_image import Field, RetinalImage
from retquant.report.overlay import draw_overlay, mask_png, overlay_png, probability_png
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.vessels import build_graph
from retquant.vessels.build import empty_graph

NOWHERE = Anatomy(disc=None, fovea=None, scale=Scale(um_per_px=None, source="unknown"), eye=None)


def photograph(height: int, width: int) -> RetinalImage:
    """A grey field with a black corner outside the field of view."""
    fov = np.ones((height, width), bool)
    fov[: height // 5, : width // 5] = False
    pixels = np.where(fov[..., None], np.uint8(120), np.uint8(0)).repeat(3, axis=2)
    field = Field(center=(height / 2, width / 2), diameter_px=float(width))
    return RetinalImage(pixels=pixels, fov=fov, field=field, modality="cfp", eye=None)


def hard(mask: np.ndarray) -> TargetMask:
    return TargetMask(probability=mask.astype(np.uint8) * 255, source="manifest", is_hard=True)


def bar(height: int, width: int, rows: slice) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[rows, width // 4 : width // 2] = True
    return mask


def pixel(drawn: np.ndarray, image: RetinalImage, row: float, col: float) -> np.ndarray:
    scale = drawn.shape[1] / image.shape[1]
    return drawn[int(row * scale), int(col * scale)].astype(int)


def test_arteries_are_red_and_veins_blue_where_they_are_known() -> None:
    image = photograph(1200, 1200)
    targets = {
        "vessel": hard(bar(1200, 1200, slice(400, 440)) | bar(1200, 1200, slice(700, 740))),
        "artery": hard(bar(1200, 1200, slice(400, 440))),
        "vein": hard(bar(1200, 1200, slice(700, 740))),
    }
    drawn = draw_overlay(image, Segmentation(targets=targets), {}, NOWHERE)
    red, _, blue = pixel(drawn, image, 420, 400)
    assert red > blue + 60
    red, _, blue = pixel(drawn, image, 720, 400)
    assert blue > red + 60
    assert pixel(drawn, image, 1000, 400).tolist() == [120, 120, 120]


def test_vessels_are_green_where_arteries_and_veins_are_not_known() -> None:
    image = photograph(1200, 1200)
    targets = {"vessel": hard(bar(1200, 1200, slice(400, 440)))}
    red, green, blue = pixel(draw_overlay(image, Segmentation(targets=targets), {}, NOWHERE), image, 420, 400)
    assert green > max(red, blue) + 30


@pytest.mark.parametrize(("width", "expected"), [(300, 1000), (1300, 1300), (4000, 1600)])
def test_the_picture_is_neither_small_nor_huge(width: int, expected: int) -> None:
    image = photograph(width // 2, width)
    drawn = draw_overlay(image, Segmentation(), {}, NOWHERE, caption="eye 1")
    assert drawn.shape[1:] == (expected, 3)
    assert drawn.dtype == np.uint8
    assert expected // 2 < drawn.shape[0] < expected // 2 + 60  # the legend's strip


def test_zone_circles_end_at_the_field_of_view_and_lie_at_two_three_and_five_disc_radii() -> None:
    image = photograph(1200, 1200)
    anatomy = Anatomy(
        disc=Disc(center=(600.0, 600.0), radius_px=100.0),
        fovea=(600.0, 1100.0),
        scale=NOWHERE.scale,
        eye="OD",
    )
    drawn = draw_overlay(image, Segmentation(), {}, anatomy)[:1200]
    bright = (drawn.min(axis=2) > 170).nonzero()
    distance = np.hypot(bright[0] - 600, bright[1] - 600)
    assert set(np.round(distance / 100)) == {2, 3, 5}
    assert np.abs(distance - 100 * np.round(distance / 100)).max() < 2
    assert (drawn[~image.fov] == 0).all()


def test_centre_lines_run_along_the_middle_of_their_vessel() -> None:
    image = photograph(1200, 1200)
    mask = bar(1200, 1200, slice(580, 621))
    graph = build_graph(hard(mask), structure="vessel", fov=image.fov, settings=VesselSettings())
    plain = draw_overlay(image, Segmentation(targets={"vessel": hard(mask)}), {}, NOWHERE)
    lined = draw_overlay(image, Segmentation(targets={"vessel": hard(mask)}), {"vessel": graph}, NOWHERE)
    rows, cols = np.abs(lined.astype(int) - plain).sum(axis=2).nonzero()
    assert np.abs(rows - 600).max() <= 2
    assert np.ptp(cols) > 200


def test_nothing_found_gives_the_photograph_alone() -> None:
    image = photograph(1200, 1200)
    empty = {"vessel": empty_graph("vessel", (1200, 1200))}
    targets = {"vessel": hard(np.zeros((1200, 1200), bool))}
    drawn = draw_overlay(image, Segmentation(targets=targets), empty, NOWHERE, caption="x" * 500)
    np.testing.assert_array_equal(drawn[:1200], image.pixels)


def test_a_real_photograph_with_its_vessels_is_drawn(shared_data: Path) -> None:
    folder = shared_data / "fundus" / "DRIVE" / "test"
    image = read_image(folder / "images" / "01_test.tif", settings=ImageSettings())
    probability, is_hard = read_target_mask(folder / "1st_manual" / "01_manual1.gif", image.shape)
    target = TargetMask(probability=probability, source="manifest", is_hard=is_hard)
    graph = build_graph(target, structure="vessel", fov=image.fov, settings=VesselSettings())
    drawn = draw_overlay(image, Segmentation(targets={"vessel": target}), {"vessel": graph}, NOWHERE)
    with Image.open(io.BytesIO(overlay_png(drawn))) as file:
        np.testing.assert_array_equal(np.asarray(file), drawn)
    greenish = (drawn[..., 1].astype(int) - drawn[..., 0] > 30).mean()
    assert 0.04 < greenish < 0.15  # the vessels' share of the frame


@pytest.mark.parametrize("kind", ["mixed", "empty", "full"])
def test_a_mask_written_as_a_one_bit_file_reads_back_bit_for_bit(tmp_path: Path, kind: str) -> None:
    random = np.random.default_rng(0).random((131, 77))
    mask = random < {"mixed": 0.4, "empty": -1.0, "full": 2.0}[kind]
    path = tmp_path / "vessel.png"
    path.write_bytes(mask_png(mask))
    with Image.open(path) as file:
        assert file.mode == "1"
    probability, is_hard = read_target_mask(path, (131, 77))
    assert is_hard
    np.testing.assert_array_equal(probability, mask * np.uint8(255))


def test_probabilities_written_as_a_file_read_back_bit_for_bit(tmp_path: Path) -> None:
    probability = np.random.default_rng(0).integers(0, 256, (131, 77)).astype(np.uint8)
    path = tmp_path / "vessel_probability.png"
    path.write_bytes(probability_png(probability))
    read, is_hard = read_target_mask(path, (131, 77))
    assert not is_hard
    np.testing.assert_array_equal(read, probability)


def test_of_a_disc_mask_the_part_that_is_measured_is_outlined() -> None:
    image = photograph(1200, 1200)
    rows, cols = np.mgrid[:1200, :1200]
    disc, speck = (np.hypot(rows - 600, cols - at) < size for at, size in ((500, 90), (1000, 40)))
    anatomy = Anatomy(disc=Disc(center=(600, 500), radius_px=90), fovea=None, scale=NOWHERE.scale, eye=None)
    targets = {"disc": hard(disc | speck)}
    drawn = draw_overlay(image, Segmentation(targets=targets), {}, anatomy)[:1200].astype(int)
    yellow = (drawn[..., 0] - drawn[..., 2] > 60).nonzero()
    assert np.abs(np.hypot(yellow[0] - 600, yellow[1] - 500) - 90).max() < 4
    assert np.ptp(yellow[1]) > 170


def test_vessels_of_neither_kind_are_green_and_rims_of_arteries_are_not() -> None:
    image = photograph(1200, 1200)
    targets = {
        "vessel": hard(bar(1200, 1200, slice(398, 442)) | bar(1200, 1200, slice(700, 740))),
        "artery": hard(bar(1200, 1200, slice(400, 440))),
        "vein": hard(np.zeros((1200, 1200), bool)),
    }
    drawn = draw_overlay(image, Segmentation(targets=targets), {}, NOWHERE)
    red, green, blue = pixel(drawn, image, 720, 400)
    assert green > max(red, blue) + 30
    assert pixel(drawn, image, 398.5, 400).tolist() == [120, 120, 120]


def test_of_an_angiogram_large_vessels_and_the_avascular_zone_are_shown() -> None:
    image = photograph(400, 500)
    rows, cols = np.mgrid[:400, :500]
    zone = np.hypot(rows - 250, cols - 300) < 60
    vessels = bar(400, 500, slice(100, 120))
    targets = {"large_vessel": hard(vessels), "faz": hard(zone)}
    drawn = draw_overlay(image, Segmentation(targets=targets), {}, NOWHERE)
    green = pixel(drawn, image, 110, 180)
    assert green[1] > green[0] + 40
    edge, middle = pixel(drawn, image, 250, 240.5), pixel(drawn, image, 250, 300)
    assert edge[2] > edge[0] + 60
    assert np.ptp(middle) < 5  # an outline, not a tint
    speck = {"faz": TargetMask(probability=np.where(zone, 255, 0).astype(np.uint8), source="model:x")}
    tiny = Anatomy(disc=None, fovea=None, scale=Scale(um_per_px=1.0, source="um_per_px"), eye=None)
    assert np.ptp(pixel(draw_overlay(image, Segmentation(targets=speck), {}, tiny), image, 250, 240.5)) < 5
