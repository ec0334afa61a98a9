"""Somebody sets the clock during a run: nothing is lost, nothing twice, and a run again does nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pandas as pd
import pytest
from stand_ins import Cohort, in_process, values

from retquant.cohort import Progress, read_status, run
from retquant.cohort.lock import LOCK
from retquant.tables.schemas import CHUNK_TABLES

DAY = 86_400.0
JUMPS = (-DAY, 400 * DAY, -900 * DAY, 0.0)  # seconds; below, above, far below the true time, and true again


class Clock:
    """The time of day as everybody asks it, which can be set; the clock that only runs on is left alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.off = 0.0
        now, gmtime, strftime = time.time, time.gmtime, time.strftime
        monkeypatch.setattr(time, "time", lambda: now() + self.off)
        monkeypatch.setattr(
            time, "gmtime", lambda seconds=None: gmtime(now() + self.off if seconds is None else seconds)
        )
        monkeypatch.setattr(
            time, "strftime", lambda form, moment=None: strftime(form, moment or gmtime(now() + self.off))
        )

    def set(self, out: Path, off: float) -> None:
        """Set the clock; what was written last carries the new time, as on a disk with the same clock."""
        self.off = off
        files = [path for table in CHUNK_TABLES for path in (out / table).glob("part-*.parquet")]
        for path in [*files[-3:], out / LOCK]:
            os.utime(path, (time.time(), time.time()))


def test_a_clock_that_is_set_between_commits_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = Cohort(tmp_path, {**values(16), "zz-bad": "bad"})
    clock = Clock(monkeypatch)

    def jump(progress: Progress) -> None:
        clock.set(cohort.out, JUMPS[progress.done % len(JUMPS)])

    settings = in_process(chunk_images=1, compact_from=4)
    summary = run(cohort.study(), cohort.out, settings=settings, progress=jump)
    assert (summary.done, summary.failed) == (16, 1)
    assert 0 <= summary.seconds < 600
    for off in JUMPS:
        clock.off = off
        again = run(cohort.study(), cohort.out, settings=settings)
        assert (again.done, again.failed, again.kept, again.kept_failures) == (0, 0, 16, 1)
        assert read_status(cohort.out).state == "finished"
    assert sorted(pd.read_parquet(cohort.out / "biomarkers")["image_id"]) == sorted(values(16))


def test_a_run_that_was_killed_before_the_clock_went_back_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = Cohort(tmp_path, values(12))
    clock = Clock(monkeypatch)

    def stop(progress: Progress) -> None:
        if progress.done >= 4:
            raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError, match="power"):
        run(cohort.study(), cohort.out, settings=in_process(chunk_images=2), progress=stop)
    clock.off = -30 * DAY
    cohort.write("00-eye", "value 70")  # a change that is older than the result, by the clock
    summary = run(cohort.study(), cohort.out, settings=in_process(chunk_images=2))
    assert summary.kept == 3
    table = pd.read_parquet(cohort.out / "biomarkers").set_index("image_id")
    assert sorted(table.index) == sorted(values(12))
    assert table.loc["00-eye", "vessel_area_density_fov"] == 70
