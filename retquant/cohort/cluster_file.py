"""Clusters described in a file: Slurm jobs, Kubernetes pods, machines reached by SSH.

The file says which kind, how many workers, and the options of Dask's own library for that kind, which are passed on as
they are. `as_submitted` shows what would be asked for without asking; `opened` asks, and ends the workers afterwards.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from retquant.cohort.cluster import ClusterError
from retquant.config import read_toml
from retquant.errors import ConfigError

if TYPE_CHECKING:
    from distributed.deploy import Cluster

LIBRARIES = {"slurm": "dask_jobqueue", "kubernetes": "dask_kubernetes", "ssh": "asyncssh"}
"""Kind -> the library that it needs; the extra of retquant has the kind's name."""


class ClusterFile(BaseModel):
    """What a cluster file holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["slurm", "kubernetes", "ssh"]
    workers: int = Field(default=1, ge=1)  # Slurm: jobs; Kubernetes: pods; SSH: taken from the hosts
    hosts: tuple[str, ...] = ()  # SSH: the first holds the scheduler, and each of the others workers
    options: dict[str, Any] = Field(default_factory=dict)  # of SLURMCluster, make_cluster_spec or SSHCluster

    @model_validator(mode="after")
    def _hosts_belong_to_ssh(self) -> ClusterFile:
        if self.kind == "ssh" and len(self.hosts) < 2:
            raise ValueError("ssh needs hosts: the first for the scheduler, at least one more for workers")
        if self.kind != "ssh" and self.hosts:
            raise ValueError(f"hosts are for ssh, not for {self.kind}")
        return self


def read_cluster_file(path: Path) -> ClusterFile:
    """Read a cluster file.

    Raises
    ------
    ConfigError
        It is missing, is no TOML, or has settings that are unknown or wrong.
    """
    read = read_toml(path, missing="copy pipelines/slurm/cluster.toml, kubernetes/ or ssh/, and change it")
    try:
        return ClusterFile.model_validate(read)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise ConfigError(
            faults, where=str(path), remedy="see pipelines/slurm/cluster.toml for a working file"
        ) from None


def as_submitted(file: ClusterFile) -> str:
    """What would be asked for, as text; nothing is asked.

    Raises
    ------
    ClusterError
        The kind's library is not installed, or refuses the options.
    """
    _require(file.kind)
    try:
        match file.kind:
            case "slurm":
                return f"{_slurm_job(file)}\n# so many of these jobs: {file.workers}\n"
            case "kubernetes":
                return _as_yaml(_pods(file))
            case "ssh":
                return "\n".join(_ssh_lines(file)) + "\n"
    except (TypeError, ValueError) as error:
        raise _refused(file, error) from error


@contextmanager
def opened(file: ClusterFile) -> Iterator[str]:
    """The address of the cluster's scheduler; its workers end with the block.

    Raises
    ------
    ClusterError
        The kind's library is not installed, refuses the options, or cannot reach the cluster.
    """
    _require(file.kind)
    try:
        cluster = _start(file)
    except (TypeError, ValueError) as error:
        raise _refused(file, error) from error
    except Exception as error:  # each library has errors of its own for a cluster that does not answer
        raise ClusterError(
            f"the {file.kind} cluster did not start: {type(error).__name__}: {error}",
            where="cluster file",
            remedy="see what would be asked for: retquant cluster show FILE",
        ) from error
    with cluster:
        if file.kind != "ssh":
            cluster.scale(file.workers)
        yield str(cluster.scheduler_address)


def _start(file: ClusterFile) -> Cluster:
    match file.kind:
        case "slurm":
            from dask_jobqueue.slurm import SLURMCluster

            return SLURMCluster(**file.options)
        case "kubernetes":
            from dask_kubernetes.operator import KubeCluster

            return KubeCluster(custom_cluster_spec=_pods(file))
        case "ssh":
            from distributed import SSHCluster

            return SSHCluster(list(file.hosts), **file.options)


def _slurm_job(file: ClusterFile) -> str:
    from dask_jobqueue.slurm import SLURMJob

    job = SLURMJob(scheduler="tcp://THIS-MACHINE:PORT", name="retquant", **file.options)
    return str(job.job_script()).rstrip("\n")


def _pods(file: ClusterFile) -> dict[str, Any]:
    from dask_kubernetes.operator import make_cluster_spec

    spec: dict[str, Any] = make_cluster_spec(
        **{"name": "retquant", **file.options, "n_workers": file.workers}
    )
    return spec


def _as_yaml(spec: dict[str, Any]) -> str:
    import yaml  # type: ignore[import-untyped]  # comes with dask

    class InFull(yaml.SafeDumper):
        """What stands in two places is written twice: people read this."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    return str(yaml.dump(spec, Dumper=InFull, sort_keys=False))


def _ssh_lines(file: ClusterFile) -> Iterator[str]:
    python = file.options.get("remote_python") or "python3"
    worker = dict(file.options.get("worker_options") or {})
    count, threads = worker.pop("n_workers", 1), worker.pop("nthreads", None)
    yield f"ssh {shlex.quote(file.hosts[0])} {python} -m distributed scheduler"
    said = f"{count} workers" + (f" of {threads} threads" if threads else "")
    rest = f", {worker}" if worker else ""
    for host in file.hosts[1:]:
        yield f"ssh {shlex.quote(host)} {python} -m distributed worker   # {said}{rest}"


def _require(kind: str) -> None:
    if find_spec(LIBRARIES[kind]) is None:
        raise ClusterError(
            f"{LIBRARIES[kind]} is not installed",
            where=f'kind = "{kind}"',
            remedy=f"pip install 'retquant[{kind}]'",
        )


def _refused(file: ClusterFile, error: Exception) -> ClusterError:
    return ClusterError(
        f"the options of {file.kind} are refused: {error}",
        where="[options]",
        remedy=f"they are those of {LIBRARIES[file.kind]}; see its documentation",
    )
