"""On a real cluster: workers that die lose nothing, and the image that kills them is found."""

from __future__ import annotations

import gc
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from stand_ins import Cohort, Measure, in_process, values

from retquant.cohort import ClusterSettings, CohortSettings, Progress, connect, run
from retquant.cohort.cluster import ClusterError, local_workers
from retquant.cohort.plan import Chunk
from retquant.manifest.records import ImageRecord
from retquant.tables.rows import ImageRows
from retquant.tables.schemas import CHUNK_TABLES

TWO_WORKERS = ClusterSettings(workers=2, deaths_allowed=0)


@dataclass(frozen=True)
class Assassin:
    """Measures, and once ends its own worker by the signal that no process survives."""

    weapon: Path  # exists until it was used

    def __call__(self, record: ImageRecord) -> ImageRows:
        if record.image_id == "05-eye" and self.weapon.exists():
            self.weapon.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return Measure(pause=0.02)(record)


def rows(out: Path, table: str) -> pd.DataFrame:
    frame = pd.read_parquet(out / table)
    return frame.sort_values(list(frame.columns)).reset_index(drop=True)


def test_workers_give_what_one_process_gives_and_a_killed_worker_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    for name in ("killed", "calm"):
        (tmp_path / name).mkdir()
    killed, calm = (Cohort(tmp_path / name, {**values(14), "zz-bad": "bad"}) for name in ("killed", "calm"))
    weapon = tmp_path / "weapon"
    weapon.touch()
    study = killed.study()
    object.__setattr__(study, "process", Assassin(weapon))
    summary = run(study, killed.out, settings=CohortSettings(cluster=TWO_WORKERS, chunk_images=4))
    assert not weapon.exists(), "no worker was killed"
    assert (summary.done, summary.failed) == (14, 1)
    run(calm.study(), calm.out, settings=in_process())
    for table in CHUNK_TABLES:
        if table != "failures":  # which name the folder
            pd.testing.assert_frame_equal(rows(killed.out, table), rows(calm.out, table), obj=table)
    assert rows(killed.out, "failures")["image_id"].tolist() == ["zz-bad"]


def test_the_image_that_kills_workers_is_found_and_fails_alone(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, {**values(6), "pp-poison": "poison"})
    summary = run(cohort.study(), cohort.out, settings=CohortSettings(cluster=TWO_WORKERS, chunk_images=4))
    assert (summary.done, summary.failed) == (6, 1)
    failures = rows(cohort.out, "failures")
    assert failures[["image_id", "stage", "error"]].values.tolist() == [["pp-poison", "worker", "WorkerDied"]]
    again = run(cohort.study(), cohort.out, settings=CohortSettings(cluster=TWO_WORKERS))
    assert (again.done, again.failed, again.kept_failures) == (0, 0, 1)


def test_a_scheduler_that_does_not_answer_is_named(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(ClusterError, match="no Dask scheduler answers") as refusal:
        connect(ClusterSettings(scheduler="tcp://127.0.0.1:9", start_timeout=1.0))
    assert "tcp://127.0.0.1:9" in str(refusal.value)
    assert time.monotonic() - started < 60


def test_there_are_no_more_workers_than_images_or_than_memory_for_them() -> None:
    assert local_workers(ClusterSettings(workers=8), most=3) == 3
    assert local_workers(ClusterSettings(gib_a_worker=1e6)) == 1


@dataclass(frozen=True)
class Signed:
    """Measures, and leaves a file named by its process for each image that is done."""

    folder: Path

    def __call__(self, record: ImageRecord) -> ImageRows:
        rows = Measure()(record)
        (self.folder / f"{os.getpid()}.{record.image_id}").touch()
        return rows


def test_a_report_that_ends_with_its_worker_before_it_was_fetched_is_made_again(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, values(4))
    signed = tmp_path / "signed"
    signed.mkdir()
    ended: list[int] = []

    def kill_once_the_next_chunk_is_done(progress: Progress) -> None:
        if ended or not progress.done:
            return
        while len(signatures := sorted(signed.iterdir())) < 2:
            time.sleep(0.01)
        time.sleep(0.5)  # its report is told to the driver, which is here and does not fetch it
        ended.append(int(signatures[0].name.split(".")[0]))
        os.kill(ended[0], signal.SIGKILL)
        time.sleep(0.5)  # less than a new worker needs

    settings = CohortSettings(cluster=ClusterSettings(workers=1), chunk_images=1)
    study = cohort.study(process=Signed(signed))
    summary = run(study, cohort.out, settings=settings, progress=kill_once_the_next_chunk_is_done)
    assert ended
    assert (summary.done, summary.failed) == (4, 0)
    assert sorted(rows(cohort.out, "biomarkers")["image_id"]) == sorted(values(4))


def test_the_driver_keeps_no_chunk_that_is_done(tmp_path: Path) -> None:
    """Dask keeps its last thousand messages to a worker, for developers, and chunks are in them."""
    cohort = Cohort(tmp_path, values(60))
    alive: list[int] = []

    def count(progress: Progress) -> None:
        alive.append(sum(type(thing) is Chunk for thing in gc.get_objects()))

    settings = CohortSettings(cluster=ClusterSettings(workers=1), chunk_images=1)
    assert run(cohort.study(), cohort.out, settings=settings, progress=count).done == 60
    assert alive[-1] <= 30
