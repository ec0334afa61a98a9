"""Columns of one slab: what the registry says of angiograms, under a name that ends in the slab's.

Which slabs there are is known from a manifest alone, so the registry has each quantity once, and its columns of a slab
are made when a run asks for them: the same definition, version and unit. Foveal avascular zone and quality are the
scan's, measured once, and never carry a slab.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import translate
from functools import cache

from retquant.biomarkers.definition import Column
from retquant.biomarkers.grammar import SLABS
from retquant.biomarkers.registry import BIOMARKERS
from retquant.errors import ConfigError
from retquant.manifest.records import ImageRecord

MODALITY = "octa"
"""What has slabs."""

OF_THE_SCAN = ("faz", "quality")
"""Structures that all slabs of a scan share."""

SLAB_TEXT = {
    "svc": "superficial vascular complex",
    "icp": "intermediate capillary plexus",
    "dvc": "deep vascular complex",
    "full": "full retina",
    "ilm_opl": "inner limiting membrane to outer plexiform layer",
    "opl_bm": "outer plexiform layer to Bruch's membrane",
}


def is_per_slab(column: Column) -> bool:
    """Whether the column of a slab differs from that of another slab of the same scan."""
    return MODALITY in column.modalities and column.structure not in OF_THE_SCAN


@cache  # at most every column of angiograms in every slab
def with_slab(column: Column, slab: str) -> Column:
    """The same quantity in one slab of an angiogram.

    Raises
    ------
    ValueError
        There is no such slab, or the quantity is the scan's or a photograph's.
    """
    if slab not in SLABS:
        raise ValueError(f"slab {slab!r} is not among {', '.join(SLABS)}")
    if not is_per_slab(column) or column.slab is not None:
        raise ValueError(f"{column.name} has no slab to be measured in")
    source = BIOMARKERS.get(column.derived_from or "")
    return replace(
        column,
        name=f"{column.name}_{slab}",
        slab=slab,
        definition=f"{column.definition.removesuffix('.')}; slab {slab}, {SLAB_TEXT[slab]}.",
        landmarks=column.landmarks_in(MODALITY),
        derived_from=f"{source.name}_{slab}" if source and is_per_slab(source) else column.derived_from,
        modalities=(MODALITY,),
    )


def slab_columns(slabs: Iterable[str] = SLABS) -> Iterator[Column]:
    """Every column of angiograms that has a slab, in each of those slabs: by column, then by slab."""
    chosen = tuple(slabs)
    return (
        with_slab(column, slab) for column in BIOMARKERS.values() if is_per_slab(column) for slab in chosen
    )


def split_slab(name: str) -> tuple[str, str | None]:
    """A column's name in the registry, and its slab; a name that is no registered one's comes back as it is."""
    if name not in BIOMARKERS:
        for slab in SLABS:
            column = BIOMARKERS.get(name.removesuffix(f"_{slab}")) if name.endswith(f"_{slab}") else None
            if column is not None and is_per_slab(column):
                return column.name, slab
    return name, None


def find_column(name: str) -> Column | None:
    """What a column means, be it the registry's own or one in a slab; None where there is no such column."""
    registered, slab = split_slab(name)
    column = BIOMARKERS.get(registered)
    return column if column is None or slab is None else with_slab(column, slab)


def slabs_in_use(records: Iterable[ImageRecord]) -> tuple[str, ...]:
    """Slabs that angiograms of a manifest name, in the order of the grammar; none where all are unnamed."""
    named = {name for record in records if record.modality == MODALITY for name in record.slab_names}
    return tuple(slab for slab in SLABS if slab in named)


def select_columns(patterns: Iterable[str], *, modality: str, slabs: Sequence[str] = ()) -> list[str]:
    """Names of the columns that match a glob and apply to a modality, in the order of the registry, then of `slabs`.

    Parameters
    ----------
    patterns : iterable of str
        Globs; of columns that have slabs, one may match the name with the slab or without.
    slabs : sequence of str
        Slabs that the run knows by name: columns that have slabs then exist once a slab, and not without.

    Raises
    ------
    ConfigError
        A name or glob matches no biomarker.
    """
    found: set[str] = set()
    for pattern in patterns:
        named = [pattern] if pattern in BIOMARKERS else _matching(pattern, slabs)
        if not named:
            raise ConfigError(
                f"no biomarker is called {pattern!r}", where="columns", remedy="retquant biomarkers list"
            )
        found.update(named)
    chosen = []
    for name, column in BIOMARKERS.items():
        if modality not in column.modalities:
            continue
        if slabs and modality == MODALITY and is_per_slab(column):
            chosen += [own for own in _in_slabs(name, slabs) if name in found or own in found]
        elif name in found:
            chosen.append(name)
    return chosen


def _matching(pattern: str, slabs: Sequence[str]) -> list[str]:
    matches = re.compile(translate(pattern)).match
    named = [name for name in BIOMARKERS if matches(name)]
    if slabs:
        per_slab = (name for name, column in BIOMARKERS.items() if is_per_slab(column))
        named += [own for name in per_slab for own in _in_slabs(name, slabs) if matches(own)]
    return named


def _in_slabs(name: str, slabs: Iterable[str]) -> Iterator[str]:
    return (f"{name}_{slab}" for slab in slabs)


def run_columns(
    patterns: Iterable[str], *, modalities: Collection[str], slabs: Sequence[str] = ()
) -> list[Column]:
    """The columns of a run over images of those modalities, in the order of the registry, then of `slabs`.

    What photographs and angiograms both have stands without a slab for photographs alone, once slabs are named.
    """
    globs = tuple(patterns)
    wanted = {
        name for modality in modalities for name in select_columns(globs, modality=modality, slabs=slabs)
    }
    columns = []
    for name, column in BIOMARKERS.items():
        has_slabs = bool(slabs) and is_per_slab(column)
        if name in wanted:
            others = tuple(modality for modality in column.modalities if modality != MODALITY)
            columns.append(replace(column, modalities=others) if has_slabs else column)
        if has_slabs:
            columns += [with_slab(column, slab) for slab in slabs if f"{name}_{slab}" in wanted]
    return columns
