"""Losses against numbers that can be worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from retquant.training.losses import centerline_dice, cross_entropy, dice, soft_skeleton

EVERYWHERE = torch.ones(1, 1, 4, 4)


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def test_cross_entropy_of_a_constant_guess() -> None:
    logits = torch.full((1, 1, 4, 4), logit(0.8))
    truth = torch.zeros(1, 1, 4, 4)
    truth[..., :2] = 1
    expected = -(math.log(0.8) + math.log(0.2)) / 2
    assert float(cross_entropy(logits, truth, EVERYWHERE)) == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_ignores_what_is_not_valid() -> None:
    logits = torch.full((1, 1, 4, 4), logit(0.8))
    truth = torch.ones(1, 1, 4, 4)
    truth[..., 2:] = 0
    valid = torch.ones(1, 1, 4, 4)
    valid[..., 2:] = 0
    assert float(cross_entropy(logits, truth, valid)) == pytest.approx(-math.log(0.8), rel=1e-5)


def test_dice_of_a_constant_guess() -> None:
    logits = torch.full((1, 1, 4, 4), logit(0.5))
    truth = torch.zeros(1, 1, 4, 4)
    truth[..., :2] = 1
    # overlap 8 x 0.5 = 4, sizes 8 + 8, smoothing 1
    assert float(dice(logits, truth, EVERYWHERE)) == pytest.approx(1 - 9 / 17, rel=1e-5)


def test_dice_pools_the_batch_before_dividing() -> None:
    logits = torch.full((2, 1, 4, 4), 20.0)
    truth = torch.zeros(2, 1, 4, 4)
    truth[0] = 1
    assert float(dice(logits, truth, torch.ones(2, 1, 4, 4))) == pytest.approx(1 - 33 / 49, rel=1e-4)


def test_the_soft_skeleton_of_a_thick_bar_is_its_middle_line() -> None:
    bar = torch.zeros(1, 1, 15, 40)
    bar[..., 5:10, :] = 1
    skeleton = soft_skeleton(bar, 4)[0, 0, :, 10:30]
    assert skeleton[7].min() == 1
    assert skeleton[[5, 6, 8, 9]].max() == 0


def test_centerline_dice_forgives_width_but_not_a_gap() -> None:
    truth = torch.zeros(1, 1, 32, 64)
    truth[..., 13:18, :] = 1
    thin, gap = (torch.full((1, 1, 32, 64), -20.0) for _ in range(2))
    thin[..., 14:17, :] = 20
    gap[..., 13:18, :24] = 20
    gap[..., 13:18, 40:] = 20
    valid = torch.ones(1, 1, 32, 64)
    assert float(centerline_dice(thin, truth, valid)) < 0.02
    assert float(centerline_dice(gap, truth, valid)) > 0.1


def test_a_perfect_answer_costs_nothing() -> None:
    truth = (torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0)) > 0.7).float()
    logits = (truth - 0.5) * 80
    valid = torch.ones_like(truth)
    for loss in (cross_entropy, dice, centerline_dice):
        assert float(loss(logits, truth, valid)) == pytest.approx(0, abs=1e-3)
