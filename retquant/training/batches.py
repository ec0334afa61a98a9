"""What a training step sees: which images, which tiles of them, as tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from retquant.training.augmentation import SMALL_TARGETS, Tile, random_tile, stitch
from retquant.training.datasets import Example, find_examples, split
from retquant.training.digital_eyes import digital_eyes
from retquant.training.distillation import teacher_of, unlabelled_examples
from retquant.training.local_prompts import local_prompt
from retquant.training.recipe import CLICKED, TrainingRecipe
from retquant.training.working_example import WorkingExample, load_working


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Batch:
    """B tiles with T targets, channels first; `glance…` is the whole field that each lies in."""

    image: Tensor  # (B, 3, t, t)
    truth: Tensor  # (B, T, t, t)
    valid: Tensor  # (B, T, t, t)
    glance: Tensor  # (B, 6, g, g)
    glance_truth: Tensor
    glance_valid: Tensor
    corner: Tensor  # (B, 2)
    hands: Tensor  # (B,) int
    points: Tensor | None = None  # (B, n, 2) x, y of clicks in the tile; None: the whole tile is asked for
    labels: Tensor | None = None  # (B, n) 1 on the wanted vessel, 0 beside it


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Pool:
    """The images of a recipe in its working frame."""

    training: Sequence[WorkingExample]
    chances: np.ndarray  # of each training image
    validation: Sequence[WorkingExample]
    taught: tuple[
        bool, ...
    ] = ()  # by target, whether a teacher's map follows the truth; empty without a teacher

    def batch(self, recipe: TrainingRecipe, step: int, tile_px: int) -> Batch:
        """The batch of a step, which depends on seed and step alone."""
        options = recipe.optimization
        rng = np.random.default_rng([options.seed, step])
        focus = tuple(i for i, t in enumerate(recipe.network.targets) if t in SMALL_TARGETS)
        picks = rng.choice(len(self.training), size=options.batch, p=self.chances)
        tiles: list[Tile] = []
        for pick in picks:
            example = self.training[pick]
            if options.stitch and rng.random() < options.stitch:
                example = self._stitched(example, rng)
            tiles.append(random_tile(example, tile_px, rng, focus=focus, options=recipe.augmentation))
        clicks: dict[str, Tensor] = {}
        if options.local_share and rng.random() < options.local_share:
            wanted = [i for i, target in enumerate(recipe.network.targets) if target in CLICKED]
            tiles, clicks = clicked(tiles, wanted, rng)
        parts = {
            name: torch.from_numpy(np.stack([getattr(t, name) for t in tiles]))
            for name in Tile.__dataclass_fields__
        }
        return Batch(
            hands=torch.tensor([hand_index(recipe, self.training[i]) for i in picks]),
            **clicks,
            **{
                n: p.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last) if p.ndim == 4 else p
                for n, p in parts.items()
            },
        )

    def _stitched(self, example: WorkingExample, rng: np.random.Generator) -> WorkingExample:
        """The example with a part of another of its hand; landmarks are single, so images of them are let be."""
        hand = example.example.hand
        if hand is None:
            return example
        others = [e for e in self.training if e.example.hand == hand and e is not example]
        return stitch(example, others[rng.integers(len(others))], rng) if others else example


def clicked(
    tiles: Sequence[Tile], targets: Sequence[int], rng: np.random.Generator
) -> tuple[list[Tile], dict[str, Tensor]]:
    """The tiles with the one vessel, or zone, that was clicked as their only truth, and the clicks.

    A click is on one of `targets` (indices), of those that are drawn in the tile where there are any: a click does not
    say which, so each target's mask answers for its own.
    """
    asked, prompts = [], []
    for tile in tiles:
        drawn = [t for t in targets if (tile.truth[..., t] * tile.valid[..., t] >= 0.5).any()]
        which = drawn or [t for t in targets if tile.valid[..., t].any()] or list(targets)
        target = which[rng.integers(len(which))]
        prompt = local_prompt(tile.truth[..., target] >= 0.5, rng)
        truth, valid = tile.truth.copy(), np.zeros_like(tile.valid)
        truth[..., target] *= cv2.dilate(prompt.mask.astype(np.uint8), np.ones((3, 3), np.uint8))
        valid[..., target] = tile.valid[..., target]
        asked.append(replace(tile, truth=truth, valid=valid))
        prompts.append(prompt)
    return asked, {
        name: torch.from_numpy(np.stack([getattr(p, name) for p in prompts])) for name in ("points", "labels")
    }


def hand_index(recipe: TrainingRecipe, example: WorkingExample) -> int:
    """Index of an example's annotation hand; the first where it draws no vessels, as then nothing depends on it."""
    hand = example.example.hand
    return 0 if hand is None else recipe.hands.index(hand)


def gather(recipe: TrainingRecipe, root: Path, cache: Path | None, *, device: str = "cpu") -> Pool:
    """Read a recipe's images below `root`, by way of the folder `cache` where it is given.

    Where the recipe has a teacher, it looks at the training images, and at those without labels, on `device`.
    """
    teacher = teacher_of(recipe, device=device)
    training: list[WorkingExample] = []
    validation: list[WorkingExample] = []
    weights: list[float] = []

    network, edge_jitter = recipe.network, recipe.optimization.edge_jitter

    def load(examples: Sequence[Example], edge_jitter: float = 0.0) -> Iterator[WorkingExample]:
        return load_working(
            examples,
            targets=network.targets,
            working_px=network.working_px,
            cache=cache,
            edge_jitter=edge_jitter,
            glance_shrink=network.glance_shrink,
        )

    parts = [(split(dataset, find_examples(dataset, root)), dataset.draw) for dataset in recipe.datasets]
    parts += [((found, []), draw) for found, draw in unlabelled_examples(recipe, root)]
    for (for_training, held_out), draw in parts:
        shown = load(for_training, edge_jitter)
        training += shown if teacher is None else teacher.explain(shown, cache)
        validation += load(held_out)
        weights += [draw / max(1, len(for_training))] * len(for_training)
    for phantoms in recipe.phantoms:
        grow = partial(
            digital_eyes,
            phantoms,
            targets=network.targets,
            working_px=network.working_px,
            glance_shrink=network.glance_shrink,
            modality=recipe.modality,
            cache=cache,
        )
        drawn = grow()
        validation += grow(held_out=True)
        training += drawn if teacher is None else teacher.pass_over(drawn)
        weights += [phantoms.draw / phantoms.count] * phantoms.count
    chances = np.array(weights)
    return Pool(
        training=training,
        chances=chances / chances.sum(),
        validation=validation,
        taught=() if teacher is None else teacher.knows,
    )
