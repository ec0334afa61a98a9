"""What retquant reads off random digital eyes, against the record of what was drawn.

    python benchmarks/retinas.py [--seeds N] [--size PIXELS] [--one-bit] [--raster] [--all] [--json FILE]

Each eye brings its masks (artery, vein, disc, cup), fovea and scale, as a person with masks from another tool would.
The table gives, for each column, the mean of the errors over the eyes (bias), their standard deviation (spread) and
the largest: per cent of the truth, but whole numbers for counts, degrees for angles and hundredths for shares that
may be 0. Unlike the closed-form shapes, these eyes have thin, crossing and touching vessels.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from retquant.anatomy import Anatomy, Scale, find_disc
from retquant.biomarkers import BIOMARKERS, MeasureInputs, measure
from retquant.config import VesselSettings
from retquant.images.retinal_image import Field
from retquant.phantoms import Eye, EyeTraits, raster_truth, simple_eye
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.vessels import build_graphs

GRAPHED = ("vessel", "artery", "vein")
MAIN = re.compile(
    r"(vessel|artery|vein)_(branch_points|crossings|end_points|components|length_density|area_density"
    r"|calibre_median|calibre_length_weighted|tortuosity_hart1_median|tortuosity_hart1_length_weighted"
    r"|strahler_order_max|horton_branching_ratio|tree_asymmetry|branching_angle_median|area_ratio_median"
    r"|junctional_exponent_median|lacunarity_mean|sparsity_mean)_fov"
    r"|(crae|crve|avr)_(knudtson|hubbard)_zone_[bc]|(artery|vein)_calibre_median_zone_c|av_nicking_\w+_fov"
    r"|(disc|cup|cdr|rim)_\w+|(artery|vein|vessel)_arcade_\w+"
)
"""Columns of the short table."""


def inputs_of(eye: Eye, *, is_hard: bool = False) -> MeasureInputs:
    """What the measuring stage is given of an eye whose masks and landmarks are known."""
    assert eye.shape.fov is not None
    fov = eye.drawn["fov"] >= 0.5
    targets = {name: _target(eye.coverage(name), is_hard) for name in (*GRAPHED, "disc", "cup")}
    disc = find_disc(targets["disc"])
    assert disc is not None
    graphs = build_graphs(
        {name: targets[name] for name in GRAPHED},
        fov=fov,
        settings=VesselSettings(),
        disc_center=disc.center,
    )
    return MeasureInputs(
        modality="cfp",
        fov=fov,
        field=Field(center=eye.shape.fov.center, diameter_px=2 * eye.shape.fov.radius),
        segmentation=Segmentation(targets=targets),
        anatomy=Anatomy(
            disc=disc,
            fovea=eye.shape.fovea,
            scale=Scale(um_per_px=eye.shape.um_per_px, source="um_per_px"),
            eye=eye.eye,
        ),
        graphs=graphs,
    )


def _target(share: np.ndarray, is_hard: bool) -> TargetMask:
    pixels = np.rint((share >= 0.5 if is_hard else share) * 255.0).astype(np.uint8)
    return TargetMask(probability=pixels, source="manifest", is_hard=is_hard)


def compare(
    eye: Eye, *, is_hard: bool = False, extra: Mapping[str, float] | None = None
) -> dict[str, tuple[float, float]]:
    """Column -> value and truth, for the columns that both know; a missing value is NaN."""
    truth = {name: value for name, value in {**eye.truth, **(extra or {})}.items() if name in BIOMARKERS}
    found = measure(inputs_of(eye, is_hard=is_hard), list(truth))
    return {name: (found[name].value, value) for name, value in truth.items()}


def seeds_and_sides(count: int) -> list[tuple[int, str]]:
    return [(1000 + n, "OD" if n % 2 else "OS") for n in range(count)]


def error_of(column: str, value: float, truth: float) -> float:
    """Of a count the difference, of an angle degrees, of a share hundredths, else per cent of the truth."""
    if unit_of(column) == "%":
        return 100 * (value / truth - 1) if truth else math.nan
    return (value - truth) * (100 if unit_of(column) == "0.01" else 1)


def unit_of(column: str) -> str:
    """What `error_of` is in."""
    word = BIOMARKERS[column].biomarker
    if word in ("branch_points", "end_points", "components", "crossings", "strahler_order"):
        return "count"
    if BIOMARKERS[column].unit == "deg":
        return "deg"
    return "0.01" if word in ("nicking", "junctional_deviation", "tree_asymmetry", "area_density") else "%"


def summary(eyes: Iterable[Mapping[str, tuple[float, float]]]) -> dict[str, dict[str, float | str]]:
    """Column -> bias, spread and largest error over the eyes, the mean truth, and in how many it is missing."""
    pairs: dict[str, list[tuple[float, float]]] = {}
    for eye in eyes:
        for column, pair in eye.items():
            pairs.setdefault(column, []).append(pair)
    table: dict[str, dict[str, float | str]] = {}
    for column, found in pairs.items():
        errors = np.array([error_of(column, value, truth) for value, truth in found])
        known = errors[np.isfinite(errors)]
        table[column] = {
            "unit": unit_of(column),
            "truth": float(np.mean([truth for _, truth in found])),
            "bias": float(known.mean()) if len(known) else math.nan,
            "spread": float(known.std(ddof=1)) if len(known) > 1 else math.nan,
            "largest": float(np.abs(known).max()) if len(known) else math.nan,
            "n": len(known),
            "missing": len(errors) - len(known),
        }
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument(
        "--one-bit", action="store_true", help="masks of one bit instead of anti-aliased ones"
    )
    parser.add_argument("--nicking", type=float, default=0.4, help="deepest notch planted at crossings")
    parser.add_argument("--raster", action="store_true", help="lacunarity and sparsity, too (seconds an eye)")
    parser.add_argument("--all", action="store_true", help="every column, not only the main ones")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    eyes = []
    for seed, side in seeds_and_sides(options.seeds):
        traits = EyeTraits(nicking=options.nicking)
        eye = simple_eye(seed, side, traits=traits, size=(options.size, options.size))
        extra = raster_truth(eye.shape) if options.raster else {}
        eyes.append(compare(eye, is_hard=options.one_bit, extra=extra))
    table = summary(eyes)
    print(f"{'column':<46} {'truth':>10} {'bias':>8} {'spread':>8} {'largest':>8}  in      n")
    for column in sorted(table):
        if options.all or MAIN.fullmatch(column):
            row = table[column]
            shown = " ".join(f"{row[key]:8.2f}" for key in ("bias", "spread", "largest"))
            left_out = f" ({row['missing']} missing)" if row["missing"] else ""
            print(f"{column:<46} {row['truth']:10.4g} {shown}  {row['unit']:<6} {row['n']:2}{left_out}")
    if options.json:
        options.json.write_text(json.dumps(table, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
