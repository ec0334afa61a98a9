"""What retquant reads off shapes whose answer is known in closed form, at four rotations.

    python benchmarks/shapes.py [--json FILE]

Each shape is drawn anti-aliased and with one bit, turned by 0, 30, 60 and 90 degrees, and measured from the mask
through the graph to the column. The table gives, for each quantity over its shapes and rotations, the median and the
largest error and the largest drift under rotation. The tests hold the same figures against their bars.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np

from retquant.anatomy import Anatomy, Scale, find_disc
from retquant.biomarkers import MeasureInputs, measure
from retquant.config import VesselSettings
from retquant.images.retinal_image import Field
from retquant.phantoms import (
    Shape,
    binary_tree,
    crossing,
    koch_curve,
    murray_junction,
    parallel_vessels,
    quarter_circle,
    sine_vessel,
    spokes,
    straight_vessel,
    y_junction,
)
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.vessels import build_graph

ROTATIONS = (0.0, 30.0, 60.0, 90.0)
SMALL, HALF = (1024, 1024), (512, 512)
THIN_PX = (4.0, 6.0, 8.0)

SHAPES: dict[str, Callable[[], Shape]] = {
    "straight artery": lambda: straight_vessel(length=700.0, size=SMALL),
    "straight vein": lambda: straight_vessel(length=700.0, structure="vein", size=SMALL),
    "quarter circle": lambda: quarter_circle(size=SMALL),
    "quarter circle vein": lambda: quarter_circle(structure="vein", size=SMALL),
    "sine": lambda: sine_vessel(periods=2, size=SMALL),
    "koch": lambda: koch_curve(),
    "equal Y": lambda: y_junction(length=350.0, size=SMALL),
    "Murray Y": lambda: murray_junction(length=350.0, size=SMALL),
    "tree": binary_tree,
    "stripes": lambda: parallel_vessels(size=SMALL),
    "spokes": lambda: spokes(disc_radius=95.0, size=(1100, 1100)),
    "crossing": lambda: crossing(length=700.0, size=SMALL),
    **{
        f"{name}, {width:g} px": partial(draw, width=width, size=HALF, **about)
        for width in THIN_PX
        for name, draw, about in (
            ("straight", straight_vessel, {"length": 400.0}),
            ("quarter circle", quarter_circle, {"radius": 225.28}),
            ("sine", sine_vessel, {"amplitude": 30.0, "period": 200.0, "periods": 2}),
        )
    },
}
"""What the tests hold, too."""

THIN = {name for name in SHAPES if name.endswith(" px")}

FULL_FRAME: dict[str, Callable[[], Shape]] = {
    "straight, full frame": straight_vessel,
    "quarter circle, full frame": quarter_circle,
    "quarter circle vein, full frame": partial(quarter_circle, structure="vein"),
    "sine, full frame": sine_vessel,
    "sine vein, full frame": partial(sine_vessel, structure="vein"),
}

# truth -> column (without its structure), power of mm per px that turns the truth into the column's unit
PER_STRUCTURE = {
    "tortuosity_hart1": ("tortuosity_hart1_median_fov", 0),
    **{
        f"hart{n}": (f"tortuosity_hart{n}_median_fov", p)
        for n, p in zip(range(2, 8), (0, -1, -1, -2, -1, -2), strict=True)
    },
    "soam": ("tortuosity_soam_median_fov", -1),
    "grisan": ("tortuosity_grisan_median_fov", -1),
    "inflections": ("inflections_median_fov", 0),
    "branch_points": ("branch_points_fov", 0),
    "end_points": ("end_points_fov", 0),
    "components": ("components_fov", 0),
    "crossings": ("crossings_fov", 0),
    "branching_angle_deg": ("branching_angle_median_fov", 0),
    "angle_asymmetry_deg": ("angle_asymmetry_median_fov", 0),
    "asymmetry_ratio": ("asymmetry_ratio_median_fov", 0),
    "area_ratio": ("area_ratio_median_fov", 0),
    "optimality_ratio": ("optimality_ratio_median_fov", 0),
    "junctional_exponent": ("junctional_exponent_median_fov", 0),
    "junctional_deviation": ("junctional_deviation_median_fov", 0),
    "area_density": ("area_density_fov", 0),
    "length_density_per_px": ("length_density_fov", -1),
}
EQUIVALENTS = (
    "crae_knudtson_um",
    "crve_knudtson_um",
    "crae_hubbard_um",
    "crve_hubbard_um",
    "avr_knudtson",
    "avr_hubbard",
)
COUNTS = {"branch_points", "end_points", "components", "crossings", "inflections"}
RATIOS = {"asymmetry_ratio", "area_ratio", "optimality_ratio", "junctional_exponent", "junctional_deviation"}

FAMILIES = ("geometry, all", "junction ratios, all")
KINDS = ("anti-aliased", "one bit")


def inputs_of(shape: Shape, *, is_hard: bool) -> MeasureInputs:
    fov = shape.coverage("fov") >= 0.5
    drawn = {structure: shape.coverage(structure) for structure in shape.tubes}
    if len(drawn) > 1:
        drawn["vessel"] = shape.coverage("vessel")
    targets = {
        name: TargetMask(
            probability=np.rint((share >= 0.5 if is_hard else share) * 255.0).astype(np.uint8),
            source="manifest",
            is_hard=is_hard,
        )
        for name, share in drawn.items()
    }
    disc = None
    if shape.disc is not None:
        share = np.rint(shape.coverage("disc") * 255).astype(np.uint8)
        disc = find_disc(TargetMask(probability=share, source="manifest"))
    graphs = {
        name: build_graph(
            target,
            structure=name,
            fov=fov,
            settings=VesselSettings(),
            disc_center=disc.center if disc else None,
        )
        for name, target in targets.items()
    }
    return MeasureInputs(
        modality="cfp",
        fov=fov,
        field=Field(center=(shape.size[0] / 2, shape.size[1] / 2), diameter_px=float(min(shape.size))),
        segmentation=Segmentation(targets=targets),
        anatomy=Anatomy(
            disc=disc, fovea=None, scale=Scale(um_per_px=shape.um_per_px, source="um_per_px"), eye=None
        ),
        graphs=graphs,
    )


@cache
def errors(name: str, kind: str) -> dict[tuple[str, str], list[tuple[float, float, float]]]:
    """(column, truth's name) -> one (value, truth, arc length) a rotation; NaN where a column is missing."""
    found = defaultdict(list)
    for angle in ROTATIONS:
        shape = {**SHAPES, **FULL_FRAME}[name]().rotated(angle)
        inputs = inputs_of(shape, is_hard=kind == "one bit")
        wanted = list(expected(shape))
        values = measure(inputs, [column for column, _, _ in wanted])
        length = shape.truth.get("arc_length_px", math.nan)
        for column, quantity, truth in wanted:
            found[column, quantity].append((values[column].value, truth, length))
    return dict(found)


def expected(shape: Shape) -> Iterator[tuple[str, str, float]]:
    """Column, name of the truth, and the truth in the column's unit."""
    mm_per_px = shape.um_per_px / 1000.0
    structures = ["vessel"] if "crossings" in shape.truth else list(shape.tubes)
    for structure in structures:
        for quantity, (column, power) in PER_STRUCTURE.items():
            if quantity in shape.truth:
                yield f"{structure}_{column}", quantity, shape.truth[quantity] * mm_per_px**power
    for structure in shape.tubes:
        quantity = "vein_calibre_px" if f"{structure}_calibre_px" in shape.truth else "calibre_px"
        if quantity in shape.truth:
            yield f"{structure}_calibre_median_fov", quantity, shape.truth[quantity] * shape.um_per_px
    for quantity in EQUIVALENTS:
        if quantity in shape.truth:
            for zone in ("zone_b", "zone_c"):
                yield f"{quantity.removesuffix('_um')}_{zone}", quantity, shape.truth[quantity]


def summary(kind: str, names: Iterable[str]) -> dict[str, dict[str, float]]:
    """Quantity -> error and drift, as shares of the truth, over shapes with a truth other than 0.

    Then the same of each family: all that is not a ratio at a junction is of one.
    """
    off: dict[str, list[float]] = defaultdict(list)
    drift: dict[str, list[float]] = defaultdict(list)
    for name in names:
        for (_, quantity), rows in errors(name, kind).items():
            truth = rows[0][1]
            if truth == 0 or quantity in COUNTS:
                continue
            values = np.array([row[0] for row in rows])
            for group in (quantity, FAMILIES[quantity in RATIOS]):
                off[group] += list(np.abs(values / truth - 1))
                drift[group].append(float(np.ptp(values) / abs(truth)))
    return {
        quantity: {
            "median": float(np.median(values)),
            "p95": float(np.percentile(values, 95)),
            "max": float(np.max(values)),
            "drift": float(np.max(drift[quantity])),
            "n": len(values),
        }
        for quantity, values in sorted(off.items(), key=lambda pair: pair[0] in FAMILIES)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    names = [*SHAPES, *FULL_FRAME]
    tables = {kind: summary(kind, names) for kind in KINDS}
    for kind, table in tables.items():
        print(f"\n{kind:<22} {'median':>8} {'p95':>8} {'largest':>8} {'drift':>8}   % of the truth")
        for quantity, row in table.items():
            shown = " ".join(f"{100 * row[key]:8.2f}" for key in ("median", "p95", "max", "drift"))
            print(f"{quantity:<22} {shown}   n = {row['n']}")
        wrong = [
            f"{name}: {column} {[row[0] for row in rows]} for {rows[0][1]:g}"
            for name in names
            for (column, quantity), rows in errors(name, kind).items()
            if quantity in COUNTS and any(row[0] != row[1] for row in rows)
        ]
        print(f"counts that are wrong: {'; '.join(wrong) or 'none'}")
    if options.json:
        options.json.write_text(json.dumps(tables, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
