"""What a worker does with a chunk: measure image by image, and write one part a table.

Here is the one place where any exception of an image is caught: it costs a row in `failures`, never the run.
"""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import pyarrow as pa

from retquant.cohort.apart import Ask, StagedProcess, Worked, in_stages
from retquant.cohort.contents import ABSENT, Content, read_content
from retquant.cohort.failing import describe
from retquant.cohort.keys import files_of, result_key
from retquant.cohort.memory import peak_gib
from retquant.cohort.plan import Chunk
from retquant.cohort.record import RUN_RECORD
from retquant.cohort.timelimit import OverdueError, each_within, mortal, within
from retquant.errors import ModelError, OutputError
from retquant.manifest.members import split_member
from retquant.manifest.records import ImageRecord
from retquant.tables.files import write_file
from retquant.tables.rows import Failure, ImageRows
from retquant.tables.writer import ChunkTables

_UNREAD = (
    "unread"  # content of a file that could not be read in time: a failure on it holds until the file changes
)
_DIGEST = 32  # hex digits of a hash in the tables: 128 bits


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
    seconds_per_image: float = 0.0  # after which an image is overdue; 0: never


@dataclass(frozen=True, kw_only=True)
class ChunkReport:
    """What a worker tells of a chunk that it has committed, or that it has given up for one of its images."""

    done: int = 0
    failures: Mapping[str, str]  # image_id -> stage
    contents: tuple[Content, ...] = ()
    seconds: float = 0.0
    worker: str = ""  # which process did it
    peak_gib: float = 0.0  # of memory that the process has had so far
    seconds_by_stage: Mapping[str, float]
    overdue: str | None = None  # image_id that was not done in time; nothing of the chunk is committed then


def run_chunk(
    chunk: Chunk, workshop: Workshop, *, replaceable: bool = False, ask: Ask | None = None
) -> ChunkReport:
    """Measure the images of a chunk and commit the chunk, unless one of them takes too long.

    Parameters
    ----------
    replaceable : bool
        Whether this process may be ended when an image holds the interpreter and nothing else can stop it.
    ask : callable, optional
        Has images drawn elsewhere; the process is then one in stages.

    Raises
    ------
    OutputError
        The results cannot be written, or the run's folder is gone; nothing of the chunk is committed then.
    ModelError
        The model is missing or damaged, which no other image would survive either.
    DrawingLostError
        Those who were drawing ended.
    """
    started = time.perf_counter()
    tables = ChunkTables(schemas=workshop.schemas)
    contents: list[Content] = []
    failures: dict[str, str] = {}
    stages: Counter[str] = Counter()
    try:
        for record, key, files, found in _worked(chunk, workshop, replaceable, ask):
            contents.extend(files)
            if isinstance(found, ImageRows):
                try:
                    tables.add(record.image_id, key, found, file_digest=digest_of(files[0]))
                except Exception as error:
                    found = describe(error)
            if isinstance(found, Failure):
                tables.fail(record.image_id, key, found, file_digest=digest_of(files[0]))
                failures[record.image_id] = found.stage
                continue
            for path, content in found.artifacts.items():
                write_file(_there(workshop.out), path, content)
            stages.update(found.seconds)
    except OverdueError as late:
        return ChunkReport(overdue=str(late), failures={}, seconds_by_stage={})
    tables.write(_there(workshop.out), chunk=chunk.id, facts=workshop.facts)
    return ChunkReport(
        done=len(chunk.records) - len(failures),
        failures=failures,
        contents=tuple(contents),
        seconds=time.perf_counter() - started,
        worker=f"{socket.gethostname()}:{os.getpid()}",
        peak_gib=peak_gib(),
        seconds_by_stage=dict(stages),
    )


def _worked(chunk: Chunk, workshop: Workshop, replaceable: bool, ask: Ask | None) -> Iterator[Worked]:
    """What comes of each image; `OverdueError` names the one that is."""
    limit = workshop.seconds_per_image

    def limited(record: ImageRecord, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            with mortal(limit if replaceable else 0):
                return within(limit, function, *arguments)
        except OverdueError:
            raise OverdueError(record.image_id) from None

    if ask is not None:
        process = cast(StagedProcess, workshop.process)
        keyed = partial(_keyed, method=workshop.method)
        yield from in_stages(chunk.records, process, ask, keyed=keyed, limited=limited)
        return
    done = 0
    measured = partial(_measured, workshop=workshop)
    try:
        for found in each_within(limit, measured, chunk.records, is_mortal=replaceable):
            yield chunk.records[done], *found
            done += 1
    except OverdueError:
        raise OverdueError(chunk.records[done].image_id) from None


def give_up(chunk: Chunk, workshop: Workshop, failure: Failure) -> ChunkReport:
    """Commit a chunk of one image that no worker gets done, without working on it."""
    (record,) = chunk.records
    try:
        key, files = within(workshop.seconds_per_image, _keyed, record, workshop.method)
    except OverdueError:
        files = [_unread(path) for path in files_of(record)]
        key = result_key(record, method=workshop.method, sha256=lambda _: _UNREAD)
    tables = ChunkTables(schemas=workshop.schemas)
    tables.fail(record.image_id, key, failure, file_digest=digest_of(files[0]))
    tables.write(_there(workshop.out), chunk=chunk.id, facts=workshop.facts)
    return ChunkReport(failures={record.image_id: failure.stage}, contents=tuple(files), seconds_by_stage={})


def _measured(record: ImageRecord, workshop: Workshop) -> tuple[str, list[Content], ImageRows | Failure]:
    key, files = _keyed(record, workshop.method)
    try:
        return key, files, workshop.process(record)
    except (OutputError, ModelError):
        raise  # the folder's fault or the model's, not the image's
    except Exception as error:
        return key, files, describe(error)


def _keyed(record: ImageRecord, method: str) -> tuple[str, list[Content]]:
    files = {path: read_content(path) for path in files_of(record)}
    key = result_key(record, method=method, sha256=lambda path: files[path].sha256)
    return key, list(files.values())


def digest_of(content: Content) -> str | None:
    """What the tables keep of a file's hash; None where it could not be read."""
    return None if content.sha256 in (ABSENT, _UNREAD) else content.sha256[:_DIGEST]


def _unread(path: Path) -> Content:
    """A file as it is when nobody could read it: tried again once its size or time changes."""
    archive_and_member = split_member(str(path))
    try:
        state = os.stat(path if archive_and_member is None else archive_and_member[0])
    except OSError:
        return Content(str(path), 0, 0, _UNREAD)
    return Content(str(path), state.st_size, state.st_mtime_ns, _UNREAD)


def _there(out: Path) -> Path:
    """The run's folder, if it is there: an empty one in its place, as under a lost mount, is not written to.

    Raises
    ------
    OutputError
        It is not.
    """
    if not (out / RUN_RECORD).exists():
        raise OutputError(
            f"the run's folder is gone ({RUN_RECORD} is not there)",
            where=str(out),
            remedy="mount or restore it, then run the same command; what is done stays",
        )
    return out
