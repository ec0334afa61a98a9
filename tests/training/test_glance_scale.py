"""How coarsely a compact network sees the whole field: a setting of recipe and bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from retquant.segmentation.bundles import read_bundle
from retquant.segmentation.predict import prepared
from retquant.training.batches import gather
from retquant.training.export import write_bundle
from retquant.training.recipe import TrainingRecipe
from retquant.training.trainer import train

MakeRecipe = Callable[..., TrainingRecipe]
NETWORK = {"targets": ["vessel"], "working_px": 192, "glance_shrink": 4}


def test_training_and_use_see_the_field_at_the_scale_of_the_recipe(
    toy_recipe: MakeRecipe, draw_people: Callable[[int], Path], tmp_path: Path
) -> None:
    root, recipe = draw_people(2), toy_recipe(network=NETWORK, optimization={"steps": 2})
    (example, *_) = gather(recipe, root, None).training
    assert example.glance.shape == (48, 48, 6)
    assert example.glance_truth.shape[:2] == (48, 48)
    done = train(recipe, root=root, folder=tmp_path / "run", report=lambda r: None)
    bundle = write_bundle(done.network, recipe, root=root, folder=tmp_path / "bundle")
    assert read_bundle(str(bundle.folder)).network_spec.glance_shrink == 4
    seen = prepared(
        done.network, np.zeros((160, 160, 3), np.uint8), np.ones((160, 160), bool), working_px=192
    )
    assert seen.glance is not None
    assert seen.glance.shape == (48, 48, 6)


def test_the_frame_holds_whole_pixels_of_the_glance(toy_recipe: MakeRecipe) -> None:
    with pytest.raises(ValueError, match="multiple of 64"):
        toy_recipe(network={**NETWORK, "working_px": 144})
    with pytest.raises(ValueError, match="glance_shrink is of the compact network"):
        toy_recipe(network={"targets": ["vessel"], "foundation": "litemedsam", "glance_shrink": 4})


def test_a_written_recipe_of_a_foundation_model_is_read_again(toy_recipe: MakeRecipe) -> None:
    recipe = toy_recipe(network={"targets": ["vessel"], "foundation": "litemedsam"})
    assert TrainingRecipe.model_validate(recipe.model_dump()).digest() == recipe.digest()


def test_the_scale_is_part_of_a_runs_identity_and_the_usual_one_is_not(toy_recipe: MakeRecipe) -> None:
    usual = toy_recipe(network={**NETWORK, "glance_shrink": 3})
    plain = {name: value for name, value in NETWORK.items() if name != "glance_shrink"}
    assert usual.digest() == toy_recipe(network=plain).digest()
    assert usual.digest() != toy_recipe(network=NETWORK).digest()
    turned = toy_recipe(network=plain, augmentation={"geometry": "quarter_turns"})
    assert turned.digest() != usual.digest()
    assert toy_recipe(network=plain, augmentation={}).digest() == usual.digest()
