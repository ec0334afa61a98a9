"""A digital OCTA field grown from a seed: arteries and veins down to the capillaries, with an exact record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from retquant.errors import ConfigError
from retquant.phantoms.faz_outline import HarmonicOutline, polygon_coverage
from retquant.phantoms.octa_dropout import drop_out
from retquant.phantoms.octa_edges import graph_of
from retquant.phantoms.octa_graph import OctaGraph
from retquant.phantoms.octa_growth import Colonisation
from retquant.phantoms.octa_paths import Trees, smooth_lines
from retquant.phantoms.octa_raster import draw_pieces, shrink
from retquant.phantoms.octa_ring import Ring
from retquant.phantoms.shape import Shape

RECORD_VERSION = 1
_PX_PER_MM = 330  # coarser pixels hold several capillaries; they are drawn finer and averaged
STRUCTURES = ("capillary", "large_vessel", "artery", "vein")


@dataclass(frozen=True, slots=True, kw_only=True)
class OctaTraits:
    """What a disease may change; all of it 1 or 0 in a healthy eye."""

    artery_calibre: float = 1.0  # factor
    vein_calibre: float = 1.0  # factor
    artery_tortuosity: float = 1.0  # factor of the waves' amplitude; 0 leaves smooth vessels
    vein_tortuosity: float = 1.0
    dropout: float = 0.0  # share of vessel length lost in patches, 0 to 0.5
    faz_enlargement: float = 1.0  # factor of the avascular zone's radius, 1 to 2
    perifoveal_ring: bool = True  # capillaries close round the avascular zone

    def __post_init__(self) -> None:
        for name, low, high in (
            ("artery_calibre", 0.3, 2.0),
            ("vein_calibre", 0.3, 2.0),
            ("artery_tortuosity", 0.0, 4.0),
            ("vein_tortuosity", 0.0, 4.0),
            ("dropout", 0.0, 0.5),
            ("faz_enlargement", 0.5, 2.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(
                    f"{name} is {value}, outside {low} to {high}",
                    where="OctaTraits",
                    remedy=f"OctaTraits({name}={min(max(value, low), high)})",
                )


@dataclass(frozen=True, eq=False, kw_only=True)
class OctaRetina:
    """A grown OCTA field. Its pictures are drawn when asked for; `record` holds everything known, ready for JSON."""

    seed: int
    eye: str  # OD | OS
    traits: OctaTraits
    size: tuple[int, int]  # (H, W) pixels
    graph: OctaGraph
    faz: HarmonicOutline  # mm
    ring: Ring | None
    lost_patches: tuple[HarmonicOutline, ...]  # mm
    lost_share: float  # of vessel length

    @property
    def px_per_mm(self) -> float:
        return self.size[0] / self.graph.field_mm

    @cached_property
    def shape(self) -> Shape:
        """The geometry in pixels: tubes of `capillary` (all vessels), `large_vessel`, `artery`, `vein`; `faz`."""
        tubes = np.array(self.graph.tubes(self.px_per_mm), dtype=object)
        scale = self.px_per_mm
        row, col = (value * scale - 0.5 for value in self.faz.center)
        return Shape(
            name="octa_retina",
            size=self.size,
            tubes={name: tuple(tubes[self.graph.chosen(name)]) for name in STRUCTURES},
            faz=self.faz.polygon().moved(lambda points: points * scale - 0.5),
            fovea=(row, col),
            um_per_px=1000 / scale,
        )

    def coverage(self, structure: str, *, size: tuple[int, int] | None = None) -> np.ndarray:
        """(H, W) float32 share of each pixel that `structure` covers; `size` overrides the retina's own.

        `structure` is capillary (all vessels), vessel (the same), large_vessel, artery, vein, faz or fov.
        """
        size = size or self.size
        if structure == "fov":
            return np.ones(size, dtype=np.float32)
        factor = max(int(np.ceil(_PX_PER_MM * self.graph.field_mm / size[0])), 1)
        if factor > 1 and structure != "faz":
            return shrink(self.coverage(structure, size=(factor * size[0], factor * size[1])), factor)
        scale = size[0] / self.graph.field_mm
        if structure == "faz":
            return polygon_coverage(self.faz.polygon().moved(lambda points: points * scale - 0.5), size)
        if structure not in (*STRUCTURES, "vessel"):
            return np.zeros(size, dtype=np.float32)
        graph = self.graph
        chosen = graph.chosen(structure)[graph.edge_of_run]
        first = graph.run_start[chosen]
        points = graph.points * scale - 0.5
        radii = graph.radius[graph.edge_of_run[chosen]] * scale
        return draw_pieces(points[first], points[first + 1], radii, size)

    @cached_property
    def record(self) -> Mapping[str, Any]:
        """Everything known of the field, ready for JSON."""
        return {
            "record_version": RECORD_VERSION,
            "seed": self.seed,
            "eye": self.eye,
            "traits": asdict(self.traits),
            "size": list(self.size),
        }


def octa_retina(
    seed: int,
    *,
    field_mm: float = 3.0,
    size: int | tuple[int, int] = 304,
    traits: OctaTraits | None = None,
    eye: str = "OD",
) -> OctaRetina:
    """A random OCTA field, the same for the same arguments; `size` changes only how it is drawn.

    The fovea lies in the middle of the square field of `field_mm`, 2 to 9 mm. `eye` tells nasal from temporal.
    """
    if eye not in ("OD", "OS"):
        raise ConfigError(
            f"eye is {eye!r}, which is neither OD nor OS", where="octa_retina", remedy='eye="OD"'
        )
    if not 2 <= field_mm <= 9:
        raise ConfigError(
            f"field_mm is {field_mm}, outside 2 to 9", where="octa_retina", remedy="field_mm=3.0"
        )
    shape = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    if shape[0] != shape[1] or shape[0] < 16:
        raise ConfigError(
            f"size is {size}, not a square of 16 pixels or more", where="octa_retina", remedy="size=304"
        )
    traits = traits or OctaTraits()
    anatomy_rng, growth_rng, wave_rng, loss_rng = (np.random.default_rng([seed, part]) for part in range(4))
    faz = draw_faz(anatomy_rng, field_mm, traits.faz_enlargement)
    ring = Ring.drawn(faz, anatomy_rng) if traits.perifoveal_ring else None
    roots = round(int(anatomy_rng.integers(5, 9)) * field_mm / 3)
    trees = Trees.of(*Colonisation(field_mm, faz, growth_rng).run(roots))
    lost = drop_out(trees, traits.dropout, field_mm, faz, loss_rng)
    trees = ring.join(lost.trees) if ring is not None else lost.trees
    lines = smooth_lines(
        trees, faz, wave_rng, artery_wave=traits.artery_tortuosity, vein_wave=traits.vein_tortuosity
    )
    calibres = {"artery": traits.artery_calibre, "vein": traits.vein_calibre}
    return OctaRetina(
        seed=seed,
        eye=eye,
        traits=traits,
        size=shape,
        graph=graph_of(trees, lines, field_mm, ring=ring, calibres=calibres),
        faz=faz,
        ring=ring,
        lost_patches=lost.patches,
        lost_share=lost.lost_share,
    )


def draw_faz(rng: np.random.Generator, field_mm: float, enlargement: float = 1.0) -> HarmonicOutline:
    """A foveal avascular zone in the middle of the field: radius 0.28 (0.05) mm, five harmonics of its outline."""
    radius = float(np.clip(rng.normal(0.28, 0.05), 0.15, 0.45)) * enlargement
    amplitudes = rng.normal(0, 1, 5) * np.array([0.08, 0.05, 0.03, 0.02, 0.015])
    amplitudes *= min(1.0, 0.25 / np.abs(amplitudes).sum())
    return HarmonicOutline(
        center=(field_mm / 2, field_mm / 2),
        radius=radius,
        amplitudes=tuple(amplitudes.tolist()),
        phases=tuple(rng.uniform(0, 2 * np.pi, 5).tolist()),
    )
