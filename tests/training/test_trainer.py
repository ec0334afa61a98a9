"""Training on drawn toys: it learns, it is reproducible, and a kill in the middle changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from retquant.errors import ConfigError, ModelError
from retquant.segmentation.bundles import read_bundle
from retquant.segmentation.segmenter import load_segmenter
from retquant.training.augmentation import Tile
from retquant.training.batches import clicked, gather
from retquant.training.datasets import find_examples, split, with_fold
from retquant.training.export import write_bundle
from retquant.training.packing import read_packed
from retquant.training.recipe import TrainingRecipe, load_datasets, load_recipe
from retquant.training.run import run_training
from retquant.training.trainer import Report, train

RECIPE = """
name = "toy"
title = "Toy vessels"
intended_use = "Tests."
[network]
default_hand = "toy"
working_px = 256
[optimization]
steps = 3
batch = 1
validate_every = 3
checkpoint_every = 1
warmup_steps = 1
local_share = 0.5
[[datasets]]
name = "Toy"
licence = "CC0"
hand = "toy"
images = "toy/*.png"
pattern = 'p(?P<person>\\d)_(?P<eye>OD|OS)'
person = "{person}"
truth = { vessel = "toy/truth/p{person}_{eye}.png" }
validation = ["2"]
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people with bright fields crossed by dark bars, and masks of the bars."""
    root = tmp_path_factory.mktemp("data")
    (root / "toy" / "truth").mkdir(parents=True)
    (root / "toy" / "codes").mkdir()
    rows, cols = np.mgrid[:200, :200]
    field = np.hypot(rows - 99.5, cols - 99.5) < 95
    rng = np.random.default_rng(0)
    for name in ("p1_OD", "p1_OS", "p2_OD"):
        bar = (np.abs((rows - 100) * np.cos(a := rng.uniform(0, 3)) - (cols - 100) * np.sin(a)) < 4) & field
        pixels = np.where(field[..., None], [200, 120, 60], 0) - 60 * bar[..., None]
        noisy = np.clip(pixels + rng.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(root / "toy" / f"{name}.png")
        Image.fromarray(bar.astype(np.uint8)).save(root / "toy" / "codes" / f"{name}.png")
        Image.fromarray(bar).save(root / "toy" / "truth" / f"{name}.png")  # 1-bit, as users bring them
    (root / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def recipe(toy: Path) -> TrainingRecipe:
    return load_recipe(toy / "recipe.toml", TrainingRecipe)


def test_no_person_is_in_both_parts(toy: Path, recipe: TrainingRecipe) -> None:
    training, validation = split(recipe.datasets[0], find_examples(recipe.datasets[0], toy))
    assert {e.person for e in training} == {"1"}
    assert {e.person for e in validation} == {"2"}


def test_a_killed_run_goes_on_and_ends_like_an_undisturbed_one(
    toy: Path, recipe: TrainingRecipe, tmp_path: Path
) -> None:
    lines: list[Report] = []
    whole = train(recipe, root=toy, folder=tmp_path / "whole", report=lines.append)
    train(recipe, root=toy, folder=tmp_path / "halves", report=lambda r: None, stop_at=2)
    resumed = train(recipe, root=toy, folder=tmp_path / "halves", report=lambda r: None)
    assert [line.step for line in lines] == [1, 2, 3]
    assert lines[-1].validation is not None
    assert resumed.progress.step == 3
    for name, value in whole.network.trained_state().items():
        assert torch.equal(value, resumed.network.trained_state()[name]), name

    bundle = write_bundle(whole.network, recipe, root=toy, folder=tmp_path / "bundle")
    assert read_bundle(str(tmp_path / "bundle")).training_data[0].persons == 1
    assert load_segmenter(str(bundle.folder)).hand == "toy"

    weights = tmp_path / "bundle" / "adapter.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    load_segmenter.cache_clear()
    with pytest.raises(ModelError, match="sha256"):
        load_segmenter(str(bundle.folder))


def test_a_checkpoint_of_another_recipe_is_refused(toy: Path, recipe: TrainingRecipe, tmp_path: Path) -> None:
    train(recipe, root=toy, folder=tmp_path, report=lambda r: None, stop_at=1)
    changed = recipe.model_copy(
        update={"optimization": recipe.optimization.model_copy(update={"rate_branch": 1e-3})}
    )
    with pytest.raises(ModelError, match="another recipe"):
        train(changed, root=toy, folder=tmp_path, report=lambda r: None)


def test_a_recipe_with_an_unknown_setting_names_it(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(RECIPE.replace("batch = 1", "batches = 1"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"optimization\.batches"):
        load_recipe(tmp_path / "bad.toml", TrainingRecipe)


def test_a_missing_data_folder_says_which_images_were_looked_for(
    recipe: TrainingRecipe, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"no image matches toy/\*\.png"):
        find_examples(recipe.datasets[0], tmp_path)


COMPACT = """
name = "toy-compact"
title = "Toy vessels, discs and foveas"
intended_use = "Tests."
[network]
foundation = "compact"
targets = ["vessel", "artery", "vein", "disc", "fovea"]
default_hand = "toy"
working_px = 288
[optimization]
steps = 3
batch = 2
stitch = 0.5
validate_every = 3
checkpoint_every = 1
warmup_steps = 1
centerline_from = 0.5
[[datasets]]
name = "Toy"
licence = "CC0"
hand = "toy"
images = "toy/*.png"
pattern = 'p(?P<person>\\d)_(?P<eye>OD|OS)'
person = "{person}"
truth = { vessel = "toy/truth/p{person}_{eye}.png", av = "toy/codes/p{person}_{eye}.png" }
validation = ["2"]
[[datasets]]
name = "Toy points"
licence = "CC0"
images = "toy/*.png"
pattern = 'p(?P<person>\\d)_(?P<eye>OD|OS)'
person = "{person}"
landmarks = { table = "points.csv", row = "p{person}_{eye}", fovea = ["fx", "fy"], disc = ["dx", "dy"] }
validation = ["2"]
"""


@pytest.fixture(scope="module")
def compact(toy: Path) -> TrainingRecipe:
    rows = ["image,fx,fy,dx,dy", *(f"{name},70,100,140,95" for name in ("p1_OD", "p1_OS", "p2_OD"))]
    (toy / "points.csv").write_text("\n".join(rows), encoding="utf-8")
    (toy / "compact.toml").write_text(COMPACT, encoding="utf-8")
    return load_recipe(toy / "compact.toml", TrainingRecipe)


def test_the_compact_network_trains_on_partial_labels_and_goes_on_after_a_kill(
    toy: Path, compact: TrainingRecipe, tmp_path: Path
) -> None:
    cache = tmp_path / "packed"
    whole = train(compact, root=toy, folder=tmp_path / "whole", report=lambda r: None)
    train(compact, root=toy, folder=tmp_path / "halves", report=lambda r: None, cache=cache, stop_at=2)
    packed = {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}
    resumed = train(compact, root=toy, folder=tmp_path / "halves", report=lambda r: None, cache=cache)
    assert len(packed) == 6
    assert packed == {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}
    for name, value in whole.network.trained_state().items():
        assert torch.equal(value, resumed.network.trained_state()[name]), name
    scores = resumed.progress.history[-1]
    assert {"Toy vessel", "Toy artery", "Toy vein", "Toy points disc", "Toy points fovea"} <= set(scores)
    curve = (tmp_path / "halves" / "curve.jsonl").read_text(encoding="utf-8").splitlines()
    assert '"validation"' in curve[-1]


def test_a_bundle_of_the_compact_network_segments_and_is_judged_on_points(
    toy: Path, compact: TrainingRecipe, tmp_path: Path
) -> None:
    bundle = run_training(compact, root=toy, folder=tmp_path, report=lambda r: None)
    again = read_bundle(str(bundle.folder))
    figures = {(r.dataset, r.target): r for r in again.results}
    assert figures["Toy points", "fovea"].error_radii is not None
    assert figures["Toy", "artery"].dice is not None
    assert again.training_data[1].targets == ("fovea", "disc")
    assert "none; two small U-Nets" in (bundle.folder / "CARD.md").read_text(encoding="utf-8")


def test_titles_and_the_default_hand_may_change_within_a_run(compact: TrainingRecipe) -> None:
    renamed = compact.model_copy(update={"title": "Other"})
    assert renamed.digest() == compact.digest()
    changed = compact.optimization.model_copy(update={"rate_compact": 1e-3})
    assert compact.model_copy(update={"optimization": changed}).digest() != compact.digest()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("working_px = 288", "working_px = 280", "multiple of 48"),
        ('hand = "toy"\nimages', "images", "names no `hand`"),
        ("batch = 2", "batch = 2\nlosses = { dize = 1 }", "there is no loss"),
        (
            'targets = ["vessel", "artery", "vein", "disc", "fovea"]',
            'targets = ["vessel"]',
            "none of the targets",
        ),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_with_its_reason(
    compact: TrainingRecipe, tmp_path: Path, old: str, new: str, message: str
) -> None:
    (tmp_path / "bad.toml").write_text(COMPACT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_recipe(tmp_path / "bad.toml", TrainingRecipe)


def test_a_changed_mask_is_packed_anew(toy: Path, compact: TrainingRecipe, tmp_path: Path) -> None:
    example = find_examples(compact.datasets[0], toy)[0]
    mask = tmp_path / "mask.png"
    mask.write_bytes(example.truth["vessel"].read_bytes())
    moved = replace(example, truth={"vessel": mask})
    first = read_packed(moved, 96, tmp_path / "packed")
    with Image.open(mask) as file:
        Image.fromarray(~np.asarray(file.convert("L")).astype(bool)).save(mask)
    second = read_packed(moved, 96, tmp_path / "packed")
    assert len(list((tmp_path / "packed").iterdir())) == 2
    assert np.array_equal(first.pixels, second.pixels)
    assert (
        np.abs(first.truth["vessel"].astype(int) - second.truth["vessel"])[first.field] > 200
    ).mean() > 0.8


def test_a_step_of_the_local_mode_asks_for_the_vessel_clicked(toy: Path, recipe: TrainingRecipe) -> None:
    always = recipe.optimization.model_copy(update={"local_share": 1.0, "batch": 2})
    pool = gather(recipe, toy, None)
    local = pool.batch(recipe.model_copy(update={"optimization": always}), 0, 256)
    assert local.points is not None
    assert local.labels is not None
    assert local.points.shape == (2, 6, 2)
    for i in range(2):
        clicked = local.points[i][local.labels[i] == 1].long()
        assert (local.truth[i, 0, clicked[:, 1], clicked[:, 0]] >= 0.5).all()


def test_a_click_asks_for_a_target_that_the_tile_has() -> None:
    truth = np.zeros((64, 64, 3), np.float32)
    truth[20:26, :, 2] = 1
    valid = np.ones_like(truth)
    empty = np.zeros(0, np.float32)
    tile = Tile(
        image=np.zeros((64, 64, 3), np.float32),
        truth=truth,
        valid=valid,
        **dict.fromkeys(("glance", "glance_truth", "glance_valid", "corner"), empty),
    )
    for seed in range(6):
        (asked,), clicks = clicked([tile], [0, 2], np.random.default_rng(seed))
        assert asked.valid[..., 2].all()
        assert not asked.valid[..., :2].any()
        cols, rows = clicks["points"][0][clicks["labels"][0] == 1].int().numpy().T
        assert asked.truth[rows, cols, 2].all()


def test_losses_of_a_target_that_is_not_segmented_are_refused(toy: Path, tmp_path: Path) -> None:
    text = (toy / "compact.toml").read_text(encoding="utf-8")
    cut = text.index("[[datasets]]")
    for name, loss, said in (("cup", "dice", "does not segment"), ("vessel", "hinge", "no loss")):
        own = f"[optimization.losses_of]\n{name} = {{ {loss} = 1.0 }}\n\n"
        (tmp_path / "bad.toml").write_text(text[:cut] + own + text[cut:], encoding="utf-8")
        with pytest.raises(ConfigError, match=said):
            load_recipe(tmp_path / "bad.toml", TrainingRecipe)


def test_the_compact_network_takes_no_clicks(compact: TrainingRecipe, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(
        COMPACT.replace("batch = 2", "batch = 2\nlocal_share = 0.2"), encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="takes prompts"):
        load_recipe(tmp_path / "bad.toml", TrainingRecipe)


def test_data_sets_are_read_from_either_kind_of_recipe(
    toy: Path, compact: TrainingRecipe, tmp_path: Path
) -> None:
    assert load_datasets(toy / "compact.toml") == compact.datasets
    alone = COMPACT[COMPACT.index("[[datasets]]") :]
    (tmp_path / "sets.toml").write_text(alone, encoding="utf-8")
    assert load_datasets(tmp_path / "sets.toml") == compact.datasets
    with pytest.raises(ConfigError, match="no such file"):
        load_datasets(tmp_path / "nowhere.toml")


def test_each_person_is_held_out_in_one_fold(toy: Path, compact: TrainingRecipe) -> None:
    folds = [with_fold(compact, toy, fold=k, folds=2) for k in (1, 2)]
    assert [[d.validation for d in f.datasets] for f in folds] == [[("1",), ("1",)], [("2",), ("2",)]]
    assert len({f.digest() for f in (*folds, compact)}) == 2  # the recipe itself holds out person 2
    with pytest.raises(ConfigError, match="2 persons cannot be split in 3"):
        with_fold(compact, toy, fold=1, folds=3)
    with pytest.raises(ConfigError, match="no fold 0"):
        with_fold(compact, toy, fold=0, folds=2)


def test_gradients_add_up_over_batches(toy: Path, compact: TrainingRecipe, tmp_path: Path) -> None:
    options = compact.optimization.model_copy(
        update={"accumulate": 2, "batch": 1, "steps": 1, "validate_every": 9}
    )
    recipe = compact.model_copy(update={"optimization": options})
    seen: list[Report] = []
    train(recipe, root=toy, folder=tmp_path, report=seen.append, stop_at=1)
    assert len(seen) == 1
    assert recipe.digest() != compact.digest()
    once = compact.optimization.model_copy(update={"accumulate": 1})
    assert compact.model_copy(update={"optimization": once}).digest() == compact.digest()
