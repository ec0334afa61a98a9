"""Runs that are killed, locked out or out of space lose nothing committed and count nothing twice."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import psutil
import pytest
from stand_ins import Cohort, Measure, in_process, values

from retquant.cohort import RefusedError, read_status, run
from retquant.cohort.lock import LOCK, holder_of, locked
from retquant.errors import OutputError
from retquant.manifest.records import ImageRecord
from retquant.tables import read_table
from retquant.tables.compaction import compact
from retquant.tables.rows import ImageRows
from retquant.tables.schemas import CHUNK_TABLES
from retquant.tables.upkeep import remove_images, sweep

Driver = subprocess.Popen[str]

SIZE_LIMIT = 16_384  # bytes; a part of a few images is smaller, the artifact below is larger


@pytest.fixture
def driver(
    tmp_path: Path, start_driver: Callable[..., Driver], wait_for_images: Callable[[Driver], None]
) -> Driver:
    """A run of 12 images on two workers, once it has committed something."""
    process = start_driver(tmp_path, 12, 2)
    wait_for_images(process)
    return process


def cohort_of(folder: Path, texts: dict[str, str]) -> Cohort:
    folder.mkdir(exist_ok=True)
    return Cohort(folder, texts)


def every_image_once(out: Path, images: dict[str, str]) -> bool:
    """The table of biomarkers, and that of quality, hold exactly these images."""
    tables = (pd.read_parquet(out / name)["image_id"] for name in ("biomarkers", "quality"))
    return all(sorted(table) == sorted(images) for table in tables)


def test_a_killed_driver_is_seen_and_resumed_without_loss(tmp_path: Path, driver: Driver) -> None:
    children = psutil.Process(driver.pid).children(recursive=True)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive, "workers outlived their driver"
    cohort = Cohort(tmp_path, values(12))
    status = read_status(cohort.out)
    assert (status.state, status.images) == ("dead", 12)
    assert status.done > 0
    summary = run(cohort.study(), cohort.out, settings=in_process())
    assert summary.kept >= status.done
    assert summary.kept + summary.done == 12
    assert every_image_once(cohort.out, values(12))


def test_two_runs_in_one_folder_are_one_too_many(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, values(3))
    run(cohort.study(), cohort.out, settings=in_process())
    with locked(cohort.out), pytest.raises(RefusedError, match=f"process {os.getpid()} on") as refusal:
        run(cohort.study(), cohort.out, settings=in_process())
    assert "retquant cohort status" in refusal.value.remedy
    assert run(cohort.study(), cohort.out, settings=in_process()).kept == 3


def test_a_dead_holders_lock_is_taken_over(tmp_path: Path, environment: dict[str, str]) -> None:
    code = "import os, sys; from pathlib import Path; from retquant.cohort.lock import locked\n"
    code += "with locked(Path(sys.argv[1])): os._exit(1)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=False)
    assert (tmp_path / LOCK).exists()
    holder = holder_of(tmp_path)
    assert holder is not None
    assert not holder.may_be_alive
    with locked(tmp_path):
        assert holder_of(tmp_path).pid == os.getpid()  # type: ignore[union-attr]
    assert not (tmp_path / LOCK).exists()


def test_a_lock_of_another_machine_is_respected_and_says_how_to_break_it(tmp_path: Path) -> None:
    with locked(tmp_path):
        text = (tmp_path / LOCK).read_text()
        host = holder_of(tmp_path).host  # type: ignore[union-attr]
    (tmp_path / LOCK).write_text(text.replace(f'"{host}"', '"elsewhere"'))
    with pytest.raises(RefusedError, match="on elsewhere") as refusal, locked(tmp_path):
        pass
    assert "delete" in refusal.value.remedy


@dataclass(frozen=True)
class Flood:
    """Measures, and for one image has a picture that does not fit the disk."""

    def __call__(self, record: ImageRecord) -> ImageRows:
        rows = Measure()(record)
        if record.image_id != "05-eye":
            return rows
        return replace(rows, artifacts={"overlays/05-eye.png": bytes(4 * SIZE_LIMIT)})


def test_a_full_disk_stops_the_run_with_a_clear_error_and_loses_nothing(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, values(8))
    study = cohort.study()
    object.__setattr__(study, "process", Flood())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE_LIMIT, hard))
    try:
        with pytest.raises(OutputError, match="could not be written") as stop:
            run(study, cohort.out, settings=in_process(chunk_images=2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "05-eye" in stop.value.where
    assert "space" in stop.value.remedy
    status = read_status(cohort.out)
    assert (status.state, status.done, status.failed) == ("failed", 4, 0)
    assert not list((cohort.out / ".scratch").glob("*.tmp"))
    summary = run(study, cohort.out, settings=in_process())
    assert (summary.kept, summary.done) == (4, 4)
    assert every_image_once(cohort.out, values(8))


class Killed(BaseException):
    """Stands for the process's end at a chosen place."""


