"""A small cohort of drawn vessels with masks, so that the whole run needs no model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retquant.phantoms import Shape, spokes


def save_coverage(share: np.ndarray, path: Path) -> None:
    Image.fromarray(np.rint(share * 255).astype(np.uint8)).save(path)


def photograph(shape: Shape) -> np.ndarray:
    """A plain picture of the shape: orange field, darker vessels."""
    field = shape.coverage("fov")[..., None]
    vessel = shape.coverage("vessel")[..., None]
    rng = np.random.default_rng(0)
    ground = np.array([190.0, 105.0, 50.0]) * field * (1 - 0.45 * vessel)
    return np.clip(ground + rng.normal(0, 2, ground.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def drawn() -> Shape:
    """Six arteries and six veins out of a disc."""
    return spokes().scaled(0.5)


@pytest.fixture
def cohort(tmp_path: Path, write_cohort: Callable[[Path], Path]) -> Path:
    """Two people, three eyes, artery, vein and disc masks, a label and a covariate; the manifest's path."""
    return write_cohort(tmp_path / "study")


@pytest.fixture(scope="session")
def write_cohort(drawn: Shape) -> Callable[[Path], Path]:
    """Writes the cohort into a folder that is not there yet."""
    return partial(_write_cohort, drawn)


def _write_cohort(drawn: Shape, folder: Path) -> Path:
    folder.mkdir()
    for name in ("vessel", "artery", "vein", "disc"):
        save_coverage(drawn.coverage(name), folder / f"{name}.png")
    rows = ["image,participant_id,eye,um_per_px,vessel_mask,artery_mask,vein_mask,disc_mask,age,ill"]
    for person, eye, age, ill in (("7", "OD", 61, 1), ("7", "OS", 61, 1), ("8", "OD", 55, 0)):
        Image.fromarray(photograph(drawn)).save(folder / f"{person}_{eye}.png")
        rows.append(
            f"{person}_{eye}.png,{person},{eye},{drawn.um_per_px},"
            f"vessel.png,artery.png,vein.png,disc.png,{age},{ill}"
        )
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "manifest.csv"
