"""The optimiser of a recipe and the course of its learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from retquant.segmentation.build import Network
from retquant.segmentation.compact import CompactNetwork
from retquant.training.recipe import OptimizationRecipe


def optimizer_of(network: Network, options: OptimizationRecipe) -> torch.optim.AdamW:
    """AdamW with a rate a part of the network; biases and normalisations of the compact network do not decay."""
    if isinstance(network, CompactNetwork):
        matrices = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        groups: Sequence[dict[str, object]] = [
            {"params": matrices, "peak": options.rate_compact},
            {"params": others, "peak": options.rate_compact, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=options.rate_compact, weight_decay=options.weight_decay)
    rates = {
        "encoder": options.rate_adapters,
        "decoder": options.rate_decoder,
        "branch": options.rate_branch,
        "hands": options.rate_branch,
        "fusion": options.rate_branch,
    }
    trained = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    groups = [
        {"params": part, "peak": rate}
        for name, rate in rates.items()
        if (part := [p for n, p in trained if n.split(".")[0] == name])
    ]
    return torch.optim.AdamW(groups, lr=options.rate_decoder, weight_decay=options.weight_decay)


def share_of_peak(step: int, options: OptimizationRecipe) -> float:
    """Linear warm-up, then cosine decay to zero, as a share of the peak rate."""
    if step < options.warmup_steps:
        return (step + 1) / options.warmup_steps
    share = (step - options.warmup_steps) / max(1, options.steps - options.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
