"""Where the work runs: a local cluster sized to this machine, or any Dask scheduler by its address.

A leaf: it knows no stage of retquant, and training may use it too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retquant.errors import ConfigError, RetquantError

if TYPE_CHECKING:
    from distributed import Client

_GIB = 1 << 30
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)
_ALLOCATOR = {
    "MALLOC_ARENA_MAX": "1",  # a task's own arena maps and unmaps each large array, a tenth of all time
    "MALLOC_MMAP_THRESHOLD_": str(_GIB),
    "MALLOC_TRIM_THRESHOLD_": str(2 * _GIB - 1),
}
"""What makes glibc keep large blocks in a worker, which has one task thread; other C libraries ignore it."""


class ClusterError(RetquantError, RuntimeError):
    """The cluster cannot be reached, or went away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """Where and how widely to run; none of it changes a number."""

    workers: int | None = None  # processes; None: by cores and memory; 0: in this process, without Dask
    scheduler: str | None = None  # address of a running Dask scheduler, "tcp://host:8786"
    threads: int = 1  # of BLAS, OpenMP and torch, a worker
    gib_a_worker: float = 2.0  # memory that a worker should have; a 12-megapixel photograph needs about 1
    deaths_allowed: int = 2  # of workers under one chunk, before it is split into its images (local cluster)
    start_timeout: float = 120.0  # seconds to wait for the first worker

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 0:
            raise ConfigError(
                f"workers is {self.workers}", where="--workers", remedy="--workers 4, or leave it out"
            )
        if self.threads < 1:
            raise ConfigError(f"threads is {self.threads}", where="--threads", remedy="--threads 1")


def connect(settings: ClusterSettings, *, most: int | None = None) -> Client:
    """A Dask client, whose `close()` also ends the local cluster that was made for it.

    Parameters
    ----------
    most : int, optional
        Number of tasks there will be at most; a local cluster has no more workers than that.

    Raises
    ------
    ClusterError
        No scheduler answers at the address, or no worker joins in time.
    """
    from distributed import Client

    if settings.scheduler is not None:
        try:
            client = Client(settings.scheduler, timeout=settings.start_timeout, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ClusterError(
                f"no Dask scheduler answers ({error})",
                where=settings.scheduler,
                remedy="start one with `dask scheduler`, or leave --scheduler out to run on this machine",
            ) from error
    else:
        client = _local_client(settings, most)
    try:
        client.wait_for_workers(1, timeout=settings.start_timeout)
    except TimeoutError:
        client.close()
        raise ClusterError(
            f"no worker joined within {settings.start_timeout:.0f} s",
            where=settings.scheduler or "local cluster",
            remedy="start workers with `dask worker ADDRESS --nthreads 1`",
        ) from None
    return client


def local_workers(settings: ClusterSettings, most: int | None = None) -> int:
    """Worker processes for this machine: one a core, as far as the memory goes."""
    if settings.workers is not None:
        wanted = settings.workers
    else:
        from dask.system import CPU_COUNT  # both know of containers' limits
        from distributed.system import MEMORY_LIMIT

        by_memory = int(MEMORY_LIMIT / (settings.gib_a_worker * _GIB))
        wanted = min(max(1, CPU_COUNT // settings.threads), max(1, by_memory))
    return max(1, wanted if most is None else min(wanted, most))


def limit_threads(threads: int) -> None:
    """Keep BLAS, OpenMP, OpenCV and torch of this process to so many threads."""
    import sys

    from threadpoolctl import threadpool_limits

    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(threads)  # for libraries that load later
    threadpool_limits(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(threads)


def _local_client(settings: ClusterSettings, most: int | None) -> Client:
    import logging

    import dask
    from distributed import Client

    environment = {variable: str(settings.threads) for variable in _THREAD_VARIABLES}
    with dask.config.set(
        {
            "distributed.scheduler.allowed-failures": settings.deaths_allowed,
            "distributed.nanny.pre-spawn-environ": {**_ALLOCATOR, **environment},
        }
    ):
        return Client(
            n_workers=local_workers(settings, most),
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",  # a free port: two runs on a machine do not collide
            silence_logs=logging.CRITICAL,
            set_as_default=False,
        )
