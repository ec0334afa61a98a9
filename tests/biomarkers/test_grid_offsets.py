"""The fewest boxes over all offsets of a grid, against counting them one offset at a time."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.biomarkers.grid_offsets import Occupancy


def needed_at_each_offset(mask: np.ndarray, size: int) -> np.ndarray:
    """(size, size) boxes; offset (0, 0) begins size - 1 before the mask."""
    rows, columns = np.nonzero(mask)
    needed = np.zeros((size, size), int)
    for down in range(size):
        for across in range(size):
            box = (rows + size - 1 - down) // size * 10_000 + (columns + size - 1 - across) // size
            needed[down, across] = len(np.unique(box))
    return needed


@pytest.mark.parametrize("shape", [(23, 31), (1, 200), (150, 1), (90, 129)])
def test_the_fewest_boxes_and_all_offsets_that_need_no_more_are_found(shape):
    mask = np.random.default_rng(8).random(shape) < 0.05
    mask[0, 0] = mask[-1, -1] = True
    sizes = (1, 2, 3, 5, 8, 13, 25, 63, 64, 65)
    occupancy = Occupancy(mask, sizes[-1])
    for size in sizes:
        needed = needed_at_each_offset(mask, size)
        count, offsets = occupancy.fewest(size)
        assert count == needed.min()
        assert np.array_equal(offsets, np.argwhere(needed == count))


def test_a_box_in_each_place_of_a_full_mask_is_counted():
    count, offsets = Occupancy(np.ones((512, 640), bool), 8).fewest(8)
    assert count == 64 * 80
    assert offsets.tolist() == [[7, 7]]
