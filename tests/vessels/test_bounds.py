"""Compiled code reads and writes inside its arrays only: from masks to numbers with every index checked."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import cv2
import numpy as np

from retquant.anatomy import Anatomy, Scale
from retquant.biomarkers import MeasureInputs, measure
from retquant.config import VesselSettings
from retquant.images import fit_field
from retquant.phantoms import simple_eye
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.vessels import build_graphs

eye = simple_eye(7, size=(320, 320))
soft = {name: np.rint(255 * eye.coverage(name)).astype(np.uint8) for name in ("vessel", "artery", "vein")}
hard = {name: np.where(pixels >= 128, np.uint8(255), np.uint8(0)) for name, pixels in soft.items()}
noise = cv2.GaussianBlur(np.random.default_rng(3).random((200, 240)).astype(np.float32), (0, 0), 1.5)
# wide vessels without a plateau that fork: profiles as long as they get, to one side at least
faint = np.zeros((420, 420), np.uint8)
for way in ([(210, 0), (210, 210)], [(210, 210), (40, 419)], [(210, 210), (400, 400)]):
    cv2.polylines(faint, [np.array(way, np.int32)], isClosed=False, color=150, thickness=70)
cases = [
    (soft, False),
    (hard, True),
    ({"vessel": np.rint(255 * (noise > 0.52)).astype(np.uint8)}, True),
    ({"vessel": cv2.GaussianBlur(faint, (0, 0), 3)}, False),
    ({"vessel": np.full((64, 90), 255, np.uint8)}, True),
    ({"vessel": np.full((64, 90), 160, np.uint8)}, False),
]
for maps, is_hard in cases:
    fov = np.ones(next(iter(maps.values())).shape, bool)
    targets = {
        name: TargetMask(probability=pixels, source="manifest", is_hard=is_hard) for name, pixels in maps.items()
    }
    measure(
        MeasureInputs(
            modality="cfp",
            fov=fov,
            field=fit_field(fov),
            segmentation=Segmentation(targets=targets),
            anatomy=Anatomy(disc=None, fovea=None, scale=Scale(um_per_px=5.0, source="um_per_px"), eye="OD"),
            graphs=build_graphs(targets, fov=fov, settings=VesselSettings()),
        )
    )
print("every index was inside")
"""


def test_no_index_leaves_its_array() -> None:
    checked = os.environ | {"NUMBA_BOUNDSCHECK": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=checked, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "every index was inside" in done.stdout
