"""A digital eye: disc, cup, fovea and field with artery and vein trees, and the exact record of what was drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from retquant.errors import ConfigError
from retquant.phantoms.eye_frame import FIELD_MM, EyeFrame
from retquant.phantoms.geometry import Ellipse
from retquant.phantoms.growth import Growth, draw_courses
from retquant.phantoms.nicking import Notch, nick_veins
from retquant.phantoms.record import list_segments, vessels_in_field, vessels_to_edge, whole_image_truth
from retquant.phantoms.shape import Shape
from retquant.phantoms.trees import segments_of
from retquant.phantoms.truth import (
    Crossing,
    Junction,
    Tree,
    Vessel,
    eye_truth,
    find_crossings,
    find_junctions,
    find_trees,
)


@dataclass(frozen=True, kw_only=True)
class EyeTraits:
    """What a disease may change; all of it 1 or 0 in a healthy eye."""

    artery_calibre: float = 1.0  # factor
    vein_calibre: float = 1.0  # factor
    artery_tortuosity: float = 1.0  # factor of the oscillation's amplitude; 0 grows smooth vessels
    vein_tortuosity: float = 1.0
    dropout: float = 0.0  # share of vessel length lost, 0 to 0.6
    cup_to_disc: float = 0.4  # ratio of diameters
    nicking: float = 0.0  # deepest notch of a vein beside an artery that crosses it, share of its calibre
    avascular: float = 1.0  # factor of the radius about the fovea that vessels keep out of

    def __post_init__(self) -> None:
        for name, low, high in (
            ("artery_calibre", 0.3, 2.0),
            ("vein_calibre", 0.3, 2.0),
            ("artery_tortuosity", 0.0, 4.0),
            ("vein_tortuosity", 0.0, 4.0),
            ("dropout", 0.0, 0.6),
            ("cup_to_disc", 0.1, 0.95),
            ("nicking", 0.0, 0.8),
            ("avascular", 1.0, 3.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(
                    f"{name} is {value}, outside {low} to {high}",
                    where="EyeTraits",
                    remedy=f"EyeTraits({name}={min(max(value, low), high)})",
                )


@dataclass(frozen=True, eq=False, kw_only=True)
class Eye:
    """A grown eye: its geometry as a `Shape`, its vessels up to the field's edge, and all that is true of them."""

    seed: int
    eye: str  # OD | OS
    traits: EyeTraits
    shape: Shape
    vessels: tuple[Vessel, ...]
    drawn: Mapping[str, np.ndarray]  # (H, W) float32, what of artery, vein and fov each pixel holds
    notches: tuple[Notch, ...] = ()

    def coverage(self, structure: str) -> np.ndarray:
        """(H, W) float32 share of each pixel that `structure` covers, inside the field."""
        if structure == "vessel":
            return np.maximum(self.coverage("artery"), self.coverage("vein"))
        share = self.drawn[structure] if structure in self.drawn else self.shape.coverage(structure)
        return np.asarray(share * self.drawn["fov"])

    @cached_property
    def junctions(self) -> tuple[Junction, ...]:
        """The bifurcations inside the field."""
        return tuple(find_junctions(self.vessels))

    @cached_property
    def crossings(self) -> tuple[Crossing, ...]:
        """Where an artery and a vein cross inside the field."""
        return tuple(find_crossings(self.vessels, [(notch.position, notch.depth) for notch in self.notches]))

    @cached_property
    def trees(self) -> tuple[Tree, ...]:
        """The trees as far as the field shows them."""
        return tuple(find_trees(self.vessels))

    @cached_property
    def truth(self) -> dict[str, float]:
        """Biomarker column -> true value in the column's unit; see `eye_truth`. `raster_truth` knows the rest."""
        return eye_truth(
            self.shape,
            self.eye,
            drawn=self.drawn,
            vessels=self.vessels,
            junctions=self.junctions,
            crossings=self.crossings,
            trees=self.trees,
        )

    @cached_property
    def record(self) -> dict[str, Any]:
        """Everything known of the eye, ready for JSON.

        `segments` lists each vessel with its class, tree, parent, daughters, order, calibres, polyline and lengths
        (in pixels, clipped at the field's edge), `junctions`, `crossings` and `trees` what they make; `truth` holds
        the figures of the whole image in pixels, also found as `shape.truth`, and `biomarkers` the true value of each
        column.
        """
        assert self.shape.disc is not None
        assert self.shape.cup is not None
        assert self.shape.fov is not None
        return {
            "seed": self.seed,
            "eye": self.eye,
            "size": list(self.shape.size),
            "um_per_px": self.shape.um_per_px,
            "traits": asdict(self.traits),
            "disc": _plain(self.shape.disc),
            "cup": _plain(self.shape.cup),
            "fovea": list(self.shape.fovea or ()),
            "field": _plain(self.shape.fov),
            "truth": dict(self.shape.truth),
            "biomarkers": dict(self.truth),
            "segments": list_segments(self.vessels),
            "junctions": [junction.as_record() for junction in self.junctions],
            "crossings": [crossing.as_record() for crossing in self.crossings],
            "trees": [tree.as_record() for tree in self.trees],
        }


