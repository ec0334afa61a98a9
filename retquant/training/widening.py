"""Making a trained network wider without changing what it says, so that more channels need not start from nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from retquant.training.optimization import State

UNEVENNESS = 0.5  # SD of the shares among which a weight is split, so that twins do not stay twins

NOT_SPLIT = ("drawn.style.weight",)  # scales and shifts of channels, which twins have in common


def widened(narrow: State, wide: State) -> State:
    """The weights of a narrow compact network as those of a wider one that computes the same function.

    Each channel gets twins (Net2Net, Chen et al. 2016), and whatever reads it splits its weight unevenly among them:
    the sum is as it was, and the twins' gradients differ.

    Parameters
    ----------
    narrow
        Weights by name.
    wide
        Weights of a fresh network with the same names, whose channels are a multiple.
    """
    return {name: _widen(name, value, wide[name].shape) for name, value in narrow.items()}


def _widen(name: str, value: Tensor, shape: torch.Size) -> Tensor:
    if value.shape == shape:
        return value
    if name == "drawn.last.weight":  # of a hand: a weight a channel, and one bias
        weights, bias = value[:, :-1], value[:, -1:]
        return torch.cat([_split(weights, (shape[1] - 1) // weights.shape[1]), bias], dim=1)
    value = value.repeat_interleave(shape[0] // value.shape[0], dim=0)
    if value.ndim == 1:
        return value
    twins = shape[1] // value.shape[1]
    return value.repeat_interleave(twins, dim=1) if name in NOT_SPLIT else _split(value, twins)


def _split(value: Tensor, twins: int) -> Tensor:
    """Each column as `twins` columns that add up to it."""
    if twins == 1:
        return value
    rows, columns = value.shape[:2]
    uneven = torch.randn(rows, columns, twins, *[1] * (value.ndim - 2)) * UNEVENNESS
    shares = 1 / twins + uneven - uneven.mean(dim=2, keepdim=True)
    return (value[:, :, None] * shares).flatten(1, 2)
