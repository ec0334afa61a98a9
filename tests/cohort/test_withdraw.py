"""People who withdraw leave no trace in a run, and the run after it does not bring them back."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
from stand_ins import Cohort, in_process

from retquant.cohort import RefusedError, Shard, read_status, run
from retquant.cohort.lock import locked
from retquant.cohort.withdraw import WITHDRAWN, read_ids, withdraw
from retquant.errors import OutputError
from retquant.tables import load_biomarkers
from retquant.tables.schemas import CHUNK_TABLES

GONE = ("P3", "P7")  # ids of people, as images begin with


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    texts = {f"P{person}-{eye}": f"value {person}" for person in range(9) for eye in ("OD", "OS")}
    return Cohort(tmp_path, {**texts, "P7-bad": "bad"})


def every_byte(out: Path) -> bytes:
    return b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())


def names(out: Path) -> str:
    return " ".join(str(path.relative_to(out)) for path in out.rglob("*"))


def assert_gone(out: Path) -> None:
    content, files = every_byte(out), names(out)
    for person in GONE:
        assert f"{person}-".encode() not in content
        assert person not in files
        for table in (*CHUNK_TABLES, "participants"):
            assert not pd.read_parquet(out / table)["image_id"].str.startswith(person).any(), table


@pytest.mark.parametrize("compact_from", [2, 16], ids=["compacted", "in small parts"])
def test_people_who_withdraw_are_out_of_every_table_picture_page_and_cache(
    cohort: Cohort, compact_from: int
) -> None:
    out = cohort.out
    run(cohort.study(), out, settings=in_process(compact_from=compact_from))
    (out / "index.html").write_text("a histogram of everybody")
    (out / "subjects").mkdir()
    for person in ("P2", "P3"):
        (out / "subjects" / f"{person}.html").write_text(f"the eyes of {person}")
    (out / "subjects" / "P5.html").write_text("like P3-OD")
    (out / "masks" / "P3-OD").mkdir(parents=True)
    (out / "masks" / "P3-OD" / "vessel.png").write_bytes(b"1")
    assert b"P3-" in every_byte(out)
    removed = withdraw(out, [*GONE, "stranger"])
    assert (removed.people, removed.unknown, removed.images) == (2, 1, 5)
    assert removed.rows["biomarkers"] == 4
    assert removed.rows["failures"] == 1
    assert removed.rows["vessels"] == 2 * 3 + 2 * 3  # 3 and 7 both leave 3 by 4
    assert removed.rows["participants"] == 5
    assert removed.pictures == 4 + 1
    pages = ("hygiene.csv", "index.html", "subjects/P3.html", "subjects/P5.html", "hygiene")
    assert removed.pages == pages
    assert_gone(out)
    table = load_biomarkers(out)
    assert len(table) == 14
    assert (read_status(out).done, read_status(out).left) == (14, 0)


def test_a_later_run_leaves_them_out_though_the_manifest_names_them(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    withdraw(cohort.out, GONE)
    for settings in (in_process(), in_process(redo="all"), in_process(shard=Shard(1, 1)), in_process()):
        run(cohort.study(), cohort.out, settings=settings)
    assert len(pd.read_parquet(cohort.out / "biomarkers")) == 14
    assert_gone(cohort.out)
    assert not any(person in (cohort.out / WITHDRAWN).read_text() for person in GONE)


def test_shards_forget_them_too(cohort: Cohort) -> None:
    for n in (1, 2):
        run(cohort.study(), cohort.out, settings=in_process(shard=Shard(n, 2)))
    removed = withdraw(cohort.out, GONE)
    assert (removed.people, removed.images) == (2, 5)
    assert run(cohort.study(), cohort.out, settings=in_process()).kept == 14
    assert_gone(cohort.out)


def test_nobody_is_removed_under_a_run_that_works(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    with locked(cohort.out), pytest.raises(RefusedError, match="has been working"):
        withdraw(cohort.out, GONE)
    assert len(pd.read_parquet(cohort.out / "biomarkers")) == 18


class Killed(BaseException):
    """Stands for the process's end at a chosen place."""


@pytest.mark.parametrize("moment", range(2, 50, 16))
def test_a_withdrawal_killed_at_any_moment_is_finished_by_the_same_command(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    left = [moment]
    for name in ("replace", "unlink"):
        real = getattr(os, name)

        def dying(*arguments, real=real, **options):  # type: ignore[no-untyped-def]
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return real(*arguments, **options)

        monkeypatch.setattr(os, name, dying)
    with suppress(Killed):
        withdraw(cohort.out, GONE)
    monkeypatch.undo()
    withdraw(cohort.out, GONE)
    assert_gone(cohort.out)
    assert len(load_biomarkers(cohort.out)) == 14


@pytest.mark.parametrize("text", [None, "", "\n \n"])
def test_a_list_that_names_nobody_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "ids.txt").write_text(text)
    with pytest.raises(OutputError, match=r"id|read"):
        read_ids(tmp_path / "ids.txt")


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no run"):
        withdraw(tmp_path, GONE)
    assert not list(tmp_path.iterdir())


def test_the_command_says_what_it_removed(cohort: Cohort, capsys: pytest.CaptureFixture[str]) -> None:
    from retquant.cli.cohort_watch import withdraw_people

    run(cohort.study(), cohort.out, settings=in_process())
    (cohort.folder / "ids.txt").write_text("P3\nP7\n")
    withdraw_people(cohort.out, cohort.folder / "ids.txt", as_json=False)
    said = capsys.readouterr().out
    assert "2 people with 5 images removed" in said
    assert "4 of biomarkers" in said
