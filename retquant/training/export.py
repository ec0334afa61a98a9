"""From a finished training run to a bundle: half-precision weights and a card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save

import retquant
from retquant.segmentation.build import Network
from retquant.segmentation.bundles import (
    CARD_FILE,
    WEIGHTS_FILE,
    Bundle,
    HeldOutResult,
    TrainingData,
    read_bundle,
    render_card,
)
from retquant.segmentation.foundation import FOUNDATIONS
from retquant.training.datasets import find_examples, split
from retquant.training.digital_eyes import TRUTH_OF_EYES, TRUTH_OF_SCANS
from retquant.training.distillation import unlabelled_examples
from retquant.training.recipe import DatasetRecipe, TrainingRecipe


def write_bundle(
    network: Network,
    recipe: TrainingRecipe,
    *,
    root: Path,
    folder: Path,
    temperatures: Mapping[str, float] | None = None,
) -> Bundle:
    """Write a bundle into `folder`, made where it does not exist."""
    data = save(
        {name: value.to(torch.float16).contiguous() for name, value in network.trained_state().items()}
    )
    bundle = Bundle(
        name=recipe.name,
        title=recipe.title,
        modality=recipe.modality,
        intended_use=recipe.intended_use,
        foundation=recipe.network.foundation,
        foundation_sha256="" if recipe.network.is_compact else FOUNDATIONS[recipe.network.foundation].sha256,
        targets=recipe.network.targets,
        hands=recipe.hands,
        default_hand=recipe.network.default_hand,
        working_px=recipe.network.working_px,
        lora_rank=recipe.network.lora_rank,
        lora_alpha=recipe.network.lora_alpha,
        lora_targets=recipe.network.lora_targets,
        fusion=recipe.network.fusion,
        width=recipe.network.width,
        glance_shrink=recipe.network.glance_shrink,
        temperatures=dict(temperatures or {}),
        takes_clicks=recipe.optimization.local_share > 0,
        click_targets=recipe.click_targets,
        recipe_digest=recipe.digest(),
        steps=recipe.optimization.steps,
        seed=recipe.optimization.seed,
        retquant_version=retquant.__version__,
        training_data=_learned_from(recipe, root),
        weights_sha256=hashlib.sha256(data).hexdigest(),
        folder=folder,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS_FILE).write_bytes(data)
    _write_card(bundle)
    return bundle


def add_results(bundle: Bundle, results: Sequence[HeldOutResult]) -> Bundle:
    """Put held-out figures on a bundle's card, replacing earlier ones of the same data set, target and hand.

    A set whose persons all chose the weights is no test, whatever it was judged as: it stands there as validation.
    """
    chose = {d.name for d in bundle.training_data if d.validation_persons and not d.images}
    fresh = {_place(r): r for r in bundle.results}
    for result in results:
        if result.role == "test" and result.dataset in chose:
            result = result.model_copy(update={"role": "validation"})
        before = fresh.get(_place(result))
        if before is not None and result.threshold is None:  # found where the set was judged as validation
            result = result.model_copy(update={"threshold": before.threshold})
        fresh[_place(result)] = result
    updated = bundle.model_copy(update={"results": tuple(fresh.values())})
    _write_card(updated)
    return updated


def _place(result: HeldOutResult) -> tuple[str, str, str, str, bool]:
    return result.dataset, result.target, result.hand, result.role, result.mirrors


def _write_card(bundle: Bundle) -> None:
    (bundle.folder / CARD_FILE).write_text(bundle.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (bundle.folder / "CARD.md").write_text(render_card(bundle), encoding="utf-8")


def _learned_from(recipe: TrainingRecipe, root: Path) -> tuple[TrainingData, ...]:
    """Every data set behind the weights: drawn, seen by the teacher's eyes, and what earlier bundles learned from."""
    data = [_describe(dataset, root) for dataset in recipe.datasets]
    data += [
        TrainingData(
            name=phantoms.name,
            licence="Apache-2.0 (made by retquant)",
            hand=phantoms.hand,
            targets=TRUTH_OF_SCANS if recipe.modality == "octa" else TRUTH_OF_EYES,
            images=phantoms.count,
            persons=0,
            validation_persons=(),
        )
        for phantoms in recipe.phantoms
    ]
    earlier = [] if recipe.init is None else [recipe.init]
    if recipe.distillation is not None:
        earlier.append(recipe.distillation.teacher)
        sets = zip(recipe.distillation.unlabelled, unlabelled_examples(recipe, root), strict=True)
        for unlabelled, (examples, _) in sets:
            data.append(
                TrainingData(
                    name=unlabelled.name,
                    licence=unlabelled.licence,
                    hand=None,
                    targets=("none; maps of the teacher",),
                    images=len(examples),
                    persons=len({e.person for e in examples}),
                    validation_persons=(),
                )
            )
    for name in dict.fromkeys(earlier):
        bundle = read_bundle(name)
        data += [_by_way_of(bundle.name, d) for d in bundle.training_data]
    return told_once(data)


WAY = " (by way of "


def _by_way_of(name: str, data: TrainingData) -> TrainingData:
    return data if WAY in data.name else data.model_copy(update={"name": f"{data.name}{WAY}{name})"})


def told_once(data: Sequence[TrainingData]) -> tuple[TrainingData, ...]:
    """Each data set once: what an earlier bundle learned from a set is left out where the same is said before."""
    told: list[TrainingData] = []
    for found in data:
        same = (d for d in told if d.name.split(WAY)[0] == found.name.split(WAY)[0])
        if not any(
            set(found.targets) <= set(d.targets)
            and (found.licence, found.images, found.validation_persons)
            == (d.licence, d.images, d.validation_persons)
            for d in same
        ):
            told.append(found)
    return tuple(told)


def _describe(dataset: DatasetRecipe, root: Path) -> TrainingData:
    training, _ = split(dataset, find_examples(dataset, root))
    return TrainingData(
        name=dataset.name,
        licence=dataset.licence,
        hand=dataset.hand,
        targets=dataset.targets,
        images=len(training),
        persons=len({e.person for e in training}),
        validation_persons=dataset.validation,
    )
