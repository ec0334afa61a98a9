"""Where workers have a device, they draw and nothing else; nothing is lost when one of either kind dies."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from in_stages import InStages, processes
from stand_ins import Cohort, in_process, values

from retquant.cohort import ClusterSettings, CohortSettings, connect, run, submit
from retquant.cohort.cluster import has_device
from retquant.tables.schemas import CHUNK_TABLES

ODD = {"aa-bad": "bad", "cc-crooked": "crooked", "gg-given": "given"}


def rows(out: Path, table: str) -> pd.DataFrame:
    frame = pd.read_parquet(out / table)
    return frame.sort_values(list(frame.columns)).reset_index(drop=True)


def assert_same_results(one: Cohort, other: Cohort) -> None:
    for table in CHUNK_TABLES:
        found, wanted = (rows(cohort.out, table) for cohort in (one, other))
        if table == "failures":  # whose `where` is the folder
            found, wanted = found.drop(columns="where"), wanted.drop(columns="where")
        pd.testing.assert_frame_equal(found, wanted, obj=table, check_exact=True)


@pytest.fixture
def process(tmp_path: Path) -> InStages:
    for name in ("notes", "deaths"):
        (tmp_path / name).mkdir()
    return InStages(tmp_path / "notes", tmp_path / "deaths")


def twins(tmp_path: Path, texts: dict[str, str]) -> tuple[Cohort, Cohort]:
    """The same cohort twice: to be run with whatever happens, and undisturbed."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    return Cohort(tmp_path / "one", texts), Cohort(tmp_path / "other", texts)


def test_workers_with_a_device_draw_and_the_others_do_the_rest_with_the_same_results_though_some_die(
    tmp_path: Path, process: InStages
) -> None:
    apart, whole = twins(tmp_path, {**values(30), **ODD})
    for death in ("draw-07-eye", "measure-19-eye"):
        (process.deaths / death).touch()
    cluster = ClusterSettings(workers=2, devices=("0",), deaths_allowed=3)
    summary = run(
        apart.study(process=process), apart.out, settings=CohortSettings(cluster=cluster, chunk_images=12)
    )
    assert not list(process.deaths.iterdir()), "a worker was not killed"
    assert (summary.done, summary.failed) == (31, 2)
    assert summary.seconds_by_stage["segment"] > 30 * 0.02, "what drawing took is in the record"
    assert summary.seconds_by_stage["wait"] > 0
    seen = processes(process.notes)
    assert {stage: set(kinds) for stage, kinds in seen.items()} == {
        "open": {"plain"},
        "draw": {"device"},
        "measure": {"plain"},
    }
    calm = InStages(process.notes, process.deaths, pause=0.0)
    run(whole.study(process=calm), whole.out, settings=in_process())
    failures = rows(apart.out, "failures").set_index("image_id")
    assert failures["error"].to_dict() == {"aa-bad": "ImageError", "cc-crooked": "ValueError"}
    assert_same_results(apart, whole)


def test_a_local_cluster_is_there_when_each_of_its_devices_has_a_worker() -> None:
    client = connect(ClusterSettings(workers=1), devices=("0", "1"))
    try:
        assert sum(map(has_device, client.scheduler_info(n_workers=-1)["workers"].values())) == 2
    finally:
        client.close()


def test_chunks_that_are_sent_while_the_worker_with_a_device_starts_again_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers: dict[str, dict[str, object]] = {"a": {}, "b": {"resources": {"GPU": 2}}}

    class StandIn:
        dashboard_link = cluster = None

        def scheduler_info(self, n_workers: int) -> dict[str, object]:
            return {"workers": workers}

    crew = submit.OnCluster(StandIn(), "plugin", staged=True)  # type: ignore[arg-type]
    assert crew._measuring() == ({"a"}, True)
    del workers["b"]
    assert crew._measuring() == ({"a"}, True)
    monkeypatch.setattr(submit, "_ABSENCE", 0.0)
    assert crew._measuring() == ({"a"}, False)


def test_without_a_device_all_stages_of_an_image_are_one_task(tmp_path: Path, process: InStages) -> None:
    cohort = Cohort(tmp_path, values(6))
    cluster = ClusterSettings(workers=1, devices=())
    run(cohort.study(process=process), cohort.out, settings=CohortSettings(cluster=cluster))
    where = {name.name.split(".")[-1] for name in process.notes.iterdir()}
    assert len(where) == 1
    assert {kind for kinds in processes(process.notes).values() for kind in kinds} == {"plain"}


@pytest.mark.slow
def test_an_image_that_ends_every_worker_that_draws_it_fails_alone(tmp_path: Path, process: InStages) -> None:
    cohort = Cohort(tmp_path, {**values(6), "pp-poison": "poison"})
    cluster = ClusterSettings(workers=1, devices=("0",), deaths_allowed=0)
    summary = run(cohort.study(process=process), cohort.out, settings=CohortSettings(cluster=cluster))
    assert (summary.done, summary.failed) == (6, 1)
    assert rows(cohort.out, "failures")[["image_id", "error"]].values.tolist() == [
        ["pp-poison", "WorkerDied"]
    ]
