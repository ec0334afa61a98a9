"""How good the weights are in the middle of a run, to choose the step that ships."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retquant.segmentation.build import Network
from retquant.segmentation.predict import predict_frame
from retquant.training.batches import hand_index
from retquant.training.metrics import Confusion
from retquant.training.recipe import TrainingRecipe
from retquant.training.working_example import WorkingExample


def validate(
    network: Network, recipe: TrainingRecipe, examples: Sequence[WorkingExample], *, precision: str
) -> dict[str, float]:
    """Mean Dice at one half of each data set and target, in the working frame, each set under its own hand.

    (The figures on a bundle's card are those of `evaluate`, at the images' own resolution.)
    """
    scores: dict[str, list[float]] = {}
    network.eval()
    for example in examples:
        found = predict_frame(
            network,
            example.image.astype(np.float32) / 255,
            example.glance.astype(np.float32) / 255,
            hand=hand_index(recipe, example),
            precision=precision,
        )
        for index, target in enumerate(recipe.network.targets):
            known = example.valid[..., index] > 0
            if known.any():
                probability = np.rint(found[index] * 255).astype(np.uint8)
                counts = Confusion.count(probability, example.truth[..., index] >= 128, known)
                scores.setdefault(f"{example.example.dataset} {target}", []).append(counts.at(0.5)["dice"])
    return {name: float(np.mean(values)) for name, values in scores.items()}
