"""Digital eyes as training images: rendered photographs whose every target is known to the sub-pixel.

Photographs with drawn arteries, discs and cups are few and drawn by many hands. A share of digital eyes shows the
network the true width of a vessel, and looks that no set of photographs has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from retquant.segmentation.working_image import frame_of
from retquant.training.datasets import Example
from retquant.training.packing import Packed, cache_name, kept, pack, unpack
from retquant.training.recipe import PhantomRecipe
from retquant.training.truth import fovea_heat
from retquant.training.working_example import WorkingExample, working_example

VERSION = 1  # of the eyes: to be raised when they are drawn otherwise
TRUTH_OF_EYES = ("vessel", "artery", "vein", "disc", "cup", "fovea")
SIDES_PX = (700, 1400)  # of the pictures: their sharpness and noise differ after resampling
CENTRING = (0.1, 0.9)  # of the field, from the fovea (0) to the disc (1)


def digital_eyes(
    recipe: PhantomRecipe, *, targets: Sequence[str], working_px: int, cache: Path | None = None
) -> Iterator[WorkingExample]:
    """The eyes of a recipe in the network's frame, drawn once and kept in the folder `cache` where it is given."""
    for seed in range(recipe.seed, recipe.seed + recipe.count):
        example = Example(
            dataset=recipe.name,
            hand=recipe.hand,
            stem=f"eye_{seed}",
            person=f"eye_{seed}",
            image=Path(f"eye_{seed}"),
            fov=None,
            truth={},
        )
        yield working_example(example, _packed(example, seed, working_px, cache), targets)


def _packed(example: Example, seed: int, working_px: int, cache: Path | None) -> Packed:
    digest = hashlib.sha256(json.dumps([VERSION, "digital eye", seed, working_px]).encode()).hexdigest()[:16]
    return unpack(kept(cache, cache_name(example, digest), lambda: pack(draw_eye(seed, working_px))))


def draw_eye(seed: int, working_px: int) -> Packed:
    """A random eye, healthy or not, photographed and brought into a frame of `working_px` pixels across its field."""
    from retquant.phantoms.eye import EyeTraits, simple_eye
    from retquant.phantoms.photograph import photograph

    rng = np.random.default_rng([seed, 23])
    side = int(rng.integers(*SIDES_PX))
    traits = EyeTraits(
        artery_calibre=float(rng.uniform(0.8, 1.15)),
        vein_calibre=float(rng.uniform(0.9, 1.25)),
        artery_tortuosity=float(rng.uniform(0, 2)),
        vein_tortuosity=float(rng.uniform(0, 2)),
        dropout=float(rng.uniform(0, 0.3)),
        cup_to_disc=float(rng.uniform(0.2, 0.75)),
    )
    eye = simple_eye(
        seed,
        "OD" if rng.random() < 0.5 else "OS",
        traits=traits,
        size=(side, side),
        centring=float(rng.uniform(*CENTRING)),
    )
    fov = eye.drawn["fov"] >= 0.5
    frame = frame_of(fov, working_px)
    field = frame.cut(fov) >= 0.5
    truth = {
        target: np.clip(frame.cut(eye.coverage(target)), 0, 1)
        for target in TRUTH_OF_EYES
        if target != "fovea"
    }
    assert eye.shape.fovea is not None  # every eye has both
    assert eye.shape.disc is not None
    (row, col), (disc_row, disc_col) = eye.shape.fovea, eye.shape.disc.center
    fovea, disc = frame.points(np.array([[col, row], [disc_col, disc_row]]))
    truth["fovea"] = fovea_heat(fovea, disc, working_px)
    return Packed(
        pixels=np.clip(np.rint(frame.cut(photograph(eye, seed))), 0, 255).astype(np.uint8),
        field=field,
        truth={target: np.rint(share * 255).astype(np.uint8) for target, share in truth.items()},
        known={target: field * np.uint8(255) for target in truth},
    )
