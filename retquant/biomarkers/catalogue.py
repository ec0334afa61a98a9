"""The registry as a page to read (`docs/biomarkers.md`) and as words for other programs
(`schemas/vocabulary.json`).

Both files are written from the code and never by hand: `python -m retquant.biomarkers.catalogue` in the
checkout.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from retquant.biomarkers.definition import Definition, Places
from retquant.biomarkers.gates import gates, needed_text
from retquant.biomarkers.grammar import VOCABULARY
from retquant.biomarkers.measurement import REASONS
from retquant.biomarkers.registry import BIOMARKERS, DEFINITIONS, FAMILIES
from retquant.biomarkers.slabs import SLAB_TEXT

_INTRODUCTION = """# Biomarkers

What each column of the `biomarkers` table means. This page is written from the registry; the same text is in
every Parquet file's metadata, in the `dictionary` table and behind `retquant biomarkers show NAME`.

A column is called `<structure>_<biomarker>[_<statistic>][_<region>][_<sector>][_<slab>][__se]`, for example
`artery_calibre_median_zone_c`. Regions are measured from the disc's *centre* in disc *radii*: `zone_b` 2 to
3, `zone_c` 2 to 5; `fov` is the whole field of view. `fovea`, `parafovea` and `perifovea` are the circle and the
rings of 0.5, 1.5 and 3.0 mm radius about the fovea; halves are taken along the line from disc to fovea, on the
person's own temporal and nasal side. A region of which too little is visible gives no value; the share needed is
listed. Lengths need a scale; where there is none they are missing and never in pixels.

Where a manifest names the slabs of its angiograms (`slab_1_name`, …), each column of angiograms but `faz_*` and
`quality_*` stands once a slab, as `capillary_area_density_field_dvc`, with the definition, unit and version of the
column listed here, and not without a slab; for photographs, names stay as they are. The slabs are:

{slabs}.
"""
_HEADINGS = {
    "density": "Density",
    "calibre": "Calibre",
    "narrowing": "Narrowing",
    "equivalents": "Central retinal equivalents",
    "calibre_profile": "Width in the photograph",
    "tortuosity": "Tortuosity",
    "fractal": "Fractal dimensions",
    "multifractal": "Multifractal spectrum",
    "lacunarity": "Lacunarity and sparsity",
    "branching": "Branching",
    "trees": "Trees",
    "av_crossings": "Arteriovenous crossings",
    "optic_disc": "Disc, cup and fovea",
    "disc_areas": "Areas of disc, cup and rim",
    "arcades": "Arcades",
    "vessel_indices": "Vessel indices of angiograms",
    "capillary_gaps": "Gaps between capillaries",
    "perfusion_intensity": "Intensity of angiograms",
    "foveal_zone": "Foveal avascular zone",
    "quality": "Quality of the image",
    "vessel_quality": "Quality of the vessels",
}


def catalogue() -> str:
    """The catalogue of all built-in biomarkers as Markdown."""
    parts = [_INTRODUCTION.format(slabs="; ".join(f"`{name}` {text}" for name, text in SLAB_TEXT.items()))]
    for family in FAMILIES:
        parts.append(f"## {_HEADINGS[family]}\n")
        parts += [_entry(definition) for definition in _built_in() if definition.family == family]
    parts.append("## Why a value is missing\n\n" + _table(("reason", "meaning"), REASONS.items()))
    return "\n".join(parts)


def vocabulary() -> str:
    """The words of the grammar and the reasons for missing values, as JSON."""
    content = {
        "$comment": "Written from retquant.biomarkers.grammar; see docs/biomarkers.md.",
        "version": 1,
        "form": "<structure>_<biomarker>[_<statistic>][_<region>][_<sector>][_<slab>][__se]",
        "words": {slot: list(words) for slot, words in VOCABULARY.items()},
        "reasons": dict(REASONS),
    }
    return json.dumps(content, indent=2) + "\n"


def _built_in() -> Iterable[Definition]:
    return (d for d in DEFINITIONS.values() if d.compute.__module__.startswith("retquant.biomarkers."))


def _entry(definition: Definition) -> str:
    columns = [column.name for column in BIOMARKERS.values() if column.definition_id == definition.id]
    facts = [
        ("unit", f"`{definition.unit}`"),
        ("for", _words(definition.structures)),
        ("over", f"{definition.over}: {_words(definition.statistics)}" if definition.statistics else ""),
        ("regions", _words(definition.regions)),
        ("sectors", _words(definition.sectors)),
        ("in angiograms", _places(definition.octa)),
        ("visible share needed", f"{definition.minimum_visible_share:g}" if definition.regions else ""),
        ("scale", {"no": "", "any": "needed", "nominal": "nominal only"}[definition.needs_scale]),
        ("direction", "" if definition.direction == "neither" else definition.direction.replace("_", " ")),
        ("a function of", f"`{definition.derived_from}`" if definition.derived_from else ""),
        ("standard error", "beside it, `__se`" if definition.has_standard_error else ""),
        ("also called", ", ".join(definition.aliases)),
        *(
            (f"needs of {pictures}", ", ".join(needed_text(*line) for line in gate.items()))
            for pictures, modality in (("a photograph", "cfp"), ("an angiogram", "octa"))
            if (gate := gates(modality).get(definition.id))
        ),
        ("reference", f"[{definition.reference}](references.bib)"),
        ("version", str(definition.version)),
        ("modality", "angiograms only" if definition.modalities == ("octa",) else ""),
        ("columns", f"{len(columns)}, such as `{columns[-1]}`" if len(columns) > 1 else f"`{columns[0]}`"),
    ]
    text = f"{definition.sentence} {definition.notes}".strip()
    listed = "; ".join(f"{name}: {value}" for name, value in facts if value)
    return f"### `{definition.id}`\n\n{text}\n\n{listed}.\n"


def _places(places: Places | None) -> str:
    if places is None:
        return ""
    parts = (places.structures, places.regions, places.sectors)
    return " in ".join(_words(part) for part in parts if part)


def _words(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(header: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {header[0]} | {header[1]} |", "|---|---|"]
    return "\n".join(lines + [f"| `{name}` | {text} |" for name, text in rows]) + "\n"


def write(checkout: Path) -> None:
    """Write both files into a checkout."""
    (checkout / "docs" / "biomarkers.md").write_text(catalogue(), encoding="utf-8")
    (checkout / "schemas" / "vocabulary.json").write_text(vocabulary(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(__file__).resolve().parents[2])
