"""Pages of single images without a file for each: one page that loads parts of some hundred images by script tag.

A script tag works where a page is opened from a folder, without a server, and `fetch` does not. `pages/names.js`
holds ids and people for the search, `pages/columns.js` the cohort's centiles, `pages/part-N.js` the images.
"""

from __future__ import annotations

import math
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from retquant.biomarkers.measurement import REASONS
from retquant.report.cohort_columns import SUMMARY_TEXT, heading
from retquant.report.cohort_images import ABOUT, QUALITY
from retquant.report.cohort_survey import CohortSurvey
from retquant.report.page_script import script_json
from retquant.tables.files import write_file

PAGES = "pages"
IMAGES_A_PART = 200

LABELS = {
    "grade": "Grade",
    "gate": "Kept from being measured",
    "laterality_inferred": "Eye that the picture shows",
    "laterality_disagrees": "Other eye than the manifest says",
    "centring": "Centred on",
    "scale_source": "Where the scale comes from",
    "um_per_px": "Micrometres a pixel",
    "width_px": "Width in pixels",
    "height_px": "Height in pixels",
    "vessel_source": "Where the vessels come from",
    "notes": "Notes",
}
"""Columns of `quality` in words."""


def write_subject_data(out: Path, found: CohortSurvey) -> int:
    """Write names, columns and parts into `out/pages`, remove parts of an earlier writing; bytes written.

    A page that meets files of two writings says so (each names its own) rather than show another's numbers.
    """
    stamp = uuid.uuid4().hex[:12]
    total = 0
    parts = math.ceil(len(found.images.ids) / IMAGES_A_PART)
    for part in range(parts):
        total += _write(out, f"part-{part:04d}.js", f"part_{part}", _part(found, part, stamp))
    total += _write(out, "columns.js", "columns", _columns(found, stamp))
    total += _write(out, "names.js", "names", _names(found, stamp))
    for stale in (out / PAGES).glob("part-*.js"):
        number = stale.stem.removeprefix("part-")
        if number.isdigit() and int(number) >= parts:
            stale.unlink(missing_ok=True)
    return total


def _write(out: Path, name: str, key: str, value: Any) -> int:
    content = f"RETQUANT.{key}={script_json(value)};\n".encode("utf-8", "surrogatepass")
    write_file(out, f"{PAGES}/{name}", content)
    return len(content)


def _names(found: CohortSurvey, stamp: str) -> dict[str, Any]:
    people = {
        person: place for place, person in enumerate(dict.fromkeys(found.images.about["participant_id"]))
    }
    return {
        "stamp": stamp,
        "each": IMAGES_A_PART,
        "ids": list(found.images.ids),
        "people": list(people),
        "person": [people[person] for person in found.images.about["participant_id"]],
        "state": "".join(map(str, found.images.state.tolist())),
    }


def _columns(found: CohortSurvey, stamp: str) -> dict[str, Any]:
    columns = []
    for column in found.summary:
        described = found.distributions.get(column.name)
        columns.append(
            {
                "name": column.name,
                "unit": column.unit,
                "definition": column.definition,
                "family": heading(column.family),
                "n": described.count if described else 0,
                "centiles": [_short(value) for value in described.centiles] if described else [],
            }
        )
    known = {number: reason for reason, number in reversed(list(found.reasons.items()))}
    return {
        "stamp": stamp,
        "columns": columns,
        "about": ABOUT,
        "quality": [LABELS[name] for name in QUALITY],
        "reasons": {number: [reason, REASONS.get(reason, "")] for number, reason in known.items()},
        "summary": SUMMARY_TEXT,
    }


def _part(found: CohortSurvey, part: int, stamp: str) -> dict[str, Any]:
    rows = range(part * IMAGES_A_PART, min((part + 1) * IMAGES_A_PART, len(found.images.ids)))
    images = found.images
    return {
        "stamp": stamp,
        "values": found.packed.text(slice(rows.start, rows.stop)),
        "images": [
            {
                "id": images.ids[row],  # whoever withdraws a person looks for it here
                "about": [images.about[name][row] for name in ABOUT],
                "quality": [_plain(images.quality[row][name]) for name in QUALITY]
                if row in images.quality
                else None,
                "failure": images.failures.get(row),
                "overlay": images.overlays.get(images.ids[row]),
                "far": int(found.far[row]),
                "vessels": found.vessels.get(row),
            }
            for row in rows
        ],
    }


def _plain(value: object) -> object:
    if isinstance(value, float):
        return _short(value) if math.isfinite(value) else None
    return value


def _short(value: float | np.floating[Any]) -> float:
    return float(f"{float(value):.5g}")
