"""`retquant train` as it is typed: one run, and a sweep that can be given again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from retquant.cli import app

RECIPE = """
name = "toy"
title = "Toy vessels"
intended_use = "Tests."
[network]
foundation = "compact"
default_hand = "toy"
working_px = 96
[optimization]
steps = 1
batch = 1
validate_every = 9
warmup_steps = 1
centerline_from = 1.0
[[datasets]]
name = "Toy"
licence = "CC0"
hand = "toy"
images = "*.png"
pattern = 'p(?P<person>\\d)'
person = "{person}"
truth = { vessel = "truth/p{person}.png" }
validation = ["2"]
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people's bright fields with a dark bar, masks of the bars, and a recipe."""
    root = tmp_path_factory.mktemp("drawn")
    (root / "truth").mkdir()
    rows, cols = np.mgrid[:140, :140]
    field = np.hypot(rows - 69.5, cols - 69.5) < 66
    for person in (1, 2):
        bar = (np.abs(rows - 45 * person) < 4) & field
        pixels = np.where(field[..., None], [200, 120, 60], 0) - 60 * bar[..., None]
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(root / f"p{person}.png")
        Image.fromarray(bar).save(root / "truth" / f"p{person}.png")
    (root / "toy.toml").write_text(RECIPE, encoding="utf-8")
    return root


def typed(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["train", *map(str, words), "--device", "cpu", "--quiet"])
    return result.exit_code, result.output


def test_one_recipe_ends_in_a_bundle(root: Path, tmp_path: Path) -> None:
    code, said = typed(root / "toy.toml", "--data", root, "--out", tmp_path / "one")
    assert code == 0, said
    assert (tmp_path / "one" / "bundle" / "model.json").is_file()
    assert "use it with" in said


def test_folds_end_in_tables_and_given_again_train_nothing(root: Path, tmp_path: Path) -> None:
    words = (root / "toy.toml", "--data", root, "--out", tmp_path, "--folds", 2)
    code, said = typed(*words)
    assert code == 0, said
    assert "| toy | Toy | vessel | 2 |" in said
    assert (tmp_path / "summary.csv").is_file()
    trained = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/checkpoint.safetensors")}
    assert len(trained) == 2
    assert typed(*words) == (code, said)
    assert trained == {path: path.stat().st_mtime_ns for path in trained}


def test_a_failed_run_of_a_sweep_is_named_and_sets_the_exit_code(root: Path, tmp_path: Path) -> None:
    lost = RECIPE.replace('name = "toy"', 'name = "toy"\ninit = "nobody"', 1)
    (tmp_path / "lost.toml").write_text(lost, encoding="utf-8")
    code, said = typed(root / "toy.toml", tmp_path / "lost.toml", "--data", root, "--out", tmp_path / "out")
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
def test_what_cannot_be_asked_for_is_said(root: Path, words: tuple[object, ...], message: str) -> None:
    code, said = typed(root / "toy.toml", "--data", root, *words)
    assert code == 2
    assert message in said
