"""Toy people and a small recipe that learns from them, for the tests that train."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retquant.training.recipe import TrainingRecipe

SECTIONS: Mapping[str, Mapping[str, Any]] = {
    "network": {"foundation": "compact", "default_hand": "toy", "working_px": 96},
    "optimization": {
        "steps": 1,
        "batch": 1,
        "validate_every": 9,
        "checkpoint_every": 1,
        "warmup_steps": 1,
        "centerline_from": 1.0,
    },
    "dataset": {
        "name": "Toy",
        "licence": "CC0",
        "hand": "toy",
        "images": "*.png",
        "pattern": r"p(?P<person>\d)",
        "person": "{person}",
        "truth": {"vessel": "truth/p{person}.png"},
        "validation": ["2"],
    },
}


@pytest.fixture(scope="session")
def toy_recipe() -> Callable[..., TrainingRecipe]:
    """Makes the recipe of the toy people; a section (`dataset`: the only one of `datasets`) names what differs."""

    def made(**settings: Any) -> TrainingRecipe:
        parts = {name: {**plain, **settings.pop(name, {})} for name, plain in SECTIONS.items()}
        named = {"name": "toy", "title": "Toy", "intended_use": "Tests.", **settings}
        return TrainingRecipe.model_validate({**named, "datasets": [parts.pop("dataset")], **parts})

    return made


@pytest.fixture(scope="session")
def draw_people(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Draws so many people's bright fields with a dark bar, and masks of the bars; gives their folder."""

    def drawn(people: int) -> Path:
        root = tmp_path_factory.mktemp("drawn")
        (root / "truth").mkdir()
        rows, cols = np.mgrid[:160, :160]
        field = np.hypot(rows - 79.5, cols - 79.5) < 76
        for person in range(1, people + 1):
            bar = (np.abs(rows - 160 * person // (people + 1)) < 4) & field
            pixels = np.where(field[..., None], [200, 120, 60], 0) - 60 * bar[..., None]
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(root / f"p{person}.png")
            Image.fromarray(bar).save(root / "truth" / f"p{person}.png")
        return root

    return drawn


@pytest.fixture(scope="module")
def root(draw_people: Callable[[int], Path]) -> Path:
    """Folder of two people."""
    return draw_people(2)
