"""Centre lines stay inside the field where a mask runs along its edge."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from retquant.config import VesselSettings
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels import build_graph


@pytest.mark.parametrize("thickness", [4, 7, 12])
def test_two_vessels_joined_along_the_edge_do_not_swing_beyond_it(thickness: int) -> None:
    """A model sees the field's rim as vessel between two vessels that leave the field."""
    picture = np.zeros((240, 300), np.uint8)
    way = np.array([(60, 20), (100, 120), (112, 204), (170, 204), (200, 110), (240, 20)], np.int32)
    cv2.polylines(picture, [way], isClosed=False, color=255, thickness=thickness, lineType=cv2.LINE_AA)
    fov = np.zeros(picture.shape, bool)
    fov[:205] = True
    graph = build_graph(
        TargetMask(probability=np.where(fov, picture, np.uint8(0)), source="model:x"),
        structure="vessel",
        fov=fov,
        settings=VesselSettings(),
    )
    assert graph.arc_length.sum() > 350
    assert graph.points[:, 0].max() <= 205.5
