"""The closed-form shapes as files, so that any program that measures vessels can be judged on them.

Each shape is drawn at 0, 30, 60 and 90 degrees; `truth.json` says what is true of each, in pixels and as the
biomarkers define it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from retquant.phantoms.areas import (
    filled_square,
    foveal_zone,
    full_image,
    parallel_vessels,
    sierpinski_carpet,
    spokes,
)
from retquant.phantoms.branching import binary_tree, crossing, murray_junction, y_junction
from retquant.phantoms.cohort_files import save_picture, save_text
from retquant.phantoms.curves import FRAME, koch_curve, quarter_circle, sine_vessel, straight_vessel
from retquant.phantoms.disc_shapes import parabolic_arcades, tilted_disc
from retquant.phantoms.shape import Shape

ROTATIONS = (0, 30, 60, 90)  # degrees

SHAPES: Mapping[str, Callable[[], Shape]] = {
    "straight_artery": straight_vessel,
    "straight_vein": partial(straight_vessel, structure="vein"),
    "quarter_circle_artery": quarter_circle,
    "quarter_circle_vein": partial(quarter_circle, structure="vein"),
    "sine_artery": sine_vessel,
    "sine_vein": partial(sine_vessel, structure="vein"),
    "y_junction": y_junction,
    "murray_junction": murray_junction,
    "binary_tree": binary_tree,
    "crossing": crossing,
    "koch_2": koch_curve,
    "koch_6": partial(koch_curve, generations=6, width=2.0),
    "parallel_vessels": parallel_vessels,
    "spokes": spokes,
    "filled_square": filled_square,
    "full_image": full_image,
    "sierpinski_carpet": sierpinski_carpet,
    "round_faz": partial(foveal_zone, semi_axes=(200.0, 200.0)),
    "oval_faz": foveal_zone,
    "disc_and_cup": partial(
        tilted_disc, semi_axes=(200.0, 168.0), cup_offset=(-12.0, 18.0), um_per_px=5.0, size=FRAME
    ),
    "arcades": partial(parabolic_arcades, disc_radius=150.0, widths=(16.0, 24.0), um_per_px=5.0, size=FRAME),
}
"""Name -> builder; 2048 x 2048 pixels of 5 um, arteries 16 and veins 24 px wide unless the name says otherwise."""

_MASKS = ("artery", "vein", "vessel", "disc", "cup", "faz", "fov")


def drawn_shapes() -> Iterator[tuple[str, int, Shape]]:
    """Every shape at every rotation, with its name and the degrees."""
    for name, build in SHAPES.items():
        shape = build()
        for degrees in ROTATIONS:
            yield name, degrees, shape.rotated(degrees)


def write_shapes(folder: Path | str, *, each: Callable[[str, int], None] = lambda *_: None) -> Path:
    """Write the masks of all shapes (8-bit coverage) and `truth.json`, whose path is returned.

    A mask is called `NAME_DEGREES_STRUCTURE.png`. `each` is told name and degrees of what is done.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, degrees, shape in drawn_shapes():
        files = {}
        for structure in _present(shape):
            files[structure] = f"{name}_{degrees:02d}_{structure}.png"
            coverage = shape.coverage(structure)
            if structure != "fov":
                coverage = coverage * shape.coverage("fov")
            save_picture(folder / files[structure], np.rint(coverage * 255).astype(np.uint8))
        entries.append(_entry(name, degrees, shape, files))
        each(name, degrees)
    save_text(folder / "truth.json", json.dumps(entries, indent=1))
    return folder / "truth.json"


def _present(shape: Shape) -> list[str]:
    drawn = {*shape.tubes, *shape.blocks}
    drawn |= {name for name in ("disc", "cup", "faz", "fov") if getattr(shape, name) is not None}
    return [name for name in _MASKS if name in drawn]


def _entry(name: str, degrees: int, shape: Shape, files: Mapping[str, str]) -> dict[str, Any]:
    """What is known of one picture; counts and ratios are pure numbers, the rest says its power of a pixel."""
    return {
        "shape": name,
        "rotation_deg": degrees,
        "size": list(shape.size),
        "um_per_px": shape.um_per_px,
        "files": dict(files),
        "fovea_row_col": None if shape.fovea is None else list(shape.fovea),
        "truth": {quantity: float(value) for quantity, value in shape.truth.items()},
    }
