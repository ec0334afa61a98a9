"""Probabilities are made as sure as held-out persons bear out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from retquant.resources import resource_folder
from retquant.segmentation.bundles import read_bundle, render_card
from retquant.segmentation.predict import to_probability
from retquant.training import validation
from retquant.training.digital_eyes import digital_eyes
from retquant.training.recipe import PhantomRecipe, TrainingRecipe, load_recipe


@pytest.mark.parametrize("sureness", [0.8, 1.0, 2.5])
def test_the_temperature_of_logits_that_are_too_sure_is_found(
    sureness: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(resource_folder("pipelines") / "training" / "fundus-research.toml", TrainingRecipe)
    (eye,) = digital_eyes(PhantomRecipe(count=1), targets=recipe.network.targets, working_px=192)
    rng = np.random.default_rng(4)
    honest = rng.normal(-1, 2, size=(len(recipe.network.targets), 192, 192)).astype(np.float32)
    happened = rng.random(honest.shape) < to_probability(honest)
    eye = replace(eye, truth=happened.transpose(1, 2, 0).astype(np.uint8) * 255)

    def logits_of(*_: Any, **__: Any) -> np.ndarray:
        return honest * np.float32(sureness)

    monkeypatch.setattr(validation, "logits_of", logits_of)

    class Network:
        def eval(self) -> None: ...

    found = validation.fit_temperatures(Network(), recipe, [eye], precision="float32")  # type: ignore[arg-type]
    assert "fovea" not in found  # a heat map is no probability
    assert set(found) == set(recipe.network.targets) - {"fovea"}
    for target, temperature in found.items():
        assert temperature == pytest.approx(sureness, rel=0.05), target


def test_a_temperature_keeps_the_mask_and_the_order_of_pixels() -> None:
    logits = np.random.default_rng(1).normal(0, 6, size=(2, 40, 40)).astype(np.float32)
    plain, calm = to_probability(logits), to_probability(logits, (2.0, 1.0))
    assert np.array_equal(plain >= 0.5, calm >= 0.5)
    assert np.array_equal(np.argsort(logits[0].ravel()), np.argsort(calm[0].ravel()))
    assert np.array_equal(plain[1], calm[1])
    assert np.abs(calm[0] - 0.5).mean() < np.abs(plain[0] - 0.5).mean()


def test_the_card_tells_whether_probabilities_are_calibrated() -> None:
    bundle = read_bundle("fundus-vessels")
    assert "not calibrated" in render_card(bundle.model_copy(update={"temperatures": {}}))
    card = render_card(bundle.model_copy(update={"temperatures": {"vessel": 1.5}}))
    assert "vessel 1.50" in card


def test_a_fovea_does_not_choose_the_step_beside_masks() -> None:
    scores = {"A vessel": 0.8, "A disc": 0.9, "B fovea": 0.1}
    assert validation.mean_dice(scores) == pytest.approx(0.85)
    assert validation.mean_dice({"B fovea": 0.6}) == 0.6
    assert validation.mean_dice({}) == 0.0
