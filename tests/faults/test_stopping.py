"""A run that is asked to end finishes what it has begun; asked twice it ends at once; nothing is lost either way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from stand_ins import Cohort, in_process, values

from retquant.cohort import Progress, RefusedError, Stopped, read_status, request_stop, run
from retquant.cohort.halt import STOP
from retquant.cohort.lock import holder_of, locked

Driver = subprocess.Popen[str]
IMAGES = 120  # more than are done by the time that a busy machine has told it to stop


@pytest.fixture
def driver(
    tmp_path: Path, start_driver: Callable[..., Driver], wait_for_images: Callable[[Driver], None]
) -> Driver:
    """A run of many images on two workers, once it has committed something."""
    process = start_driver(tmp_path, IMAGES, 2, 0.7)
    wait_for_images(process)
    return process


def begun(folder: Path) -> set[str]:
    return set((folder / "diary.txt").read_text().split())


def done(out: Path) -> set[str]:
    return set(pd.read_parquet(out / "biomarkers")["image_id"])


def call(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "retquant", "cohort", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300)


def test_another_shell_sees_a_live_run_and_ends_it_with_all_that_was_begun(
    tmp_path: Path, driver: Driver, environment: dict[str, str]
) -> None:
    out = tmp_path / "run"
    seen = json.loads(call(["status", str(out), "--json"], environment).stdout)
    assert (seen["state"], seen["images"]) == ("running", IMAGES)
    assert str(driver.pid) in seen["holder"]
    said = call(["stop", str(out)], environment).stdout
    assert f"process {driver.pid}" in said
    assert "stopped:" in said
    output, errors = driver.communicate(timeout=300)
    assert "stopped" in output  # it says why it takes on no more
    assert "Stopped" in errors
    status = read_status(out)
    assert status.state == "stopped"
    assert 0 < status.done < IMAGES
    assert begun(tmp_path) == done(out)
    assert holder_of(out) is None
    assert not (out / STOP).exists()
    assert status.images_per_second > 0
    assert "left takes" in call(["status", str(out)], environment).stdout


def test_ctrl_c_once_finishes_the_chunks_in_flight(tmp_path: Path, driver: Driver) -> None:
    os.killpg(driver.pid, signal.SIGINT)  # as a terminal does: to driver and workers alike
    _, errors = driver.communicate(timeout=300)
    assert errors.strip().endswith("KeyboardInterrupt"), errors
    status = read_status(tmp_path / "run")
    assert status.state == "interrupted"
    assert 0 < status.done < IMAGES
    assert begun(tmp_path) == done(tmp_path / "run")


def test_ctrl_c_twice_ends_at_once_and_keeps_what_is_committed(
    tmp_path: Path, start_driver: Callable[..., Driver], wait_for_images: Callable[[Driver], None]
) -> None:
    driver = start_driver(tmp_path, 12, 2, 1.0)
    wait_for_images(driver)
    cohort = Cohort(tmp_path, values(12))
    for name in list(values(12))[2:]:
        cohort.write(name, "hang")  # what is in flight never ends
    os.killpg(driver.pid, signal.SIGINT)
    assert driver.stdout is not None
    assert any("interrupted" in line for line in driver.stdout)
    os.killpg(driver.pid, signal.SIGINT)
    _, errors = driver.communicate(timeout=300)
    assert "KeyboardInterrupt" in errors
    status = read_status(tmp_path / "run")
    assert status.state == "interrupted"
    assert status.done == len(done(tmp_path / "run")) > 0
    assert holder_of(tmp_path / "run") is None


@pytest.fixture(autouse=True)
def _hears_signals() -> Iterator[None]:
    """A process that was started in a shell's background ignores Ctrl-C, and its children do."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("number", "state", "error"),
    [(signal.SIGINT, "interrupted", KeyboardInterrupt), (signal.SIGTERM, "stopped", Stopped)],
)
def test_a_signal_ends_a_run_after_its_chunk(
    tmp_path: Path, number: signal.Signals, state: str, error: type[BaseException]
) -> None:
    cohort = Cohort(tmp_path, values(12))
    before = signal.getsignal(number)

    def strike(progress: Progress) -> None:
        if progress.done == 4 and not progress.ending:
            os.kill(os.getpid(), number)

    with pytest.raises(error):
        run(cohort.study(), cohort.out, settings=in_process(), progress=strike)
    assert signal.getsignal(number) == before
    assert (read_status(cohort.out).state, read_status(cohort.out).done) == (state, 4)
    assert run(cohort.study(), cohort.out, settings=in_process()).kept == 4


def test_a_stop_ends_the_run_that_it_was_meant_for_and_no_later_one(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, values(12))
    endings = []

    def stop(progress: Progress) -> None:
        endings.append(progress.ending)
        if progress.done == 4 and not progress.ending:
            request_stop(cohort.out)

    settings = in_process()
    with pytest.raises(Stopped):
        run(cohort.study(pause=0.1), cohort.out, settings=settings, progress=stop)
    assert endings[-1] == "stopped"
    (cohort.out / STOP).write_text("a token of the former run")
    summary = run(cohort.study(), cohort.out, settings=settings)
    assert summary.kept + summary.done == 12


def test_a_run_that_was_about_to_end_anyway_is_finished(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, values(4))

    def stop(progress: Progress) -> None:
        if progress.done == 4 and not progress.ending:
            os.kill(os.getpid(), signal.SIGINT)

    assert run(cohort.study(), cohort.out, settings=in_process(), progress=stop).done == 4
    assert read_status(cohort.out).state == "finished"


def test_there_is_nothing_to_stop_where_no_run_works(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no run is working"):
        request_stop(tmp_path)
    with locked(tmp_path):
        assert request_stop(tmp_path).pid == os.getpid()


def test_a_run_in_a_thread_of_a_program_leaves_its_signals_alone(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, values(4))
    before = signal.getsignal(signal.SIGTERM)
    found: list[object] = []

    def work(progress: Progress) -> None:
        found.append(signal.getsignal(signal.SIGTERM))

    settings = in_process()
    thread = threading.Thread(
        target=run, args=(cohort.study(), cohort.out), kwargs={"settings": settings, "progress": work}
    )
    thread.start()
    thread.join()
    assert read_status(cohort.out).done == 4
    assert set(found) == {before}
