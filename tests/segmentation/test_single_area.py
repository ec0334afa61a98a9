"""An eye has one disc, one cup and one foveal avascular zone."""

from __future__ import annotations

import cv2
import numpy as np

from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.segmentation.single_area import keep_one_area, with_single_areas


def spots(*places: tuple[int, int, int, int]) -> np.ndarray:
    """(120, 160) uint8 with soft spots at row, col of a radius and a height."""
    drawn = np.zeros((120, 160), np.uint8)
    for row, col, radius, height in places:
        drawn = np.maximum(drawn, cv2.circle(np.zeros_like(drawn), (col, row), radius, height, -1))
    return cv2.GaussianBlur(drawn, (0, 0), 2)


def test_the_surest_place_stays_to_the_bit_and_another_goes_with_its_skirt() -> None:
    both, disc = spots((60, 50, 20, 250), (20, 140, 8, 220)), spots((60, 50, 20, 250))
    kept = keep_one_area(TargetMask(probability=both, source="model:x"))
    assert np.abs(kept.probability.astype(int) - disc).max() < 32
    assert np.array_equal(kept.probability[:, :100], both[:, :100])
    assert np.array_equal(kept.mask, disc >= 128)


def test_a_large_pale_place_loses_to_a_surer_one_of_more_weight() -> None:
    both = spots((60, 50, 20, 255), (60, 120, 22, 140))
    kept = keep_one_area(TargetMask(probability=both, source="model:x"))
    assert kept.mask[60, 50]
    assert not kept.mask[60, 120]


def test_two_tops_of_one_hill_leave_the_other_below_one_half() -> None:
    both = np.maximum(spots((60, 50, 20, 250), (60, 100, 10, 220)), spots((60, 75, 30, 90)))
    kept = keep_one_area(TargetMask(probability=both, source="model:x"))
    assert kept.mask[60, 50]
    assert not kept.mask[60, 100]
    assert kept.probability[60, 100] == 127
    assert kept.probability[60, 75] == both[60, 75]


def test_one_place_and_drawn_masks_and_vessels_stay() -> None:
    one, two = spots((60, 50, 20, 250)), spots((60, 50, 20, 250), (20, 140, 8, 220))
    single = TargetMask(probability=one, source="model:x")
    assert keep_one_area(single) is single
    given = Segmentation(
        targets={
            "disc": TargetMask(probability=two, source="manifest"),
            "vessel": TargetMask(probability=two, source="model:x"),
        }
    )
    assert with_single_areas(given) is given
    for name in ("cup", "faz"):
        found = with_single_areas(Segmentation(targets={name: TargetMask(probability=two, source="model:x")}))
        assert not found.targets[name].mask[20, 140]
        assert found.targets[name].mask[60, 50]
