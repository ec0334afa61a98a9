"""The evaluation recipes that ship: they load by name, find their images, and judge nothing that was trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from retquant.errors import ConfigError
from retquant.resources import resource_folder
from retquant.training.datasets import Example, find_examples, read_pixels, split, with_fold
from retquant.training.evaluate import ready_recipe
from retquant.training.recipe import TrainingRecipe, load_datasets, load_recipe
from retquant.training.truth import read_truth

NAMES = sorted(path.stem for path in (resource_folder("pipelines") / "datasets").glob("*.toml"))
OCTA = {  # recipe -> data set -> targets, images
    "octa500-3m-validation": {"OCTA-500 3M validation": ({"large_vessel"}, 10)},
    "octa500-6m-validation": {"OCTA-500 6M validation": ({"large_vessel"}, 20)},
    "rossa-validation": {"ROSSA validation": ({"large_vessel"}, 100)},
    "octa-layers": {
        "OCTA-500 eye 10301": ({"large_vessel", "capillary", "artery", "vein"}, 1),
        "OCTA-500 avascular zones": ({"faz"}, 3),
    },
}
COVERED = {  # shares of a macular field that each may cover
    "large_vessel": (0.03, 0.15),
    "capillary": (0.2, 0.6),
    "artery": (0.02, 0.1),
    "vein": (0.02, 0.1),
    "faz": (0.005, 0.06),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_found_by_its_name_and_names_what_is_drawn(name: str) -> None:
    datasets = load_datasets(ready_recipe(name))
    assert all(dataset.targets and dataset.licence for dataset in datasets)
    is_octa = name in OCTA
    assert {dataset.modality for dataset in datasets} == {"octa" if is_octa else "cfp"}
    if is_octa:
        assert {d.name: set(d.targets) for d in datasets} == {n: t for n, (t, _) in OCTA[name].items()}


@pytest.mark.parametrize("name", OCTA)
def test_a_recipe_finds_its_angiograms_and_their_masks(name: str, shared_data: Path) -> None:
    for dataset in load_datasets(ready_recipe(name)):
        examples = find_examples(dataset, shared_data)
        assert len(examples) == OCTA[name][dataset.name][1]
        assert len({e.stem for e in examples}) == len({e.person for e in examples}) == len(examples)
        last = examples[-1]
        pixels, fov = read_pixels(last)
        assert fov.all()
        for target, path in last.truth.items():
            share = read_truth(path, pixels.shape[:2]).mean()
            low, high = COVERED[target]
            assert low < share < high, target


@pytest.mark.parametrize(
    "recipe",
    sorted(
        path.stem
        for path in (resource_folder("pipelines") / "training").glob("octa-*.toml")
        if path.stem != "octa-folds"  # each eye is judged by a network that did not see it
    ),
)
def test_no_recipe_trains_on_angiograms_that_judge(recipe: str, shared_data: Path) -> None:
    training = load_recipe(resource_folder("pipelines") / "training" / f"{recipe}.toml", TrainingRecipe)
    shown = {
        (target, file)
        for dataset in training.datasets
        for example in split(dataset, find_examples(dataset, shared_data))[0]
        for target, file in (("image", example.image), *example.truth.items())
    }
    judged: list[Example] = []
    for name in OCTA:
        for dataset in load_datasets(ready_recipe(name)):
            judged += find_examples(dataset, shared_data)
    for example in judged:
        assert ("image", example.image) not in shown, example.image
        assert not shown & set(example.truth.items()), example.stem


def test_each_eye_of_the_ten_folds_is_held_out_once_and_those_that_judge_alone_never_are(
    shared_data: Path,
) -> None:
    recipe = load_recipe(resource_folder("pipelines") / "training" / "octa-folds.toml", TrainingRecipe)
    held_out: list[str] = []
    for fold in range(1, 11):
        folded = with_fold(recipe, shared_data, fold=fold, folds=10)
        for dataset in folded.datasets:
            trains, judges = split(dataset, find_examples(dataset, shared_data))
            assert not {e.person for e in trains} & {e.person for e in judges}
            held_out += [e.stem for e in judges]
    assert len(held_out) == len(set(held_out)) == 139 + 10 + 179 + 20
    assert not {"10301", "10001"} & set(held_out)


@pytest.mark.parametrize("read", [lambda p: load_recipe(p, TrainingRecipe), load_datasets])
def test_a_recipe_that_is_no_text_is_one_sentence(read: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_bytes(b'name = "\xff\xfe"')
    with pytest.raises(ConfigError, match="not valid TOML"):
        read(tmp_path / "recipe.toml")
