"""Which biomarkers exist: definitions registered by decorator, columns expanded from them by the grammar.

A *definition* is a formula with its unit and reference; a *column* is that formula for one structure,
statistic and region. `BIOMARKERS` shows all columns, those of other packages (entry-point group
`retquant.biomarkers`) included.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from itertools import product
from typing import Any, Literal

from retquant.biomarkers.grammar import BIOMARKERS as KNOWN_WORDS
from retquant.biomarkers.grammar import ColumnName, parse

Direction = Literal["higher_is_better", "higher_is_worse", "neither"]
NeedsScale = Literal["no", "any", "nominal"]
Over = Literal["segments", "bifurcations", "region", "image"]

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

FAMILIES = (
    *(
        "density",
        "calibre",
        "narrowing",
        "equivalents",
        "tortuosity",
        "fractal",
        "multifractal",
        "lacunarity",
    ),
    *("branching", "trees", "av_crossings", "optic_disc", "arcades", "quality"),
)
"""Modules of this package that register biomarkers, in the order of the catalogue."""

PLUGIN_GROUP = "retquant.biomarkers"

_TARGETS = {"crae": ("artery",), "crve": ("vein",), "av": ("artery", "vein"), "avr": ("artery", "vein")}
_REGION_LANDMARK = {"zone_b": "disc", "zone_c": "disc"}
_STRUCTURE_TEXT = {
    "vessel": "all vessels",
    "artery": "arteries",
    "vein": "veins",
    "av": "arteries and veins",
    "crae": "arteries",
    "crve": "veins",
    "avr": "arteries over veins",
}
_REGION_TEXT = {
    "fov": "whole field of view",
    "zone_b": "2 to 3 disc radii from the disc centre",
    "zone_c": "2 to 5 disc radii from the disc centre",
}
_STATISTIC_TEXT = {
    "mean": "mean",
    "median": "median",
    "std": "standard deviation",
    "min": "least",
    "max": "greatest",
    "p10": "10th percentile",
    "p90": "90th percentile",
    "p95": "95th percentile",
    "length_weighted": "mean weighted by length",
}


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
    modalities: tuple[str, ...]
    aliases: tuple[str, ...]
    derived_from: str | None  # biomarker whose function this is
    has_standard_error: bool
    over: Over  # what `compute` gives one value for
    family: str
    compute: Callable[..., Any]

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
    landmarks: tuple[str, ...]  # "disc", "fovea"
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


_definitions: dict[str, Definition] = {}
_columns: dict[str, Column] = {}


def biomarker(
    *,
    unit: str,
    reference: str,
    structures: tuple[str, ...],
    over: Over = "region",
    id: str | None = None,
    word: str | None = None,
    version: int = 1,
    statistics: tuple[str, ...] = (),
    regions: tuple[str, ...] = (),
    direction: Direction = "neither",
    needs_scale: NeedsScale | None = None,
    minimum_visible_share: float = 0.6,  # 0.6 for medians, ratios, densities; 0.95 for counts
    modalities: tuple[str, ...] = ("cfp",),
    aliases: tuple[str, ...] = (),
    derived_from: str | None = None,
    has_standard_error: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the function below as a biomarker; its docstring's first line is the definition.

    The function takes a `View` (one structure in one region) and works in pixels; the unit says how the
    result is scaled. With `over="segments"` or `"bifurcations"` it returns one value each, NaN where one does
    not count, and the statistics are taken from them; otherwise it returns a float or a `Measurement`.

    Raises
    ------
    ValueError
        A column of that name exists, the unit is unknown, or the docstring's first line is no sentence.
    """

    def register(compute: Callable[..., Any]) -> Callable[..., Any]:
        sentence, _, notes = (compute.__doc__ or "").strip().partition("\n")
        if unit not in UNITS:
            raise ValueError(f"unit {unit!r} of {compute.__name__} is not among {', '.join(UNITS)}")
        if not sentence.endswith("."):
            raise ValueError(
                f"the docstring of {compute.__name__} must begin with its definition, ending in a full stop"
            )
        if over in ("segments", "bifurcations") and not statistics:
            raise ValueError(f"{compute.__name__} has many values an image and needs statistics")
        definition = Definition(
            id=id or word or compute.__name__,
            biomarker=word or compute.__name__,
            version=version,
            unit=unit,
            sentence=sentence,
            notes=" ".join(notes.split()),
            reference=reference,
            direction=direction,
            needs_scale=needs_scale or ("any" if UNITS[unit][0] else "no"),
            minimum_visible_share=minimum_visible_share,
            structures=structures,
            statistics=statistics,
            regions=regions,
            modalities=modalities,
            aliases=aliases,
            derived_from=derived_from,
            has_standard_error=has_standard_error,
            over=over,
            family=compute.__module__.rpartition(".")[2],
            compute=compute,
        )
        columns = expand(definition)
        if definition.id in _definitions:
            raise ValueError(f"definition {definition.id!r} exists already")
        for column in columns:
            if column.name in _columns:
                raise ValueError(f"column {column.name!r} exists already")
        _definitions[definition.id] = definition
        _columns.update({column.name: column for column in columns})
        return compute

    return register


