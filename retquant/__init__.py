"""retquant: population biomarker quantification for the retina."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "run_cohort": "retquant.pipeline",
    "quantify": "retquant.pipeline",
    "load_biomarkers": "retquant.tables.reader",
    "associate": "retquant.association",
    "Associations": "retquant.association",
    "Modelling": "retquant.association",
    "Manifest": "retquant.manifest",
    "read_manifest": "retquant.manifest",
    "RunConfig": "retquant.config",
    "load_config": "retquant.config",
    "BIOMARKERS": "retquant.biomarkers",
    "RetquantError": "retquant.errors",
}
"""Public name -> where it lives; imported when first used, so that `import retquant` costs nothing."""

__all__ = [
    "BIOMARKERS",
    "Associations",
    "Manifest",
    "Modelling",
    "RetquantError",
    "RunConfig",
    "associate",
    "load_biomarkers",
    "load_config",
    "quantify",
    "read_manifest",
    "run_cohort",
]

if TYPE_CHECKING:
    from retquant.association import Associations, Modelling, associate
    from retquant.biomarkers import BIOMARKERS
    from retquant.config import RunConfig, load_config
    from retquant.errors import RetquantError
    from retquant.manifest import Manifest, read_manifest
    from retquant.pipeline import quantify, run_cohort
    from retquant.tables.reader import load_biomarkers


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'retquant' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
