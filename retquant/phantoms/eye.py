"""A digital eye: disc, cup, fovea and field with artery and vein trees, and the exact record of what was drawn."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from retquant.errors import ConfigError
from retquant.phantoms.eye_frame import FIELD_MM, EyeFrame
from retquant.phantoms.geometry import Ellipse
from retquant.phantoms.growth import Growth, draw_courses
from retquant.phantoms.record import list_segments, whole_image_truth
from retquant.phantoms.shape import Shape
from retquant.phantoms.trees import segments_of


@dataclass(frozen=True, kw_only=True)
class EyeTraits:
    """What a disease may change; all of it 1 or 0 in a healthy eye."""

    artery_calibre: float = 1.0  # factor
    vein_calibre: float = 1.0  # factor
    artery_tortuosity: float = 1.0  # factor of the oscillation's amplitude; 0 grows smooth vessels
    vein_tortuosity: float = 1.0
    dropout: float = 0.0  # share of vessel length lost, 0 to 0.6
    cup_to_disc: float = 0.4  # ratio of diameters

    def __post_init__(self) -> None:
        for name, low, high in (
            ("artery_calibre", 0.3, 2.0),
            ("vein_calibre", 0.3, 2.0),
            ("artery_tortuosity", 0.0, 4.0),
            ("vein_tortuosity", 0.0, 4.0),
            ("dropout", 0.0, 0.6),
            ("cup_to_disc", 0.1, 0.95),
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
    """A grown eye: its geometry as a `Shape`, and `record`, everything known of it, ready for JSON.

    `record["segments"]` lists each vessel with its class, tree, parent, daughters, radius, polyline and lengths (in
    pixels, clipped at the field's edge); `record["truth"]` holds the figures of the whole image, also found as
    `shape.truth`.
    """

    seed: int
    eye: str  # OD | OS
    traits: EyeTraits
    shape: Shape
    record: dict[str, Any]

    def coverage(self, structure: str) -> np.ndarray:
        """(H, W) float32 share of each pixel that `structure` covers, inside the field."""
        return self.shape.coverage(structure) * self.shape.coverage("fov")


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
        "artery": segments_of(arteries, loss_rng, dropout=traits.dropout),
        "vein": segments_of(veins, loss_rng, dropout=traits.dropout),
    }
    tubes = {
        "artery": frame.tubes(segments["artery"], artery_um * traits.artery_calibre),
        "vein": frame.tubes(segments["vein"], vein_um * traits.vein_calibre),
    }
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
    listed = list_segments(shape, segments)
    shape = replace(shape, truth=whole_image_truth(shape, listed))
    record: dict[str, Any] = {
        "seed": seed,
        "eye": eye,
        "size": list(size),
        "um_per_px": shape.um_per_px,
        "traits": asdict(traits),
        "disc": _plain(disc),
        "fovea": list(frame.fovea),
        "field": _plain(frame.fov),
        "truth": dict(shape.truth),
        "segments": listed,
    }
    return Eye(seed=seed, eye=eye, traits=traits, shape=shape, record=record)


def _plain(ellipse: Ellipse) -> dict[str, Any]:
    return {
        "center": list(ellipse.center),
        "semi_axes": list(ellipse.semi_axes),
        "angle_deg": ellipse.angle_deg,
    }
