"""Digital eyes as training images: rendered photographs whose every target is known to the sub-pixel.

Photographs with drawn arteries, discs and cups are few and drawn by many hands. A share of digital eyes shows the
network the true width of a vessel, and looks that no set of photographs has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from retquant.segmentation.spec import GLANCE_SHRINK
from retquant.segmentation.working_image import frame_of
from retquant.training.datasets import Example
from retquant.training.packing import Packed, cache_name, kept, pack, unpack
from retquant.training.recipe import PhantomRecipe
from retquant.training.truth import fovea_heat
from retquant.training.working_example import WorkingExample, working_example

VERSIONS = {"cfp": 1, "octa": 5}  # of the eyes and scans: to be raised when they are drawn otherwise
TRUTH_OF_EYES = ("vessel", "artery", "vein", "disc", "cup", "fovea")
TRUTH_OF_SCANS = ("large_vessel", "capillary", "artery", "vein", "faz")
SCAN_FIELDS = ((3.0, 304), (6.0, 400))  # mm, samples a side
VEIN_CALIBRE = (1.1, 1.5)  # of scans: large veins are then as long as large arteries, and no thinner
SIDES_PX = (700, 1400)  # of the pictures: their sharpness and noise differ after resampling
CENTRING = (0.1, 0.9)  # of the field, from the fovea (0) to the disc (1)


def digital_eyes(
    recipe: PhantomRecipe,
    *,
    targets: Sequence[str],
    working_px: int,
    glance_shrink: int = GLANCE_SHRINK,
    modality: str = "cfp",
    cache: Path | None = None,
    held_out: bool = False,
) -> Iterator[WorkingExample]:
    """The eyes of a recipe in the network's frame, drawn once and kept in the folder `cache` where it is given.

    Those that are held out come after the last that is trained on.
    """
    draw = draw_scan if modality == "octa" else draw_eye
    first = recipe.seed + (recipe.count if held_out else 0)
    for seed in range(first, first + (recipe.validation if held_out else recipe.count)):
        example = Example(
            dataset=recipe.name,
            hand=recipe.hand,
            stem=f"eye_{seed}",
            person=f"eye_{seed}",
            image=Path(f"eye_{seed}"),
            fov=None,
            truth={},
            modality=modality,
        )
        about = [
            VERSIONS[modality],
            "digital scan" if modality == "octa" else "digital eye",
            seed,
            working_px,
        ]
        name = cache_name(example, hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16])
        parts = kept(cache, name, partial(_pack_one, draw, seed, working_px))
        yield working_example(example, unpack(parts), targets, glance_shrink)


def _pack_one(draw: Callable[[int, int], Packed], seed: int, working_px: int) -> dict[str, np.ndarray]:
    return pack(draw(seed, working_px))


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


def draw_scan(seed: int, working_px: int) -> Packed:
    """A random angiogram of 3 or 6 mm, healthy or not, with artefacts or without, at `working_px` pixels a side.

    Arteries and veins are those among the large vessels, as readers tell them.
    """
    from retquant.phantoms.angiogram import angiogram
    from retquant.phantoms.angiogram_style import AngiogramStyle
    from retquant.phantoms.octa_retina import OctaTraits, octa_retina

    rng = np.random.default_rng([seed, 29])
    field_mm, samples = SCAN_FIELDS[int(rng.integers(len(SCAN_FIELDS)))]
    traits = OctaTraits(
        artery_calibre=float(rng.uniform(0.8, 1.2)),
        vein_calibre=float(rng.uniform(*VEIN_CALIBRE)),
        artery_tortuosity=float(rng.uniform(0, 2)),
        vein_tortuosity=float(rng.uniform(0, 2)),
        dropout=float(rng.uniform(0, 0.35)),
        faz_enlargement=float(rng.uniform(0.7, 1.6)),
        perifoveal_ring=bool(rng.random() < 0.8),
    )
    eye = "OD" if rng.random() < 0.5 else "OS"
    retina = octa_retina(seed, field_mm=field_mm, size=samples, traits=traits, eye=eye)
    style = AngiogramStyle.drawn(seed, field_mm=field_mm, artefacts=bool(rng.random() < 0.3))
    everywhere = np.ones((working_px, working_px), bool)
    frame = frame_of(np.ones(retina.size, bool), working_px)
    picture = np.clip(np.rint(frame.cut(angiogram(retina, seed, style=style))), 0, 255).astype(np.uint8)
    size = (working_px, working_px)
    drawn = {name: retina.coverage(name, size=size) for name in ("large_vessel", "capillary", "faz")}
    drawn |= {kind: retina.coverage(f"large_{kind}", size=size) for kind in ("artery", "vein")}
    return Packed(
        pixels=np.repeat(picture[..., None], 3, axis=-1),
        field=everywhere,
        truth={target: np.rint(drawn[target] * 255).astype(np.uint8) for target in TRUTH_OF_SCANS},
        known={target: everywhere * np.uint8(255) for target in TRUTH_OF_SCANS},
    )
