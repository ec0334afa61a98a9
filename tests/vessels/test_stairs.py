"""The stairs of a one-bit mask, told from where its edge runs."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.phantoms import straight_vessel
from retquant.vessels.edges import edge_map, edges
from retquant.vessels.stairs import stair_errors

WIDTH = 12.7


@pytest.mark.parametrize("turn", [0.0, 1.0, 5.0, 17.0, 30.0, 44.0, 45.0, 60.0, 88.0])
def test_what_stairs_do_to_an_edge_is_known_where_the_edge_is_known(turn):
    shape = straight_vessel(length=300.0, width=WIDTH, size=(400, 400)).rotated(turn).shifted((0.31, 0.17))
    mask = np.where(shape.coverage("artery") >= 0.5, 255, 0).astype(np.uint8)
    first, last = shape.tubes["artery"][0].points[[0, -1]]
    along = (last - first) / np.hypot(*(last - first))
    points = first + np.linspace(0.1, 0.9, 1500)[:, None] * (last - first)
    normals = np.tile([-along[1], along[0]], (len(points), 1))
    read = edges(
        edge_map(mask, np.ones(mask.shape, dtype=bool)), points, normals, limit=np.full(len(points), 30.0)
    )
    for side, sign in ((0, 1.0), (1, -1.0)):
        off = read[:, side] - WIDTH / 2
        told = stair_errors(points + sign * normals * WIDTH / 2, sign * normals, doubt_px=0.0)
        assert np.abs(off).max() > 0.02  # there are stairs
        # what the Fourier series lacks past its third term has a root mean square of 0.12 px
        assert np.sqrt(np.mean((off - told) ** 2)) < 0.12


def test_doubt_about_an_edge_takes_the_stairs_back():
    edge = np.column_stack([np.linspace(10.0, 12.0, 41), np.full(41, 20.0)])
    outward = np.tile([1.0, 0.0], (41, 1))
    sure, unsure = (np.abs(stair_errors(edge, outward, doubt_px=doubt)).max() for doubt in (0.0, 0.5))
    assert sure > 0.4
    assert unsure < 0.05
