"""How good and how sure the weights are on held-out persons: to choose the step that ships, and to calibrate it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from retquant.segmentation.build import Network
from retquant.segmentation.predict import frame_logits
from retquant.training.batches import hand_index
from retquant.training.metrics import Confusion
from retquant.training.recipe import TrainingRecipe
from retquant.training.working_example import WorkingExample

THINNING = 3  # every third pixel is enough for one number
TEMPERATURES = (0.5, 4.0)  # bounds


def validate(
    network: Network, recipe: TrainingRecipe, examples: Sequence[WorkingExample], *, precision: str
) -> dict[str, float]:
    """Mean Dice at one half of each data set and target, in the working frame, each set under its own hand.

    (The figures on a bundle's card are those of `evaluate`, at the images' own resolution.)
    """
    scores: dict[str, list[float]] = {}
    network.eval()
    for example in examples:
        logits = logits_of(network, recipe, example, precision=precision)
        for index, target in enumerate(recipe.network.targets):
            known = example.valid[..., index] > 0
            if known.any():
                found = np.where(logits[index] >= 0, np.uint8(255), np.uint8(0))
                counts = Confusion.count(found, example.truth[..., index] >= 128, known)
                scores.setdefault(f"{example.example.dataset} {target}", []).append(counts.at(0.5)["dice"])
    return {name: float(np.mean(values)) for name, values in scores.items()}


def mean_dice(scores: Mapping[str, float]) -> float:
    """The mean by which the step that ships is chosen; 0 without scores.

    The overlap of a fovea's heat map with the one that was drawn about a point says little of the point, and swings
    more from step to step than all masks together: it counts only where there is nothing else.
    """
    masks = [value for name, value in scores.items() if not name.endswith(" fovea")]
    return float(np.mean(masks or list(scores.values()))) if scores else 0.0


def fit_temperatures(
    network: Network, recipe: TrainingRecipe, examples: Sequence[WorkingExample], *, precision: str
) -> dict[str, float]:
    """By target, the temperature under which probabilities fit held-out truth best (Guo et al. 2017).

    Networks are too sure of themselves. Logits divided by one number a target keep the mask at one half and the order
    of pixels, and take the certainty away that the validation persons do not bear out: the least cross-entropy, every
    image alike. The fovea's heat map is no probability, and a target without held-out truth keeps its logits.
    """
    seen: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    network.eval()
    for example in examples:
        logits = logits_of(network, recipe, example, precision=precision)
        for index, target in enumerate(recipe.network.targets):
            known = example.valid[..., index] > 0
            if target != "fovea" and known.any():
                share = example.truth[known, index][::THINNING].astype(np.float32) / 255
                seen.setdefault(target, []).append((logits[index][known][::THINNING], share))
    return {target: _temperature(pairs) for target, pairs in seen.items()}


def _temperature(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    from scipy.optimize import minimize_scalar

    def cross_entropy(log_temperature: float) -> float:
        losses = []
        for logits, share in pairs:
            x = logits / np.float32(np.exp(log_temperature))
            losses.append(float(np.mean(np.logaddexp(0, x) - share * x)))
        return float(np.mean(losses))

    found = minimize_scalar(cross_entropy, bounds=np.log(TEMPERATURES), method="bounded")
    return round(float(np.exp(found.x)), 3)


def logits_of(
    network: Network, recipe: TrainingRecipe, example: WorkingExample, *, precision: str
) -> np.ndarray:
    """(T, S, S) float32 logits of an example under its own hand."""
    return frame_logits(
        network,
        example.image.astype(np.float32) / 255,
        example.glance.astype(np.float32) / 255,
        hand=hand_index(recipe, example),
        precision=precision,
    )
