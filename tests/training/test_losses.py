"""Losses against numbers that can be worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from retquant.training.losses import (
    LOSSES,
    centerline_dice,
    centerline_mix,
    cross_entropy,
    dice,
    dynamic_dice,
    feature_matching,
    focal,
    soft_skeleton,
    weighted,
    weighted_by_target,
)

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


def test_focal_of_a_constant_guess_is_the_published_formula() -> None:
    logits = torch.full((1, 1, 4, 4), logit(0.8))
    truth = torch.zeros(1, 1, 4, 4)
    truth[..., :2] = 1
    drawn = -0.25 * 0.2**2 * math.log(0.8)
    empty = -0.75 * 0.8**2 * math.log(0.2)
    assert float(focal(logits, truth, EVERYWHERE)) == pytest.approx((drawn + empty) / 2, rel=1e-5)


def test_focal_without_focus_is_half_the_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(1, 1, 4, 4, generator=generator)
    truth = (torch.rand(1, 1, 4, 4, generator=generator) > 0.5).float()
    flat = focal(logits, truth, EVERYWHERE, alpha=0.5, gamma=0)
    assert float(flat) == pytest.approx(float(cross_entropy(logits, truth, EVERYWHERE)) / 2, rel=1e-5)


def test_dynamic_dice_counts_each_drawn_label_of_each_sample_once() -> None:
    logits = torch.full((2, 2, 4, 4), 20.0)
    truth = torch.zeros(2, 2, 4, 4)
    truth[0, 0] = 1  # all 16 pixels drawn: Dice 1
    truth[1, 0, :2] = 1  # 8 of 16: Dice (2 x 8 + 1) / (16 + 8 + 1)
    truth[1, 1, :1] = 1  # 4 of 16: (2 x 4 + 1) / (16 + 4 + 1); label 1 of sample 0 is not drawn
    valid = torch.ones_like(truth)
    expected = (0 + (1 - 17 / 25) + (1 - 9 / 21)) / 3
    assert float(dynamic_dice(logits, truth, valid)) == pytest.approx(expected, rel=1e-5)
    valid[1, 1] = 0  # unknown: one term less
    assert float(dynamic_dice(logits, truth, valid)) == pytest.approx((1 - 17 / 25) / 2, rel=1e-5)


def test_dynamic_dice_follows_its_weights() -> None:
    logits = torch.full((1, 2, 4, 4), 20.0)
    truth = torch.zeros(1, 2, 4, 4)
    truth[0, 0, :2] = 1
    truth[0, 1, :1] = 1
    weighed = dynamic_dice(logits, truth, torch.ones_like(truth), weights=[3, 1])
    assert float(weighed) == pytest.approx(0.75 * (1 - 17 / 25) + 0.25 * (1 - 9 / 21), rel=1e-5)


def test_the_mix_is_eight_parts_dice_and_two_parts_centre_line() -> None:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(1, 1, 16, 16, generator=generator)
    truth = (torch.rand(1, 1, 16, 16, generator=generator) > 0.6).float()
    valid = torch.ones_like(truth)
    parts = 0.8 * dice(logits, truth, valid) + 0.2 * centerline_dice(logits, truth, valid)
    assert float(centerline_mix(logits, truth, valid)) == pytest.approx(float(parts), rel=1e-6)


def test_a_weighted_sum_is_the_sum_of_its_terms() -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 1, 8, 8, generator=generator)
    truth = (torch.rand(2, 1, 8, 8, generator=generator) > 0.6).float()
    valid = torch.ones_like(truth)
    total = weighted({"cross_entropy": 1.0, "dice": 0.5, "focal": 0.0}, logits, truth, valid)
    expected = cross_entropy(logits, truth, valid) + 0.5 * dice(logits, truth, valid)
    assert float(total) == pytest.approx(float(expected), rel=1e-6)


def test_targets_with_losses_of_their_own_are_averaged_over_what_is_known() -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 3, 12, 12, generator=generator)
    truth = (torch.rand(2, 3, 12, 12, generator=generator) > 0.5).float()
    valid = torch.ones(2, 3, 12, 12)
    valid[:, 1] = 0  # nobody labelled the second
    lines = {"dice": 0.2, "centerline_dice": 0.8}
    found = weighted_by_target([lines, {"dice": 1.0}, {"dice": 1.0}], logits, truth, valid)
    first, third = (
        {name: float(LOSSES[name](logits[:, [i]], truth[:, [i]], valid[:, [i]])) for name in lines}
        for i in (0, 2)
    )
    expected = (0.2 * first["dice"] + 0.8 * first["centerline_dice"] + third["dice"]) / 2
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_equal_losses_of_all_targets_are_the_plain_weighted_sum() -> None:
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(2, 2, 8, 8, generator=generator)
    truth = (torch.rand(2, 2, 8, 8, generator=generator) > 0.5).float()
    plain = {"cross_entropy": 1.0, "dice": 0.5}
    by_target = weighted_by_target([plain, plain], logits, truth, torch.ones_like(truth))
    assert float(by_target) == float(weighted(plain, logits, truth, torch.ones_like(truth)))


def test_feature_matching_is_the_mean_difference_and_teaches_only_the_found() -> None:
    found = [torch.zeros(1, 2, 4, 4, requires_grad=True), torch.ones(1, 3, requires_grad=True)]
    drawn = [torch.full((1, 2, 4, 4), 2.0, requires_grad=True), torch.full((1, 3), 2.0, requires_grad=True)]
    loss = feature_matching(found, drawn)
    assert float(loss.detach()) == pytest.approx((2 + 1) / 2)
    loss.backward()
    assert found[0].grad is not None
    assert drawn[0].grad is None
    with pytest.raises(ValueError, match="2 layers"):
        feature_matching(found, drawn[:1])


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_target_that_nobody_labelled_changes_nothing(name: str) -> None:
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(2, 2, 16, 16, generator=generator)
    truth = (torch.rand(2, 2, 16, 16, generator=generator) > 0.6).float()
    valid = torch.ones_like(truth)
    valid[:, 1] = 0
    alone = LOSSES[name](logits[:, :1], truth[:, :1], valid[:, :1])
    assert float(LOSSES[name](logits, truth, valid)) == pytest.approx(float(alone), rel=1e-5)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_step_down_the_gradient_lowers_the_loss(name: str) -> None:
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(1, 1, 16, 16, generator=generator).requires_grad_()
    truth = torch.zeros(1, 1, 16, 16)
    truth[..., 6:10, :] = 1
    valid = torch.ones_like(truth)
    before = LOSSES[name](logits, truth, valid)
    before.backward()
    assert logits.grad is not None
    with torch.no_grad():
        after = LOSSES[name](logits - 0.1 * logits.grad / logits.grad.norm(), truth, valid)
    assert float(after) < float(before.detach())
