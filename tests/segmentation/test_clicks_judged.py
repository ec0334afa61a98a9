"""The benchmark of clicks asks for one part at a time and judges what is about the point."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.clicks import SQUARE, clicks_on, dice, square_about


@pytest.mark.parametrize("seed", range(6))
def test_a_click_lies_on_the_part_that_is_meant_and_the_point_to_avoid_on_another(seed: int) -> None:
    drawn = np.zeros((120, 120), bool)
    drawn[20:26, 5:115] = drawn[90:94, 5:115] = True
    for click in clicks_on(drawn, count=3, seed=seed):
        (x, y), rows = click.point, np.flatnonzero(click.meant.any(axis=1))
        assert click.meant[int(y), int(x)]
        assert set(rows) in ({*range(20, 26)}, {*range(90, 94)})
        assert not (click.meant & ~click.square).any()
        assert click.square.sum() == round(SQUARE * 120) ** 2
        for other_x, other_y in click.avoid:
            assert drawn[int(other_y), int(other_x)]
            assert not click.meant[int(other_y), int(other_x)]


def test_specks_are_not_clicked_and_the_square_stays_inside() -> None:
    speck = np.zeros((100, 100), bool)
    speck[50, 50] = True
    assert list(clicks_on(speck, count=2, seed=0)) == []
    corner = square_about((0.0, 99.0), (100, 100))
    assert corner[99, 0]
    assert corner.sum() == 67**2


def test_dice_of_a_half_and_of_nothing() -> None:
    whole = np.ones((4, 4), bool)
    half = whole.copy()
    half[:2] = False
    assert dice(half, whole) == pytest.approx(2 / 3)
    assert dice(np.zeros((4, 4), bool), whole) == 0
