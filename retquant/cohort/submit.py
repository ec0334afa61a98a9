"""Sending chunks to workers, a bounded window at a time.

The window, not the scheduler, gives the back-pressure: mapping everything at once with resources lost 216 of
400 tasks when workers died (PERFORMANCE §2).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from retquant.cohort.apart import DrawingLostError, is_staged
from retquant.cohort.chunk import ChunkReport, Workshop, run_chunk
from retquant.cohort.cluster import ClusterError, ClusterSettings, connect, devices_of, has_device
from retquant.cohort.plan import Chunk, ChunkQueue

if TYPE_CHECKING:
    from distributed import Client, Future

_IN_FLIGHT = 2  # chunks a worker: one at work and one waiting, so that no worker idles
_POLL, _LONG_POLL = 0.01, 0.1  # seconds between looks for an outcome, at first and after a while
_MUSTER = 5.0  # seconds between looks for workers that are missing, or that have joined
_ABSENCE = 30.0  # seconds that workers with a device may be away, as while they start again, before CPUs draw
_KEPT_MESSAGES = 16  # of each worker, in Dask's logs for developers; they hold the chunks that were sent

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
    """Works on the workers of a Dask cluster.

    Where some of them have a device and the process can do its work in stages, chunks go to the others, which have
    their images drawn by those with a device.
    """

    def __init__(self, client: Client, plugin: str, *, staged: bool) -> None:
        self._client, self._plugin, self._staged = client, plugin, staged
        self.address: str = client.dashboard_link or ""
        self._wanted = 0 if client.cluster is None else len(self._workers())
        self._looked = time.monotonic()
        self._had_device = -math.inf  # when there was last one

    def work(self, queue: ChunkQueue, *, alone: bool = False) -> Iterator[Outcome]:
        """See `Crew`.

        Raises
        ------
        ClusterError
            The scheduler went away.
        """
        from distributed import KilledWorker, as_completed

        sent: dict[Future, _Sent] = {}
        pending = as_completed(loop=self._client.loop)
        try:
            self._fill(queue, pending, sent, alone=alone)
            while sent and self._is_coming(queue, pending, sent, alone=alone):
                future = pending.next()
                if future not in sent:  # sent anew
                    continue
                status = future.status
                if status == "lost":  # its worker ended with the report in hand; Dask has it done again
                    pending.add(future)
                    continue
                chunk = sent.pop(future).chunk
                error = future.exception() if status == "error" else None
                if status not in ("finished", "error"):
                    raise ClusterError(
                        f"the Dask scheduler lost a chunk ({status})",
                        where=str(self._client.scheduler_info(n_workers=0).get("address", "")),
                        remedy="see to the scheduler and give the same command again; what is done stays",
                    )
                report = future.result() if error is None else None
                future.release()
                if error is not None and not isinstance(error, (KilledWorker, DrawingLostError)):
                    raise error
                yield chunk, report
                self._fill(queue, pending, sent, alone=alone)
        finally:
            if sent:
                with suppress(OSError, TimeoutError):
                    self._client.cancel(list(sent), force=True)

    def _is_coming(self, queue: ChunkQueue, pending: Any, sent: dict[Future, _Sent], *, alone: bool) -> bool:
        """Wait for an outcome; False where the run is to end and there is nobody who could give one."""
        pause = _POLL
        while not pending.has_ready():
            if queue.is_halted() and not self._workers():
                return False
            if time.monotonic() - self._looked > _MUSTER:
                self._looked = time.monotonic()
                self._muster()
                self._send_anew(pending, sent)
                self._fill(queue, pending, sent, alone=alone)  # there may be more workers by now
            time.sleep(pause)
            pause = min(1.2 * pause, _LONG_POLL)  # an idle driver takes no more of a core than it must
        return True

    def _muster(self) -> None:
        """Start local workers again that were given up.

        Dask closes a worker's nanny for good where its process dies while it starts, or takes longer than 15 s
        to come back, as on a busy machine: without this a run would in the end wait for nobody.
        """
        if not self._wanted or len(self._workers()) >= self._wanted:
            return
        cluster = self._client.cluster
        for name, nanny in list(cluster.workers.items()):
            if nanny.status.name in ("closed", "failed"):
                cluster.workers.pop(name, None)
        cluster.scale(self._wanted)

    def _send_anew(self, pending: Any, sent: dict[Future, _Sent]) -> None:
        """Give chunks to others whose workers have all gone: one that comes back has another address.

        A worker that is only out of reach may do such a chunk, too; it then writes the same files.
        """
        there = set(self._workers())
        for future, (chunk, places) in list(sent.items()):
            if places and not places & there and not future.done():
                del sent[future]
                future.cancel(force=True)
                self._send(chunk, pending, sent)

    def _workers(self) -> dict[str, Any]:
        workers: dict[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
        return workers

    def _measuring(self) -> tuple[frozenset[str], bool]:
        """Addresses of the workers that chunks go to, and whether these have their images drawn by others."""
        workers = self._workers()
        others = frozenset(address for address, worker in workers.items() if not has_device(worker))
        if len(others) < len(workers):
            self._had_device = time.monotonic()
        if self._staged and others and time.monotonic() - self._had_device < _ABSENCE:
            return others, True
        return frozenset(workers), False

    def _fill(self, queue: ChunkQueue, pending: Any, sent: dict[Future, _Sent], *, alone: bool) -> None:
        workers = max(1, len(self._measuring()[0]))
        while len(sent) < (1 if alone else _IN_FLIGHT * workers):
            chunk = queue.pop(workers=workers)
            if chunk is None:
                return
            self._send(chunk, pending, sent)

    def _send(self, chunk: Chunk, pending: Any, sent: dict[Future, _Sent]) -> None:
        from retquant.cohort.plugin import run_chunk_here

        places, apart = self._measuring()
        future = self._client.submit(
            run_chunk_here,
            chunk,
            self._plugin,
            apart=apart,
            pure=False,
            workers=sorted(places) if apart else None,
        )
        sent[future] = _Sent(chunk, places if apart else frozenset())
        pending.add(future)


class _Sent(NamedTuple):
    chunk: Chunk
    places: frozenset[str]  # the only workers that may do it; empty: all


@contextmanager
def crew(workshop: Workshop, settings: ClusterSettings, *, run_id: str, images: int) -> Iterator[Crew]:
    """Workers for a run, and their end with it."""
    if settings.workers == 0 and settings.scheduler is None:
        yield InProcess(workshop)
        return
    import dask
    import distributed  # noqa: F401  # whose defaults have to be there before one of them is set

    with dask.config.set({"distributed.admin.low-level-log-length": _KEPT_MESSAGES}):
        yield from _on_cluster(workshop, settings, run_id, images)


def _on_cluster(workshop: Workshop, settings: ClusterSettings, run_id: str, images: int) -> Iterator[Crew]:
    from retquant.cohort.plugin import WorkshopPlugin

    staged = is_staged(workshop.process)
    client = connect(settings, most=images, devices=devices_of(settings) if staged else ())
    plugin = f"retquant-{run_id}"
    try:
        is_ours = settings.scheduler is None
        setup = WorkshopPlugin(workshop=workshop, threads=settings.threads, is_ours=is_ours)
        client.register_plugin(setup, name=plugin)
        yield OnCluster(client, plugin, staged=staged)
    finally:
        if settings.scheduler is not None:
            with suppress(OSError, TimeoutError, ValueError):
                client.unregister_worker_plugin(plugin)
        # the scheduler may have gone away, or the machine be too busy to answer
        with suppress(OSError, TimeoutError):
            client.close()
