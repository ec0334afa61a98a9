"""A training run from recipe to bundle: train, export, judge on the validation persons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from retquant.segmentation.bundles import Bundle
from retquant.segmentation.segmenter import load_segmenter
from retquant.training.evaluate import evaluate
from retquant.training.export import add_results, write_bundle
from retquant.training.recipe import TrainingRecipe
from retquant.training.trainer import Report, train
from retquant.training.validation import fit_temperatures


def run_training(
    recipe: TrainingRecipe,
    *,
    root: Path,
    folder: Path,
    report: Callable[[Report], None],
    device: str = "auto",
    cache: Path | None = None,
) -> Bundle:
    """Train (or go on training) in `folder`, then write `folder`/bundle with its card.

    The card's validation figures are those of the exported half-precision weights, each set under its own hand.
    """
    trained = train(recipe, root=root, folder=folder, report=report, device=device, cache=cache)
    temperatures = fit_temperatures(trained.network, recipe, trained.validation, precision="float32")
    bundle = write_bundle(
        trained.network, recipe, root=root, folder=folder / "bundle", temperatures=temperatures
    )
    for dataset in recipe.datasets:
        if dataset.validation:
            hand = dataset.hand or recipe.network.default_hand
            segmenter = load_segmenter(str(bundle.folder), device=device, hand=hand)
            judged = evaluate(segmenter, dataset, root=root, role="validation")
            bundle = add_results(bundle, judged.results)
    return bundle
