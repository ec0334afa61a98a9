"""The state of a training run on disk, so that it can be killed at any moment and go on (safetensors, no pickles)."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

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
    """Write the progress and groups of tensors (`weights`, `average`, `best`, the optimiser's memory), atomically."""
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
