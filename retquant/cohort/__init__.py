"""The cohort engine: from a manifest's records to tables, over many processes, safe to kill at any moment.

It knows Dask and the run's folder, and nothing of retinas: what is done with an image is the caller's
`ImageProcess`.
"""

from __future__ import annotations

from retquant.cohort.chunk import ImageProcess
from retquant.cohort.cluster import ClusterError, ClusterSettings, TlsFiles, connect, tls_files
from retquant.cohort.halt import Stopped, request_stop
from retquant.cohort.keys import ModelUse
from retquant.cohort.limits import FailureLimit, TooManyFailuresError
from retquant.cohort.lock import RefusedError
from retquant.cohort.run import run
from retquant.cohort.shard import Shard
from retquant.cohort.stages import StageClock
from retquant.cohort.status import RunStatus, read_status
from retquant.cohort.study import CohortSettings, Progress, RunSummary, Study

__all__ = [
    "ClusterError",
    "ClusterSettings",
    "CohortSettings",
    "FailureLimit",
    "ImageProcess",
    "ModelUse",
    "Progress",
    "RefusedError",
    "RunStatus",
    "RunSummary",
    "Shard",
    "StageClock",
    "Stopped",
    "Study",
    "TlsFiles",
    "TooManyFailuresError",
    "connect",
    "read_status",
    "request_stop",
    "run",
    "tls_files",
]
