"""Where the schemas, pipelines and shipped models lie: packed in the wheel, or in the checkout beside the package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def resource_folder(name: str) -> Path:
    """Folder `schemas` or `pipelines`, from the wheel when installed and from the checkout otherwise."""
    packed = PACKAGE / "_packed" / name
    return packed if packed.is_dir() else PACKAGE.parent / name


MODELS = PACKAGE / "models"
