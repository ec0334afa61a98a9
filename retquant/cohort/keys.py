"""The key of an image's result: equal as long as measuring again would give the same numbers.

Labels, covariates and ids are not in it, so that correcting one of them measures nothing again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retquant.manifest.records import ImageRecord
from retquant.tables.schemas import BiomarkerColumn

MEASURED_FIELDS = (
    "modality",
    "eye",
    "um_per_px",
    "fov_mm",
    "fov_deg",
    "axial_length_mm",
    "spherical_equivalent_d",
    "corneal_radius_mm",
    "fovea_xy",
    "slab_names",
)
"""Columns of the manifest that measuring reads, beside the files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """A model that a run segments with."""

    name: str
    sha256: str
    licence_note: str = ""


def method_digest(config_digest: str, models: Sequence[ModelUse], columns: Iterable[BiomarkerColumn]) -> str:
    """Digest of how a run measures: settings, models and the versions of its definitions."""
    return _digest(
        {
            "config": config_digest,
            "models": sorted(model.sha256 for model in models),
            "definitions": sorted([column.name, column.definition_id, column.version] for column in columns),
        }
    )


def result_key(record: ImageRecord, *, method: str, sha256: Callable[[Path], str]) -> str:
    """Digest of everything that the result of one image depends on; `sha256` gives the content of a file."""
    return _digest(
        {
            "method": method,
            "image": sha256(record.image),
            "masks": {target: sha256(path) for target, path in sorted(record.masks.items())},
            "slabs": [sha256(path) for path in record.slabs],
            "manifest": {name: getattr(record, name) for name in MEASURED_FIELDS},
        }
    )


def files_of(record: ImageRecord) -> Iterator[Path]:
    """Every file that the image's result depends on."""
    yield record.image
    yield from record.masks.values()
    yield from record.slabs


def _digest(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