@pytest.mark.parametrize("moment", range(0, 24, 3))
def test_a_compaction_killed_at_any_moment_neither_loses_nor_doubles_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    cohort = Cohort(tmp_path, values(6))
    run(cohort.study(), cohort.out, settings=in_process(chunk_images=2))
    whole = {table: read_table(cohort.out, table).num_rows for table in CHUNK_TABLES}
    die_after(monkeypatch, moment)
    with pytest.raises(Killed):
        compact(cohort.out, facts={}, at_least=2)
    monkeypatch.undo()
    for table in CHUNK_TABLES:
        assert read_table(cohort.out, table).num_rows == whole[table], f"{table} as load_biomarkers reads it"
        assert len(pd.read_parquet(cohort.out / table)) <= whole[table], f"{table} as anybody reads it"
    sweep(cohort.out)
    for table in CHUNK_TABLES:
        assert len(pd.read_parquet(cohort.out / table)) == whole[table]
    assert run(cohort.study(), cohort.out, settings=in_process()).kept == 6


@pytest.mark.parametrize("moment", range(0, 15, 2))
def test_a_removal_killed_at_any_moment_is_finished_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    cohort = Cohort(tmp_path, values(6))
    run(cohort.study(), cohort.out, settings=in_process(chunk_images=3))
    die_after(monkeypatch, moment)
    with pytest.raises(Killed):
        remove_images(cohort.out, ["00-eye", "01-eye", "02-eye", "04-eye"])
    monkeypatch.undo()
    summary = run(cohort.study(), cohort.out, settings=in_process())
    assert summary.kept + summary.done == 6
    assert every_image_once(cohort.out, values(6))
    assert len(pd.read_parquet(cohort.out / "vessels")) == sum(n % 4 for n in range(6))


def die_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """End the process, as it were, after so many changes to the folder."""
    left = [steps]

    def guarded(function):  # type: ignore[no-untyped-def]
        def call(*arguments, **options):  # type: ignore[no-untyped-def]
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return function(*arguments, **options)

        return call

    unlink = Path.unlink
    monkeypatch.setattr(os, "replace", guarded(os.replace))

    def remove(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".tmp":  # a killed process does not tidy up either, but it does not fail for it
            return None
        return guarded(unlink)(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", remove)


def test_a_worker_that_comes_back_from_the_dead_does_not_double_its_images(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, values(4))
    run(cohort.study(), cohort.out, settings=in_process(chunk_images=4))
    late = {table: sorted((cohort.out / table).glob("part-*.parquet"))[-1] for table in CHUNK_TABLES}
    kept = {table: path.read_bytes() for table, path in late.items()}
    for path in late.values():
        path.unlink()
    run(cohort.study(), cohort.out, settings=in_process(chunk_images=2))
    for table, path in late.items():
        path.write_bytes(kept[table])  # the chunk that was given up is committed after all
    assert read_status(cohort.out).done == 4
    run(cohort.study(), cohort.out, settings=in_process())
    assert every_image_once(cohort.out, values(4))
