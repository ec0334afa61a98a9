"""Workers that are killed, run out of memory, hang or find a damaged model: each costs what it must and no more."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from stand_ins import Cohort, Measure, in_process, values

from retquant.cohort import ClusterSettings, CohortSettings, read_status, run, timelimit
from retquant.errors import ModelError
from retquant.manifest.records import ImageRecord
from retquant.segmentation.bundles import WEIGHTS_FILE, read_bundle, read_weights
from retquant.tables.rows import ImageRows
from retquant.tables.schemas import CHUNK_TABLES


def rows(out: Path, table: str) -> pd.DataFrame:
    frame = pd.read_parquet(out / table)
    return frame.sort_values(list(frame.columns)).reset_index(drop=True)


def assert_same_results(one: Path, other: Path) -> None:
    for table in CHUNK_TABLES:
        pd.testing.assert_frame_equal(rows(one, table), rows(other, table), obj=table)


@dataclass(frozen=True)
class Signed:
    """Measures, and leaves its process's number in a folder, for whoever is after it."""

    pause: float
    workers: Path

    def __call__(self, record: ImageRecord) -> ImageRows:
        (self.workers / str(os.getpid())).touch()
        return Measure(self.pause)(record)


class Killer:
    """Kills one worker by SIGKILL each so many seconds; one that has begun to work, for the rest is starting."""

    def __init__(self, workers: Path, *, every: float, most: int, seed: int) -> None:
        self.killed = 0
        self._workers, self._every, self._most, self._draw = workers, every, most, random.Random(seed)
        self._over = threading.Event()
        self._hunter = threading.Thread(target=self._hunt)
        self._hunter.start()

    def end(self) -> None:
        self._over.set()
        self._hunter.join()

    def _hunt(self) -> None:
        while self.killed < self._most and not self._over.wait(self._every):
            if victims := sorted(self._workers.iterdir()):
                victim = self._draw.choice(victims)
                victim.unlink()
                with suppress(ProcessLookupError):  # ended with its nanny
                    os.kill(int(victim.name), signal.SIGKILL)
                    self.killed += 1


@pytest.mark.parametrize(
    ("images", "pause", "most"),
    [(24, 0.3, 2), pytest.param(400, 0.25, 10_000, marks=pytest.mark.slow)],
    ids=["24 chunks", "400 chunks"],
)
def test_workers_killed_every_two_seconds_lose_nothing_and_double_nothing(
    tmp_path: Path, images: int, pause: float, most: int
) -> None:
    texts = values(images)
    for name in ("killed", "calm"):
        (tmp_path / name).mkdir()
    killed, calm = Cohort(tmp_path / "killed", texts), Cohort(tmp_path / "calm", texts)
    settings = CohortSettings(cluster=ClusterSettings(workers=3), chunk_images=1)
    workers = tmp_path / "workers"
    workers.mkdir()
    study = killed.study(process=Signed(pause, workers))
    killer = Killer(workers, every=2.0, most=most, seed=images)
    try:
        summary = run(study, killed.out, settings=settings)
    finally:
        killer.end()
    assert killer.killed >= min(most, 20)
    run(calm.study(), calm.out, settings=in_process())
    counts = rows(killed.out, "biomarkers")["image_id"].value_counts()
    lost, twice = set(texts) - set(counts.index), int((counts > 1).sum())
    print(f"{killer.killed} workers killed, {len(lost)} images lost, {twice} twice, {summary.seconds:.0f} s")
    assert (summary.done, summary.failed, lost, twice) == (images, 0, set(), 0)
    assert_same_results(killed.out, calm.out)


def test_a_monster_and_a_glutton_fail_alone_for_want_of_memory(tmp_path: Path) -> None:
    """One asks for more than there is and is refused; one takes more than it may and is ended with its worker."""
    cohort = Cohort(tmp_path, {**values(6), "mm-monster": "monster 16", "gg-glutton": "glutton"})
    cluster = ClusterSettings(workers=2, most_gib_a_worker=1.0, deaths_allowed=0)
    summary = run(cohort.study(), cohort.out, settings=CohortSettings(cluster=cluster, chunk_images=4))
    assert (summary.done, summary.failed) == (6, 2)
    failures = rows(cohort.out, "failures").set_index("image_id")
    assert failures.loc["mm-monster", "stage"] == "measure"
    assert "allocate 16" in failures.loc["mm-monster", "message"]
    assert failures.loc["gg-glutton", "error"] == "WorkerDied"
    for hint in failures["hint"]:
        assert "fewer workers" in hint
        assert "--only-failed" in hint


