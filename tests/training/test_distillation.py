"""A student learns from a teacher's maps, and a run begins from a bundle."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load

import retquant.training.distillation as distillation
from retquant.errors import ConfigError, ModelError
from retquant.resources import resource_folder
from retquant.segmentation.build import build_network
from retquant.segmentation.bundles import Bundle, read_weights
from retquant.segmentation.segmenter import load_segmenter
from retquant.training.batches import gather
from retquant.training.distillation import taught_loss, unlabelled_examples
from retquant.training.export import write_bundle
from retquant.training.recipe import DistillationRecipe, TrainingRecipe, load_recipe
from retquant.training.start import begin_from
from retquant.training.trainer import network_spec, train

MakeRecipe = Callable[..., TrainingRecipe]


@pytest.fixture(scope="module")
def root(draw_people: Callable[[int], Path]) -> Path:
    """Folder of four people."""
    return draw_people(4)


@pytest.fixture(scope="module")
def recipe_of(toy_recipe: MakeRecipe) -> MakeRecipe:
    """Makes the recipe of a student of vessels and discs."""

    def made(*, network: Mapping[str, object] | None = None, **settings: object) -> TrainingRecipe:
        network = {"targets": ["vessel", "disc"], "working_px": 288, **(network or {})}
        options = {"steps": 4, "rate_compact": 0.005, "average_decay": 0.5}
        return toy_recipe(**{"name": "toy-student", **settings}, network=network, optimization=options)

    return made


@pytest.fixture(scope="module")
def teacher(recipe_of: MakeRecipe, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle at a smaller scale that takes every pixel for disc, of probability 0.95."""
    torch.manual_seed(3)
    recipe = recipe_of(name="toy-teacher", network={"working_px": 144})
    network = build_network(network_spec(recipe))
    with torch.no_grad():
        network.get_parameter("look_head.bias")[1] = 3.0 + 2.0  # the glance's head says -2
    return write_bundle(network, recipe, root=root, folder=tmp_path_factory.mktemp("teacher"))


def taught(teacher: Bundle, **settings: object) -> dict[str, object]:
    unlabelled = {"name": "Wild", "licence": "research use", "images": "*.png"}
    return {"teacher": str(teacher.folder), "unlabelled": [unlabelled], **settings}


def test_the_loss_is_least_where_the_student_says_what_the_teacher_says() -> None:
    wanted = torch.tensor([0.1, 0.5, 0.9, 0.3]).reshape(1, 1, 2, 2)
    truth, valid = torch.cat([torch.zeros(1, 1, 2, 2), wanted], 1), torch.ones(1, 2, 2, 2)
    options = DistillationRecipe(teacher="t", weight=2.0)
    logits = torch.logit(wanted).requires_grad_()
    loss = taught_loss(logits, truth, valid, options=options, knows=[True])
    entropy = -(wanted * wanted.log() + (1 - wanted) * (1 - wanted).log()).mean()
    assert float(loss.detach()) == pytest.approx(2 * float(entropy), rel=1e-5)
    loss.backward()
    assert logits.grad is not None
    assert float(logits.grad.abs().max()) < 1e-6


def test_the_teacher_is_silent_on_what_it_does_not_know_and_if_asked_on_what_is_drawn() -> None:
    logits, truth = torch.zeros(1, 2, 2, 2), torch.ones(1, 4, 2, 2)
    valid = torch.ones(1, 3, 2, 2)
    valid[:, 1] = 0  # the second target is not drawn
    beside = DistillationRecipe(teacher="t")
    instead = DistillationRecipe(teacher="t", beside_truth=False)

    def loss(options: DistillationRecipe, knows: list[bool]) -> float:
        return float(taught_loss(logits, truth, valid, options=options, knows=knows))

    ln2 = float(np.log(2))
    assert loss(beside, [True, True]) == pytest.approx(ln2)
    assert loss(beside, [False, False]) == 0
    assert loss(instead, [True, False]) == 0  # all of the first target is drawn
    assert loss(instead, [True, True]) == pytest.approx(ln2)


