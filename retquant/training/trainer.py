"""The training loop: tiles in, adapted network out; reproducible from its seed, resumable after a kill."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from retquant.segmentation.network import NetworkSpec, SamNetwork
from retquant.segmentation.predict import predict_field
from retquant.segmentation.runtime import keep_large_blocks, pick_device, pick_precision
from retquant.training.augmentation import random_tile
from retquant.training.checkpoint import (
    Progress,
    adam_state,
    load_checkpoint,
    restore_adam,
    save_checkpoint,
)
from retquant.training.datasets import (
    Example,
    WorkingExample,
    find_examples,
    load_working,
    read_pixels,
    read_truth,
    split,
)
from retquant.training.losses import centerline_dice, cross_entropy, dice
from retquant.training.metrics import Confusion
from retquant.training.recipe import OptimizationRecipe, TrainingRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One line of progress: what was done and how good it is."""

    step: int
    steps: int
    loss: float
    seconds_per_step: float
    validation: dict[str, float] | None = None  # data set -> Dice at one half


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What a finished run hands over."""

    network: SamNetwork
    progress: Progress


def network_spec(recipe: TrainingRecipe) -> NetworkSpec:
    """The network that a recipe asks for."""
    return NetworkSpec(
        foundation=recipe.network.foundation,
        targets=recipe.network.targets,
        hands=recipe.hands,
        lora_rank=recipe.network.lora_rank,
        lora_alpha=recipe.network.lora_alpha,
        lora_targets=recipe.network.lora_targets,
    )


def train(
    recipe: TrainingRecipe,
    *,
    root: Path,
    folder: Path,
    report: Callable[[Report], None],
    device: str = "auto",
    stop_at: int | None = None,
) -> Trained:
    """Run a recipe on the data below `root`, keeping its state in `folder`.

    Every step draws its tiles from its own random stream (seed, step), so that a run that was killed and resumed
    sees the same tiles as an undisturbed one. `stop_at` ends early at that step (the state is kept).
    """
    keep_large_blocks()
    folder.mkdir(parents=True, exist_ok=True)
    return _Run(recipe, root=root, folder=folder, device=pick_device(device)).go(report, stop_at)


class _Run:
    def __init__(self, recipe: TrainingRecipe, *, root: Path, folder: Path, device: str) -> None:
        self.recipe, self.options = recipe, recipe.optimization
        self.checkpoint = folder / "checkpoint.safetensors"
        self.device, self.precision = device, pick_precision("auto", device)
        torch.manual_seed(self.options.seed)
        self.network = SamNetwork(network_spec(recipe)).to(device)
        self.optimizer = _optimizer(self.network, self.options)
        self.names = {p: n for n, p in self.network.named_parameters() if p.requires_grad}
        self.training, self.validation, self.draws = _gather(recipe, root)
        self.progress = Progress()
        self.average = {name: t.clone() for name, t in self.network.trained_state().items()}
        self.best = dict(self.average)
        self._resume()

    def _resume(self) -> None:
        found = load_checkpoint(self.checkpoint, recipe_digest=self.recipe.digest())
        if found is None:
            return
        self.progress, groups = found
        groups = {g: {n: t.to(self.device) for n, t in state.items()} for g, state in groups.items()}
        self.network.load_trained(groups["weights"])
        self.average, self.best = groups["average"], groups["best"]
        restore_adam(
            self.optimizer,
            self.names,
            step=self.progress.step,
            mean=groups["adam_mean"],
            square=groups["adam_square"],
        )

    def _save(self) -> None:
        mean, square = adam_state(self.optimizer, self.names)
        groups = {
            "weights": self.network.trained_state(),
            "average": self.average,
            "best": self.best,
            "adam_mean": mean,
            "adam_square": square,
        }
        save_checkpoint(
            self.checkpoint, recipe_digest=self.recipe.digest(), progress=self.progress, groups=groups
        )

    def go(self, report: Callable[[Report], None], stop_at: int | None) -> Trained:
        options, last = self.options, min(self.options.steps, stop_at or self.options.steps)
        since_better = 0
        while self.progress.step < last:
            began = time.monotonic()
            loss = self._step(self.progress.step)
            self.progress.step += 1
            took = time.monotonic() - began
            self.progress.seconds += took
            step, scores = self.progress.step, None
            if step % options.validate_every == 0 or step == options.steps:
                scores = self._validate()
                since_better = self._keep_if_better(scores, since_better)
            if step % options.checkpoint_every == 0 or scores is not None or step == last:
                self._save()
            report(
                Report(step=step, steps=options.steps, loss=loss, seconds_per_step=took, validation=scores)
            )
            if options.patience is not None and since_better >= options.patience:
                break
        self.network.load_trained(self.best)
        return Trained(self.network, self.progress)

    def _step(self, step: int) -> float:
        rng = np.random.default_rng([self.options.seed, step])
        picks = rng.choice(len(self.training), size=self.options.batch, p=self.draws)
        tiles = [random_tile(self.training[i], self.network.tile_px, rng) for i in picks]
        hands = torch.tensor([self.recipe.hands.index(self.training[i].example.hand) for i in picks])
        images, truth, valid = (
            torch.from_numpy(np.stack([getattr(t, part) for t in tiles])).permute(0, 3, 1, 2).to(self.device)
            for part in ("image", "truth", "valid")
        )
        self.network.train()
        with torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bfloat16"):
            logits = self.network(images.contiguous(), hands.to(self.device))
        loss = self._loss(logits.float(), truth, valid, share=step / self.options.steps)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(self.names), self.options.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * _schedule(step, self.options)
        self.optimizer.step()
        decay = min(self.options.average_decay, (1 + step) / (10 + step))
        for name, value in self.network.trained_state().items():
            self.average[name].lerp_(value, 1 - decay)
        return float(loss.detach())

    def _loss(self, logits: Tensor, truth: Tensor, valid: Tensor, *, share: float) -> Tensor:
        loss = cross_entropy(logits, truth, valid) + dice(logits, truth, valid)
        if share >= self.options.centerline_from and self.options.centerline_weight > 0:
            loss = loss + self.options.centerline_weight * centerline_dice(logits, truth, valid)
        return loss

    def _validate(self) -> dict[str, float]:
        """Dice at one half of each validation set under its own hand, at native resolution, averaged weights."""
        current = {name: t.clone() for name, t in self.network.trained_state().items()}
        self.network.load_trained(self.average)
        self.network.eval()
        scores: dict[str, list[float]] = {}
        for example in self.validation:
            pixels, fov = read_pixels(example)
            found = predict_field(
                self.network,
                pixels,
                fov,
                working_px=self.recipe.network.working_px,
                hand=self.recipe.hands.index(example.hand),
                precision=self.precision,
            )
            for target, path in example.truth.items():
                counts = Confusion.count(found[target], read_truth(path, fov.shape), fov)
                scores.setdefault(f"{example.dataset} {target}", []).append(counts.at(0.5)["dice"])
        self.network.load_trained(current)
        return {name: float(np.mean(values)) for name, values in scores.items()}

    def _keep_if_better(self, scores: dict[str, float], since_better: int) -> int:
        mean = float(np.mean(list(scores.values()))) if scores else 0.0
        self.progress.history.append({"step": self.progress.step, "mean": mean, **scores})
        if mean <= self.progress.best_dice and scores:
            return since_better + 1
        self.progress.best_dice, self.progress.best_step = mean, self.progress.step
        self.best = {name: t.clone() for name, t in self.average.items()}
        return 0


def _gather(recipe: TrainingRecipe, root: Path) -> tuple[list[WorkingExample], list[Example], np.ndarray]:
    """Training examples in the network's frame, validation examples, and each training example's chance."""
    training: list[WorkingExample] = []
    validation: list[Example] = []
    weights: list[float] = []
    for dataset in recipe.datasets:
        for_training, held_out = split(dataset, find_examples(dataset, root))
        training += load_working(
            for_training, targets=recipe.network.targets, working_px=recipe.network.working_px
        )
        weights += [dataset.draw / len(for_training)] * len(for_training)
        validation += held_out
    chances = np.array(weights)
    return training, validation, chances / chances.sum()


def _optimizer(network: SamNetwork, options: OptimizationRecipe) -> torch.optim.AdamW:
    rates = {
        "encoder": options.rate_adapters,
        "decoder": options.rate_decoder,
        "branch": options.rate_branch,
        "hands": options.rate_branch,
    }
    groups: Sequence[dict[str, object]] = [
        {
            "params": [
                p for n, p in network.named_parameters() if p.requires_grad and n.split(".")[0] == part
            ],
            "peak": rate,
        }
        for part, rate in rates.items()
    ]
    return torch.optim.AdamW(groups, lr=options.rate_decoder, weight_decay=options.weight_decay)


def _schedule(step: int, options: OptimizationRecipe) -> float:
    """Linear warm-up, then cosine decay to zero, as a share of the peak rate."""
    if step < options.warmup_steps:
        return (step + 1) / options.warmup_steps
    share = (step - options.warmup_steps) / max(1, options.steps - options.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
