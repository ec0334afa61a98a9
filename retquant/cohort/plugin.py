"""The part of a run that lives on a Dask worker: the workshop, set up once a process."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from distributed import Client, Future, KilledWorker, Worker, WorkerPlugin, get_client, get_worker, wait
from distributed.comm import CommClosedError

from retquant.cohort.apart import Answers, DrawingLostError, StagedProcess, draw_all
from retquant.cohort.chunk import ChunkReport, Workshop, run_chunk
from retquant.cohort.cluster import DEVICE, has_device, limit_threads
from retquant.cohort.memory import limit_memory
from retquant.cohort.plan import Chunk
from retquant.cohort.timelimit import OverdueError, within

_FAREWELL = 3.0  # seconds for the report of a chunk to leave a worker that is to be replaced
_LOOK = 5.0  # seconds between looks for workers with a device, while one is waited for
_PATIENCE = 120.0  # seconds without any, after which images are drawn where they were read


@dataclass
class WorkshopPlugin(WorkerPlugin):
    """Brings the workshop to each worker, also to those that join or restart later.

    Models that the process loads thus stay in the worker from chunk to chunk.
    """

    workshop: Workshop
    threads: int
    is_ours: bool  # the worker was started for this run and ends with it

    def setup(self, worker: Worker) -> None:
        """Called by Dask in the worker."""
        limit_threads(self.threads)
        if self.is_ours:
            if DEVICE not in worker.state.total_resources:  # drivers of devices set aside more than they use
                limit_memory(worker.memory_manager.memory_limit)
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells all; the driver decides


def run_chunk_here(chunk: Chunk, plugin: str, *, apart: bool = False) -> ChunkReport:
    """Run a chunk in the workshop that this worker has by the plugin's name.

    A worker in which an image is stuck ends itself and is replaced by its nanny; one without a nanny goes on
    beside the image.

    Parameters
    ----------
    apart : bool
        Whether images are drawn by workers with a device.
    """
    worker = get_worker()
    workshop = worker.plugins[plugin].workshop
    ask = Drafters(get_client(), workshop, plugin).ask if apart else None
    report = run_chunk(chunk, workshop, replaceable=worker.nanny is not None, ask=ask)
    if report.overdue is not None:
        _leave(worker)
    return report


def draw_here(asked: Sequence[Any], plugin: str) -> Answers:
    """Draw images on this worker's device.

    Raises
    ------
    DrawingLostError
        It took longer than these images may take; the worker is replaced.
    """
    worker = get_worker()
    workshop = worker.plugins[plugin].workshop
    process = cast(StagedProcess, workshop.process)
    try:
        return within(workshop.seconds_per_image * len(asked), draw_all, asked, process)
    except OverdueError:
        _leave(worker)
        raise DrawingLostError(f"{len(asked)} images were not drawn in time", where=worker.address) from None


class Drafters:
    """The workers with a device, as the worker of a chunk sees them."""

    def __init__(self, client: Client, workshop: Workshop, plugin: str) -> None:
        self._client, self._workshop, self._plugin = client, workshop, plugin
        self._seen = time.monotonic()  # when there was last somebody; once given up, no batch waits again

    def ask(self, asked: Sequence[Any]) -> Callable[[], Answers]:
        """Send a batch on its way; see `retquant.cohort.apart.Ask`."""
        if not asked:
            return list
        # it stays here until a worker with a device fetches it: the scheduler never sees an image
        (parcel,) = self._client.scatter([list(asked)], direct=True, hash=False)
        answer = self._client.submit(
            draw_here,
            parcel,
            self._plugin,
            resources={DEVICE: 1},
            pure=False,
            key=f"draw-{uuid.uuid4().hex}",
        )
        # the parcel is held on to: Dask forgets data that nobody holds when a worker with it dies
        return partial(self._fetch, answer, parcel, asked)

    def _fetch(self, answer: Future, parcel: Future, asked: Sequence[Any]) -> Answers:
        try:
            if not self._is_coming(answer):
                answer.cancel()
                return draw_all(asked, cast(StagedProcess, self._workshop.process))
            found: Answers = answer.result()
        except (KilledWorker, CancelledError, CommClosedError) as error:
            raise DrawingLostError(f"workers ended while they drew ({type(error).__name__})") from None
        parcel.release()
        return found

    def _is_coming(self, answer: Future) -> bool:
        """Wait for an answer; False where there has been nobody for a while who could give one."""
        while not answer.done():
            if self._are_there():
                self._seen = time.monotonic()
            if time.monotonic() - self._seen > _PATIENCE:
                return False
            with suppress(TimeoutError):
                wait([answer], timeout=_LOOK)
        return True

    def _are_there(self) -> bool:
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        return any(has_device(worker) for worker in workers.values())


def _leave(worker: Worker) -> None:
    """End this process, in which something is stuck, as soon as its report has left; its nanny replaces it."""
    if worker.nanny is not None:
        leaving = threading.Timer(_FAREWELL, os._exit, (1,))
        leaving.daemon = True
        leaving.start()
