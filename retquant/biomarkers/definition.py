"""What a biomarker is on paper: a formula with its unit and source, and the columns it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Direction = Literal["higher_is_better", "higher_is_worse", "neither"]
NeedsScale = Literal["no", "any", "nominal"]
Over = Literal[
    "segments", "bifurcations", "crossings", "trees", "directions", "boxes", "pixels", "region", "image"
]

UNITS: Mapping[str, tuple[float, float]] = {
    "1": (0, 1.0),
    "deg": (0, 1.0),
    "rad": (0, 1.0),
    "um": (1, 1.0),
    "mm": (1, 1e-3),
    "mm2": (2, 1e-3),
    "1/mm": (-1, 1e-3),
    "1/mm2": (-2, 1e-3),
    "mm-0.75": (-0.75, 1e-3),
}
"""UCUM unit -> (p, f): a value in pixels times (um_per_px f)^p is in that unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Of what, and where, a formula is measured."""

    structures: tuple[str, ...]
    regions: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()  # of the regions that have any, or of the structure itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A formula with its unit and source, before it is expanded by structure, statistic and region."""

    id: str
    biomarker: str  # its word in a column's name
    version: int
    unit: str  # UCUM
    sentence: str  # the docstring's first line
    notes: str  # the rest of the docstring
    reference: str  # key in docs/references.bib
    direction: Direction
    needs_scale: NeedsScale
    minimum_visible_share: float  # of the region inside the field of view
    structures: tuple[str, ...]
    statistics: tuple[str, ...]
    regions: tuple[str, ...]
    sectors: tuple[str, ...]  # of the regions that have any, or of the structure itself
    landmarks: tuple[str, ...]  # beside those that the region or sector needs
    own_anatomy: str | None  # source of an assumed scale under which the value would be the same for everyone
    modalities: tuple[str, ...]
    octa: Places | None  # where angiograms have it, if photographs have it too
    more_targets: tuple[str, ...]  # that must be there beside the structure's own
    aliases: tuple[str, ...]
    derived_from: str | None  # biomarker whose function this is
    has_standard_error: bool
    over: Over  # what `compute` gives one value for
    family: str
    compute: Callable[..., Any]

    def places(self) -> Mapping[str, Places]:
        """Modality -> of what, and where."""
        own = Places(structures=self.structures, regions=self.regions, sectors=self.sectors)
        return {name: self.octa if name == "octa" and self.octa else own for name in self.modalities}

    @property
    def pixel_power(self) -> float:
        """How the value grows with a pixel's size: 1 for lengths, -1 per length, 0 for ratios and angles."""
        return UNITS[self.unit][0]

    def factor(self, um_per_px: float) -> float:
        """What turns a value in pixels into the unit."""
        power, micrometre = UNITS[self.unit]
        return float((um_per_px * micrometre) ** power)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What one column of the biomarker table means."""

    name: str
    unit: str  # UCUM
    definition: str  # one sentence; becomes the column's Parquet metadata
    notes: str
    definition_id: str
    version: int
    reference: str  # key in docs/references.bib
    direction: Direction
    needs_scale: NeedsScale
    targets: tuple[str, ...]  # that must have been segmented or supplied
    landmarks: tuple[str, ...]  # that must be known: "disc", "fovea", "laterality"
    own_anatomy: str | None  # source of an assumed scale under which the value is missing
    minimum_visible_share: float
    derived_from: str | None  # column whose function this is; such columns stay out of multiplicity families
    modalities: tuple[str, ...]
    aliases: tuple[str, ...]
    has_standard_error: bool
    structure: str
    biomarker: str
    statistic: str | None
    region: str | None
    sector: str | None
    slab: str | None
    family: str

    def landmarks_in(self, modality: str) -> tuple[str, ...]:
        """Those that must be known in an image of that modality: an angiogram is upright and needs no disc."""
        return tuple(name for name in self.landmarks if name != "disc" or modality != "octa")
