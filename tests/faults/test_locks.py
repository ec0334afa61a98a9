"""Who holds a folder: the living are respected, the dead, the replaced and the silent are not."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from stand_ins import Cohort, in_process, values

from retquant.cohort import Progress, RefusedError, lock, read_status, run
from retquant.cohort.lock import LOCK, Holder, holder_of, living_holder_of, locked
from retquant.errors import OutputError

AGO = 3600.0  # seconds


@pytest.fixture(autouse=True)
def _quick_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat that a test can wait for."""
    monkeypatch.setattr(lock, "BEAT", 0.05)


def somebody() -> Holder:
    """A process of this machine that lives and is not this one."""
    return Holder(
        host=socket.gethostname(),
        pid=os.getppid(),
        alive_since=lock._alive_since(os.getppid()),
        taken_at="2026-01-01 00:00:00",
        token="somebody's",
    )


def leave_lock(folder: Path, holder: Holder, *, age: float = 0.0) -> Path:
    path = folder / LOCK
    path.write_text(json.dumps(asdict(holder)))
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_a_number_that_another_process_has_by_now_holds_nothing(tmp_path: Path) -> None:
    holder = somebody()
    assert holder.may_be_alive
    earlier = replace(holder, alive_since=holder.alive_since - 60)  # the same number, another process
    leave_lock(tmp_path, earlier)
    assert not earlier.may_be_alive
    assert living_holder_of(tmp_path) is None
    with locked(tmp_path):
        assert holder_of(tmp_path) != earlier


def test_a_holder_that_lives_here_is_respected_however_long_it_was_silent(tmp_path: Path) -> None:
    leave_lock(tmp_path, somebody(), age=AGO)  # a laptop that slept
    with pytest.raises(RefusedError, match="has been working"), locked(tmp_path):
        pass


def test_a_holder_elsewhere_is_respected_while_its_heart_beats(tmp_path: Path) -> None:
    leave_lock(tmp_path, replace(somebody(), host="elsewhere"), age=10)
    with pytest.raises(RefusedError, match="on elsewhere"), locked(tmp_path):
        pass
    assert living_holder_of(tmp_path) is not None


def test_a_holder_elsewhere_that_fell_silent_is_taken_over(tmp_path: Path) -> None:
    leave_lock(tmp_path, replace(somebody(), host="elsewhere"), age=AGO)
    assert living_holder_of(tmp_path) is None
    with locked(tmp_path):
        assert holder_of(tmp_path).pid == os.getpid()  # type: ignore[union-attr]


@pytest.fixture
def strange_clock(tmp_path: Path) -> Iterator[float]:
    """Elsewhere a run lives and renews its lock, by a clock that is an hour off."""
    over = threading.Event()
    path = leave_lock(tmp_path, replace(somebody(), host="elsewhere"), age=AGO)

    def beat() -> None:
        while not over.wait(0.02):
            now = time.time() - AGO
            os.utime(path, (now, now))

    heart = threading.Thread(target=beat)
    heart.start()
    yield AGO
    over.set()
    heart.join()


@pytest.mark.usefixtures("strange_clock")
def test_a_living_holder_is_not_taken_for_dead_because_its_clock_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="on elsewhere"), locked(tmp_path):
        pass


def test_a_lock_from_a_time_to_come_is_watched_too(tmp_path: Path) -> None:
    leave_lock(tmp_path, replace(somebody(), host="elsewhere"), age=-AGO)  # the disk's clock was set back
    with locked(tmp_path):
        pass


def test_the_heart_beats(tmp_path: Path) -> None:
    with locked(tmp_path):
        os.utime(tmp_path / LOCK, (0, 0))
        deadline = time.monotonic() + 10
        while (tmp_path / LOCK).stat().st_mtime == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_of_many_that_come_at_once_to_a_dead_lock_one_gets_it(tmp_path: Path) -> None:
    dead = replace(somebody(), alive_since=-1.0)
    for _ in range(10):
        leave_lock(tmp_path, dead)
        start, inside, most, refused = threading.Barrier(8), [0], [0], [0]
        count = threading.Lock()

        def come(start=start, inside=inside, most=most, refused=refused, count=count) -> None:  # type: ignore[no-untyped-def]
            start.wait()
            try:
                with locked(tmp_path):
                    with count:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    time.sleep(0.05)
                    with count:
                        inside[0] -= 1
            except RefusedError:
                refused[0] += 1

        rivals = [threading.Thread(target=come) for _ in range(8)]
        for rival in rivals:
            rival.start()
        for rival in rivals:
            rival.join()
        assert most == [1]
        assert not list(tmp_path.glob(f"{LOCK}*"))


def test_a_run_whose_folder_was_taken_over_ends_and_leaves_the_other_alone(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, values(8))
    other: list[Holder] = []

    def take_over(progress: Progress) -> None:
        if progress.done == 4:  # this machine slept, and another one took it for dead
            held = holder_of(cohort.out)
            assert held is not None
            other.append(replace(held, host="elsewhere", token="another"))
            leave_lock(cohort.out, other[0])

    with pytest.raises(OutputError, match="on elsewhere has taken the folder over"):
        run(cohort.study(), cohort.out, settings=in_process(), progress=take_over)
    assert holder_of(cohort.out) == other[0]
    assert read_status(cohort.out).state == "running"  # as the other would have it
    (cohort.out / LOCK).unlink()
    summary = run(cohort.study(), cohort.out, settings=in_process())
    assert summary.kept + summary.done == 8


def test_a_lock_that_this_process_could_not_give_back_does_not_lock_it_out(tmp_path: Path) -> None:
    with locked(tmp_path):
        left = (tmp_path / LOCK).read_text()
        with pytest.raises(RefusedError), locked(tmp_path):
            pass
    (tmp_path / LOCK).write_text(left)  # as where the disk became read-only
    with locked(tmp_path):
        pass


def test_a_lock_as_earlier_versions_wrote_it_is_understood(tmp_path: Path) -> None:
    fields = asdict(replace(somebody(), alive_since=-1.0))
    del fields["token"]
    (tmp_path / LOCK).write_text(json.dumps(fields))
    with locked(tmp_path):
        pass
