"""What training minimises: cross-entropy, Dice, and soft clDice, and weighted sums of them.

Shapes: B tiles, T targets, H, W pixels. Every loss takes logits, truth in [0, 1] (soft coverage) and a validity
mask, and is a mean over valid pixels or over the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Binary cross-entropy, mean over the valid pixels of (B, T, H, W)."""
    loss = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (loss * valid).sum() / valid.sum().clamp(min=1)


def dice(logits: Tensor, truth: Tensor, valid: Tensor, *, smooth: float = 1.0) -> Tensor:
    """1 - Dice (Milletari et al. 2016), one coefficient a target over the whole batch, mean over targets."""
    probability = torch.sigmoid(logits) * valid
    truth = truth * valid
    axes = (0, 2, 3)
    overlap = (probability * truth).sum(axes)
    total = probability.sum(axes) + truth.sum(axes)
    return (1 - (2 * overlap + smooth) / (total + smooth)).mean()


def centerline_dice(
    logits: Tensor, truth: Tensor, valid: Tensor, *, iterations: int = 4, smooth: float = 1.0
) -> Tensor:
    """1 - soft clDice (Shit et al. 2021): the harmonic mean of each skeleton's share inside the other mask."""
    probability = torch.sigmoid(logits) * valid
    truth = truth * valid
    axes = (0, 2, 3)
    drawn, found = soft_skeleton(truth, iterations), soft_skeleton(probability, iterations)
    precision = ((found * truth).sum(axes) + smooth) / (found.sum(axes) + smooth)
    recall = ((drawn * probability).sum(axes) + smooth) / (drawn.sum(axes) + smooth)
    return (1 - 2 * precision * recall / (precision + recall)).mean()


def soft_skeleton(mask: Tensor, iterations: int) -> Tensor:
    """Differentiable skeleton of (B, T, H, W) masks by repeated soft erosion; `iterations` >= the widest radius."""
    opened = _dilate(_erode(mask))
    skeleton = functional.relu(mask - opened)
    for _ in range(iterations):
        mask = _erode(mask)
        delta = functional.relu(mask - _dilate(_erode(mask)))
        skeleton = skeleton + functional.relu(delta - skeleton * delta)
    return skeleton


def _erode(mask: Tensor) -> Tensor:
    vertical = -functional.max_pool2d(-mask, (3, 1), 1, (1, 0))
    horizontal = -functional.max_pool2d(-mask, (1, 3), 1, (0, 1))
    return torch.minimum(vertical, horizontal)


def _dilate(mask: Tensor) -> Tensor:
    return functional.max_pool2d(mask, 3, 1, 1)
