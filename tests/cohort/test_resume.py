"""A run again does what is missing and nothing else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from stand_ins import COLUMNS, Cohort, Column, in_process, values

from retquant.cohort import FailureLimit, RefusedError, TooManyFailuresError, read_status, run
from retquant.cohort.record import read_record
from retquant.tables import load_biomarkers, read_table
from retquant.tables.schemas import CHUNK_TABLES


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return Cohort(tmp_path, {**values(10), "zz-bad": "bad"})


def every_row(out: Path) -> dict[str, pd.DataFrame]:
    """All tables, in an order that does not depend on the run."""
    tables = {}
    for name in (*CHUNK_TABLES, "participants"):
        frame = pd.read_parquet(out / name)
        tables[name] = frame.sort_values(list(frame.columns)).reset_index(drop=True)
    return tables


def assert_same_results(one: Path, other: Path) -> None:
    for name, frame in every_row(one).items():
        pd.testing.assert_frame_equal(frame, every_row(other)[name], obj=name)


def test_a_run_leaves_each_image_once_with_values_reasons_and_pictures(cohort: Cohort) -> None:
    summary = run(cohort.study(), cohort.out, settings=in_process())
    assert (summary.done, summary.failed, summary.kept) == (10, 1, 0)
    table = pd.read_parquet(cohort.out / "biomarkers").set_index("image_id")
    assert sorted(table.index) == sorted(values(10))
    assert table.loc["07-eye", "vessel_area_density_fov"] == 7
    assert table["disc_area"].isna().all()
    missing = pd.read_parquet(cohort.out / "missing")
    assert set(missing["biomarker"]) == {"disc_area"}
    assert set(missing["reason"]) == {"no_disc"}
    assert len(missing) == 10
    vessels = pd.read_parquet(cohort.out / "vessels")
    assert len(vessels) == sum(n % 4 for n in range(10))
    assert (cohort.out / "overlays" / "07-eye.png").read_text() == "value 7"
    failure = pd.read_parquet(cohort.out / "failures").iloc[0]
    assert (failure["image_id"], failure["stage"], failure["error"]) == ("zz-bad", "read", "ImageError")
    assert failure["hint"] == "give another file"


def test_a_second_run_does_nothing(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    before = every_row(cohort.out)
    summary = run(cohort.study(), cohort.out, settings=in_process())
    assert (summary.done, summary.failed, summary.kept, summary.kept_failures) == (0, 0, 10, 1)
    for name, frame in every_row(cohort.out).items():
        pd.testing.assert_frame_equal(frame, before[name])


def test_one_changed_image_redoes_one(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    cohort.write("03-eye", "value 30")
    summary = run(cohort.study(), cohort.out, settings=in_process())
    assert (summary.done, summary.kept) == (1, 9)
    table = pd.read_parquet(cohort.out / "biomarkers").set_index("image_id")
    assert len(table) == 10
    assert table.loc["03-eye", "vessel_area_density_fov"] == 30
    vessels = pd.read_parquet(cohort.out / "vessels")
    assert set(vessels.loc[vessels["image_id"] == "03-eye", "length_px"]) == {30.0}


def test_a_corrected_label_redoes_nothing_and_is_in_the_table(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    cohort.label("03-eye", 1)
    summary = run(cohort.study(), cohort.out, settings=in_process())
    assert summary.done == 0
    assert load_biomarkers(cohort.out).set_index("image_id").loc["03-eye", "diabetes"] == 1


@pytest.mark.parametrize("table", CHUNK_TABLES)
def test_a_deleted_part_of_any_table_redoes_its_images(cohort: Cohort, table: str) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    whole = every_row(cohort.out)
    part = sorted((cohort.out / table).glob("part-*.parquet"))[1]
    part.unlink()
    summary = run(cohort.study(), cohort.out, settings=in_process())
    assert 1 <= summary.done + summary.failed <= 4
    for name, frame in every_row(cohort.out).items():
        pd.testing.assert_frame_equal(frame, whole[name])


def test_a_failure_is_final_until_its_file_changes(cohort: Cohort) -> None:
    (cohort.folder / "zz-bad.txt").unlink()
    assert run(cohort.study(), cohort.out, settings=in_process()).failed == 1
    assert run(cohort.study(), cohort.out, settings=in_process()).kept_failures == 1
    cohort.write("zz-bad", "value 5")
    summary = run(cohort.study(), cohort.out, settings=in_process())
    assert (summary.done, summary.failures) == (1, 0)
    assert len(pd.read_parquet(cohort.out / "failures")) == 0


def test_failures_are_tried_again_when_asked_for(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    summary = run(cohort.study(), cohort.out, settings=in_process(redo="failed"))
    assert (summary.failed, summary.kept) == (1, 10)
    assert len(pd.read_parquet(cohort.out / "failures")) == 1


def test_force_measures_every_image_again(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    before = every_row(cohort.out)
    summary = run(cohort.study(), cohort.out, settings=in_process(redo="all"))
    assert (summary.done, summary.failed, summary.kept) == (10, 1, 0)
    for name, frame in every_row(cohort.out).items():
        pd.testing.assert_frame_equal(frame, before[name])


def test_force_does_not_throw_away_what_can_no_longer_be_read(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    for image in cohort.folder.glob("*-eye.txt"):
        image.unlink()
    with pytest.raises(RefusedError, match="can no longer be read"):
        run(cohort.study(), cohort.out, settings=in_process(redo="all"))


def test_only_failed_tries_failures_again_and_leaves_all_else_alone(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    cohort.write("zz-bad", "value 5")
    cohort.write("03-eye", "value 30")  # changed, and not asked for
    cohort.label("new-eye", 0)
    cohort.write("new-eye", "value 31")  # new, and not asked for
    summary = run(cohort.study(), cohort.out, settings=in_process(redo="only failed"))
    assert (summary.done, summary.failures) == (1, 0)
    table = pd.read_parquet(cohort.out / "biomarkers").set_index("image_id")
    assert table.loc["03-eye", "vessel_area_density_fov"] == 3
    assert "new-eye" not in table.index
    rest = run(cohort.study(), cohort.out, settings=in_process())
    assert (rest.done, rest.kept) == (2, 10)


def test_only_failed_does_not_mix_results_of_two_settings(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    cohort.config_digest = "settings-2"
    with pytest.raises(RefusedError, match="beside 10 images measured as before"):
        run(cohort.study(), cohort.out, settings=in_process(redo="only failed", agreed=True))


@pytest.mark.parametrize(
    ("table", "left"), [*((table, 0.5) for table in CHUNK_TABLES), ("biomarkers", 0), ("biomarkers", 4)]
)
def test_a_part_truncated_by_hand_is_found_and_redone(cohort: Cohort, table: str, left: float) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    whole = every_row(cohort.out)
    part = sorted((cohort.out / table).glob("part-*.parquet"))[1]
    size = part.stat().st_size
    with open(part, "r+b") as file:
        file.truncate(int(left * size) if isinstance(left, float) else left)
    assert read_status(cohort.out).left > 0  # seen before it is mended
    summary = run(cohort.study(), cohort.out, settings=in_process())
    assert 1 <= summary.done + summary.failed <= 4
    for name, frame in every_row(cohort.out).items():
        pd.testing.assert_frame_equal(frame, whole[name])


def test_a_bug_in_measuring_costs_its_image_only(cohort: Cohort) -> None:
    cohort.write("03-eye", "bug")
    summary = run(cohort.study(), cohort.out, settings=in_process())
    assert (summary.done, summary.failed) == (9, 2)
    failures = pd.read_parquet(cohort.out / "failures").set_index("image_id")
    assert "without a reason" in failures.loc["03-eye", "message"]


def test_results_do_not_depend_on_the_size_of_chunks(tmp_path: Path) -> None:
    for name in ("one", "all"):
        (tmp_path / name).mkdir()
    one, every = (Cohort(tmp_path / name, values(9)) for name in ("one", "all"))
    run(one.study(), one.out, settings=in_process(chunk_images=1, compact_from=2))
    run(every.study(), every.out, settings=in_process(chunk_images=64))
    assert_same_results(one.out, every.out)


def test_compacting_keeps_every_row_and_resumes_still(cohort: Cohort) -> None:
    apart = every_row(run(cohort.study(), cohort.out, settings=in_process(chunk_images=2)).out)
    cohort.write("01-eye", "value 1")  # touched, not changed
    run(cohort.study(), cohort.out, settings=in_process(compact_from=2))
    parts = list((cohort.out / "biomarkers").glob("part-*.parquet"))
    assert len(parts) == 2  # the schema and the merged rows
    for name, frame in every_row(cohort.out).items():
        pd.testing.assert_frame_equal(frame, apart[name])
    cohort.write("01-eye", "value 11")
    summary = run(cohort.study(), cohort.out, settings=in_process(compact_from=2))
    assert (summary.done, summary.kept) == (1, 9)
    assert len(pd.read_parquet(cohort.out / "biomarkers")) == 10


def test_a_changed_setting_asks_before_it_redoes(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    cohort.config_digest = "settings-2"
    with pytest.raises(RefusedError, match="11 images will be redone"):
        run(cohort.study(), cohort.out, settings=in_process())
    assert len(pd.read_parquet(cohort.out / "biomarkers")) == 10
    summary = run(cohort.study(), cohort.out, settings=in_process(agreed=True))
    assert (summary.done, summary.failed) == (10, 1)
    assert len(pd.read_parquet(cohort.out / "biomarkers")) == 10


def test_a_new_biomarker_gives_every_row_its_column(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process(compact_from=2))
    cohort.columns = (*COLUMNS, Column(name="cup_area"))
    run(cohort.study(), cohort.out, settings=in_process(agreed=True))
    assert "cup_area" in pd.read_parquet(cohort.out / "biomarkers").columns
    assert "cup_area" in load_biomarkers(cohort.out).columns


def test_images_that_leave_the_manifest_leave_the_tables_once_agreed(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    cohort.drop("04-eye")
    with pytest.raises(RefusedError, match="1 image with results are no longer in the manifest"):
        run(cohort.study(), cohort.out, settings=in_process())
    run(cohort.study(), cohort.out, settings=in_process(agreed=True))
    for table in ("biomarkers", "quality", "participants"):
        assert "04-eye" not in set(pd.read_parquet(cohort.out / table)["image_id"])


def test_results_whose_images_vanished_are_not_thrown_away_unasked(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    for image in cohort.folder.glob("*-eye.txt"):
        image.unlink()  # as when a disk is not mounted
    with pytest.raises(RefusedError, match="10 images with results can no longer be read"):
        run(cohort.study(), cohort.out, settings=in_process())
    assert len(pd.read_parquet(cohort.out / "biomarkers")) == 10


def test_another_manifest_is_refused(cohort: Cohort, tmp_path: Path) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    (tmp_path / "other").mkdir()
    other = Cohort(tmp_path / "other", values(3))
    with pytest.raises(RefusedError, match="holds the results of") as refusal:
        run(other.study(), cohort.out, settings=in_process())
    assert "--out" in refusal.value.remedy


def test_a_folder_with_strange_files_is_refused_and_left_alone(cohort: Cohort) -> None:
    cohort.out.mkdir()
    (cohort.out / "thesis.docx").write_text("years of work")
    with pytest.raises(RefusedError, match=r"thesis\.docx"):
        run(cohort.study(), cohort.out, settings=in_process())
    assert [path.name for path in cohort.out.iterdir()] == ["thesis.docx"]


def test_too_many_failures_stop_the_run_and_keep_what_is_done(cohort: Cohort) -> None:
    for n in range(5, 10):
        cohort.write(f"{n:02d}-eye", "bad")
    with pytest.raises(TooManyFailuresError, match="more than the 2 allowed"):
        run(
            cohort.study(),
            cohort.out,
            settings=in_process(chunk_images=1, max_failures=FailureLimit.parse("20%")),
        )
    assert read_status(cohort.out).state == "failed"
    assert len(pd.read_parquet(cohort.out / "biomarkers")) == 5


def test_an_interrupted_run_keeps_what_is_done_and_goes_on(cohort: Cohort) -> None:
    def stop(progress: object) -> None:
        if progress.done == 4:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(cohort.study(), cohort.out, settings=in_process(), progress=stop)
    status = read_status(cohort.out)
    assert (status.state, status.done, status.left) == ("interrupted", 4, 7)
    assert status.images_per_second > 0
    assert status.seconds_left == pytest.approx(7 / status.images_per_second)
    summary = run(cohort.study(), cohort.out, settings=in_process())
    assert (summary.kept, summary.done) == (4, 6)


def test_the_record_says_what_ran_and_what_ran_before(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process(command="retquant cohort run a.csv"))
    run(cohort.study(), cohort.out, settings=in_process(command="retquant cohort run a.csv"))
    record = read_record(cohort.out)
    assert record is not None
    assert record.state == "finished"
    assert (record.counts.kept, record.counts.kept_failures, record.counts.done) == (10, 1, 0)
    assert [(past.state, past.counts.done) for past in record.history] == [("finished", 10)]
    assert (cohort.out / "config.toml").read_text() == cohort.study().config_toml


def test_the_cache_of_hashes_can_be_deleted(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    for file in (cohort.out / ".cache").iterdir():
        file.unlink()
    assert run(cohort.study(), cohort.out, settings=in_process()).done == 0


def test_a_change_that_keeps_size_and_time_is_found_by_verify_only(cohort: Cohort) -> None:
    import os

    run(cohort.study(), cohort.out, settings=in_process())
    image = cohort.folder / "03-eye.txt"
    state = image.stat()
    image.write_text("value 8")
    os.utime(image, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert run(cohort.study(), cohort.out, settings=in_process()).done == 0
    assert run(cohort.study(), cohort.out, settings=in_process(verify=True)).done == 1


def test_dictionary_describes_every_column_of_the_biomarkers(cohort: Cohort) -> None:
    run(cohort.study(), cohort.out, settings=in_process())
    dictionary = read_table(cohort.out, "dictionary").to_pandas()
    described = dictionary[dictionary["table"] == "biomarkers"]
    assert set(described["name"]) == set(pd.read_parquet(cohort.out / "biomarkers").columns)
    assert described.set_index("name").loc["disc_area", "unit"] == "mm2"
