"""Digital eyes and moved field edges among the training images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retquant.training.batches import gather
from retquant.training.digital_eyes import TRUTH_OF_EYES, digital_eyes, draw_eye
from retquant.training.packing import Packed
from retquant.training.recipe import PhantomRecipe, TrainingRecipe
from retquant.training.working_example import with_moved_edge

SIDE = 192


@pytest.fixture(scope="module")
def eye() -> Packed:
    return draw_eye(3, SIDE)


def test_an_eye_knows_all_targets_everywhere_and_is_the_same_for_its_seed(eye: Packed) -> None:
    assert set(eye.truth) == set(eye.known) == set(TRUTH_OF_EYES)
    assert all(np.array_equal(eye.known[t] > 0, eye.field) for t in TRUTH_OF_EYES)
    assert np.array_equal(draw_eye(3, SIDE).pixels, eye.pixels)
    assert not np.array_equal(draw_eye(4, SIDE).pixels, eye.pixels)


def test_its_picture_shows_what_its_truth_says(eye: Packed) -> None:
    green = eye.pixels[..., 1].astype(float)
    disc, cup = eye.truth["disc"] >= 128, eye.truth["cup"] >= 128
    beside = (eye.truth["disc"] == 0) & (eye.truth["vessel"] == 0) & eye.field
    vessels = (eye.truth["vessel"] >= 200) & (eye.truth["disc"] == 0)
    assert green[disc].mean() > green[beside].mean() * 1.2
    assert green[vessels].mean() < green[beside].mean() * 0.95
    assert cup.sum() < disc.sum()
    assert not (cup & ~disc).any()
    assert eye.truth["fovea"].max() > 240
    either = [eye.truth[kind].astype(int) for kind in ("artery", "vein")]
    vessel = eye.truth["vessel"].astype(int)
    assert (vessel >= np.maximum(*either) - 1).all()
    assert (vessel <= sum(either) + 2).all()  # a pixel may hold parts of both


def test_eyes_are_kept_and_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = PhantomRecipe(count=2, seed=8)
    first = list(digital_eyes(recipe, targets=("vessel", "fovea"), working_px=SIDE, cache=tmp_path))
    monkeypatch.setattr("retquant.training.digital_eyes.draw_eye", None)
    again = list(digital_eyes(recipe, targets=("vessel", "fovea"), working_px=SIDE, cache=tmp_path))
    assert len(list(tmp_path.iterdir())) == 2
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.truth, other.truth)
        assert one.truth.shape == (SIDE, SIDE, 2)
        assert one.example.hand == "exact"


def test_a_recipe_draws_from_its_eyes_and_knows_their_hand(tmp_path: Path) -> None:
    from PIL import Image

    picture = draw_eye(5, SIDE)
    Image.fromarray(picture.pixels).save(tmp_path / "a.png")
    Image.fromarray(picture.truth["vessel"] >= 128).save(tmp_path / "a_vessel.png")
    recipe = TrainingRecipe.model_validate(
        {
            "name": "toy",
            "title": "Toy",
            "intended_use": "Tests.",
            "network": {"foundation": "compact", "working_px": SIDE, "default_hand": "toy"},
            "optimization": {"steps": 1},
            "phantoms": [{"count": 3, "validation": 2, "draw": 0.25}],
            "datasets": [
                {
                    "name": "Toy",
                    "licence": "CC0",
                    "hand": "toy",
                    "images": "a.png",
                    "pattern": "(?P<id>a)",
                    "person": "{id}",
                    "truth": {"vessel": "{id}_vessel.png"},
                    "draw": 0.75,
                }
            ],
        }
    )
    assert recipe.hands == ("toy", "exact")
    assert recipe.digest() != recipe.model_copy(update={"phantoms": ()}).digest()
    pool = gather(recipe, tmp_path, None)
    assert [e.example.hand for e in pool.training] == ["toy", "exact", "exact", "exact"]
    assert pool.chances == pytest.approx([0.75, 0.25 / 3, 0.25 / 3, 0.25 / 3])
    assert [e.example.stem for e in pool.training[1:]] == ["eye_0", "eye_1", "eye_2"]
    assert [e.example.stem for e in pool.validation] == ["eye_3", "eye_4"]


def test_a_moved_edge_takes_in_a_rim_of_known_background_or_gives_up_a_rim(eye: Packed) -> None:
    partly = replace(eye, known={**eye.known, "artery": np.zeros_like(eye.known["artery"])})
    grown, shrunk = False, False
    for seed in range(12):
        moved = with_moved_edge(partly, 0.02, seed=seed)
        rim = moved.field & ~eye.field
        assert not (moved.field ^ eye.field)[
            SIDE // 2 - 40 : SIDE // 2 + 40, SIDE // 2 - 40 : SIDE // 2 + 40
        ].any()
        grown |= bool(rim.any())
        shrunk |= bool((eye.field & ~moved.field).any())
        assert (moved.known["vessel"][rim] == 255).all()
        assert (
            moved.truth["vessel"][rim].mean() < 3 if rim.any() else True
        )  # edges of vessels cut off at the field's
        assert not moved.known["artery"][rim].any()  # nothing is known of arteries anywhere
        assert not moved.known["vessel"][~moved.field].any()
        assert np.array_equal(with_moved_edge(partly, 0.02, seed=seed).field, moved.field)
    assert grown
    assert shrunk
    assert with_moved_edge(partly, 0.0, seed=1) is partly
