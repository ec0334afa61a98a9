"""Which stage an image is in: what a failure names, and what the run record times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StageClock:
    """Times the stages of one image and marks an error with the stage that it came from.

    >>> clock = StageClock()
    >>> with clock.stage("read"):
    ...     pass
    >>> list(clock.seconds)
    ['read']
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}  # stage -> wall time

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time within under `name`, and say so in an error that leaves it."""
        started = time.perf_counter()
        try:
            yield
        except Exception as error:
            if stage_of(error) is None:
                error.__dict__["retquant_stage"] = name
            raise
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def stage_of(error: BaseException) -> str | None:
    """Stage that an error was marked with, or None."""
    return error.__dict__.get("retquant_stage")
