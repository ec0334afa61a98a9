"""A chunk in stages: read and measured by one worker, drawn by another that has a device.

While a batch of images is being drawn, the next one is read and the one before is measured. Nothing here knows where
drawing happens; whoever runs the chunk brings a way to ask for it.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from retquant.cohort.contents import Content
from retquant.cohort.failing import describe
from retquant.errors import ModelError, OutputError, RetquantError
from retquant.manifest.records import ImageRecord
from retquant.tables.rows import Failure, ImageRows

T = TypeVar("T")

BATCH = 8  # images that are drawn together
MOST_BYTES = 256 << 20  # of images in a batch, so that two of them fit beside what measuring takes


class Parcel(Protocol):
    """What is asked of a device for one image. Pickles."""

    @property
    def nbytes(self) -> int:
        """Bytes that travel."""
        ...


class StagedProcess(Protocol):
    """An image process that can do its work in three parts; the one in the middle wants a device."""

    def __call__(self, record: ImageRecord) -> ImageRows:
        """All of it."""
        ...

    def open(self, record: ImageRecord) -> Any:
        """Read an image; stays in the process."""
        ...

    def ask(self, opened: Any) -> Parcel | None:
        """What has to be drawn of it; None where nothing has."""
        ...

    def draw(self, asked: Sequence[Any]) -> Sequence[bytes]:
        """Draw several images; pickles nothing but bytes."""
        ...

    def measure(self, opened: Any, drawn: bytes | None) -> ImageRows:
        """The rows of an image."""
        ...


Answer = tuple[bytes, float] | Failure
"""What was drawn of an image and the seconds that it took, or why it could not be drawn."""

Answers = Sequence[Answer]
Ask = Callable[[Sequence[Any]], Callable[[], Answers]]
"""Sends what is to be drawn on its way, and returns what waits for the answers, one a parcel in their order."""

Worked = tuple[ImageRecord, str, list[Content], ImageRows | Failure]
"""An image, its result's key, its files, and what came of it."""

Limited = Callable[..., Any]
"""Calls a function of an image within its time: `limited(record, function, *arguments)`."""


class DrawingLostError(RetquantError, RuntimeError):
    """Workers ended, or went away, while they were drawing."""


def is_staged(process: object) -> bool:
    """Whether a process can do its work in parts."""
    return all(hasattr(process, part) for part in ("open", "ask", "draw", "measure"))


def draw_all(asked: Sequence[Any], process: StagedProcess) -> list[Answer]:
    """Draw a batch; an image that cannot be drawn fails by itself.

    Raises
    ------
    ModelError
        The model is missing or damaged, which no other image would survive either.
    """
    started = time.perf_counter()
    try:
        drawn = process.draw(asked)
        each = (time.perf_counter() - started) / len(asked)
        return [(content, each) for content in drawn]
    except (OutputError, ModelError):
        raise
    except Exception as error:
        if len(asked) == 1:
            return [describe(error)]
    return [answer for one in asked for answer in draw_all([one], process)]


@dataclass(frozen=True, eq=False)
class _Read:
    """An image between reading and measuring."""

    record: ImageRecord
    key: str
    files: list[Content]
    opened: Any  # or the failure
    asked: Parcel | None


def in_stages(
    records: Sequence[ImageRecord],
    process: StagedProcess,
    ask: Ask,
    *,
    keyed: Callable[[ImageRecord], tuple[str, list[Content]]],
    limited: Limited,
) -> Iterator[Worked]:
    """Read, have drawn and measure images, in their order.

    Parameters
    ----------
    keyed : gives an image's key and files

    Raises
    ------
    DrawingLostError
        Those who were drawing ended.
    """

    def read(record: ImageRecord) -> _Read:
        key, files = keyed(record)
        found = _caught(lambda: (opened := process.open(record), process.ask(opened)))
        opened, asked = (found, None) if isinstance(found, Failure) else found
        return _Read(record, key, files, opened, asked)

    before: deque[_Read] = deque()
    answers: Callable[[], Answers] = list
    for batch in _batches(limited(record, read, record) for record in records):
        after = ask([each.asked for each in batch if each.asked is not None])
        yield from _measured(before, answers, process, limited)
        before, answers = batch, after
    yield from _measured(before, answers, process, limited)


def _batches(images: Iterator[_Read]) -> Iterator[deque[_Read]]:
    batch: deque[_Read] = deque()
    size = 0
    for image in images:
        batch.append(image)
        size += 0 if image.asked is None else image.asked.nbytes
        if len(batch) >= BATCH or size >= MOST_BYTES:
            yield batch
            batch, size = deque(), 0
    if batch:
        yield batch


def _measured(
    batch: deque[_Read], answers: Callable[[], Answers], process: StagedProcess, limited: Limited
) -> Iterator[Worked]:
    started = time.perf_counter()
    drawn = deque(answers())
    waited = (time.perf_counter() - started) / max(1, len(drawn))
    while batch:
        image = batch.popleft()  # its arrays are not to wait for its neighbours
        answer = None if image.asked is None else drawn.popleft()
        found: ImageRows | Failure
        content, seconds = (None, 0.0) if answer is None or isinstance(answer, Failure) else answer
        if isinstance(image.opened, Failure):
            found = image.opened
        elif isinstance(answer, Failure):
            found = answer
        else:
            found = limited(image.record, _caught, lambda i=image, c=content: process.measure(i.opened, c))
        if content is not None and not isinstance(found, Failure):
            times = Counter(found.seconds) + Counter({"segment": seconds, "wait": waited})
            found = replace(found, seconds=times)
        yield image.record, image.key, image.files, found


def _caught(function: Callable[[], T]) -> T | Failure:
    try:
        return function()
    except (OutputError, ModelError):
        raise  # the folder's fault or the model's, not the image's
    except Exception as error:
        return describe(error)
