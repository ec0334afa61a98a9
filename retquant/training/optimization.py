"""The optimiser of a recipe and the course of its learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from retquant.segmentation.build import Network
from retquant.segmentation.compact import CompactNetwork
from retquant.training.recipe import OptimizationRecipe

State = dict[str, Tensor]

MEMORIES: Mapping[str, Mapping[str, str]] = {
    "adamw": {"adam_mean": "exp_avg", "adam_square": "exp_avg_sq"},
    "sgd": {"momentum": "momentum_buffer"},
}
"""What an optimiser remembers between steps: name in a checkpoint -> name in torch."""


def optimizer_of(network: Network, options: OptimizationRecipe) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019) or SGD with momentum, with a rate a part of the network.

    Biases and normalisations of the compact network do not decay.
    """
    groups = (
        _compact_groups(network, options) if isinstance(network, CompactNetwork) else _parts(network, options)
    )
    # the rate of each group is set before each step, from its peak
    if options.method == "sgd":
        return torch.optim.SGD(
            groups,
            lr=options.rate_decoder,
            momentum=options.momentum,
            nesterov=options.nesterov,
            weight_decay=options.weight_decay,
        )
    return torch.optim.AdamW(groups, lr=options.rate_decoder, weight_decay=options.weight_decay)


def _compact_groups(network: CompactNetwork, options: OptimizationRecipe) -> list[dict[str, Any]]:
    trained = [p for p in network.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.ndim > 1]
    others = [p for p in trained if p.ndim <= 1]
    return [
        {"params": matrices, "peak": options.rate_compact},
        {"params": others, "peak": options.rate_compact, "weight_decay": 0.0},
    ]


def _parts(network: nn.Module, options: OptimizationRecipe) -> list[dict[str, Any]]:
    rates = {
        "encoder": options.rate_adapters,
        "decoder": options.rate_decoder,
        "branch": options.rate_branch,
        "hands": options.rate_branch,
        "fusion": options.rate_branch,
    }
    trained = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    return [
        {"params": part, "peak": rate}
        for name, rate in rates.items()
        if (part := [p for n, p in trained if n.split(".")[0] == name])
    ]


def rate_at(step: int, peak: float, options: OptimizationRecipe) -> float:
    """The learning rate of a step, counted from 0: linear warm-up to the peak, then the recipe's schedule."""
    if step < options.warmup_steps:
        if not options.warmup_from:  # a first step at rate 0 would be lost
            return peak * ((step + 1) / options.warmup_steps)
        return options.warmup_from + (peak - options.warmup_from) * (step / options.warmup_steps)
    share = (step - options.warmup_steps) / max(1, options.steps - options.warmup_steps)
    return peak * _share_of_peak(min(1.0, share), options)


def _share_of_peak(share: float, options: OptimizationRecipe) -> float:
    """What is left of the peak after a share of the run: SGDR's cosine, the poly of DeepLab, steps, or all."""
    if options.schedule == "constant":
        return 1.0
    if options.schedule == "step":
        return options.step_factor ** sum(share >= at for at in options.step_at)
    falling = (
        (1 - share) ** options.poly_power
        if options.schedule == "poly"
        else 0.5 * (1 + math.cos(math.pi * share))
    )
    return options.floor + (1 - options.floor) * falling


def memory_of(
    optimizer: torch.optim.Optimizer, names: Mapping[nn.Parameter, str], method: str
) -> dict[str, State]:
    """What the optimiser remembers, for a checkpoint: group of tensors -> parameter name -> tensor."""
    return {
        group: {
            names[cast(nn.Parameter, p)]: kept[key]
            for p, kept in optimizer.state.items()
            if kept.get(key) is not None  # SGD without momentum remembers nothing
        }
        for group, key in MEMORIES[method].items()
    }


def restore_memory(
    optimizer: torch.optim.Optimizer,
    names: Mapping[nn.Parameter, str],
    *,
    method: str,
    step: int,
    groups: Mapping[str, State],
) -> None:
    """Put back what `memory_of` took."""
    kinds = MEMORIES[method]
    for parameter, name in names.items():
        kept = {key: groups[g][name].clone() for g, key in kinds.items() if name in groups.get(g, {})}
        if not kept:
            continue
        if method == "adamw":
            kept["step"] = torch.tensor(float(step))
        optimizer.state[parameter] = kept
