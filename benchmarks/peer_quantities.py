"""Which number of each program answers which question on the shapes, and how far it is from the known answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from retquant.phantoms import (
    Shape,
    binary_tree,
    koch_curve,
    parallel_vessels,
    quarter_circle,
    sine_vessel,
    spokes,
    straight_vessel,
    y_junction,
)

ROTATIONS = (0.0, 30.0, 60.0, 90.0)
UM_PER_PX = 5.0

SHAPES: dict[str, Callable[[], Shape]] = {
    "straight artery": straight_vessel,
    "straight vein": partial(straight_vessel, structure="vein"),
    "quarter circle artery": quarter_circle,
    "quarter circle vein": partial(quarter_circle, structure="vein"),
    "sine artery": sine_vessel,
    "koch artery": koch_curve,
    "spokes": spokes,
    "stripes": parallel_vessels,
    "equal Y": y_junction,
    "tree": binary_tree,
}


Values = dict[str, float]
Reader = Callable[[Values, str], float | None]


def given(pattern: str, factor: float = 1.0) -> Reader:
    """A column by name, with artery or vein, arteries or veins, crae or crve put in."""

    def read(values: Values, structure: str) -> float | None:
        words = {"s": structure, "layer": "arteries" if structure == "artery" else "veins"}
        value = values.get(pattern.format(**words, cre="crae" if structure == "artery" else "crve"))
        return None if value is None else value * factor

    return read


def ratio(above: str, below: str) -> Reader:
    return lambda values, _: values[above] / values[below] if above in values and below in values else None


def total(*patterns: str) -> Reader:
    def read(values: Values, structure: str) -> float | None:
        found = [given(pattern)(values, structure) for pattern in patterns]
        return None if None in found else sum(v for v in found if v is not None)

    return read


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """Something with a known answer, and how each program reports it; a program that does not is left out."""

    family: str
    truth: str  # key of a shape's truth; {cre} is crae or crve
    factor: float = 1.0  # what turns the truth into the unit compared
    is_count: bool = False
    is_shared: bool = False  # one number for arteries and veins together
    readers: dict[str, Reader]

    def truth_of(self, shape: Shape, structure: str) -> float | None:
        """What the answer is, None where the shape has none (or one that no error is a share of)."""
        if self.is_shared and structure != "artery":
            return None
        key = self.truth.format(cre="crae" if structure == "artery" else "crve")
        own = f"{structure}_{key}"
        value = shape.truth.get(own, shape.truth.get(key))
        return None if value is None or not (value or self.is_count) else value * self.factor


FIELD_MM2 = (2048 * UM_PER_PX / 1000) ** 2
MM_PER_PX = UM_PER_PX / 1000
QUANTITIES = {
    "calibre": Quantity(
        family="calibre",
        truth="calibre_px",
        factor=UM_PER_PX,
        readers={
            "retquant": given("{s}_calibre_median_fov"),
            "vascx": given("calibre_um_{layer}"),
        },
    ),
    "CRAE, CRVE Knudtson": Quantity(
        family="calibre",
        truth="{cre}_knudtson_um",
        readers={
            "retquant": given("{cre}_knudtson_zone_b"),
            "vascx": given("cre_um_{layer}"),
            "pvbm": given("{cre}k_um"),
        },
    ),
    "CRAE, CRVE Hubbard": Quantity(
        family="calibre",
        truth="{cre}_hubbard_um",
        readers={"retquant": given("{cre}_hubbard_zone_b"), "pvbm": given("{cre}h_um")},
    ),
    "AVR Knudtson": Quantity(
        family="calibre",
        truth="avr_knudtson",
        is_shared=True,
        readers={
            "retquant": given("avr_knudtson_zone_b"),
            "vascx": ratio("full_cre_arteries", "full_cre_veins"),
            "pvbm": ratio("craek", "crvek"),
        },
    ),
    "length over chord": Quantity(
        family="tortuosity",
        truth="tortuosity_hart1",
        readers={
            "retquant": given("{s}_tortuosity_hart1_median_fov"),
            "vascx": given("md_tort_dist_{layer}"),
            "pvbm": given("{s}_medTor"),
        },
    ),
    "mean curvature": Quantity(
        family="tortuosity",
        truth="hart4",
        factor=1 / MM_PER_PX,
        readers={
            "retquant": given("{s}_tortuosity_hart4_median_fov"),
            "vascx": given("curvature_{layer}"),
        },
    ),
    "area density": Quantity(
        family="density",
        truth="area_density",
        readers={
            "retquant": given("{s}_area_density_fov"),
            "vascx": given("vd_{layer}"),
            "pvbm": given("{s}_share"),
        },
    ),
    "length": Quantity(
        family="density",
        truth="total_length_px",
        factor=MM_PER_PX,
        readers={
            "retquant": given("{s}_length_density_fov", FIELD_MM2),
            "pvbm": given("{s}_length_mm"),
        },
    ),
    "branching angle": Quantity(
        family="topology",
        truth="branching_angle_deg",
        readers={
            "retquant": given("{s}_branching_angle_median_fov"),
            "vascx": given("angle_{layer}"),
            "pvbm": given("{s}_medianba"),
        },
    ),
    "branch points": Quantity(
        family="topology",
        truth="branch_points",
        is_count=True,
        readers={
            "retquant": given("{s}_branch_points_fov"),
            "vascx": given("bifurcation_count_{layer}"),
            "pvbm": given("{s}_interp"),
        },
    ),
    "end points": Quantity(
        family="topology",
        truth="end_points",
        is_count=True,
        readers={"retquant": given("{s}_end_points_fov"), "pvbm": total("{s}_endp", "{s}_startp")},
    ),
}


def with_derived(tool: str, job: dict, values: Values) -> Values:
    """The values, with those that are in pixels or take another input put into comparable units beside them."""
    values = dict(values)
    um_per_px = job["um_per_px"]
    if tool == "pvbm":
        for name in ("craek", "crvek", "craeh", "crveh"):
            if name in values:
                values[f"{name}_um"] = values[name] * um_per_px
        pixels = float(np.count_nonzero(np.array(Image.open(job["fov"]))))
        for structure in ("artery", "vein"):
            if f"{structure}_area" in values:
                values[f"{structure}_share"] = values[f"{structure}_area"] / pixels
                values[f"{structure}_length_mm"] = values[f"{structure}_ovlen"] * um_per_px / 1000
    if tool == "vascx":
        disc = np.argwhere(np.array(Image.open(job["disc"])) > 0).mean(axis=0)
        distance = float(np.hypot(*(np.array(job["fovea"]) - disc))) * um_per_px / 1000
        for layer in ("arteries", "veins"):
            for theirs, um in (("md_diam", "calibre_um"), ("full_cre", "cre_um")):
                if f"{theirs}_{layer}" in values:
                    values[f"{um}_{layer}"] = values[f"{theirs}_{layer}"] * um_per_px
            if f"md_tort_curv_{layer}" in values:
                values[f"curvature_{layer}"] = values[f"md_tort_curv_{layer}"] / distance
            for name in values.copy():
                if name.startswith("md_bifangle") and name.endswith(layer):
                    values[f"angle_{layer}"] = values[name]
    return values


@dataclass(frozen=True, kw_only=True)
class Case:
    """One quantity of one structure of one shape: its truth, and a program's answers by rotation."""

    title: str
    truth: float
    answers: dict[float, float | None]

    @property
    def given(self) -> dict[float, float]:
        return {angle: value for angle, value in self.answers.items() if value is not None}


