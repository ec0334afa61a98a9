"""The part of a run that lives on a Dask worker: the workshop, set up once a process."""

from __future__ import annotations

from dataclasses import dataclass

from distributed import Worker, WorkerPlugin, get_worker

from retquant.cohort.chunk import ChunkReport, Workshop, run_chunk
from retquant.cohort.cluster import limit_threads
from retquant.cohort.plan import Chunk


@dataclass
class WorkshopPlugin(WorkerPlugin):
    """Brings the workshop to each worker, also to those that join or restart later.

    Models that the process loads thus stay in the worker from chunk to chunk.
    """

    workshop: Workshop
    threads: int

    def setup(self, worker: Worker) -> None:
        """Called by Dask in the worker."""
        limit_threads(self.threads)


def run_chunk_here(chunk: Chunk, plugin: str) -> ChunkReport:
    """Run a chunk in the workshop that this worker has by the plugin's name."""
    return run_chunk(chunk, get_worker().plugins[plugin].workshop)
