"""The training loop: tiles in, adapted network out; reproducible from its seed, resumable after a kill."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from retquant.segmentation.build import Network, build_network
from retquant.segmentation.compact import CompactNetwork
from retquant.segmentation.prompts import Prompts
from retquant.segmentation.runtime import keep_large_blocks, pick_device, pick_precision
from retquant.segmentation.spec import NetworkSpec
from retquant.training.batches import Batch, gather
from retquant.training.checkpoint import (
    Progress,
    load_checkpoint,
    save_checkpoint,
)
from retquant.training.distillation import taught_loss
from retquant.training.losses import centerline_dice, weighted_by_target
from retquant.training.optimization import memory_of, optimizer_of, rate_at, restore_memory
from retquant.training.recipe import TrainingRecipe
from retquant.training.scores import LINES
from retquant.training.start import begin_from
from retquant.training.validation import mean_dice, validate
from retquant.training.working_example import WorkingExample

LOG_EVERY = 50  # steps whose mean loss makes a line of the learning curve


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

    network: Network
    progress: Progress
    validation: Sequence[WorkingExample]  # the persons held out


def network_spec(recipe: TrainingRecipe) -> NetworkSpec:
    """The network that a recipe asks for."""
    return NetworkSpec(
        foundation=recipe.network.foundation,
        targets=recipe.network.targets,
        hands=recipe.hands,
        lora_rank=recipe.network.lora_rank,
        lora_alpha=recipe.network.lora_alpha,
        lora_targets=recipe.network.lora_targets,
        fusion=recipe.network.fusion,
        width=recipe.network.width,
        glance_shrink=recipe.network.glance_shrink,
    )


def train(
    recipe: TrainingRecipe,
    *,
    root: Path,
    folder: Path,
    report: Callable[[Report], None],
    device: str = "auto",
    cache: Path | None = None,
    stop_at: int | None = None,
) -> Trained:
    """Run a recipe on the data below `root`, keeping its state in `folder`.

    Every step draws its tiles from its own random stream (seed, step), so that a run that was killed and resumed
    sees the same tiles as an undisturbed one. `stop_at` ends early at that step (the state is kept). Images are packed
    in `cache`, which several runs may share. The learning curve is `folder`/curve.jsonl.
    """
    keep_large_blocks()
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(recipe, root=root, folder=folder, device=pick_device(device), cache=cache)
    return run.go(report, stop_at)


class _Run:
    def __init__(
        self, recipe: TrainingRecipe, *, root: Path, folder: Path, device: str, cache: Path | None
    ) -> None:
        self.recipe, self.options = recipe, recipe.optimization
        self.checkpoint, self.curve = folder / "checkpoint.safetensors", folder / "curve.jsonl"
        self.device, self.precision = device, pick_precision(recipe.optimization.precision, device)
        torch.manual_seed(self.options.seed)
        self.network = build_network(network_spec(recipe))
        if recipe.init is not None and not self.checkpoint.is_file():
            begin_from(self.network, recipe, recipe.init)
        for module in self._frozen:
            module.requires_grad_(False)
        self.network.to(device)
        if isinstance(self.network, CompactNetwork):
            self.network.to(memory_format=torch.channels_last)
        self.optimizer = optimizer_of(self.network, self.options)
        self.names = {p: n for n, p in self.network.named_parameters() if p.requires_grad}
        self.pool = gather(recipe, root, cache, device=device)
        self.losses = [
            self.options.losses_of.get(target, self.options.losses) for target in recipe.network.targets
        ]
        self.lines = [i for i, target in enumerate(recipe.network.targets) if target in LINES]
        self.progress = Progress()
        self.average = {name: t.clone() for name, t in self.network.trained_state().items()}
        self.best = dict(self.average)
        self._resume()

    @property
    def _frozen(self) -> list[nn.Module]:
        return [self.network.get_submodule(part) for part in self.options.frozen]

    def _resume(self) -> None:
        found = load_checkpoint(self.checkpoint, recipe_digest=self.recipe.digest())
        if found is None:
            return
        self.progress, groups = found
        groups = {g: {n: t.to(self.device) for n, t in state.items()} for g, state in groups.items()}
        self.network.load_trained(groups["weights"])
        self.average, self.best = groups["average"], groups["best"]
        restore_memory(
            self.optimizer, self.names, method=self.options.method, step=self.progress.step, groups=groups
        )

    def _save(self) -> None:
        groups = {
            "weights": self.network.trained_state(),
            "average": self.average,
            "best": self.best,
            **memory_of(self.optimizer, self.names, self.options.method),
        }
        save_checkpoint(
            self.checkpoint, recipe_digest=self.recipe.digest(), progress=self.progress, groups=groups
        )

    def go(self, report: Callable[[Report], None], stop_at: int | None) -> Trained:
        options, last = self.options, min(self.options.steps, stop_at or self.options.steps)
        since_better = sum(h["step"] > self.progress.best_step for h in self.progress.history)
        losses: list[float] = []
        while self.progress.step < last and not self._is_worn_out(since_better):
            began = time.monotonic()
            loss = self._step(self.progress.step)
            losses.append(loss)
            self.progress.step += 1
            took = time.monotonic() - began
            self.progress.seconds += took
            step, scores = self.progress.step, None
            if step % options.validate_every == 0 or step == options.steps:
                scores = self._validate()
                since_better = self._keep_if_better(scores, since_better)
            if step % options.checkpoint_every == 0 or scores is not None or step == last:
                self._save()
            if step % LOG_EVERY == 0 or scores is not None:
                self._log(float(np.mean(losses)), scores)
                losses.clear()
            report(
                Report(
                    step=step,
                    steps=options.steps,
                    loss=loss,
                    seconds_per_step=took,
                    validation=scores,
                )
            )
        self.network.load_trained(self.best)
        return Trained(self.network, self.progress, self.pool.validation)

    def _is_worn_out(self, since_better: int) -> bool:
        """True where the run ends early; asked before each step, so that a run given again does not go on."""
        return self.options.patience is not None and since_better >= self.options.patience

    def _log(self, loss: float, scores: dict[str, float] | None) -> None:
        line = {
            "step": self.progress.step,
            "seconds": round(self.progress.seconds, 1),
            "loss": round(loss, 5),
        }
        with self.curve.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line if scores is None else {**line, "validation": scores}) + "\n")

    def _step(self, step: int) -> float:
        self.network.train()
        for module in self._frozen:
            module.eval()  # nor do the statistics of its normalisations move
        self.optimizer.zero_grad(set_to_none=True)
        parts, total = self.options.accumulate, 0.0
        for part in range(parts):
            batch = self.pool.batch(self.recipe, step * parts + part, self.network.tile_px)
            loss = self._loss(batch, share=step / self.options.steps) / parts
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(list(self.names), self.options.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(step, group["peak"], self.options)
        self.optimizer.step()
        decay = min(self.options.average_decay, (1 + step) / (10 + step))
        for name, value in self.network.trained_state().items():
            self.average[name].lerp_(value, 1 - decay)
        return total

    def _loss(self, batch: Batch, *, share: float) -> Tensor:
        device, options = self.device, self.options
        truth, valid = batch.truth.to(device), batch.valid.to(device)
        image, hands = batch.image.to(device), batch.hands.to(device)
        overview = None
        with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=self.precision == "bfloat16"):
            if isinstance(self.network, CompactNetwork):
                logits, overview = self.network(
                    image, hands, batch.glance.to(device), batch.corner.to(device)
                )
            else:
                logits = self.network(image, hands, _prompts(batch, device))
        loss = self._compare(logits.float(), truth, valid)
        if overview is not None and options.glance_weight:
            whole = batch.glance_truth.to(device), batch.glance_valid.to(device)
            loss = loss + options.glance_weight * self._compare(overview.float(), *whole)
        if self.lines and share >= options.centerline_from and options.centerline_weight > 0:
            drawn = logits.float()[:, self.lines], truth[:, self.lines], valid[:, self.lines]
            loss = loss + options.centerline_weight * centerline_dice(*drawn)
        return loss

    def _compare(self, logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
        """The recipe's losses on drawn truth, and on the teacher's maps that may follow it."""
        count = logits.shape[1]
        loss = weighted_by_target(self.losses, logits, truth[:, :count], valid[:, :count])
        if self.recipe.distillation is None:
            return loss
        return loss + taught_loss(
            logits, truth, valid, options=self.recipe.distillation, knows=self.pool.taught
        )

    def _validate(self) -> dict[str, float]:
        """Of the averaged weights."""
        current = {name: t.clone() for name, t in self.network.trained_state().items()}
        self.network.load_trained(self.average)
        scores = validate(self.network, self.recipe, self.pool.validation, precision=self.precision)
        self.network.load_trained(current)
        return scores

    def _keep_if_better(self, scores: dict[str, float], since_better: int) -> int:
        mean = mean_dice(scores)
        self.progress.history.append({"step": self.progress.step, "mean": mean, **scores})
        if mean <= self.progress.best_dice and scores:
            return since_better + 1
        self.progress.best_dice, self.progress.best_step = mean, self.progress.step
        self.best = {name: t.clone() for name, t in self.average.items()}
        return 0


def _prompts(batch: Batch, device: str) -> Prompts | None:
    if batch.points is None or batch.labels is None:
        return None
    return Prompts(points=batch.points.to(device), labels=batch.labels.to(device))