def cases(tool: str, about: Quantity, found: dict[str, Values]) -> Iterator[Case]:
    """All cases of a quantity among the shapes that were run."""
    for title, make in SHAPES.items():
        if f"{title} {ROTATIONS[0]:g}" not in found:
            continue
        shape = make()
        for structure in shape.tubes:
            truth = about.truth_of(shape, structure)
            if truth is None:
                continue
            read = about.readers[tool]
            yield Case(
                title=title,
                truth=truth,
                answers={angle: read(found[f"{title} {angle:g}"], structure) for angle in ROTATIONS},
            )


def figures_of(about: Quantity, listed: list[Case]) -> dict[str, object]:
    """Errors over shapes and rotations, the largest drift, and how many questions were answered."""
    row: dict[str, object] = {
        "family": about.family,
        "asked": sum(len(case.answers) for case in listed),
        "answered": sum(len(case.given) for case in listed),
    }
    spans = [(float(np.ptp(list(c.given.values()))), abs(c.truth)) for c in listed if len(c.given) > 1]
    if about.is_count:
        row["wrong"] = sum(v != round(case.truth) for case in listed for v in case.given.values())
        row["drift"] = max((span for span, _ in spans), default=None)
    else:
        errors = {
            f"{case.title} {angle:g}": abs(value / case.truth - 1)
            for case in listed
            for angle, value in case.given.items()
        }
        off = list(errors.values())
        row |= {
            "median": float(np.median(off)) if off else None,
            "p95": float(np.percentile(off, 95)) if off else None,
            "worst": max(off, default=None),
            "worst_at": max(errors, key=errors.__getitem__, default=None),
            "drift": max((span / truth for span, truth in spans), default=None),
        }
    row["cases"] = [{"shape": c.title, "truth": c.truth, "answers": c.answers} for c in listed]
    return row


def summary(tool: str, jobs: list[dict], results: list[dict]) -> dict[str, dict]:
    """Quantity -> its figures, for what the program reports."""
    found = {r["name"]: with_derived(tool, j, r["values"]) for j, r in zip(jobs, results, strict=True)}
    asked = {name: about for name, about in QUANTITIES.items() if tool in about.readers}
    listed = {name: list(cases(tool, about, found)) for name, about in asked.items()}
    return {name: figures_of(asked[name], found) for name, found in listed.items() if found}
