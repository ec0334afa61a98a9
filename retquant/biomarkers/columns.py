"""From a definition to its columns: structure x statistic x region x sector, each with all that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from retquant.anatomy.regions import ETDRS, HALVES, SECTORED
from retquant.biomarkers.definition import Column, Definition, NeedsScale, Places
from retquant.biomarkers.grammar import BIOMARKERS as KNOWN_WORDS
from retquant.biomarkers.grammar import ColumnName, parse

ETDRS_VISIBLE_SHARE = 0.8  # of a circle, ring or sector about the fovea (BIOMARKERS section 1)

_TARGETS = {
    "crae": ("artery",),
    "crve": ("vein",),
    **dict.fromkeys(("av", "avr"), ("artery", "vein")),
    **dict.fromkeys(("rim", "cdr"), ("disc", "cup")),
    "peripapillary_atrophy": ("peripapillary_atrophy", "disc"),
    "quality": (),
}
_REGION_LANDMARKS = {
    **dict.fromkeys(("zone_b", "zone_c"), ("disc",)),
    **dict.fromkeys(ETDRS, ("fovea",)),
    **dict.fromkeys(HALVES, ("disc", "fovea", "laterality")),
}
_STRUCTURE_TEXT = {
    "vessel": "all vessels",
    "artery": "arteries",
    "vein": "veins",
    "av": "arteries and veins",
    "crae": "arteries",
    "crve": "veins",
    "avr": "arteries over veins",
    "large_vessel": "large vessels",
    "capillary": "all perfused vessels",
}
_REGION_TEXT = {
    "fov": "whole field of view",
    "field": "whole field of the angiogram",
    "zone_b": "2 to 3 disc radii from the disc centre",
    "zone_c": "2 to 5 disc radii from the disc centre",
    "fovea": "within 0.5 mm of the fovea",
    "parafovea": "0.5 to 1.5 mm from the fovea",
    "perifovea": "1.5 to 3 mm from the fovea",
    "superior_half": "field of view above the disc-fovea axis",
    "inferior_half": "field of view below the disc-fovea axis",
    "nasal_half": "field of view nasal to the fovea",
    "temporal_half": "field of view temporal to the fovea",
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


def expand(definition: Definition) -> list[Column]:
    """The columns of a definition: structure x statistic x region, and x sector where the region has any.

    Sectors of a definition without regions are the structure's own, and stand in place of the whole.
    """
    more = () if definition.biomarker in KNOWN_WORDS else (definition.biomarker,)
    modalities: dict[ColumnName, tuple[str, ...]] = {}
    for modality, places in definition.places().items():
        for structure, statistic, (region, sector) in product(
            places.structures, definition.statistics or (None,), list(_placed(places))
        ):
            name = ColumnName(
                structure=structure,
                biomarker=definition.biomarker,
                statistic=statistic,
                region=region,
                sector=sector,
            )
            if parse(str(name), more_biomarkers=more) != name:
                raise ValueError(f"column {name} can be read in two ways")
            modalities[name] = (*modalities.get(name, ()), modality)
    return [_column(definition, name, of) for name, of in modalities.items()]


def _placed(places: Places) -> Iterator[tuple[str | None, str | None]]:
    """Region and sector of each column."""
    if not places.regions:
        yield from ((None, sector) for sector in places.sectors or (None,))
    for region in places.regions:
        yield region, None
        if region in SECTORED:
            yield from ((region, sector) for sector in places.sectors)


def _column(definition: Definition, name: ColumnName, modalities: tuple[str, ...]) -> Column:
    is_etdrs = name.region in ETDRS
    needs_scale: NeedsScale = definition.needs_scale
    if is_etdrs and needs_scale == "no":
        needs_scale = "any"  # its circles are in millimetres
    share = definition.minimum_visible_share
    return Column(
        name=str(name),
        unit=definition.unit,
        definition=_sentence(definition, name),
        notes=definition.notes,
        definition_id=definition.id,
        version=definition.version,
        reference=definition.reference,
        direction=definition.direction,
        needs_scale=needs_scale,
        targets=(*_TARGETS.get(name.structure, (name.structure,)), *definition.more_targets),
        landmarks=_landmarks(definition, name, modalities),
        own_anatomy=definition.own_anatomy,
        minimum_visible_share=max(share, ETDRS_VISIBLE_SHARE) if is_etdrs else share,
        derived_from=_source(definition, name),
        modalities=modalities,
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


def _landmarks(definition: Definition, name: ColumnName, modalities: tuple[str, ...]) -> tuple[str, ...]:
    """What must be known: what the definition asks for, what places the region, what tells the sectors apart."""
    needed = [*definition.landmarks, *_REGION_LANDMARKS.get(name.region or "", ())]
    if name.sector and name.region:
        needed += ["fovea", "laterality"] if modalities == ("octa",) else ["disc", "fovea", "laterality"]
    elif name.sector in ("nasal", "temporal"):  # of the disc, where up is the image's own
        needed.append("laterality")
    return tuple(dict.fromkeys(needed))


def _source(definition: Definition, name: ColumnName) -> str | None:
    """The column that this one is a function of: a column by its name, or a biomarker in the same place."""
    source = definition.derived_from
    if source is None:
        return None
    try:
        return str(parse(source))
    except ValueError:
        return str(name).replace(definition.biomarker, source)


def _sentence(definition: Definition, name: ColumnName) -> str:
    parts = [definition.sentence.rstrip(".")]
    if name.statistic:
        parts.append(f"{_STATISTIC_TEXT[name.statistic]} over {definition.over}")
    if name.structure in _STRUCTURE_TEXT:
        parts.append(_STRUCTURE_TEXT[name.structure])
    if name.region:
        parts.append(_REGION_TEXT.get(name.region, name.region))
    if name.sector:
        parts.append(f"{name.sector} quarter")
    return "; ".join(parts) + "."
