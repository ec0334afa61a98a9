"""Which biomarkers exist: definitions registered by decorator, columns expanded from them by the grammar.

A *definition* is a formula with its unit and reference; a *column* is that formula for one structure,
statistic and region. `BIOMARKERS` shows all columns, those of other packages (entry-point group
`retquant.biomarkers`) included.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any

from retquant.biomarkers.columns import expand
from retquant.biomarkers.definition import UNITS, Column, Definition, Direction, NeedsScale, Over, Places

FAMILIES = (
    *(
        "density",
        "calibre",
        "narrowing",
        "equivalents",
        "calibre_profile",
        "tortuosity",
        "fractal",
        "multifractal",
        "lacunarity",
    ),
    *("branching", "trees", "av_crossings", "optic_disc", "arcades"),
    *("vessel_indices", "capillary_gaps", "perfusion_intensity", "foveal_zone"),
    *("quality", "vessel_quality"),
)
"""Modules of this package that register biomarkers, in the order of the catalogue."""

PLUGIN_GROUP = "retquant.biomarkers"


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
    sectors: tuple[str, ...] = (),
    landmarks: tuple[str, ...] = (),  # "disc", "fovea", "laterality"
    own_anatomy: str | None = None,  # "disc" or "disc_fovea"
    direction: Direction = "neither",
    needs_scale: NeedsScale | None = None,
    minimum_visible_share: float = 0.6,  # 0.6 for medians, ratios, densities; 0.95 for counts
    modalities: tuple[str, ...] = ("cfp",),
    octa: Places | None = None,
    more_targets: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
    derived_from: str | None = None,
    has_standard_error: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the function below as a biomarker; its docstring's first line is the definition.

    The function takes a `View` (one structure in one region) and works in pixels; the unit says how the
    result is scaled. With `over="region"` it returns a float or a `Measurement`, with `"image"` it is given the
    `Workspace`. With anything else (segments, bifurcations, ...) it returns one value each, NaN where one does not
    count, and the statistics are taken from them. A structure of two targets (`av`, `cdr`, ...) is given a view of
    each.

    Sectors are those of the regions that have any (parafovea, perifovea); without regions, those of the structure.
    `landmarks` must be known beside those that follow from the region. `own_anatomy` is the source of an assumed
    scale (`disc`, `disc_fovea`) under which the value says nothing of the eye and is missing. `octa` says of what and
    where angiograms have the biomarker beside photographs; one of angiograms alone has `modalities=("octa",)`. The
    views of `more_targets`, which must have been segmented or supplied, follow those of the structure.

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
        if over not in ("region", "image") and not statistics:
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
            sectors=sectors,
            landmarks=landmarks,
            own_anatomy=own_anatomy,
            modalities=modalities if octa is None or "octa" in modalities else (*modalities, "octa"),
            octa=octa,
            more_targets=more_targets,
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
