"""A pilot measures some people drawn at random, forecasts the rest, and the whole run takes over what it did."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from stand_ins import Cohort, Measure, in_process, values

from retquant.cli.cohort_page import run_facts
from retquant.cohort import FailureLimit, Shard, TooManyFailuresError, read_status, run
from retquant.cohort.forecast import PACE, START, forecast
from retquant.cohort.pilot import pilot_of
from retquant.cohort.record import read_record
from retquant.errors import ConfigError
from retquant.report.cohort_page import write_cohort_page
from retquant.tables.reader import read_table


def people(count: int, eyes: int = 2) -> dict[str, str]:
    """Texts of good images, `eyes` a person (a person is the first two characters of an id)."""
    return {f"{n:02d}-{eye}": f"value {n}" for n in range(count) for eye in range(eyes)}


def measured(out: Path) -> set[str]:
    return set(read_table(out, "biomarkers", ["image_id"])["image_id"].to_pylist())


def test_a_pilot_takes_whole_people_the_same_each_time_and_a_larger_one_takes_them_too(
    tmp_path: Path,
) -> None:
    study = Cohort(tmp_path, people(40)).study()
    few, same, more = (pilot_of(study, count, done=()) for count in (5, 5, 9))
    assert [r.image_id for r in few.records] == [r.image_id for r in same.records]
    drawn = {record.participant_id for record in few.records}
    assert (len(drawn), len(few.records)) == (5, 10)
    assert drawn != {f"{n:02d}" for n in range(5)}  # not the first five
    assert drawn < {record.participant_id for record in more.records}
    assert few.participants["image_id"].to_pylist() == [record.image_id for record in few.records]
    assert len(pilot_of(study, 1000, done=()).records) == 80


def test_the_whole_run_measures_only_what_the_pilot_left(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    cohort = Cohort(tmp_path, people(20))
    study = cohort.study(process=Measure(diary=diary))
    pilot = run(study, cohort.out, settings=in_process(sample=4))
    assert (pilot.done, pilot.images) == (8, 8)
    first = measured(cohort.out)
    assert len(first) == 8
    assert len(read_table(cohort.out, "participants")) == 8
    again = run(study, cohort.out, settings=in_process(sample=4))
    assert (again.done, again.kept) == (0, 8)
    assert again.forecast == pilot.forecast
    diary.unlink()
    whole = run(study, cohort.out, settings=in_process())
    assert (whole.done, whole.kept) == (32, 8)
    assert not set(diary.read_text().split()) & first
    assert len(read_table(cohort.out, "participants")) == 40
    assert whole.forecast is None
    undisturbed = Cohort(tmp_path, people(20))
    undisturbed.out = tmp_path / "undisturbed"
    run(undisturbed.study(), undisturbed.out, settings=in_process())
    tables = [read_table(out, "biomarkers").sort_by("image_id") for out in (cohort.out, undisturbed.out)]
    assert tables[0].equals(tables[1])


def test_a_pilot_in_a_folder_with_results_keeps_them(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, {"zz-bad": "bad", "zz-worse": "bad", **people(20)})
    with pytest.raises(TooManyFailuresError):
        run(cohort.study(), cohort.out, settings=in_process(max_failures=FailureLimit(images=1)))
    before = measured(cohort.out)
    assert before
    run(cohort.study(), cohort.out, settings=in_process(sample=3))
    assert before < measured(cohort.out)
    known = set(read_table(cohort.out, "participants")["image_id"].to_pylist())
    assert measured(cohort.out) < known


def test_a_pilot_that_was_cut_short_goes_on_and_forecasts_from_all_of_it(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, people(30))

    def stop_after_two_chunks(progress: object) -> None:
        if progress.done >= 8:  # type: ignore[attr-defined]
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run(cohort.study(), cohort.out, settings=in_process(sample=12), progress=stop_after_two_chunks)
    assert read_record(cohort.out).forecast is None  # type: ignore[union-attr]
    found = run(cohort.study(), cohort.out, settings=in_process(sample=12)).forecast
    assert found is not None
    assert (found.images, found.left) == (60, 36)
    lines = (cohort.out / PACE).read_text().splitlines()
    images = sum(int(line.split("\t")[2]) for line in lines)
    assert images == 24
    assert found.timed == 20  # but for the first chunk of the one process


def test_hours_and_their_interval_follow_from_the_chunks(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, values(2))
    run(cohort.study(), cohort.out, settings=in_process())
    pace = [
        (START, 0, 36.0),
        ("a", 10, 90.0),  # loads and compiles
        ("b", 10, 80.0),
        *[("a", 10, 20.0 + off) for off in (-2, 0, 2)],
        *[("b", 10, 20.0 + off) for off in (-1, 1)],
    ]
    found = forecast(cohort.out, pace, people=3, images=100_070, left=100_000)
    assert found is not None
    assert (found.seconds_per_image, found.timed, found.chunks, found.workers) == (2.0, 50, 5, 2)
    # standard deviation of the chunks' seconds is sqrt(10 / 4), of their sum sqrt(5) times that, over 50 images
    assert found.standard_error == pytest.approx((10 / 4 * 5) ** 0.5 / 50)
    hours = {row.workers: row for row in found.hours}
    assert hours[1].hours == pytest.approx((36 + 200_000) / 3600)
    assert hours[8].hours == pytest.approx((36 + 25_000) / 3600)
    margin = 2.776 * found.standard_error  # Student's t of four degrees of freedom
    assert hours[8].low == pytest.approx((36 + 12_500 * (2 - margin)) / 3600, rel=1e-4)
    assert hours[8].high == pytest.approx((36 + 12_500 * (2 + margin)) / 3600, rel=1e-4)
    size = sum(path.stat().st_size for path in (cohort.out / "overlays").iterdir())
    assert found.kb_per_image * 1000 > size / 2
    assert found.gb == pytest.approx(100_070 * found.kb_per_image / 1e6)
    assert found.gb_fullest > found.gb


def test_times_by_other_settings_do_not_count(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, people(20))
    run(cohort.study(), cohort.out, settings=in_process(sample=4))
    cohort.config_digest = "settings-2"
    found = run(cohort.study(), cohort.out, settings=in_process(sample=4, agreed=True)).forecast
    assert found is not None
    assert found.timed == 4


def test_of_a_single_chunk_there_is_no_interval(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, people(9))
    found = run(cohort.study(), cohort.out, settings=in_process(sample=1)).forecast
    assert found is not None
    assert (found.standard_error, found.hours[0].low) == (None, None)


def test_a_pilot_is_of_somebody_and_no_shard() -> None:
    with pytest.raises(ConfigError, match="0 people"):
        in_process(sample=0)
    with pytest.raises(ConfigError, match="in a shard"):
        in_process(sample=5, shard=Shard(1, 2))


def test_the_page_and_the_record_of_a_pilot_say_that_it_is_one(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, people(20))
    run(cohort.study(), cohort.out, settings=in_process(sample=6))
    record = json.loads((cohort.out / "run.json").read_text(encoding="utf-8"))
    assert record["sample"] == 6
    assert record["forecast"]["left"] == 28
    assert read_status(cohort.out).left == 0
    page = write_cohort_page(cohort.out, run_facts(cohort.out)).read_text(encoding="utf-8")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", page.split("<body>")[1])).replace("\u202f", " ")
    assert "A pilot of 6 people, drawn at random from a manifest of 40 images" in text
    assert "28 of 40 images are left" in text
    assert "the same file under two names (two eyes of a person)" in text  # both eyes' files are alike here