def test_maps_are_made_once_and_another_teacher_makes_others(
    recipe_of: MakeRecipe, root: Path, teacher: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, cache = recipe_of(distillation=taught(teacher)), tmp_path / "packed"
    pool = gather(recipe, root, cache)
    first = pool.training[0]
    assert pool.taught == (True, True)
    assert first.truth.shape == (288, 288, 4)
    assert first.valid.shape == (288, 288, 3)
    assert first.glance_truth.shape == (96, 96, 4)
    inside = first.field
    assert np.abs(first.truth[..., 3][inside].astype(float) - 255 * 0.953).mean() < 8
    assert first.valid[..., 2][inside].min() == 255
    assert first.valid[..., 2][~inside].max() == 0
    assert pool.validation[0].truth.shape[-1] == 2

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("the maps are there already")

    with monkeypatch.context() as patch:
        patch.setattr(distillation, "frame_logits", never)
        again = gather(recipe, root, cache)
        assert all(
            np.array_equal(a.truth, b.truth) for a, b in zip(pool.training, again.training, strict=True)
        )
    before = {path.name for path in cache.glob("*taught*")}
    other = write_bundle(
        build_network(network_spec(recipe)), recipe, root=root, folder=tmp_path / "other-teacher"
    )
    gather(recipe_of(distillation=taught(other)), root, cache)
    assert len(set(cache.glob("*taught*"))) == 2 * len(before)


def test_nobody_who_is_held_out_is_shown_without_labels(
    recipe_of: MakeRecipe, root: Path, teacher: Bundle
) -> None:
    ((examples, draw),) = unlabelled_examples(recipe_of(distillation=taught(teacher)), root)
    assert ([e.stem for e in examples], draw) == (["p1", "p3", "p4"], 1.0)
    few = {"name": "Wild", "licence": "CC0", "images": "*.png", "most": 2, "draw": 0.5}
    ((examples, draw),) = unlabelled_examples(recipe_of(distillation=taught(teacher, unlabelled=[few])), root)
    assert ([e.stem for e in examples], draw) == (["p1", "p3"], 0.5)
    held = {"name": "Wild", "licence": "CC0", "images": "p2.png"}
    with pytest.raises(ConfigError, match="every image is held out"):
        unlabelled_examples(recipe_of(distillation=taught(teacher, unlabelled=[held])), root)


def test_a_student_learns_what_only_its_teacher_knows_and_its_card_says_of_whom(
    recipe_of: MakeRecipe, root: Path, teacher: Bundle, tmp_path: Path
) -> None:
    recipe = recipe_of(distillation=taught(teacher, weight=4.0))
    cache = tmp_path / "packed"
    options = recipe.optimization.model_copy(update={"steps": 8})
    recipe = recipe.model_copy(update={"optimization": options})
    whole = train(recipe, root=root, folder=tmp_path / "whole", report=lambda r: None, cache=cache)
    train(recipe, root=root, folder=tmp_path / "half", report=lambda r: None, cache=cache, stop_at=5)
    half = train(recipe, root=root, folder=tmp_path / "half", report=lambda r: None, cache=cache)
    for name, value in whole.network.trained_state().items():
        assert torch.equal(value, half.network.trained_state()[name]), name
    # nothing of a disc was ever drawn: a fresh network says 0.02 of it
    bias = float(whole.network.trained_state()["look_head.bias"][1])
    assert bias > -2.0 + 4 * 0.005

    bundle = write_bundle(whole.network, recipe, root=root, folder=tmp_path / "bundle")
    assert [d.name for d in bundle.training_data] == ["Toy", "Wild"]
    assert bundle.training_data[1].images == 3
    assert not bundle.is_open  # the unlabelled images are for research use


def test_a_teacher_must_exist_and_share_a_target(recipe_of: MakeRecipe, root: Path, teacher: Bundle) -> None:
    with pytest.raises(ModelError, match="no model"):
        gather(recipe_of(distillation={"teacher": "nobody"}), root, None)
    arteries = {"network": {"targets": ["artery"]}, "dataset": {"truth": {"artery": "truth/p{person}.png"}}}
    with pytest.raises(ConfigError, match="knows none of artery"):
        gather(recipe_of(**arteries, distillation=taught(teacher)), root, None)


def test_recipes_without_a_teacher_keep_their_digest_and_others_change_theirs(
    recipe_of: MakeRecipe, teacher: Bundle
) -> None:
    digests = {
        recipe_of().digest(),
        recipe_of(init="somebody").digest(),
        recipe_of(distillation=taught(teacher)).digest(),
        recipe_of(distillation=taught(teacher, weight=0.5)).digest(),
    }
    assert len(digests) == 4
    plain = recipe_of().model_dump(mode="json")
    assert plain["init"] is None
    assert TrainingRecipe.model_validate(plain).digest() == recipe_of().digest()


def test_a_run_begins_with_a_bundles_weights_and_a_new_hand_as_its_default_hand(
    recipe_of: MakeRecipe, root: Path, teacher: Bundle, tmp_path: Path
) -> None:
    own = {"network": {"default_hand": "own"}, "dataset": {"hand": "own"}}
    recipe = recipe_of(init=str(teacher.folder), **own)
    fresh = build_network(network_spec(recipe))
    begin_from(fresh, recipe, str(teacher.folder))
    for name, value in load(read_weights(teacher)).items():
        assert torch.equal(fresh.trained_state()[name], value.float()), name

    moved = tmp_path / "teacher"
    shutil.copytree(teacher.folder, moved)
    recipe = recipe.model_copy(update={"init": str(moved)})
    train(recipe, root=root, folder=tmp_path / "run", report=lambda r: None, stop_at=1)
    shutil.rmtree(moved)  # a run that is under way does not need it again
    done = train(recipe, root=root, folder=tmp_path / "run", report=lambda r: None, stop_at=2)
    assert done.progress.step == 2
    with pytest.raises(ModelError, match="no model"):
        train(recipe, root=root, folder=tmp_path / "other", report=lambda r: None, stop_at=1)


def test_a_bundle_of_another_network_is_refused_with_the_line_to_write(
    recipe_of: MakeRecipe, teacher: Bundle
) -> None:
    recipe = recipe_of(network={"lora_rank": 4})
    with pytest.raises(ConfigError, match="lora_rank = 8"):
        begin_from(build_network(network_spec(recipe)), recipe, str(teacher.folder))


def test_a_target_that_the_bundle_lacks_starts_anew_and_the_others_keep_their_weights(
    recipe_of: MakeRecipe, teacher: Bundle
) -> None:
    recipe = recipe_of(network={"targets": ["cup", "disc", "vessel"]})
    fresh = build_network(network_spec(recipe))
    begin_from(fresh, recipe, str(teacher.folder))
    found, given = fresh.trained_state(), load(read_weights(teacher))
    for table in ("look_head.weight", "look_head.bias", "glance_head.weight", "glance_head.bias"):
        assert torch.equal(found[table][[2, 1]], given[table].float()), table
    assert float(found["look_head.bias"][0]) == -2.0  # most pixels are background
    assert torch.equal(found["look.down.0.0.0.weight"], given["look.down.0.0.0.weight"].float())


def test_a_teacher_who_speaks_of_the_undrawn_alone_does_not_look_at_what_is_all_drawn(
    recipe_of: MakeRecipe, root: Path, teacher: Bundle, tmp_path: Path
) -> None:
    silent = taught(teacher, beside_truth=False)
    recipe = recipe_of(network={"targets": ["vessel"]}, distillation=silent)
    pool = gather(recipe, root, tmp_path)
    drawn = [e for e in pool.training if e.example.dataset == "Toy"]
    assert len(drawn) == 3
    assert not any(e.truth[..., 1].any() for e in drawn)
    assert {path.name.split("-")[0] for path in tmp_path.glob("*taught*")} == {"Wild"}


def test_the_few_label_recipe_that_ships_can_be_read() -> None:
    path = resource_folder("pipelines") / "training" / "few-labels.toml"
    recipe = load_recipe(path, TrainingRecipe)
    general = load_recipe(path.with_name("fundus-general.toml"), TrainingRecipe)
    assert recipe.init == "fundus-general"
    assert recipe.network.targets == general.network.targets
    assert recipe.network.working_px == general.network.working_px
    assert recipe.optimization.rate_compact < general.optimization.rate_compact


@pytest.fixture(autouse=True)
def _forget_loaded_bundles() -> None:
    load_segmenter.cache_clear()
