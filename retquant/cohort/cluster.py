"""Where the work runs: a local cluster sized to this machine, or any Dask scheduler by its address.

A leaf: it knows no stage of retquant, and training may use it too.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retquant.errors import ConfigError, RetquantError

if TYPE_CHECKING:
    from distributed import Client, Security

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


DEVICE = "GPU"
"""The Dask resource of workers that have a device to segment on: `dask worker --resources GPU=1`."""


class ClusterError(RetquantError, RuntimeError):
    """The cluster cannot be reached, or went away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Certificates (PEM) by which this process and a Dask scheduler know each other."""

    ca: Path  # of whoever signed the scheduler's and the workers' certificates
    cert: Path
    key: Path

    def __post_init__(self) -> None:
        for option, path in (("--tls-ca", self.ca), ("--tls-cert", self.cert), ("--tls-key", self.key)):
            if not path.is_file():
                raise ConfigError("there is no such file", where=f"{option} {path}", remedy="give a PEM file")


def tls_files(ca: Path | None, cert: Path | None, key: Path | None) -> TlsFiles | None:
    """The three of `--tls-ca`, `--tls-cert` and `--tls-key`, or None where none is given.

    Raises
    ------
    ConfigError
        Some are given and not the others, or one is no file.
    """
    if ca is None and cert is None and key is None:
        return None
    if ca is None or cert is None or key is None:
        raise ConfigError(
            "TLS takes three files", where="--tls-ca, --tls-cert, --tls-key", remedy="give all three"
        )
    return TlsFiles(ca=ca, cert=cert, key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """Where and how widely to run; none of it changes a number."""

    workers: int | None = None  # processes; None: by cores and memory; 0: in this process, without Dask
    scheduler: str | None = None  # address of a running Dask scheduler, "tcp://host:8786"
    threads: int = 1  # of BLAS, OpenMP and torch, a worker
    gib_a_worker: float = 2.0  # memory that a worker should have; a 12-megapixel photograph needs about 1
    most_gib_a_worker: float | None = (
        None  # beyond which it is ended (local cluster); None: its share of the machine's
    )
    deaths_allowed: int = 2  # of workers under one chunk, before it is split into its images (local cluster)
    start_timeout: float = 120.0  # seconds to wait for the first worker
    # CUDA devices by number, each with a worker that only segments (local cluster); None: all there are
    devices: tuple[str, ...] | None = None
    security: TlsFiles | None = None  # None: as Dask's own configuration says

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 0:
            raise ConfigError(
                f"workers is {self.workers}", where="--workers", remedy="--workers 4, or leave it out"
            )
        if self.threads < 1:
            raise ConfigError(f"threads is {self.threads}", where="--threads", remedy="--threads 1")
        if self.security is not None and self.scheduler is None:
            raise ConfigError(
                "TLS is for a scheduler elsewhere", where="--tls-ca", remedy="--scheduler tls://host:8786"
            )


def connect(settings: ClusterSettings, *, most: int | None = None, devices: Sequence[str] = ()) -> Client:
    """A Dask client, whose `close()` also ends the local cluster that was made for it.

    Parameters
    ----------
    most : int, optional
        Number of tasks there will be at most; a local cluster has no more workers than that.
    devices : sequence of str
        CUDA devices that get a worker each beside these, on a local cluster, with the resource `GPU`.

    Raises
    ------
    ClusterError
        No scheduler answers at the address, or no worker joins in time.
    """
    if settings.scheduler is not None:
        client = _remote_client(settings, settings.scheduler)
    else:
        client = _local_client(settings, most, devices)
    deadline = time.monotonic() + settings.start_timeout
    try:
        client.wait_for_workers(1, timeout=settings.start_timeout)
        if settings.scheduler is None:
            _wait_for_devices(client, len(devices), deadline)
    except TimeoutError:
        client.close()
        raise ClusterError(
            f"no worker{' for each device' if devices else ''} joined within {settings.start_timeout:.0f} s",
            where=settings.scheduler or "local cluster",
            remedy="start workers with `dask worker ADDRESS --nthreads 1`",
        ) from None
    return client


def _wait_for_devices(client: Client, count: int, deadline: float) -> None:
    """Those with a device start last: whoever began without them would have CPUs draw the first chunks."""
    while sum(map(has_device, client.scheduler_info(n_workers=-1)["workers"].values())) < count:
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.1)


def has_device(worker: Mapping[str, Any]) -> bool:
    """Whether a worker, as `scheduler_info` tells of it, declared the resource `GPU`."""
    return (worker.get("resources") or {}).get(DEVICE, 0) > 0


def devices_of(settings: ClusterSettings) -> tuple[str, ...]:
    """CUDA devices, by number, that get a worker each on a local cluster."""
    if settings.devices is not None or settings.scheduler is not None:
        return settings.devices or ()
    if sys.platform.startswith("linux") and not Path("/proc/driver/nvidia").exists():
        return ()  # without the seconds that torch takes to load
    import torch

    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    count = torch.cuda.device_count()
    return tuple(named[:count] or map(str, range(count)))


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
    from threadpoolctl import threadpool_limits

    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(threads)  # for libraries that load later
    threadpool_limits(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(threads)


def _remote_client(settings: ClusterSettings, address: str) -> Client:
    from distributed import Client

    files = settings.security
    try:
        return Client(
            address,
            timeout=settings.start_timeout,
            set_as_default=False,
            security=None if files is None else _security(files),
        )
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        raise ClusterError(
            f"no Dask scheduler answers ({error})",
            where=address,
            remedy="start one with `dask scheduler`, or leave --scheduler out to run on this machine; one that speaks "
            "TLS (tls://…) wants --tls-ca, --tls-cert and --tls-key",
        ) from error


def _security(files: TlsFiles) -> Security:
    from distributed import Security

    return Security(
        tls_ca_file=str(files.ca),
        tls_client_cert=str(files.cert),
        tls_client_key=str(files.key),
        require_encryption=True,
    )


def _local_client(settings: ClusterSettings, most: int | None, devices: Sequence[str]) -> Client:
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
        try:
            client = Client(
                n_workers=local_workers(settings, most),
                memory_limit="auto"
                if settings.most_gib_a_worker is None
                else f"{settings.most_gib_a_worker} GiB",
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",  # a free port: two runs on a machine do not collide
                silence_logs=logging.CRITICAL,
                set_as_default=False,
            )
            if devices:
                _add_devices(client, devices)
            return client
        except RuntimeError as error:
            raise ClusterError(
                f"a worker process ended while it started ({error})",
                where="local cluster",
                remedy="give the same command again, or --workers with a smaller number",
            ) from error


def _add_devices(client: Client, devices: Sequence[str]) -> None:
    """Workers that see one CUDA device each. Two threads: one batch is made ready while another is on the device."""
    cluster = client.cluster
    for device in devices:
        worker = dict(cluster.new_spec)
        worker["options"] = {
            **worker["options"],
            "nthreads": 2,
            "resources": {DEVICE: 2},
            "env": {"CUDA_VISIBLE_DEVICES": device},
        }
        cluster.worker_spec[f"device-{device}"] = worker
    cluster.scale(len(cluster.worker_spec))
