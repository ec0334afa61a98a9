"""The run record, `run.json`: what ran, with what, on what, and how far it came."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import retquant
from retquant.cohort.forecast import Forecast
from retquant.errors import OutputError
from retquant.tables.files import write_file

RUN_RECORD = "run.json"
PACKAGES = (
    "torch",
    "openvino",
    "numpy",
    "scipy",
    "scikit-image",
    "opencv-python-headless",
    "skan",
    "numba",
    "pyarrow",
    "dask",
)

State = Literal["running", "finished", "interrupted", "stopped", "failed"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ManifestRecord(_Part):
    """The manifest that the run reads."""

    path: str = Field(description="Absolute path.")
    sha256: str = Field(description="Hash of its bytes.")


class ModelRecord(_Part):
    """A model that the run segments with."""

    name: str
    sha256: str
    licence_note: str = Field(default="", description="What its training data allow.")


class MachineRecord(_Part):
    """Where the run was started."""

    host: str
    system: str
    python: str
    processor: str = ""
    cores: int
    memory_gib: float


class PeakMemory(_Part):
    """Most resident memory that a process has had so far."""

    driver_gib: float = 0.0
    worker_gib: float = Field(default=0.0, description="Of the worker that had most.")


class Counts(_Part):
    """Images, by what became of them."""

    images: int = Field(default=0, description="In the manifest.")
    kept: int = Field(default=0, description="Had a result before this run that holds.")
    kept_failures: int = Field(default=0, description="Had a failure before this run that holds.")
    done: int = Field(default=0, description="Measured by this run.")
    failed: int = Field(default=0, description="Failed in this run.")


class PastRun(_Part):
    """An earlier run in the same folder."""

    command: str
    started: str
    finished: str | None
    state: State
    counts: Counts


class RunRecord(_Part):
    """What `run.json` holds."""

    schema_version: Literal["1"] = "1"
    run_id: str
    retquant: str = Field(description="Version of retquant.")
    command: str
    state: State
    started: str = Field(description="UTC, ISO 8601.")
    finished: str | None = Field(default=None, description="UTC, ISO 8601.")
    problem: str = Field(default="", description="Why the run failed.")
    manifest: ManifestRecord
    config: Mapping[str, Any] = Field(default={}, description="The settings, as in config.toml.")
    config_digest: str = Field(description="Of the settings in config.toml.")
    method: str = Field(
        description="Digest of settings, models and definition versions: part of every result key."
    )
    models: tuple[ModelRecord, ...]
    packages: Mapping[str, str] = Field(description="Versions of the packages that the numbers depend on.")
    machine: MachineRecord
    counts: Counts = Counts()
    seconds: float = Field(default=0.0, description="Wall time of this run, so far while it runs.")
    dashboard: str = Field(default="", description="Address of the Dask dashboard while it runs.")
    seconds_by_stage: Mapping[str, float] = Field(default={}, description="Summed over images and workers.")
    workers: int = Field(default=0, description="Processes that did chunks.")
    peak_memory: PeakMemory = PeakMemory()
    sample: int | None = Field(
        default=None, description="People of a pilot; null of a run of the whole manifest."
    )
    forecast: Forecast | None = Field(
        default=None, description="Of a pilot: what the whole manifest will take."
    )
    history: tuple[PastRun, ...] = ()

    def with_counts(self, counts: Counts, **changes: Any) -> RunRecord:
        """The same record, further on."""
        return self.model_copy(update={"counts": counts, **changes})


def read_record(out: Path) -> RunRecord | None:
    """The record of the run in `out`; None where there is none.

    Raises
    ------
    OutputError
        `run.json` is there and is not one of ours, or a later version's.
    """
    path = out / RUN_RECORD
    if not path.exists():
        return None
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        fault = error.errors()[0]
        raise OutputError(
            f"retquant {retquant.__version__} cannot read this record ({fault['msg']} at {fault['loc']})",
            where=str(path),
            remedy="choose another folder with --out, or use the version of retquant that wrote it",
        ) from None


def write_record(out: Path, record: RunRecord) -> None:
    """Write `run.json`."""
    write_file(out, RUN_RECORD, (record.model_dump_json(indent=2) + "\n").encode())


def past(record: RunRecord | None) -> tuple[PastRun, ...]:
    """The history that the next record has, once this one is past."""
    if record is None:
        return ()
    ended = "interrupted" if record.state == "running" else record.state
    return (
        *record.history,
        PastRun(
            command=record.command,
            started=record.started,
            finished=record.finished,
            state=ended,
            counts=record.counts,
        ),
    )


def package_versions() -> dict[str, str]:
    """Versions of the packages that the numbers depend on."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def this_machine() -> MachineRecord:
    """The machine that this process runs on."""
    import psutil  # type: ignore[import-untyped]  # comes with distributed

    return MachineRecord(
        host=socket.gethostname(),
        system=platform.platform(),
        python=platform.python_version(),
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / (1 << 30), 1),
    )


def _processor() -> str:
    """As Linux names it, else as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


def manifest_record(path: Path) -> ManifestRecord:
    """Path and hash of the manifest."""
    return ManifestRecord(path=str(path.resolve()), sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def now() -> str:
    """The time of day in UTC, as run records have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
