"""Fixtures of the fault tests: stand-ins of images, and runs that are programs of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

COHORT_TESTS = Path(__file__).resolve().parents[1] / "cohort"
sys.path.insert(0, str(COHORT_TESTS))

Driver = subprocess.Popen[str]


def listen_to_interrupts() -> None:
    """A shell starts jobs in the background deaf to Ctrl-C, and their children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def environment() -> dict[str, str]:
    """In which a program finds retquant and the stand-ins."""
    paths = [str(COHORT_TESTS.parents[1]), str(COHORT_TESTS), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


@pytest.fixture
def start_driver(environment: dict[str, str]) -> Iterator[Callable[..., Driver]]:
    """Starts `driver.py` with its arguments, in a process group of its own."""
    started: list[Driver] = []

    def start(*arguments: object) -> Driver:
        process = subprocess.Popen(
            [sys.executable, str(COHORT_TESTS / "driver.py"), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=listen_to_interrupts,
            env=environment,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def wait_for_images() -> Callable[[Driver], None]:
    """Returns once the driver says that it has done some."""

    def wait(process: Driver) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line.split()[0]) > 0:
                return
        raise AssertionError(f"the driver ended: {process.communicate()[1]}")

    return wait
