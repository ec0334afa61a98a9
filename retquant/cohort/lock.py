"""One run at a time in a folder: a lock that says who holds it, and that a dead holder does not keep.

A holder on this machine is looked up among its processes. Of one on another machine only its heartbeat can
be seen: the time of the lock file, which a run renews. Times are those of the disk, by its own clock.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from retquant.errors import OutputError
from retquant.tables.files import writing

try:
    import fcntl
except ImportError:  # Windows, where the threads of this process alone are kept apart
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
BEAT = 15.0  # seconds between signs of life
SILENT = 300.0  # seconds without one, after which a holder on another machine may be dead
_UNWRITTEN = 10.0  # seconds after which a lock without content counts as left behind
_held: set[str] = set()  # tokens of the locks that this process holds
_removing = threading.Lock()


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
    token: str = ""  # of this lock alone

    @property
    def is_here(self) -> bool:
        """The process is, or was, one of this machine's."""
        return self.host == socket.gethostname()

    @property
    def may_be_alive(self) -> bool:
        """False where the process is known to have ended, or is this one, which holds it no longer.

        Another machine's cannot be known. A lock of this process stays behind where its disk refused to let it go.
        """
        if not self.is_here:
            return True
        is_same = abs(_alive_since(self.pid) - self.alive_since) < 2.0
        return is_same and (self.pid != os.getpid() or self.token in _held)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class Lock:
    """A lock that this process holds, until it gives it back or somebody takes it for dead."""

    def __init__(self, path: Path, token: str) -> None:
        self._path, self.token = path, token
        self._over = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="retquant-lock", daemon=True)
        self._beating.start()

    def is_held(self) -> bool:
        """Whether the folder is there, and the lock in it this one."""
        holder = holder_of(self._path.parent)
        return holder is not None and holder.token == self.token

    def check(self) -> None:
        """Refuse to go on in a folder that is no longer this run's.

        Raises
        ------
        OutputError
            The folder is gone, or another run has taken it.
        """
        if not self.is_held():
            other = holder_of(self._path.parent)
            raise OutputError(
                f"{other} has taken the folder over" if other else "the run's folder or its lock is gone",
                where=str(self._path.parent),
                remedy="mount or restore the folder, then run the same command; what is done stays",
            )

    def release(self) -> None:
        """Give it back, unless it is somebody else's by now or gone with its disk."""
        self._over.set()
        self._beating.join()
        try:
            with suppress(OSError):
                if self.is_held():
                    self._path.unlink()
        finally:
            _held.discard(self.token)

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            with suppress(OSError):
                if self.is_held():
                    os.utime(self._path)


@contextmanager
def locked(out: Path) -> Iterator[Lock]:
    """Hold the lock of the run's folder; a lock whose holder is dead is taken over.

    Raises
    ------
    RefusedError
        Somebody else holds it.
    """
    path = out / LOCK
    with writing(path):
        out.mkdir(parents=True, exist_ok=True)
        lock = Lock(path, _take(path))
    try:
        yield lock
    finally:
        lock.release()


def holder_of(out: Path) -> Holder | None:
    """Who holds the folder's lock, dead or alive; None where nobody does."""
    try:
        return Holder(**json.loads((out / LOCK).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def living_holder_of(out: Path) -> Holder | None:
    """Who works in the folder, as far as can be told without writing there."""
    holder = holder_of(out)
    if holder is None or not holder.may_be_alive:
        return None
    silence = _silence_by(out / LOCK, time.time())
    return holder if holder.is_here or silence is None or abs(silence) < SILENT else None


def _take(path: Path) -> str:
    me = _myself()
    _held.add(
        me.token
    )  # before anybody can read it: a rival in this process would take it for one left behind
    try:
        while True:
            try:
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                _remove_stale(path)
                continue
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(me), file)
            return me.token
    except BaseException:
        _held.discard(me.token)
        raise


def _remove_stale(path: Path) -> None:
    """Take a dead holder's lock away."""
    holder = holder_of(path.parent)
    silence = _silence_by(path, _disk_time(path.parent))
    if silence is None:
        return  # released in the meantime
    if holder is None and abs(silence) < _UNWRITTEN:
        time.sleep(0.2)  # somebody is just writing it
        return
    # a clock that was set back leaves a time to come: that says as little as an old one
    is_fresh = -BEAT < silence < SILENT
    if holder is not None and holder.may_be_alive and (holder.is_here or is_fresh or not _keeps_silent(path)):
        raise _refusal(path, holder)
    _move_away(path, holder)


def _refusal(path: Path, holder: Holder) -> RefusedError:
    return RefusedError(
        f"{holder} has been working in this folder since {holder.taken_at}",
        where=str(path.parent),
        remedy="wait for it, see how far it is with `retquant cohort status`, or end it with `retquant cohort stop`"
        if holder.is_here
        else f"wait for it; if that process has ended, wait {SILENT / 60:.0f} minutes or delete {path}",
    )


def _keeps_silent(path: Path) -> bool:
    """Watch an old lock for longer than a heartbeat; whatever the clocks say, a living holder moves its time."""
    before = _modified_ns(path)
    time.sleep(2.5 * BEAT)
    return _modified_ns(path) == before


def _move_away(path: Path, holder: Holder | None) -> None:
    """Remove the lock that was found stale; of several rivals one does, and none removes the winner's."""
    with _one_at_a_time(path.parent):
        if holder_of(path.parent) == holder:  # no rival was faster
            path.unlink(missing_ok=True)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Keep others, in this process and elsewhere, from removing a lock of the folder meanwhile."""
    with _removing:
        if fcntl is None:
            yield
            return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # a disk that knows no such locks: a run that loses its lock notices
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _silence_by(path: Path, now: float) -> float | None:
    """Seconds since the last sign of life; None where there is no lock."""
    modified = _modified_ns(path)
    return None if modified is None else now - modified / 1e9


def _modified_ns(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _disk_time(folder: Path) -> float:
    """What time it is for the disk, which may be another machine's."""
    probe = folder / f"{LOCK}-time-{uuid.uuid4().hex}"
    probe.touch()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def _myself() -> Holder:
    return Holder(
        host=socket.gethostname(),
        pid=os.getpid(),
        alive_since=_alive_since(os.getpid()),
        taken_at=time.strftime("%Y-%m-%d %H:%M:%S"),
        token=uuid.uuid4().hex,
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
