"""Where files lie that are not code: shipped ones in the wheel or the checkout, and what is kept for the user."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def resource_folder(name: str) -> Path:
    """Folder `schemas` or `pipelines`, from the wheel when installed and from the checkout otherwise."""
    packed = PACKAGE / "_packed" / name
    return packed if packed.is_dir() else PACKAGE.parent / name


def cache_base() -> Path:
    """The folder of all that can be had again: RETQUANT_CACHE, or `retquant` in the user's cache folder.

    Raises
    ------
    OSError
        This user has no home folder.
    """
    own, users = os.environ.get("RETQUANT_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if own:
        return Path(own)
    if users:
        return Path(users) / "retquant"
    try:
        return Path.home() / ".cache" / "retquant"
    except RuntimeError as error:
        raise FileNotFoundError(f"{error} Set RETQUANT_CACHE to a folder.") from None


MODELS = PACKAGE / "models"
