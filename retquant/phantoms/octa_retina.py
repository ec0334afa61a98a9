"""A digital OCTA field grown from a seed: arteries and veins down to the capillaries, with an exact record."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from retquant.errors import ConfigError
from retquant.phantoms.faz_outline import HarmonicOutline, polygon_coverage
from retquant.phantoms.octa_brute import area_truth, fine_side, gap_truth, lacunarity_truth, ring_density
from retquant.phantoms.octa_dropout import drop_out
from retquant.phantoms.octa_edges import graph_of
from retquant.phantoms.octa_graph import OctaGraph
from retquant.phantoms.octa_growth import Colonisation
from retquant.phantoms.octa_paths import smooth_lines
from retquant.phantoms.octa_raster import draw_pieces, shrink
from retquant.phantoms.octa_ring import join_ring
from retquant.phantoms.octa_trees import Trees
from retquant.phantoms.octa_truth import STRUCTURES, Regions, line_truth
from retquant.phantoms.shape import Shape

RECORD_VERSION = 1
_PX_PER_MM = 330  # coarser pixels hold several capillaries; they are drawn finer and averaged


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

        `structure` is capillary (all vessels), vessel (the same), large_vessel, artery, vein, large_artery,
        large_vein, faz or fov.
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
        if structure not in (*STRUCTURES, "vessel", "large_artery", "large_vein"):
            return np.zeros(size, dtype=np.float32)
        graph = self.graph
        chosen = graph.chosen(structure)[graph.edge_of_run]
        first = graph.run_start[chosen]
        points = graph.points * scale - 0.5
        radii = graph.radius[graph.edge_of_run[chosen]] * scale
        return draw_pieces(points[first], points[first + 1], radii, size)

    def masks(self) -> dict[str, np.ndarray]:
        """(H, W) float32 coverage of every structure by name; cheaper than one by one."""
        drawn = {name: self.coverage(name) for name in ("artery", "vein", "large_vessel", "faz")}
        return {"capillary": np.maximum(drawn["artery"], drawn["vein"]), **drawn}

    @property
    def regions(self) -> Regions:
        """The ETDRS grid about the fovea."""
        return Regions(field_mm=self.graph.field_mm, fovea=self.faz.center, eye=self.eye)

    @cached_property
    def truth(self) -> dict[str, float]:
        """True values by biomarker column of what the polylines and the outline decide; costs a tenth of a second."""
        return line_truth(self.graph, self.faz.polygon(), self.regions)

    @cached_property
    def raster_truth(self) -> dict[str, float]:
        """True values by biomarker column of what is defined by area, by brute force on a fine raster: seconds."""
        field_mm = self.graph.field_mm
        side = fine_side(field_mm)
        drawn = {name: self.coverage(name, size=(side, side)) for name in STRUCTURES}
        faz = self.coverage("faz", size=(side, side))
        figures = area_truth(drawn, self.regions)
        for column in [name for name in figures if "_area_density_" in name and not name.startswith("avr")]:
            density = self.truth[column.replace("_area_", "_length_")]
            if density > 0:
                figures[column.replace("area_density", "diameter_index")] = 1000 * figures[column] / density
        for name, coverage in drawn.items():
            figures |= {f"{name}_{key}_field": value for key, value in lacunarity_truth(coverage).items()}
        gaps = gap_truth(drawn["capillary"], faz, field_mm)
        figures |= {f"capillary_{key}_field": value for key, value in gaps.items()}
        return figures | {"capillary_fd300": ring_density(drawn["capillary"], faz, field_mm)}

    @cached_property
    def record(self) -> dict[str, Any]:
        """What was drawn and what is true of it, ready for JSON; without `raster_truth`, which costs seconds."""
        graph, faz = self.graph, self.faz.polygon()
        return {
            "record_version": RECORD_VERSION,
            "seed": self.seed,
            "eye": self.eye,
            "field_mm": graph.field_mm,
            "size": list(self.size),
            "um_per_px": 1000 / self.px_per_mm,
            "traits": asdict(self.traits),
            "fovea_mm": list(self.faz.center),
            "faz": {
                "outline": asdict(self.faz),
                "polygon_mm": faz.points.round(6).tolist(),
            },
            "lost_share": self.lost_share,
            "lost_patches_mm": [patch.polygon(90).points.round(4).tolist() for patch in self.lost_patches],
            "truth": dict(self.truth),
            "nodes": graph.plain_nodes(),
            "edges": graph.plain_edges(),
            "crossings": graph.plain_crossings(),
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
    roots = round(int(anatomy_rng.integers(5, 9)) * np.sqrt(field_mm / 3))
    trees = Trees.of(*Colonisation(field_mm, faz, growth_rng).run(roots))
    lost = drop_out(trees, traits.dropout, field_mm, faz, loss_rng)
    trees = join_ring(lost.trees, faz) if traits.perifoveal_ring else lost.trees
    lines = smooth_lines(
        trees, faz, wave_rng, artery_wave=traits.artery_tortuosity, vein_wave=traits.vein_tortuosity
    )
    calibres = {"artery": traits.artery_calibre, "vein": traits.vein_calibre}
    return OctaRetina(
        seed=seed,
        eye=eye,
        traits=traits,
        size=shape,
        graph=graph_of(trees, lines, field_mm, faz=faz, calibres=calibres),
        faz=faz,
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
