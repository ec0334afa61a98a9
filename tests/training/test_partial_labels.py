"""Truth maps: crossings, what is unknown, landmarks in the working frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retquant.errors import ConfigError
from retquant.segmentation.working_image import frame_of
from retquant.training.truth import DISC_RADII_TO_FOVEA, artery_and_vein, read_table, truth_maps


def cross() -> np.ndarray:
    """An artery across a vein with code 3 where they meet, and a lone unclear stroke."""
    codes = np.zeros((40, 60), np.uint8)
    codes[18:22, :40] = 1
    codes[:, 18:22] = 2
    codes[18:22, 18:22] = 3
    codes[30:32, 45:58] = 3
    return codes


def test_a_crossing_belongs_to_both_and_a_lone_stroke_to_nobody() -> None:
    artery, vein, known = artery_and_vein(cross())
    assert artery[18:22, 18:22].all()
    assert vein[18:22, 18:22].all()
    assert known[18:22, 18:22].all()
    assert not artery[30:32, 45:58].any()
    assert not known[30:32, 45:58].any()
    assert known.sum() == known.size - 2 * 13


def test_an_unclear_piece_between_two_arteries_is_unknown() -> None:
    codes = np.zeros((9, 30), np.uint8)
    codes[4] = 1
    codes[4, 10:15] = 3
    artery, vein, known = artery_and_vein(codes)
    assert not known[4, 10:15].any()
    assert not vein.any()
    assert artery.sum() == 25


def test_a_vessel_that_the_codes_leave_out_is_unknown() -> None:
    codes = cross()
    vessel = codes > 0
    vessel[35, :10] = True
    _, _, known = artery_and_vein(codes, vessel)
    assert not known[35, :10].any()


def test_a_mask_of_0_and_255_is_no_file_of_codes() -> None:
    with pytest.raises(ConfigError, match="there is 255"):
        artery_and_vein((cross() > 0).astype(np.uint8) * 255)


def test_landmarks_become_heat_and_a_ring_of_doubt(tmp_path: Path) -> None:
    fov = np.zeros((200, 300), bool)
    fov[0:200, 50:250] = True
    frame, field = frame_of(fov, 100), np.ones((100, 100), bool)
    points = {"fovea": (110.0, 100.0), "disc": (200.0, 100.0)}
    maps = {t: (c, k) for t, c, k in truth_maps({}, points, frame=frame, field=field)}
    # two image pixels are one working pixel: x 110 of the image is (110 + 0.5 - 50) / 2 - 0.5 in the frame
    heat, _ = maps["fovea"]
    assert np.unravel_index(heat.argmax(), heat.shape) == (50, 30)
    disc, known = maps["disc"]
    radius = 45 / DISC_RADII_TO_FOVEA
    rows, cols = np.mgrid[:100, :100]
    away = np.hypot(rows - 49.75, cols - 74.75) / radius
    assert disc[away < 0.55].all()
    assert known[away < 0.55].all()
    assert not known[(away > 0.65) & (away < 1.55)].any()
    assert known[away > 1.65].all()
    assert not disc[away > 1].any()


def test_codes_are_cut_with_their_doubt(tmp_path: Path) -> None:
    Image.fromarray(cross()).save(tmp_path / "av.png")
    frame = frame_of(np.ones((40, 60), bool), 60)
    maps = {
        t: (c, k)
        for t, c, k in truth_maps({"av": tmp_path / "av.png"}, {}, frame=frame, field=np.ones((60, 60), bool))
    }
    assert set(maps) == {"artery", "vein"}
    artery, known = maps["artery"]
    assert artery[29, 5] == 1  # the frame is 10 rows taller than the image, on each side
    assert not known[41, 50]


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    Image.fromarray(cross()).save(tmp_path / "disc.png")
    frame = frame_of(np.ones((50, 50), bool), 50)
    with pytest.raises(ConfigError, match="60, 40"):
        list(truth_maps({"disc": tmp_path / "disc.png"}, {}, frame=frame, field=np.ones((50, 50), bool)))


def test_a_table_without_its_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("picture,x\na,1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no column image"):
        read_table(tmp_path / "labels.csv", "image")
