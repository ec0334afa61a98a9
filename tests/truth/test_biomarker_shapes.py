"""Every biomarker with a closed-form truth, from the rendered mask through the graph to the column.

The bars are those of BIOMARKERS.md section 12, for anti-aliased masks and for masks of one bit: a worst error
for each value, a median error for the family, and a drift under rotation for each quantity.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache

import numpy as np
import pytest

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
SMALL = (1024, 1024)

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

# kind of mask -> family -> median, worst, drift
BARS = {
    "anti-aliased": {"geometry": (0.003, 0.02, 0.005), "ratio": (0.02, 0.08, 0.03)},
    "one bit": {"geometry": (0.006, 0.03, 0.01), "ratio": (0.02, 0.08, 0.03)},
}
# a truth of 0 is held absolutely: rad, and per arc length L in px for those with a length in their unit
ZERO_HART2 = 0.02
ZERO_DEGREES = 1.0
ZERO_DEVIATION = 0.4  # a cube root: 0.1 px of calibre at d0 = 16 px makes 0.3

_KOCH = "a vessel 16 px wide has its sharp corners rounded by the smooth centre line"
_STAIRS = "the stairs of a one-bit mask repeat along an edge and are read otherwise when it is turned"
WEAK_VALUES = {("koch", kind): _KOCH for kind in BARS}
WEAK_DRIFT = WEAK_VALUES | {(name, "one bit"): _STAIRS for name in ("quarter circle", "Murray Y", "tree")}


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
        shape = SHAPES[name]().rotated(angle)
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


def cases(weak: Mapping[tuple[str, str], str]) -> list[object]:
    """Each shape with each kind of mask; those that are known to fall short say why."""
    return [
        pytest.param(
            name,
            kind,
            id=f"{name}, {kind}",
            marks=[pytest.mark.xfail(reason=weak[name, kind], strict=False)] if (name, kind) in weak else [],
        )
        for kind in BARS
        for name in SHAPES
    ]


@pytest.mark.parametrize(("name", "kind"), cases(WEAK_VALUES))
def test_each_value_is_within_the_bar(name, kind):
    faults = []
    for (column, quantity), rows in errors(name, kind).items():
        _, worst, _ = BARS[kind]["ratio" if quantity in RATIOS else "geometry"]
        values, truth = np.array([row[0] for row in rows]), rows[0][1]
        if quantity in COUNTS:
            bar = 0.0
        elif truth == 0:
            bar = zero_bar(quantity, rows[0][2])
        else:
            bar = worst * abs(truth)
        if not (np.abs(values - truth) <= bar).all():  # also where a value is missing: NaN compares false
            faults.append(f"{column}: {values} for {truth}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(("name", "kind"), cases(WEAK_DRIFT))
def test_no_value_drifts_with_rotation(name, kind):
    faults = []
    for (column, quantity), rows in errors(name, kind).items():
        _, _, drift = BARS[kind]["ratio" if quantity in RATIOS else "geometry"]
        values, truth = np.array([row[0] for row in rows]), rows[0][1]
        if truth != 0 and not np.ptp(values) <= drift * abs(truth):
            faults.append(f"{column}: {values} for {truth}")
    assert not faults, "\n".join(faults)


def zero_bar(quantity: str, length_px: float) -> float:
    if quantity == "angle_asymmetry_deg":
        return ZERO_DEGREES
    if quantity == "junctional_deviation":
        return ZERO_DEVIATION
    length_mm = length_px * 0.005
    power = {"hart2": 0, "hart3": 1, "hart4": 1, "soam": 1, "grisan": 1, "hart6": 1, "hart5": 2, "hart7": 2}
    return ZERO_HART2 / length_mm ** power[quantity]


@pytest.mark.parametrize("kind", list(BARS))
@pytest.mark.parametrize("family", ["geometry", "ratio"])
def test_the_median_error_of_a_family_is_within_the_bar(family, kind):
    off = [
        abs(value / truth - 1)
        for name in SHAPES
        if (name, kind) not in WEAK_VALUES
        for (_, quantity), rows in errors(name, kind).items()
        if quantity not in COUNTS and (quantity in RATIOS) == (family == "ratio")
        for value, truth, _ in rows
        if truth != 0
    ]
    assert len(off) > 20
    assert np.median(off) <= BARS[kind][family][0]
