"""Files that are either whole or not there: written aside, synced, then renamed into place.

Whatever a killed process leaves behind lies in the run's `.scratch` folder and is swept at the next start.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retquant.errors import OutputError

SCRATCH = ".scratch"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write `path` into an OutputError that says what to do."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"could not be written: {error.strerror or error}",
            where=str(path),
            remedy="free some space or restore the folder, then run the same command; what is done stays",
        ) from error


def write_file(out: Path, relative: str, content: bytes) -> Path:
    """Write `content` to `out/relative` so that no reader ever sees a part of it.

    Raises
    ------
    OutputError
        No space, no permission, or the folder is gone.
    """
    target = out / relative
    with writing(target), scratch_file(out) as aside:
        with open(aside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        publish(aside, target)
    return target


@contextmanager
def scratch_file(out: Path) -> Iterator[Path]:
    """Name for a file in the run's scratch folder, removed afterwards unless it was renamed away."""
    folder = out / SCRATCH
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f"{uuid.uuid4().hex}.tmp"
    try:
        yield aside
    finally:
        aside.unlink(missing_ok=True)


def publish(aside: Path, target: Path) -> None:
    """Rename a finished, synced file into its place.

    The folder is not synced: a part that a power cut loses leaves its chunk uncommitted, and it is done
    again.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(aside, target)


def sync_folder(folder: Path) -> None:
    """Make renamings and removals in `folder` survive a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