def expand(definition: Definition) -> list[Column]:
    """The columns of a definition: structure x statistic x region."""
    more = () if definition.biomarker in KNOWN_WORDS else (definition.biomarker,)
    columns = []
    slots = product(definition.structures, definition.statistics or (None,), definition.regions or (None,))
    for structure, statistic, region in slots:
        name = ColumnName(
            structure=structure, biomarker=definition.biomarker, statistic=statistic, region=region
        )
        if parse(str(name), more_biomarkers=more) != name:
            raise ValueError(f"column {name} can be read in two ways")
        columns.append(_column(definition, name))
    return columns


def _column(definition: Definition, name: ColumnName) -> Column:
    source = definition.derived_from
    landmark = _REGION_LANDMARK.get(name.region or "")
    targets = () if name.structure == "quality" else _TARGETS.get(name.structure, (name.structure,))
    return Column(
        name=str(name),
        unit=definition.unit,
        definition=_sentence(definition, name),
        notes=definition.notes,
        definition_id=definition.id,
        version=definition.version,
        reference=definition.reference,
        direction=definition.direction,
        needs_scale=definition.needs_scale,
        targets=targets,
        landmarks=(landmark,) if landmark else (),
        minimum_visible_share=definition.minimum_visible_share,
        derived_from=str(name).replace(definition.biomarker, source) if source else None,
        modalities=definition.modalities,
        aliases=definition.aliases,
        has_standard_error=definition.has_standard_error,
        structure=name.structure,
        biomarker=name.biomarker,
        statistic=name.statistic,
        region=name.region,
        sector=name.sector,
        slab=name.slab,
        family=definition.family,
    )


def _sentence(definition: Definition, name: ColumnName) -> str:
    parts = [definition.sentence.rstrip(".")]
    if name.statistic:
        parts.append(f"{_STATISTIC_TEXT[name.statistic]} over {definition.over}")
    if name.structure in _STRUCTURE_TEXT:
        parts.append(_STRUCTURE_TEXT[name.structure])
    if name.region:
        parts.append(_REGION_TEXT.get(name.region, name.region))
    return "; ".join(parts) + "."


class _View(Mapping[str, Any]):
    """A read-only dictionary that fills itself on first use, so that importing this module stays cheap."""

    def __init__(self, entries: dict[str, Any]) -> None:
        self._entries = entries

    def __getitem__(self, name: str) -> Any:
        _load()
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        _load()
        return iter(self._entries)

    def __len__(self) -> int:
        _load()
        return len(self._entries)


_loaded = False


def _load() -> None:
    global _loaded
    if _loaded:
        return
    _loaded = True  # first, since the family modules look at the registry while they load
    for family in FAMILIES:
        importlib.import_module(f"retquant.biomarkers.{family}")
    for entries in (_definitions, _columns):
        _in_family_order(entries)  # whichever module of the package was imported first
    for plugin in entry_points(group=PLUGIN_GROUP):
        try:
            plugin.load()
        except (
            Exception
        ) as error:  # somebody else's code: it may fail in any way, and must not take ours along
            warnings.warn(
                f"biomarkers of {plugin.value!r} are left out: {type(error).__name__}: {error}", stacklevel=3
            )


def _in_family_order(entries: dict[str, Any]) -> None:
    ordered = sorted(entries.items(), key=lambda entry: FAMILIES.index(entry[1].family))
    entries.clear()
    entries.update(ordered)


BIOMARKERS: Mapping[str, Column] = _View(_columns)
"""Column name -> what it means; read-only."""

DEFINITIONS: Mapping[str, Definition] = _View(_definitions)
"""Definition id -> formula; read-only."""