def simple_eye(
    seed: int,
    eye: str = "OD",
    *,
    traits: EyeTraits | None = None,
    size: tuple[int, int] = (1024, 1024),
    field_mm: float = FIELD_MM,
    centring: float = 0.3,
) -> Eye:
    """A random eye, the same for the same arguments.

    `centring` says where the field's centre lies from the fovea (0) to the disc (1). Radii obey Murray's law at each
    bifurcation with exponent 3.
    """
    if eye not in ("OD", "OS"):
        raise ConfigError(
            f"eye is {eye!r}, which is neither OD nor OS", where="simple_eye", remedy='eye="OD"'
        )
    traits = traits or EyeTraits()
    anatomy_rng, growth_rng, loss_rng = (np.random.default_rng([seed, part]) for part in range(3))
    frame = EyeFrame.drawn(anatomy_rng, eye, size, field_mm, centring)
    # Trunk diameters: RetinaSim's vessels of the disc, 135 and 151 um, less what branches off on it.
    artery_um, vein_um = anatomy_rng.normal(107, 5), anatomy_rng.normal(138, 6)
    cup_ratio = traits.cup_to_disc * float(np.clip(anatomy_rng.normal(1, 0.04), 0.9, 1.05))
    artery_courses, vein_courses = draw_courses(anatomy_rng)
    plans = (
        frame.plan(0.051, 0.20 * traits.artery_tortuosity, artery_courses),
        frame.plan(0.069, 0.22 * traits.vein_tortuosity, vein_courses),
    )
    arteries, veins = Growth(plans, growth_rng).run()
    segments = {
        name: segments_of(
            forest, loss_rng, dropout=traits.dropout, bare=frame.foveal_circle(traits.avascular)
        )
        for name, forest in (("artery", arteries), ("vein", veins))
    }
    tubes = {
        "artery": frame.tubes(segments["artery"], artery_um * traits.artery_calibre),
        "vein": frame.tubes(segments["vein"], vein_um * traits.vein_calibre),
    }
    notches: tuple[Notch, ...] = ()
    if traits.nicking:
        rng = np.random.default_rng([seed, 4])
        tubes["vein"], notches = nick_veins(tubes["artery"], tubes["vein"], traits.nicking, rng)
    disc = frame.disc
    rim = (disc.semi_axes[0] * cup_ratio, disc.semi_axes[1] * cup_ratio)
    shape = Shape(
        name="simple_eye",
        size=size,
        tubes=tubes,
        disc=disc,
        cup=Ellipse(center=disc.center, semi_axes=rim, angle_deg=disc.angle_deg),
        fov=frame.fov,
        fovea=frame.fovea,
        um_per_px=1000 / frame.px_per_mm,
    )
    vessels = vessels_in_field(shape, segments)
    reached = list_segments(vessels_to_edge(shape, segments))
    drawn = {structure: shape.coverage(structure) for structure in ("artery", "vein", "fov")}
    shape = replace(shape, truth=whole_image_truth(shape, reached, drawn))
    return Eye(seed=seed, eye=eye, traits=traits, shape=shape, vessels=vessels, drawn=drawn, notches=notches)


def _plain(ellipse: Ellipse) -> dict[str, Any]:
    return {
        "center": list(ellipse.center),
        "semi_axes": list(ellipse.semi_axes),
        "angle_deg": ellipse.angle_deg,
    }
