"""The state of a training run on disk, so that it can be killed at any moment and go on (safetensors, no pickles)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from retquant.errors import ModelError

State = dict[str, Tensor]


@dataclass
class Progress:
    """How far a run is, and what it has found."""

    step: int = 0
    best_step: int = 0
    best_dice: float = -1.0
    seconds: float = 0.0  # of training so far, over all restarts
    history: list[dict[str, float]] = field(default_factory=list)


def save_checkpoint(path: Path, *, recipe_digest: str, progress: Progress, groups: dict[str, State]) -> None:
    """Write the progress and groups of tensors (`weights`, `average`, `best`, `adam_mean`, …), atomically."""
    # safetensors refuses tensors that share memory, as `average` and `best` may
    tensors = {
        f"{group}/{name}": t.detach().clone().contiguous()
        for group, state in groups.items()
        for name, t in state.items()
    }
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    metadata = {"recipe": recipe_digest, "progress": json.dumps(vars(progress))}
    save_file(tensors, aside, metadata=metadata)
    os.replace(aside, path)


def load_checkpoint(path: Path, *, recipe_digest: str) -> tuple[Progress, dict[str, State]] | None:
    """What `save_checkpoint` wrote, or None where there is no checkpoint yet.

    Raises
    ------
    ModelError
        The checkpoint belongs to another recipe.
    """
    if not path.is_file():
        return None
    groups: dict[str, State] = {}
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        if metadata.get("recipe") != recipe_digest:
            raise ModelError(
                "this checkpoint was written under another recipe",
                where=str(path),
                remedy="train into another folder, or delete this one",
            )
        for key in file.keys():  # noqa: SIM118 - no mapping
            group, name = key.split("/", 1)
            groups.setdefault(group, {})[name] = file.get_tensor(key)
    return Progress(**json.loads(metadata["progress"])), groups


def adam_state(optimizer: torch.optim.Optimizer, names: Mapping[nn.Parameter, str]) -> tuple[State, State]:
    """First and second moments of AdamW, by parameter name."""
    mean = {names[cast(nn.Parameter, p)]: s["exp_avg"] for p, s in optimizer.state.items()}
    square = {names[cast(nn.Parameter, p)]: s["exp_avg_sq"] for p, s in optimizer.state.items()}
    return mean, square


def restore_adam(
    optimizer: torch.optim.Optimizer,
    names: Mapping[nn.Parameter, str],
    *,
    step: int,
    mean: State,
    square: State,
) -> None:
    """Put AdamW's moments back."""
    for parameter, name in names.items():
        if name in mean:
            optimizer.state[parameter] = {
                "step": torch.tensor(float(step)),
                "exp_avg": mean[name].clone(),
                "exp_avg_sq": square[name].clone(),
            }
