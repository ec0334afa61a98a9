"""What a run leaves about itself: `run.json` says what made its numbers, `log.jsonl` what happened when."""

from __future__ import annotations

import datetime
import json
import os
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from stand_ins import Cohort, in_process, values

import retquant
from retquant.cohort import CohortSettings, Shard, run
from retquant.cohort.journal import LOG
from retquant.cohort.keys import ModelUse
from retquant.cohort.memory import peak_gib
from retquant.cohort.record import PACKAGES, read_record
from retquant.cohort.withdraw import withdraw
from retquant.errors import OutputError

GIB = 1 << 30


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return Cohort(tmp_path, {**values(9), "90-secretname": "bad picture"})


def log_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / LOG).read_text(encoding="utf-8").splitlines()]


def test_the_record_has_versions_settings_models_machine_command_counts_times_and_memory(
    cohort: Cohort,
) -> None:
    text = '[images]\nmax_pixels = 5\n[segmentation]\nmodel = "m"\n'
    model = ModelUse(name="m", sha256="ab" * 32, licence_note="open")
    study = replace(cohort.study(), config_toml=text, models=[model])
    before = peak_gib()
    run(study, cohort.out, settings=in_process(command="retquant cohort run manifest.csv"))
    record = read_record(cohort.out)
    assert record is not None
    assert record.retquant == retquant.__version__
    assert set(record.packages) <= set(PACKAGES)
    assert {"numpy", "pyarrow", "dask", "torch"} <= set(record.packages)
    assert record.config == tomllib.loads(text) == tomllib.loads((cohort.out / "config.toml").read_text())
    assert [(m.name, m.sha256) for m in record.models] == [("m", "ab" * 32)]
    assert record.machine.cores == os.cpu_count()
    assert record.machine.memory_gib == pytest.approx(psutil.virtual_memory().total / GIB, abs=0.1)
    assert record.machine.host
    assert record.machine.processor
    assert record.command == "retquant cohort run manifest.csv"
    assert (record.counts.images, record.counts.done, record.counts.failed) == (10, 9, 1)
    assert record.seconds > 0
    assert record.seconds_by_stage == {"read": pytest.approx(9 * 0.001)}
    assert record.workers == 1
    slack = 0.01  # GiB: the kernel counts pages in batches a processor, and its peak may read some less a moment later
    assert before - slack <= record.peak_memory.driver_gib <= peak_gib() + slack
    assert before - slack <= record.peak_memory.worker_gib <= peak_gib() + slack  # they are one process here
    started, finished = map(datetime.datetime.fromisoformat, (record.started, record.finished or ""))
    assert started <= finished


def test_memory_that_was_given_back_is_still_in_the_peak() -> None:
    before = peak_gib()
    held = np.ones(int((before + 0.2) * GIB) // 8)
    size = held.nbytes / GIB
    del held
    assert size < peak_gib() < before + size + 0.2
    assert peak_gib() > psutil.Process().memory_info().rss / GIB


def test_the_log_tells_what_happened_a_json_object_a_line(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    first = log_of(cohort.out)
    events = [line["event"] for line in first]
    assert (events[:2], set(events[2:-1]), events[-1]) == (["started", "measuring"], {"chunk"}, "finished")
    assert {line["run"] for line in first} == {read_record(cohort.out).run_id}  # type: ignore[union-attr]
    times = [datetime.datetime.fromisoformat(line["time"]) for line in first]
    assert times == sorted(times)
    assert (first[0]["todo"], first[0]["kept"]) == (10, 0)
    chunks = [line for line in first if line["event"] == "chunk"]
    assert sum(chunk["done"] for chunk in chunks) == 9
    assert [chunk["failed"] for chunk in chunks if chunk["failed"]] == [{"read": 1}]
    assert (first[-1]["done"], first[-1]["failed"]) == (9, 1)
    run(cohort.study(), cohort.out, settings=in_process())
    again = log_of(cohort.out)[len(first) :]
    assert [line["event"] for line in again] == ["started", "finished"]
    assert (again[0]["todo"], again[0]["kept"], again[0]["kept_failures"]) == (0, 9, 1)


def test_a_run_that_fails_says_so_in_log_and_record(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OutputError("no space is left for 90-secretname", where=str(cohort.out), remedy="free some")

    monkeypatch.setattr("retquant.tables.writer.write_part", refuse)
    with pytest.raises(OutputError):
        run(cohort.study(), cohort.out, settings=in_process())
    last = log_of(cohort.out)[-1]
    assert (last["event"], last["error"], last["done"]) == ("failed", "OutputError", 0)
    record = read_record(cohort.out)
    assert record is not None
    assert "no space is left" in record.problem


def test_a_quiet_run_writes_nothing_to_the_terminal(
    cohort: Cohort, capfd: pytest.CaptureFixture[str]
) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    assert capfd.readouterr() == ("", "")


def test_the_log_names_no_image_and_no_person(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    text = (cohort.out / LOG).read_text(encoding="utf-8")
    assert not [name for name in cohort.labels if name in text]
    assert str(cohort.folder) not in text


def test_who_withdraws_is_not_in_the_record_of_a_run_that_failed_of_them(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(cohort.study(), cohort.out, settings=in_process())

    def refuse(*arguments: object, **options: object) -> None:
        raise OutputError("no space is left for 90-secretname", where=str(cohort.out), remedy="free some")

    with monkeypatch.context() as broken:
        broken.setattr("retquant.tables.writer.write_part", refuse)
        with pytest.raises(OutputError):
            run(cohort.study(), cohort.out, settings=in_process(redo="all"))
    assert "secretname" in (cohort.out / "run.json").read_text()
    withdraw(cohort.out, ["90", "90-secretname"])
    assert "secretname" not in (cohort.out / "run.json").read_text()


def test_the_logs_of_shards_are_in_that_of_the_whole_run(cohort: Cohort) -> None:
    for number in (1, 2):
        settings: CohortSettings = in_process(shard=Shard(number, 2))
        run(cohort.study(), cohort.out, settings=settings)
    run(cohort.study(), cohort.out, settings=in_process())
    found = log_of(cohort.out)
    assert [line["event"] for line in found].count("finished") == 3
    assert sum(line["done"] for line in found if line["event"] == "chunk") == 9


def test_a_log_that_cannot_be_written_stops_no_run(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    (cohort.out / LOG).unlink()
    (cohort.out / LOG).mkdir()
    cohort.write("03-eye", "value 33")
    assert run(cohort.study(), cohort.out, settings=in_process()).done == 1
