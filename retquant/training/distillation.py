"""A compact student learns from a teacher: soft maps of labelled and unlabelled images beside the drawn truth.

The teacher's maps are made once an image, in the student's frame, and kept beside the packed images. They travel as
further channels of an example's truth, so that crops, turns and stitches move them with the picture.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from retquant.errors import ConfigError
from retquant.segmentation.predict import frame_logits, to_probability
from retquant.segmentation.segmenter import Segmenter, load_segmenter
from retquant.training.datasets import Example, find_examples, find_unlabelled, split
from retquant.training.losses import cross_entropy
from retquant.training.packing import cache_name, decode_map, encode_map, example_digest, kept
from retquant.training.recipe import DistillationRecipe, TrainingRecipe
from retquant.training.working_example import WorkingExample, load_working, shrink

VERSION = 1  # of the teacher's maps: to be raised when they are made otherwise


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Teacher:
    """A bundle that explains images to a student of T targets in its own frame."""

    segmenter: Segmenter
    targets: tuple[str, ...]  # of the student
    working_px: int  # of the student
    default_hand: str  # of the student, for images that are drawn by none
    beside_truth: bool = True  # False: images on which all that it knows is drawn need no look

    @property
    def knows(self) -> tuple[bool, ...]:
        """(T,) whether the teacher has each of the student's targets."""
        return tuple(target in self.segmenter.bundle.targets for target in self.targets)

    def explain(self, examples: Iterable[WorkingExample], cache: Path | None) -> Iterator[WorkingExample]:
        """The examples with the teacher's T maps after their truth, and the field as one more known part."""
        for example in examples:
            yield _beside(example, self._maps(example, cache), example.field)

    def pass_over(self, examples: Iterable[WorkingExample]) -> Iterator[WorkingExample]:
        """The examples in the same shape, of which the teacher says nothing."""
        for example in examples:
            yield _beside(example, np.zeros_like(example.truth), np.zeros_like(example.field))

    def _maps(self, example: WorkingExample, cache: Path | None) -> np.ndarray:
        """(S, S, T) uint8 soft maps of one image; 0 for what the teacher does not know."""
        maps = np.zeros((self.working_px, self.working_px, len(self.targets)), np.uint8)
        if not self.beside_truth and example.valid[example.field][:, np.array(self.knows)].all():
            return maps
        bundle, hand = self.segmenter.bundle, self._hand(example.example)
        about = [VERSION, bundle.weights_sha256, hand, self.targets, self.working_px]
        about += [sorted(bundle.temperatures.items())] if bundle.temperatures else []
        source = example_digest(example.example, bundle.working_px)
        digest = hashlib.sha256(json.dumps([source, *about]).encode()).hexdigest()[:16]

        def make() -> dict[str, np.ndarray]:
            found = self._look(example, hand, cache)
            return {target: encode_map(found[target]) for target in self.targets if target in found}

        parts = kept(cache, cache_name(example.example, f"taught-{digest}"), make)
        for index, target in enumerate(self.targets):
            if target in parts:
                maps[..., index] = decode_map(parts[target])
        return maps

    def _look(self, example: WorkingExample, hand: str, cache: Path | None) -> dict[str, np.ndarray]:
        bundle, size = self.segmenter.bundle, self.working_px
        if bundle.working_px != size or len(example.glance) * bundle.glance_shrink != size:
            (example,) = load_working(
                [example.example],
                targets=self.targets,
                working_px=bundle.working_px,
                cache=cache,
                glance_shrink=bundle.glance_shrink,
            )
        logits = frame_logits(
            self.segmenter.network,
            example.image.astype(np.float32) / 255,
            example.glance.astype(np.float32) / 255,
            hand=bundle.hands.index(hand),
            precision=self.segmenter.precision,
        )
        found = to_probability(logits, self.segmenter.temperatures)
        how = cv2.INTER_AREA if bundle.working_px > size else cv2.INTER_LINEAR
        return {
            target: np.rint(cv2.resize(found[i], (size, size), interpolation=how) * 255).astype(np.uint8)
            for i, target in enumerate(bundle.targets)
        }

    def _hand(self, example: Example) -> str:
        hand, bundle = example.hand or self.default_hand, self.segmenter.bundle
        return hand if hand in bundle.hands else bundle.default_hand


def _beside(example: WorkingExample, maps: np.ndarray, holds: np.ndarray) -> WorkingExample:
    """An example with (S, S, T) maps after its truth, and where they hold, (S, S) bool, after its known parts."""
    known = (holds * np.uint8(255))[..., None]
    times = len(example.image) // len(example.glance)
    return replace(
        example,
        truth=np.concatenate([example.truth, maps], axis=-1),
        valid=np.concatenate([example.valid, known], axis=-1),
        glance_truth=np.concatenate([example.glance_truth, shrink(maps, times)], axis=-1),
        glance_valid=np.concatenate([example.glance_valid, shrink(known, times)], axis=-1),
    )


def teacher_of(recipe: TrainingRecipe, *, device: str = "cpu") -> Teacher | None:
    """The teacher that a recipe names, or None.

    Raises
    ------
    ModelError
        There is no such bundle.
    ConfigError
        It knows none of the student's targets.
    """
    if recipe.distillation is None:
        return None
    teacher = Teacher(
        segmenter=load_segmenter(recipe.distillation.teacher, device=device),
        targets=recipe.network.targets,
        working_px=recipe.network.working_px,
        default_hand=recipe.hands[0],  # whom the student follows there, see `hand_index`
        beside_truth=recipe.distillation.beside_truth,
    )
    if not any(teacher.knows):
        raise ConfigError(
            f"the teacher {recipe.distillation.teacher} knows none of {', '.join(recipe.network.targets)}",
            where="[distillation]",
            remedy="name another `teacher`",
        )
    return teacher


def unlabelled_examples(recipe: TrainingRecipe, root: Path) -> list[tuple[list[Example], float]]:
    """The unlabelled images of a recipe, set by set with its `draw`; none that is held out elsewhere."""
    if recipe.distillation is None:
        return []
    held_out = {
        example.image.resolve()
        for dataset in recipe.datasets
        for example in split(dataset, find_examples(dataset, root))[1]
    }
    sets = []
    for unlabelled in recipe.distillation.unlabelled:
        found = find_unlabelled(unlabelled, root, default_hand=recipe.network.default_hand)
        free = [e for e in found if e.image.resolve() not in held_out]
        if not free:
            raise ConfigError("every image is held out", where=f"unlabelled set {unlabelled.name}")
        sets.append((free, unlabelled.draw))
    return sets


def taught_loss(
    logits: Tensor, truth: Tensor, valid: Tensor, *, options: DistillationRecipe, knows: Sequence[bool]
) -> Tensor:
    """Cross-entropy against the teacher's probabilities, times the weight.

    Cross-entropy is least where the student says what the teacher says, at any probability; Dice is not.

    Parameters
    ----------
    logits : (B, T, h, w)
    truth : (B, 2 T, h, w) drawn truth, then the teacher's maps
    valid : (B, T + 1, h, w) where each target is drawn, then the field
    knows : (T,) whether the teacher has the target
    """
    count = len(knows)
    has = valid.new_tensor([float(k) for k in knows])[None, :, None, None]
    where = valid[:, count:] * has
    if not options.beside_truth:
        where = where * (1 - valid[:, :count])
    return options.weight * cross_entropy(logits, truth[:, count:], where)
