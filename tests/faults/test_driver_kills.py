"""The driver is killed at random moments, again and again: what comes out is what an undisturbed run gives."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pytest
from stand_ins import Cohort, Measure, in_process, values

from retquant.cohort import read_status, run
from retquant.cohort.shard import shard_folders
from retquant.tables.schemas import CHUNK_TABLES

Driver = subprocess.Popen[str]


def rows(out: Path, table: str) -> pd.DataFrame:
    frame = pd.read_parquet(out / table)
    return frame.sort_values(list(frame.columns)).reset_index(drop=True)


@pytest.mark.parametrize(
    ("kills", "images", "workers", "pause", "longest"),
    [
        (3, 40, 0, 0.1, 1.5),
        pytest.param(20, 400, 2, 0.25, 12.0, marks=pytest.mark.slow),
    ],
    ids=["3 times", "20 times"],
)
def test_a_driver_killed_at_random_moments_and_resumed_gives_an_undisturbed_runs_tables(
    tmp_path: Path,
    start_driver: Callable[..., Driver],
    kills: int,
    images: int,
    workers: int,
    pause: float,
    longest: float,
) -> None:
    draw = random.Random(images)
    folder = tmp_path / "killed"
    folder.mkdir()
    seen = []
    for _ in range(kills):
        driver = start_driver(folder, images, workers, pause)
        assert driver.stdout is not None
        driver.stdout.readline()  # the run has begun
        time.sleep(draw.uniform(0.0, longest))
        children = psutil.Process(driver.pid).children(recursive=True) if driver.poll() is None else []
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive, "workers outlived their driver"
        status = read_status(folder / "run")
        assert status.state in ("dead", "finished")
        seen.append(status.done)
    assert seen == sorted(seen), "results that were committed are gone"
    killed = Cohort(folder, values(images))
    summary = run(killed.study(process=Measure()), killed.out, settings=in_process())
    assert summary.kept == seen[-1]
    assert summary.kept + summary.done == images
    calm_folder = tmp_path / "calm"
    calm_folder.mkdir()
    calm = Cohort(calm_folder, values(images))
    run(calm.study(), calm.out, settings=in_process())
    print(f"{kills} kills, done after each: {seen}")
    for table in CHUNK_TABLES:
        pd.testing.assert_frame_equal(
            rows(killed.out, table), rows(calm.out, table), obj=table, check_exact=True
        )


def test_three_shards_at_once_of_which_one_is_killed_give_an_undisturbed_runs_tables(
    tmp_path: Path, start_driver: Callable[..., Driver], wait_for_images: Callable[[Driver], None]
) -> None:
    images = 45
    folder, calm_folder = tmp_path / "killed", tmp_path / "calm"
    folder.mkdir()
    calm_folder.mkdir()
    killed, calm = Cohort(folder, values(images)), Cohort(calm_folder, values(images))
    drivers = [start_driver(folder, images, 0, 0.1, f"{n}/3") for n in (1, 2, 3)]
    wait_for_images(drivers[1])
    drivers[1].kill()
    for driver in drivers:
        driver.communicate(timeout=300)
    assert [driver.returncode for driver in drivers] == [0, -signal.SIGKILL, 0]
    shards = {place.name: read_status(place) for place in shard_folders(killed.out)}
    assert [status.state for status in shards.values()] == ["finished", "dead", "finished"]
    assert shards["2-of-3"].left > 0
    summary = run(killed.study(), killed.out, settings=in_process())
    assert summary.kept == sum(status.done for status in shards.values())
    assert summary.kept + summary.done == images
    run(calm.study(), calm.out, settings=in_process())
    for table in CHUNK_TABLES:
        pd.testing.assert_frame_equal(
            rows(killed.out, table), rows(calm.out, table), obj=table, check_exact=True
        )
