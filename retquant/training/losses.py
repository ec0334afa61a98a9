"""What training minimises: cross-entropy, focal, Dice and soft clDice losses, feature matching, and weighted sums.

Shapes: B tiles, T targets, H, W pixels. A loss takes (B, T, H, W) logits, truth in [0, 1] (soft coverage) and a
validity mask, 1 where truth is known. Each target's loss is taken over what is known of it, and the mean is over the
targets of which anything is known in the batch, so that images with partial labels can be mixed freely.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

OVER_BATCH = (0, 2, 3)
OVER_PIXELS = (2, 3)


def cross_entropy(logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Binary cross-entropy, mean over the valid pixels of each target, then over targets."""
    loss = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return _mean_of_known(_mean_of_valid(loss, valid), valid)


def focal(logits: Tensor, truth: Tensor, valid: Tensor, *, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Focal loss (Lin et al. 2017): cross-entropy times |truth - p|^gamma, foreground weighted alpha : 1 - alpha.

    For truth of 0 or 1 it is the published -alpha (1 - p_t)^gamma log p_t; between them the weight of a pixel runs
    linearly with its coverage.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    hardness = (truth - torch.sigmoid(logits)).abs().clamp(min=1e-6) ** gamma
    weight = alpha * truth + (1 - alpha) * (1 - truth)
    return _mean_of_known(_mean_of_valid(weight * hardness * entropy, valid), valid)


def dice(logits: Tensor, truth: Tensor, valid: Tensor, *, smooth: float = 1.0) -> Tensor:
    """1 - Dice (Milletari et al. 2016), one coefficient a target over the whole batch, mean over targets."""
    return _mean_of_known(1 - _dice(logits, truth, valid, OVER_BATCH, smooth), valid)


def dynamic_dice(
    logits: Tensor,
    truth: Tensor,
    valid: Tensor,
    *,
    weights: Sequence[float] | None = None,
    smooth: float = 1.0,
) -> Tensor:
    """Batch-size dynamic Dice: sum of c (1 - Dice) over every label of every sample in the batch.

    A label counts where it is known and drawn in that sample, so the number of terms changes with the batch; the
    weights c, equal or in proportion to `weights` (one a target), add up to 1 over those terms. A batch in which
    nothing is drawn costs nothing. The idea is that of doi:10.18280/mmep.111024 (2024).
    """
    losses = 1 - _dice(logits, truth, valid, OVER_PIXELS, smooth)
    present = ((truth * valid).sum(OVER_PIXELS) > 0).to(losses.dtype)
    share = present if weights is None else present * present.new_tensor(list(weights))
    return (share * losses).sum() / share.sum().clamp(min=1e-6)


def centerline_dice(
    logits: Tensor, truth: Tensor, valid: Tensor, *, iterations: int = 4, smooth: float = 1.0
) -> Tensor:
    """1 - soft clDice (Shit et al. 2021): the harmonic mean of each skeleton's share inside the other mask."""
    probability = torch.sigmoid(logits) * valid
    truth = truth * valid
    drawn, found = soft_skeleton(truth, iterations), soft_skeleton(probability, iterations)
    precision = ((found * truth).sum(OVER_BATCH) + smooth) / (found.sum(OVER_BATCH) + smooth)
    recall = ((drawn * probability).sum(OVER_BATCH) + smooth) / (drawn.sum(OVER_BATCH) + smooth)
    return _mean_of_known(1 - 2 * precision * recall / (precision + recall), valid)


def centerline_mix(logits: Tensor, truth: Tensor, valid: Tensor, *, alpha: float = 0.2) -> Tensor:
    """(1 - alpha) (1 - Dice) + alpha (1 - soft clDice), the mix of Shit et al. 2021."""
    return (1 - alpha) * dice(logits, truth, valid) + alpha * centerline_dice(logits, truth, valid)


def feature_matching(found: Sequence[Tensor], drawn: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of a critic's feature maps of the found and the drawn, mean over its layers.

    The loss of Wang et al. 2018 (pix2pixHD). `drawn` is a constant: no gradient flows into it.

    Raises
    ------
    ValueError
        The two have different numbers of layers, or none.
    """
    if not found or len(found) != len(drawn):
        raise ValueError(f"{len(found)} layers of found features against {len(drawn)} of drawn ones")
    layers = [(f - d.detach()).abs().mean() for f, d in zip(found, drawn, strict=True)]
    return torch.stack(layers).mean()


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "cross_entropy": cross_entropy,
        "focal": focal,
        "dice": dice,
        "dynamic_dice": dynamic_dice,
        "centerline_dice": centerline_dice,
        "centerline_mix": centerline_mix,
    }
)
"""Losses that a recipe may name."""


def weighted(weights: Mapping[str, float], logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Sum of named losses times their weights; those of weight 0 are not computed."""
    terms = [w * LOSSES[name](logits, truth, valid) for name, w in weights.items() if w]
    return torch.stack(terms).sum() if terms else logits.sum() * 0


def weighted_by_target(
    weights: Sequence[Mapping[str, float]], logits: Tensor, truth: Tensor, valid: Tensor
) -> Tensor:
    """`weighted` with weights of their own for each of the T targets; the mean over the targets that are known."""
    groups: dict[tuple[tuple[str, float], ...], list[int]] = {}
    for target, own in enumerate(weights[: logits.shape[1]]):
        groups.setdefault(tuple(sorted(own.items())), []).append(target)
    if len(groups) == 1:
        return weighted(weights[0], logits, truth, valid)
    known = (valid.sum(OVER_BATCH) > 0).to(logits.dtype)
    parts = [
        weighted(dict(own), logits[:, members], truth[:, members], valid[:, members]) * known[members].sum()
        for own, members in groups.items()
    ]
    return torch.stack(parts).sum() / known.sum().clamp(min=1)


def soft_skeleton(mask: Tensor, iterations: int) -> Tensor:
    """Differentiable skeleton of (B, T, H, W) masks by repeated soft erosion; `iterations` >= the widest radius."""
    eroded = _erode(mask)
    skeleton = functional.relu(mask - _dilate(eroded))
    for _ in range(iterations):
        mask, eroded = eroded, _erode(eroded)
        delta = functional.relu(mask - _dilate(eroded))
        skeleton = skeleton + functional.relu(delta - skeleton * delta)
    return skeleton


def _dice(logits: Tensor, truth: Tensor, valid: Tensor, axes: tuple[int, ...], smooth: float) -> Tensor:
    probability = torch.sigmoid(logits) * valid
    truth = truth * valid
    overlap = (probability * truth).sum(axes)
    total = probability.sum(axes) + truth.sum(axes)
    return (2 * overlap + smooth) / (total + smooth)


def _mean_of_valid(loss: Tensor, valid: Tensor) -> Tensor:
    """(T,) mean over each target's valid pixels."""
    return (loss * valid).sum(OVER_BATCH) / valid.sum(OVER_BATCH).clamp(min=1)


def _mean_of_known(losses: Tensor, valid: Tensor) -> Tensor:
    """Mean of (T,) losses over the targets that are known somewhere in the batch."""
    known = (valid.sum(OVER_BATCH) > 0).to(losses.dtype)
    return (losses * known).sum() / known.sum().clamp(min=1)


def _erode(mask: Tensor) -> Tensor:
    """Least value of each pixel and its four neighbours."""
    return torch.minimum(_least_of_three(mask, 2), _least_of_three(mask, 3))


def _dilate(mask: Tensor) -> Tensor:
    """Greatest value of each pixel and its eight neighbours."""
    return -_least_of_three(_least_of_three(-mask, 2), 3)


def _least_of_three(values: Tensor, axis: int) -> Tensor:
    least: Tensor = _LeastOfThree.apply(values, axis)
    return least


class _LeastOfThree(torch.autograd.Function):
    """Least of each value and its two neighbours along an axis: what max pooling gives, many times faster on a CPU."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, axis: int) -> Tensor:
        last = values.shape[axis] - 1
        below, above = values.narrow(axis, 0, last), values.narrow(axis, 1, last)
        least = values.clone()
        torch.minimum(least.narrow(axis, 1, last), below, out=least.narrow(axis, 1, last))
        torch.minimum(least.narrow(axis, 0, last), above, out=least.narrow(axis, 0, last))
        ctx.axis = axis
        ctx.save_for_backward(values, least)
        return least

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        """Each slope goes to the one value that was least; of equal ones to the middle, then to the one before."""
        values, least = ctx.saved_tensors
        axis, last = ctx.axis, values.shape[ctx.axis] - 1
        is_own = least == values
        own = slope * is_own
        rest = slope - own
        is_before = least.narrow(axis, 1, last) == values.narrow(axis, 0, last)
        before = rest.narrow(axis, 1, last) * is_before
        own.narrow(axis, 0, last).add_(before)
        rest.narrow(axis, 1, last).sub_(before)
        own.narrow(axis, 1, last).add_(rest.narrow(axis, 0, last))
        return own, None
