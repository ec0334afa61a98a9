"""The avascular zone of wide angiograms is looked at again, from as near as zones were drawn to learn from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retquant.config import ImageSettings, RunConfig
from retquant.images import read_image
from retquant.images.retinal_image import RetinalImage
from retquant.manifest.records import ImageRecord
from retquant.phantoms import angiogram, octa_retina
from retquant.pipeline import open_image
from retquant.segmentation.closer_look import closer_field, closer_side
from retquant.segmentation.drawings import drawing_key
from retquant.segmentation.segmentation import TargetMask
from retquant.segmentation.segmenter import Segmenter, load_segmenter


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> RetinalImage:
    """A digital scan of 6 mm, of unknown size."""
    path = tmp_path_factory.mktemp("scan") / "scan.png"
    Image.fromarray(angiogram(octa_retina(31, field_mm=6.0, size=400))).save(path)
    return read_image(path, modality="octa", settings=ImageSettings())


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return load_segmenter("octa-general", device="cpu")


def zone_at(row: int, col: int, *, side: int = 40, shape: tuple[int, int] = (400, 400)) -> TargetMask:
    probability = np.zeros(shape, np.uint8)
    probability[row - side // 2 : row + side // 2, col - side // 2 : col + side // 2] = 200
    return TargetMask(probability=probability, source="model:test")


def test_wide_fields_of_known_size_alone_are_looked_at_again(scan: RetinalImage) -> None:
    assert closer_side(scan) is None
    assert closer_side(replace(scan, pitch_um=7.5)) is None, "3 mm"
    assert closer_side(replace(scan, pitch_um=15.0)) == 200
    assert closer_side(replace(scan, pitch_um=30.0)) == 100, "12 mm"
    assert closer_side(replace(scan, pitch_um=15.0, modality="cfp")) is None


@pytest.mark.parametrize(
    ("row", "col", "first"),
    [(200, 200, (100, 100)), (40, 210, (0, 110)), (380, 380, (200, 200))],
    ids=["middle", "above", "corner"],
)
def test_the_closer_field_is_3_mm_about_the_zone_and_inside_the_scan(
    scan: RetinalImage, row: int, col: int, first: tuple[int, int]
) -> None:
    nearer = closer_field(replace(scan, pitch_um=15.0), zone_at(row, col))
    assert nearer is not None
    rows, cols = np.nonzero(nearer.fov)
    assert (rows.min(), cols.min()) == first
    assert nearer.fov.sum() == 200 * 200
    assert nearer.pixels is scan.pixels


def test_there_is_no_second_look_at_no_zone_or_at_one_that_would_be_cut_off(scan: RetinalImage) -> None:
    wide = replace(scan, pitch_um=15.0)
    assert closer_field(wide, None) is None
    assert (
        closer_field(wide, TargetMask(probability=np.zeros((400, 400), np.uint8), source="model:a")) is None
    )
    assert closer_field(wide, zone_at(200, 200, side=120)) is not None
    assert closer_field(wide, zone_at(200, 200, side=122)) is None


def test_the_zone_alone_is_seen_anew_and_alike_one_by_one_and_together(
    scan: RetinalImage, segmenter: Segmenter
) -> None:
    wide = replace(scan, pitch_um=15.0)
    whole, nearer = segmenter.many([scan, wide])
    for name, target in whole.targets.items():
        same = np.array_equal(target.probability, nearer.targets[name].probability)
        assert same == (name != "faz"), name
    alone = segmenter(wide)
    np.testing.assert_array_equal(alone.targets["faz"].probability, nearer.targets["faz"].probability)


def test_the_zone_of_a_wide_digital_scan_is_that_of_its_graph(
    scan: RetinalImage, segmenter: Segmenter
) -> None:
    drawn = octa_retina(31, field_mm=6.0, size=400).coverage("faz")
    found = segmenter(replace(scan, pitch_um=15.0)).targets["faz"].mask
    assert 2 * np.minimum(found, drawn).sum() / (found.sum() + drawn.sum()) > 0.95


@pytest.mark.parametrize(
    ("told", "pitch"),
    [
        ({"fov_mm": 6.0}, 15.0),
        ({"um_per_px": 15.0}, 15.0),
        ({"fov_mm": 6.0, "axial_length_mm": 27.0}, 15.0),
        ({"fov_deg": 20.0}, 14.484),
        ({}, None),
    ],
    ids=["field", "pitch", "long eye", "angle", "unknown"],
)
def test_the_pitch_is_the_devices_own(
    tmp_path: Path, scan: RetinalImage, told: dict[str, float], pitch: float | None
) -> None:
    Image.fromarray(scan.pixels).save(tmp_path / "scan.png")
    record = ImageRecord(
        image_id="a",
        image=tmp_path / "scan.png",
        participant_id="p",
        modality="octa",
        row=2,
        **told,  # type: ignore[arg-type]
    )
    found = open_image(record, RunConfig()).image.pitch_um
    assert found == (None if pitch is None else pytest.approx(pitch, rel=1e-3))


def test_maps_that_were_kept_without_a_second_look_are_drawn_anew(scan: RetinalImage) -> None:
    settings = RunConfig().segmentation
    keys = [drawing_key(replace(scan, pitch_um=pitch), settings) for pitch in (None, 7.5, 15.0)]
    assert keys[0] == keys[1] != keys[2]
