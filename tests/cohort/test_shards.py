"""Jobs of an array do a shard each in one folder; the run without a shard puts them together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from stand_ins import Cohort, in_process

from retquant.cohort import CohortSettings, RefusedError, RunSummary, Shard, read_status, run
from retquant.cohort.lock import locked
from retquant.cohort.record import read_record
from retquant.cohort.shard import shard_folders
from retquant.errors import ConfigError
from retquant.manifest.records import ImageRecord
from retquant.tables.schemas import CHUNK_TABLES


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    eyes = {
        f"{person:02d}-{eye}": f"value {person + (eye == 'OS') * 100}"
        for person in range(9)
        for eye in ("OD", "OS")
    }
    return Cohort(tmp_path, {**eyes, "zz-bad": "bad"})


def rows(out: Path, table: str) -> pd.DataFrame:
    frame = pd.read_parquet(out / table)
    return frame.sort_values(list(frame.columns)).reset_index(drop=True)


def do(cohort: Cohort, shard: str | None = None, **changes: object) -> RunSummary:
    settings: CohortSettings = in_process(shard=Shard.parse(shard) if shard else None, **changes)
    return run(cohort.study(), cohort.out, settings=settings)


def assert_like_undisturbed(cohort: Cohort) -> None:
    """All tables are those of one run elsewhere."""
    calm = cohort.folder / "calm"
    run(cohort.study(), calm, settings=in_process())
    for table in (*CHUNK_TABLES, "participants"):
        pd.testing.assert_frame_equal(rows(cohort.out, table), rows(calm, table), obj=table, check_exact=True)
    assert (cohort.out / "overlays" / "03-OD.png").read_text() == "value 3"


def test_shards_put_together_are_the_whole_run(cohort: Cohort) -> None:
    summaries = [do(cohort, f"{n}/3") for n in (1, 2, 3)]
    assert sum(summary.done for summary in summaries) == 18
    assert sum(summary.failed for summary in summaries) == 1
    whole = do(cohort)
    assert (whole.kept, whole.kept_failures, whole.done) == (18, 1, 0)
    assert_like_undisturbed(cohort)
    assert not shard_folders(cohort.out)
    record = read_record(cohort.out)
    assert record is not None
    assert len(record.history) == 3
    assert do(cohort).kept == 18


def test_a_persons_images_lie_in_one_shard(cohort: Cohort) -> None:
    for n in (1, 2, 3):
        do(cohort, f"{n}/3")
    images = [set(pd.read_parquet(folder / "biomarkers")["image_id"]) for folder in shard_folders(cohort.out)]
    people = [{image[:2] for image in found} for found in images]
    assert not people[0] & people[1] | people[0] & people[2] | people[1] & people[2]
    assert sum(map(len, people)) == 9


def test_people_stay_in_their_shard_and_shards_are_about_equal() -> None:
    records = [
        ImageRecord(image_id=str(n), image=Path("a"), row=n, participant_id=f"person {n // 2}")
        for n in range(20_000)
    ]
    sizes = [sum(Shard(n, 8).holds(record) for record in records) for n in range(1, 9)]
    assert sum(sizes) == 20_000
    spread = (10_000 * 1 / 8 * 7 / 8) ** 0.5  # of people that fall into one of eight shards by chance
    assert all(abs(size / 2 - 1_250) < 4 * spread for size in sizes)
    assert Shard(3, 8).holds(records[2]) == Shard(3, 8).holds(replace(records[3], row=7, eye="OS"))


def test_a_missing_shard_is_done_by_the_run_that_puts_them_together(cohort: Cohort) -> None:
    first = do(cohort, "1/3")
    whole = do(cohort)
    assert whole.kept == first.done
    assert whole.kept + whole.done == 18
    assert_like_undisturbed(cohort)


def test_a_shard_does_not_do_what_the_whole_run_has_done(cohort: Cohort) -> None:
    do(cohort)
    assert do(cohort, "1/2").done == 0
    cohort.write("03-OD", "value 33")
    assert sum(do(cohort, f"{n}/2").done for n in (1, 2)) == 1
    assert do(cohort).kept == 18
    table = pd.read_parquet(cohort.out / "biomarkers").set_index("image_id")
    assert table.loc["03-OD", "vessel_area_density_fov"] == 33
    assert len(table) == 18


def test_shards_of_changed_settings_ask_before_they_redo(cohort: Cohort) -> None:
    do(cohort)
    cohort.config_digest = "settings-2"
    with pytest.raises(RefusedError, match="will be redone"):
        do(cohort, "1/2")
    assert sum(do(cohort, f"{n}/2", agreed=True).done for n in (1, 2)) == 18
    assert do(cohort, agreed=True).kept == 18


def test_the_whole_and_a_shard_do_not_work_at_once(cohort: Cohort) -> None:
    do(cohort, "1/3")
    with locked(cohort.out), pytest.raises(RefusedError, match="working on the whole manifest"):
        do(cohort, "2/3")
    with locked(cohort.out / "shards" / "1-of-3"):
        with pytest.raises(RefusedError, match="working on shard 1-of-3"):
            do(cohort)
        with pytest.raises(RefusedError, match="has been working in this folder"):
            do(cohort, "1/3")


class Killed(BaseException):
    """Stands for the process's end at a chosen place."""


@pytest.mark.parametrize("moment", range(1, 120, 17))
def test_a_take_over_killed_at_any_moment_neither_loses_nor_doubles_a_row(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    import os

    for n in (1, 2):
        do(cohort, f"{n}/2")
    left = [moment]

    def dying(function):  # type: ignore[no-untyped-def]
        def call(*arguments, **options):  # type: ignore[no-untyped-def]
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return function(*arguments, **options)

        return call

    for name in ("link", "unlink", "replace", "rmdir"):
        monkeypatch.setattr(os, name, dying(getattr(os, name)))
    with pytest.raises(Killed):
        do(cohort)
    monkeypatch.undo()
    whole = do(cohort)
    assert whole.kept + whole.done == 18
    assert whole.done == 0, "work was lost"
    assert_like_undisturbed(cohort)


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1/3/5", ""])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no shard"):
        Shard.parse(text)


def test_status_tells_each_shard(cohort: Cohort, capsys: pytest.CaptureFixture[str]) -> None:
    from retquant.cli.cohort_watch import say_status

    for n in (1, 2):
        do(cohort, f"{n}/2")
    say_status(cohort.out, as_json=False)
    said = capsys.readouterr().out
    assert "shard 1-of-2 finished:" in said
    assert "shard 2-of-2 finished:" in said
    assert read_status(cohort.out / "shards" / "1-of-2").state == "finished"