def test_images_that_hang_fail_alone_and_their_workers_are_replaced(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, {**values(6), "hh-hang": "hang"})
    os.mkfifo(tmp_path / "ff-fifo.txt")  # a read that waits for a writer
    cohort.label("ff-fifo", 0)
    settings = CohortSettings(cluster=ClusterSettings(workers=1), chunk_images=8, seconds_per_image=2.0)
    summary = run(cohort.study(), cohort.out, settings=settings)
    assert (summary.done, summary.failed) == (6, 2)
    failures = rows(cohort.out, "failures").set_index("image_id")
    assert set(failures.index) == {"hh-hang", "ff-fifo"}
    assert set(failures["error"]) == {"Overdue"}
    assert all("--seconds-per-image 8" in hint for hint in failures["hint"])
    again = run(cohort.study(), cohort.out, settings=in_process())  # plans without reading either of them
    assert (again.kept, again.kept_failures, again.done) == (6, 2, 0)


@dataclass(frozen=True)
class Impatient:
    """Measures, in a process that does not wait long before it counts as lost."""

    def __call__(self, record: ImageRecord) -> ImageRows:
        return Measure()(record)

    def __reduce__(self) -> tuple[object, ...]:
        return impatient, ()


def impatient() -> Impatient:
    """In the worker, when the process arrives."""
    timelimit._AFTER_THAT = 0.5
    return Impatient()


def test_an_image_that_seizes_its_process_is_given_up(tmp_path: Path) -> None:
    """Nothing written in Python can run then, so that only the process can be ended."""
    cohort = Cohort(tmp_path, {**values(3), "ss-seize": "seize"})
    cluster = ClusterSettings(workers=1, deaths_allowed=0)
    settings = CohortSettings(cluster=cluster, chunk_images=1, seconds_per_image=1.0)
    summary = run(cohort.study(process=Impatient()), cohort.out, settings=settings)
    assert (summary.done, summary.failed) == (3, 1)
    assert rows(cohort.out, "failures")["error"].tolist() == ["WorkerDied"]


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_time_limit_holds_in_this_process_too(tmp_path: Path, workers: int) -> None:
    cohort = Cohort(tmp_path, {**values(3), "hh-hang": "hang"})
    settings = CohortSettings(cluster=ClusterSettings(workers=workers), seconds_per_image=0.3)
    started = time.monotonic()
    summary = run(cohort.study(), cohort.out, settings=settings)
    assert (summary.done, summary.failed) == (3, 1)
    assert time.monotonic() - started < 60
    cohort.write("hh-hang", "value 9")  # a file that changed is tried again
    assert run(cohort.study(), cohort.out, settings=settings).done == 1


@dataclass(frozen=True)
class Segmenting:
    """Measures after it has read a model's weights, as segmentation does."""

    bundle: Path

    def __call__(self, record: ImageRecord) -> ImageRows:
        read_weights(read_bundle(str(self.bundle)))
        return Measure()(record)


def test_a_model_whose_hash_is_wrong_ends_the_run_and_fails_no_image(tmp_path: Path) -> None:
    bundle = tmp_path / "model"
    bundle.mkdir()
    shipped = read_bundle("fundus-general")
    for file in ("model.json", WEIGHTS_FILE):
        (bundle / file).write_bytes((shipped.folder / file).read_bytes())
    cohort = Cohort(tmp_path, values(6))
    study = cohort.study(process=Segmenting(bundle))
    weights = (bundle / WEIGHTS_FILE).read_bytes()
    (bundle / WEIGHTS_FILE).write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))  # one bit
    with pytest.raises(ModelError, match="sha256") as stop:
        run(study, cohort.out, settings=in_process())
    assert str(bundle) in stop.value.where
    assert hashlib.sha256(weights).hexdigest() in stop.value.problem
    status = read_status(cohort.out)
    assert (status.state, status.done, status.failed) == ("failed", 0, 0)
    (bundle / WEIGHTS_FILE).write_bytes(weights)
    assert run(study, cohort.out, settings=in_process()).done == 6
