"""What a worker does with a chunk: measure image by image, and write one part a table.

Here is the one place where any exception of an image is caught: it costs a row in `failures`, never the run.
"""

from __future__ import annotations

import hashlib
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from retquant.cohort.contents import Content, read_content
from retquant.cohort.keys import files_of, result_key
from retquant.cohort.plan import Chunk
from retquant.cohort.stages import stage_of
from retquant.errors import ImageError, ModelError, OutputError, RetquantError, SegmentationError
from retquant.manifest.records import ImageRecord
from retquant.tables.files import write_file
from retquant.tables.rows import Failure, ImageRows
from retquant.tables.writer import ChunkTables

_LONGEST = 2000  # characters of a message that are kept


class ImageProcess(Protocol):
    """Measures one image. Pickles; loads what is heavy on its first call, once a worker."""

    def __call__(self, record: ImageRecord) -> ImageRows: ...


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What a worker needs beside the chunks: sent to it once."""

    out: Path
    process: ImageProcess
    schemas: Mapping[str, pa.Schema]
    method: str  # of `method_digest`
    facts: Mapping[str, Any]  # for the metadata of every file


@dataclass(frozen=True, kw_only=True)
class ChunkReport:
    """What a worker tells of a chunk that it has committed."""

    done: int
    failures: Mapping[str, str]  # image_id -> stage
    contents: tuple[Content, ...]
    seconds: float
    seconds_by_stage: Mapping[str, float]


def run_chunk(chunk: Chunk, workshop: Workshop) -> ChunkReport:
    """Measure the images of a chunk and commit the chunk.

    Raises
    ------
    OutputError
        The results cannot be written; nothing of the chunk is committed then.
    """
    started = time.perf_counter()
    tables = ChunkTables(schemas=workshop.schemas)
    contents: list[Content] = []
    failures: dict[str, str] = {}
    stages: Counter[str] = Counter()
    for record in chunk.records:
        key, files = _keyed(record, workshop.method)
        contents.extend(files)
        try:
            rows = workshop.process(record)
            tables.add(record.image_id, key, rows)
        except OutputError:
            raise  # the folder's fault, not the image's
        except Exception as error:
            failure = describe(error)
            tables.fail(record.image_id, key, failure)
            failures[record.image_id] = failure.stage
            continue
        for path, content in rows.artifacts.items():
            write_file(workshop.out, path, content)
        stages.update(rows.seconds)
    tables.write(workshop.out, chunk=chunk.id, facts=workshop.facts)
    return ChunkReport(
        done=len(chunk.records) - len(failures),
        failures=failures,
        contents=tuple(contents),
        seconds=time.perf_counter() - started,
        seconds_by_stage=dict(stages),
    )


def quarantine(chunk: Chunk, workshop: Workshop) -> ChunkReport:
    """Commit a chunk whose images end every worker that touches them, without touching them."""
    tables = ChunkTables(schemas=workshop.schemas)
    contents: list[Content] = []
    for record in chunk.records:
        key, files = _keyed(record, workshop.method)
        contents.extend(files)
        tables.fail(record.image_id, key, _killer(record))
    tables.write(workshop.out, chunk=chunk.id, facts=workshop.facts)
    return ChunkReport(
        done=0,
        failures={record.image_id: "worker" for record in chunk.records},
        contents=tuple(contents),
        seconds=0.0,
        seconds_by_stage={},
    )


def describe(error: Exception) -> Failure:
    """A failure row's content: what, where, and what to do."""
    parts = (
        (error.problem, error.where, error.remedy)
        if isinstance(error, RetquantError)
        else (str(error), "", "")
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


def _keyed(record: ImageRecord, method: str) -> tuple[str, list[Content]]:
    files = {path: read_content(path) for path in files_of(record)}
    key = result_key(record, method=method, sha256=lambda path: files[path].sha256)
    return key, list(files.values())


def _usual_stage(error: Exception) -> str:
    if isinstance(error, ImageError):
        return "read"
    return "segment" if isinstance(error, (ModelError, SegmentationError)) else "measure"


def _traceback_digest(error: Exception) -> str:
    """Digest of the functions that the error passed through; line numbers would change with every release."""
    frames = traceback.extract_tb(error.__traceback__)
    path = "\n".join(f"{Path(frame.filename).name}:{frame.name}" for frame in frames)
    return hashlib.sha256(f"{type(error).__name__}\n{path}".encode()).hexdigest()[:12]


def _killer(record: ImageRecord) -> Failure:
    return Failure(
        stage="worker",
        error="WorkerDied",
        message="the worker process ended each time it worked on this image alone",
        where=str(record.image),
        hint="most often it takes more memory than a worker has: open it by itself with `retquant quantify`, "
        "or run with fewer workers; then run again with --retry-failed",
    )
