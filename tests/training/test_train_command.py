"""`retquant train` as it is typed: one run, and a sweep that can be given again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tomli_w
from typer.testing import CliRunner

from retquant.cli import app
from retquant.training.recipe import TrainingRecipe

MakeRecipe = Callable[..., TrainingRecipe]


@pytest.fixture(scope="module")
def toy(root: Path, toy_recipe: MakeRecipe) -> Path:
    return written(toy_recipe(), root / "toy.toml")


def written(recipe: TrainingRecipe, path: Path) -> Path:
    path.write_text(tomli_w.dumps(recipe.model_dump(mode="json", exclude_unset=True)), encoding="utf-8")
    return path


def typed(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["train", *map(str, words), "--device", "cpu", "--quiet"])
    return result.exit_code, result.output


def test_one_recipe_ends_in_a_bundle(root: Path, toy: Path, tmp_path: Path) -> None:
    code, said = typed(toy, "--data", root, "--out", tmp_path / "one")
    assert code == 0, said
    assert (tmp_path / "one" / "bundle" / "model.json").is_file()
    assert "use it with" in said


def test_folds_end_in_tables_and_given_again_train_nothing(root: Path, toy: Path, tmp_path: Path) -> None:
    words = (toy, "--data", root, "--out", tmp_path, "--folds", 2)
    code, said = typed(*words)
    assert code == 0, said
    assert "| toy | Toy | vessel | 2 |" in said
    assert (tmp_path / "summary.csv").is_file()
    trained = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/checkpoint.safetensors")}
    assert len(trained) == 2
    assert typed(*words) == (code, said)
    assert trained == {path: path.stat().st_mtime_ns for path in trained}


def test_a_failed_run_of_a_sweep_is_named_and_sets_the_exit_code(
    root: Path, toy: Path, toy_recipe: MakeRecipe, tmp_path: Path
) -> None:
    lost = written(toy_recipe(init="nobody"), tmp_path / "lost.toml")
    code, said = typed(toy, lost, "--data", root, "--out", tmp_path / "out")
    assert code == 3
    assert "lost-seed-0 failed: ModelError: there is no model 'nobody'" in said
    assert "| toy | Toy | vessel | 1 |" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--folds", 2, "--fold", "1/2"), "a sweep has all folds"),
        (("--fold", "one"), "is not K/N"),
    ],
)
def test_what_cannot_be_asked_for_is_said(
    root: Path, toy: Path, words: tuple[object, ...], message: str
) -> None:
    code, said = typed(toy, "--data", root, *words)
    assert code == 2
    assert message in said
