"""One run at a time in a folder: a lock that says who holds it, and that a dead holder does not keep."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from retquant.errors import OutputError
from retquant.tables.files import writing

LOCK = ".lock"
_UNWRITTEN = 10.0  # seconds after which a lock without content counts as left behind


class RefusedError(OutputError):
    """A run is not begun: the folder is locked or another's, or a change is not agreed to (exit code 2)."""

    is_usage = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that holds a lock."""

    host: str
    pid: int
    alive_since: (
        float  # seconds from the machine's start to the process's: tells it from a later one of that number
    )
    taken_at: str  # local time, for people

    @property
    def is_here(self) -> bool:
        """The process is, or was, one of this machine's."""
        return self.host == socket.gethostname()

    @property
    def may_be_alive(self) -> bool:
        """False where the process is known to have ended; another machine's cannot be known."""
        return not self.is_here or abs(_alive_since(self.pid) - self.alive_since) < 2.0


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the lock of the run's folder; a lock whose holder is dead is taken over.

    Raises
    ------
    RefusedError
        Somebody else holds it.
    """
    path = out / LOCK
    with writing(path):
        out.mkdir(parents=True, exist_ok=True)
        _take(path)
    try:
        yield
    finally:
        with suppress(OSError):  # gone with its disk: the next run finds it stale
            path.unlink()


def holder_of(out: Path) -> Holder | None:
    """Who holds the folder's lock, dead or alive; None where nobody does."""
    try:
        return Holder(**json.loads((out / LOCK).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _take(path: Path) -> None:
    while True:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            _remove_stale(path)
            continue
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(_myself()), file)
        return


def _remove_stale(path: Path) -> None:
    """Take a dead holder's lock away; only one of several rivals can rename it."""
    holder = holder_of(path.parent)
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return  # released in the meantime
    if holder is not None and holder.may_be_alive:
        raise RefusedError(
            f"process {holder.pid} on {holder.host} has been working in this folder since {holder.taken_at}",
            where=str(path.parent),
            remedy="wait for it, or see how far it is with `retquant cohort status`"
            if holder.is_here
            else f"wait for it; if that process has ended, delete {path}",
        )
    if holder is None and age < _UNWRITTEN:
        time.sleep(0.2)  # somebody is just writing it
        return
    aside = path.with_name(f"{LOCK}-stale-{uuid.uuid4().hex}")
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return
    aside.unlink(missing_ok=True)


def _myself() -> Holder:
    return Holder(
        host=socket.gethostname(),
        pid=os.getpid(),
        alive_since=_alive_since(os.getpid()),
        taken_at=time.strftime("%Y-%m-%d %H:%M:%S"),
    )


def _alive_since(pid: int) -> float:
    """Seconds from the machine's start to the process's; NaN where there is no such process.

    Neither moves when somebody sets the clock, unlike the time of day of a process's start.
    """
    import psutil  # type: ignore[import-untyped]  # comes with distributed

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return float("nan")
        return float(process.create_time() - psutil.boot_time())
    except psutil.Error:
        return float("nan")
