"""What a run has to do: the images of the manifest against the ledger, and which old rows must go first."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from retquant.cohort.contents import ABSENT, ContentCache
from retquant.cohort.keys import files_of, result_key
from retquant.cohort.ledger import Ledger
from retquant.manifest.records import ImageRecord

Redo = Literal["changed", "failed", "only failed", "all"]
"""Of what is done, redo what changed; also what failed; what failed and nothing else, new images neither; all."""


_USUAL = 64  # images in a chunk
_QUICK = 1.0  # seconds of a worker that a chunk takes at least, as far as its largest size allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Images by what is to happen to them."""

    todo: tuple[ImageRecord, ...]
    kept: int  # results that hold
    kept_failures: int  # failures that hold: nothing has changed that could mend them
    changed: frozenset[str]  # image ids with rows that hold no longer; among `todo`
    unreadable: frozenset[str]  # of these, results whose image file is gone
    dropped: frozenset[str]  # image ids with rows that the manifest no longer has
    left_alone: int = (
        0  # results that hold no longer and yet are not among `todo`: only failures were asked for
    )

    @property
    def outdated(self) -> frozenset[str]:
        """Image ids whose rows have to go before anything is written."""
        return self.changed | self.dropped


def make_plan(
    records: Sequence[ImageRecord],
    ledger: Ledger,
    *,
    method: str,
    contents: ContentCache,
    redo: Redo = "changed",
) -> Plan:
    """Compare the manifest with what is done.

    Only files of done images are hashed here; workers hash the others when they read them.
    """
    known = [record for record in records if ledger.key(record.image_id) is not None]
    contents.warm(path for record in known for path in files_of(record))
    changed = {
        record.image_id
        for record in known
        if redo == "all"
        or ledger.key(record.image_id) != result_key(record, method=method, sha256=contents.sha256)
        or (redo != "changed" and record.image_id in ledger.failures)
    }
    if redo == "only failed":
        todo = tuple(record for record in known if record.image_id in ledger.failures)
        left_alone = len(changed.difference(ledger.failures))
        changed &= ledger.failures.keys()
    else:
        todo = tuple(r for r in records if r.image_id in changed or ledger.key(r.image_id) is None)
        left_alone = 0
    unreadable = {
        record.image_id
        for record in known
        if record.image_id in changed
        and record.image_id in ledger.results
        and contents.sha256(record.image) == ABSENT
    }
    return Plan(
        todo=todo,
        kept=sum(r.image_id in ledger.results and r.image_id not in changed for r in known),
        kept_failures=sum(r.image_id in ledger.failures and r.image_id not in changed for r in known),
        changed=frozenset(changed),
        unreadable=frozenset(unreadable),
        dropped=frozenset() if redo == "only failed" else _dropped(ledger, records),
        left_alone=left_alone,
    )


def _dropped(ledger: Ledger, records: Sequence[ImageRecord]) -> frozenset[str]:
    named = {record.image_id for record in records}
    return frozenset(image for image in chain(ledger.results, ledger.failures) if image not in named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Images that are measured by one worker and committed together."""

    id: str
    records: tuple[ImageRecord, ...]

    def singles(self, run_id: str) -> list[Chunk]:
        """The same images, one a chunk."""
        return [make_chunk(run_id, [record]) for record in self.records]

    def parted(self, image_id: str, run_id: str) -> tuple[Chunk, Chunk | None]:
        """A chunk of that image alone, and one of the others, if there are any."""
        (one,) = (record for record in self.records if record.image_id == image_id)
        others = [record for record in self.records if record is not one]
        return make_chunk(run_id, [one]), make_chunk(run_id, others) if others else None


def make_chunk(run_id: str, records: Iterable[ImageRecord]) -> Chunk:
    """A chunk named by its run and images: sent twice it writes the same files, and no other run's."""
    records = tuple(records)
    text = "\n".join([run_id, *(record.image_id for record in records)])
    return Chunk(id=hashlib.sha256(text.encode()).hexdigest()[:16], records=records)


class ChunkQueue:
    """Chunks to send, cut from the list of images as workers ask, about equally long in time.

    Images of unknown cost start in small chunks; the rate seen so far sizes the next ones: usually 64 images, fewer
    when they are slow, and more when so many take less than a second, which a commit would then be most of. The
    results do not depend on it.

    Parameters
    ----------
    halted : callable
        Whether the run is to end: the queue then gives nothing out any more.
    """

    def __init__(
        self,
        records: Iterable[ImageRecord],
        *,
        run_id: str,
        largest: int,
        seconds: float,
        halted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._records = deque(records)
        self._chunks: deque[Chunk] = deque()
        self._run_id = run_id
        self._largest, self._seconds = largest, seconds
        self._images, self._elapsed = 0, 0.0
        self.is_halted = halted

    def pop(self, *, workers: int = 1) -> Chunk | None:
        """The next chunk, or None where nothing is waiting or the run is to end."""
        if self.is_halted():
            return None
        if self._chunks:
            return self._chunks.popleft()
        size = min(self._size(workers), len(self._records))
        return make_chunk(self._run_id, [self._records.popleft() for _ in range(size)]) if size else None

    def push(self, chunks: Iterable[Chunk]) -> None:
        """Put chunks first in line."""
        self._chunks.extendleft(chunks)

    def learn(self, images: int, seconds: float) -> None:
        """Take note of how long a chunk of so many images took one worker."""
        self._images, self._elapsed = self._images + images, self._elapsed + seconds

    def _size(self, workers: int) -> int:
        share = -(
            -len(self._records) // (2 * workers)
        )  # so that no worker idles while another finishes the last one
        if not self._images:
            return max(1, min(8, self._largest, share))
        each = max(self._elapsed / self._images, 1e-6)
        usual = min(_USUAL, int(self._seconds / each))
        quick = int(min(_QUICK, self._seconds) / each)
        return max(1, min(self._largest, share, max(usual, quick)))
