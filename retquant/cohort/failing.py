"""What a row of `failures` says: from an exception, or of an image that its worker did not survive."""

from __future__ import annotations

import hashlib
import traceback
from pathlib import Path

from retquant.cohort.stages import stage_of
from retquant.errors import ImageError, ModelError, RetquantError, SegmentationError
from retquant.manifest.records import ImageRecord
from retquant.tables.rows import Failure

_LONGEST = 2000  # characters of a message that are kept

_NO_MEMORY = (
    "can't allocate memory",
    "out of memory",
    "insufficient memory",
    "failed to allocate",
    "bad_alloc",
)
"""How libraries that raise no MemoryError say it: torch on CPU and CUDA, OpenCV twice, C++."""

_MORE_MEMORY = (
    "the image takes more memory than a worker has: run with fewer workers (--workers 1), or open it by itself "
    "with `retquant quantify`; then run again with --only-failed"
)


def describe(error: Exception) -> Failure:
    """A failure row's content: what, where, and what to do."""
    parts = (
        (error.problem, error.where, error.remedy)
        if isinstance(error, RetquantError)
        else (str(error), "", _MORE_MEMORY if _is_of_memory(error) else "")
    )
    message, where, hint = parts
    kind = type(error).__name__
    return Failure(
        stage=stage_of(error) or _usual_stage(error),
        error=kind,
        message=(message or kind)[:_LONGEST],
        where=where[:_LONGEST],
        hint=hint[:_LONGEST],
        traceback_digest=_traceback_digest(error),
    )


def killer(record: ImageRecord) -> Failure:
    """Of an image that ends every worker that touches it."""
    return Failure(
        stage="worker",
        error="WorkerDied",
        message="the worker process ended each time it worked on this image alone",
        where=str(record.image),
        hint="most often it takes more memory than a worker has: open it by itself with `retquant quantify`, "
        "or run with fewer workers; then run again with --only-failed",
    )


def overdue(record: ImageRecord, seconds: float) -> Failure:
    """Of an image that was not done in time, twice."""
    return Failure(
        stage="worker",
        error="Overdue",
        message=f"not done within {seconds:g} s, also when tried again by itself",
        where=str(record.image),
        hint="see whether the file can be read (`retquant quantify`); where it is only slow, run again with "
        f"--only-failed --seconds-per-image {4 * seconds:g}",
    )


def _is_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in text for sign in _NO_MEMORY)


def _usual_stage(error: Exception) -> str:
    if isinstance(error, ImageError):
        return "read"
    return "segment" if isinstance(error, (ModelError, SegmentationError)) else "measure"


def _traceback_digest(error: Exception) -> str:
    """Digest of the functions that the error passed through; line numbers would change with every release.

    The engine's own functions are left out, and the one that takes the stages of an image together: the same fault has
    the same digest whether an image was one task or several.
    """
    frames = [
        (Path(frame.filename), frame.name)
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.name != "__call__"
    ]
    path = "\n".join(f"{file.name}:{name}" for file, name in frames if file.parent != Path(__file__).parent)
    return hashlib.sha256(f"{type(error).__name__}\n{path}".encode()).hexdigest()[:12]
