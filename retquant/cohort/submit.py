"""Sending chunks to workers, a bounded window at a time.

The window, not the scheduler, gives the back-pressure: mapping everything at once with resources lost 216 of
400 tasks when workers died (PERFORMANCE §2).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from retquant.cohort.chunk import ChunkReport, Workshop, run_chunk
from retquant.cohort.cluster import ClusterError, ClusterSettings, connect
from retquant.cohort.plan import Chunk, ChunkQueue

if TYPE_CHECKING:
    from distributed import Client, Future

_IN_FLIGHT = 2  # chunks a worker: one at work and one waiting, so that no worker idles

Outcome = tuple[Chunk, ChunkReport | None]
"""A chunk and its report, or None where workers ended while they had it."""


class Crew(Protocol):
    """Whoever works through a queue of chunks."""

    address: str  # of the dashboard; "" where there is none

    def work(self, queue: ChunkQueue, *, alone: bool = False) -> Iterator[Outcome]:
        """Outcomes as they come, until the queue is empty; with `alone` one chunk is under way at a time."""
        ...


class InProcess:
    """Works in this very process, for tests and handfuls of images."""

    address = ""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    def work(self, queue: ChunkQueue, *, alone: bool = False) -> Iterator[Outcome]:
        """See `Crew`."""
        while (chunk := queue.pop()) is not None:
            yield chunk, run_chunk(chunk, self._workshop)


class OnCluster:
    """Works on the workers of a Dask cluster."""

    def __init__(self, client: Client, plugin: str) -> None:
        self._client = client
        self._plugin = plugin
        self.address: str = client.dashboard_link or ""

    def work(self, queue: ChunkQueue, *, alone: bool = False) -> Iterator[Outcome]:
        """See `Crew`.

        Raises
        ------
        ClusterError
            The scheduler went away.
        """
        from distributed import KilledWorker, as_completed

        chunks: dict[Future, Chunk] = {}
        pending = as_completed(loop=self._client.loop)
        try:
            self._fill(queue, pending, chunks, alone=alone)
            for future in pending:
                chunk = chunks.pop(future)
                error = future.exception() if future.status == "error" else None
                if error is None and future.status != "finished":
                    raise ClusterError(
                        f"the Dask scheduler lost a chunk ({future.status})",
                        where=str(self._client.scheduler_info(n_workers=0).get("address", "")),
                        remedy="see to the scheduler and give the same command again; what is done stays",
                    )
                report = future.result() if error is None else None
                future.release()
                if error is not None and not isinstance(error, KilledWorker):
                    raise error
                yield chunk, report
                self._fill(queue, pending, chunks, alone=alone)
        finally:
            if chunks:
                with suppress(OSError, TimeoutError):
                    self._client.cancel(list(chunks), force=True)

    def _fill(self, queue: ChunkQueue, pending: Any, chunks: dict[Future, Chunk], *, alone: bool) -> None:
        from retquant.cohort.plugin import run_chunk_here

        workers = max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))
        while len(chunks) < (1 if alone else _IN_FLIGHT * workers):
            chunk = queue.pop(workers=workers)
            if chunk is None:
                return
            future = self._client.submit(run_chunk_here, chunk, self._plugin, pure=False)
            chunks[future] = chunk
            pending.add(future)


@contextmanager
def crew(workshop: Workshop, settings: ClusterSettings, *, run_id: str, images: int) -> Iterator[Crew]:
    """Workers for a run, and their end with it."""
    if settings.workers == 0 and settings.scheduler is None:
        yield InProcess(workshop)
        return
    from retquant.cohort.plugin import WorkshopPlugin

    client = connect(settings, most=images)
    plugin = f"retquant-{run_id}"
    try:
        client.register_plugin(WorkshopPlugin(workshop=workshop, threads=settings.threads), name=plugin)
        yield OnCluster(client, plugin)
    finally:
        if settings.scheduler is not None:
            with suppress(OSError, TimeoutError, ValueError):
                client.unregister_worker_plugin(plugin)
        # the scheduler may have gone away, or the machine be too busy to answer
        with suppress(OSError, TimeoutError):
            client.close()
