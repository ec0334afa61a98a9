"""Recipes that say what they change of another."""

from __future__ import annotations

from pathlib import Path

import pytest

from retquant.errors import ConfigError
from retquant.resources import resource_folder
from retquant.training.extending import read_extended
from retquant.training.recipe import TrainingRecipe, load_datasets, load_recipe

BASE = """
name = "a"
[optimization]
steps = 10
rate = 0.5
[optimization.losses]
dice = 1.0
[[datasets]]
name = "one"
draw = 1.0
[[datasets]]
name = "two"
validation = ["1", "2"]
"""


def read(folder: Path, **files: str) -> dict[str, object]:
    """What the last file holds with those that it extends."""
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return read_extended(folder / f"{list(files)[-1]}.toml", missing="give one")


def test_tables_are_merged_by_key_and_lists_of_tables_by_name(tmp_path: Path) -> None:
    change = """
    extends = "base.toml"
    [optimization]
    steps = 20
    losses = { focal = 2.0 }
    [[datasets]]
    name = "two"
    validation = ["3"]
    [[datasets]]
    name = "three"
    """
    assert read(tmp_path, base=BASE, change=change) == {
        "name": "a",
        "optimization": {"steps": 20, "rate": 0.5, "losses": {"dice": 1.0, "focal": 2.0}},
        "datasets": [{"name": "one", "draw": 1.0}, {"name": "two", "validation": ["3"]}, {"name": "three"}],
    }


def test_one_may_extend_what_extends_another(tmp_path: Path) -> None:
    second = 'extends = "base.toml"\n[optimization]\nsteps = 20'
    third = 'extends = "second.toml"\n[optimization]\nrate = 0.1'
    found = read(tmp_path, base=BASE, second=second, third=third)
    assert found["optimization"] == {"steps": 20, "rate": 0.1, "losses": {"dice": 1.0}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('extends = "a.toml"', "extend each other"),
        ('extends = "b.toml"', "extend each other"),
        ('extends = "missing.toml"', "no such file"),
        ("extends = 3", "no file name"),
    ],
    ids=["itself", "circle", "missing", "number"],
)
def test_what_cannot_be_extended_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, b='extends = "a.toml"', a=text)


def test_two_that_extend_one_do_not_make_a_circle(tmp_path: Path) -> None:
    assert read(tmp_path, base=BASE, a='extends = "base.toml"', b='extends = "base.toml"')["name"] == "a"


def test_a_stage_that_ships_has_all_of_the_stage_before_but_what_it_says() -> None:
    folder = resource_folder("pipelines") / "training"
    fifth, sixth = (
        load_recipe(folder / f"{name}.toml", TrainingRecipe) for name in ("octa-research-5", "octa-research")
    )
    assert (fifth.optimization.steps, sixth.optimization.steps) == (5000, 6000)
    assert fifth.network == sixth.network
    assert [d.name for d in load_datasets(folder / "octa-research.toml")] == [d.name for d in fifth.datasets]
    assert [d for d in sixth.datasets if d not in fifth.datasets] == [
        d.model_copy(update={"draw": 1.5}) for d in fifth.datasets if d.name == "OCTA-500 6M"
    ]
