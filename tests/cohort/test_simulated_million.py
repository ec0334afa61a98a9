"""The engine over a cohort of photographs that cost nothing: by the thousand here, by the million as `slow`.

Limits are in processor time, which another load on the machine changes little: 1,000 images a second on two cores are
2 ms of processor time an image, driver and workers together.
"""

from __future__ import annotations

import gc
import itertools
import time
from pathlib import Path

import pytest

from benchmarks.cohort_phases import Case, carry_out, wrong_rows
from benchmarks.simulated_cohort import columns_of, make_files, study_of
from retquant.cohort import ClusterSettings, CohortSettings, Progress, Study, run
from retquant.cohort.contents import CACHE, Content
from retquant.cohort.plan import ChunkQueue
from retquant.manifest import ImageRecord, read_manifest
from retquant.tables import load_biomarkers
from retquant.tables.parts import part_paths
from retquant.tables.schemas import CHUNK_TABLES

IMAGES = 3000
SETTINGS = CohortSettings(cluster=ClusterSettings(workers=0), seconds_per_image=0, compact_from=2)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    case = Case(folder=tmp_path_factory.mktemp("simulated"), images=IMAGES)
    make_files(case.folder, case.images)
    return case


@pytest.fixture(scope="module")
def study(case: Case) -> Study:
    return study_of(read_manifest(case.manifest), columns_of(case.columns))


@pytest.fixture(scope="module")
def finished(case: Case, study: Study) -> tuple[list[int], int]:
    """Images that each commit brought, and hashes in the driver's memory after the last."""
    seen: list[int] = []
    left = 0

    def look(progress: Progress) -> None:
        nonlocal left
        seen.append(progress.done)
        if progress.done == IMAGES:
            left = sum(type(thing) is Content for thing in gc.get_objects())  # isinstance would ask proxies

    run(study, case.out, settings=SETTINGS, progress=look)
    return [after - before for before, after in itertools.pairwise(seen)], left


def test_a_manifest_of_a_million_rows_would_be_read_in_a_minute(case: Case) -> None:
    begun = time.process_time()
    manifest = read_manifest(case.manifest)
    assert len(manifest.records) == IMAGES
    # half a second is for libraries that load
    assert time.process_time() - begun < 0.5 + IMAGES * 60e-6


def test_each_image_has_one_row_of_its_own(case: Case, study: Study, finished: tuple[list[int], int]) -> None:
    assert wrong_rows(case, study.records) == 0


def test_every_table_ends_as_one_part_beside_that_of_its_columns(
    case: Case, finished: tuple[list[int], int]
) -> None:
    assert {table: len(part_paths(case.out, table)) for table in CHUNK_TABLES} == dict.fromkeys(
        CHUNK_TABLES, 2
    )


def test_hashes_that_workers_told_are_in_the_folder_and_not_in_memory(
    case: Case, finished: tuple[list[int], int]
) -> None:
    commits, left = finished
    assert left <= max(commits)
    lines = (case.out / CACHE).read_text().splitlines()
    assert len(lines) == len(set(lines)) == IMAGES


def test_a_second_run_measures_nothing_and_keeps_the_tables(
    case: Case, study: Study, finished: tuple[list[int], int]
) -> None:
    before = {table: part_paths(case.out, table) for table in CHUNK_TABLES}
    summary = run(study, case.out, settings=SETTINGS)
    assert (summary.done, summary.kept) == (0, IMAGES)
    assert {table: part_paths(case.out, table) for table in CHUNK_TABLES} == before


def test_three_columns_load_with_the_labels(case: Case, finished: tuple[list[int], int]) -> None:
    names = [column.name for column in columns_of("narrow")[:3]]
    table = load_biomarkers(case.out, names)
    assert len(table) == IMAGES
    assert set(names) | {"diabetes", "participant_id"} <= set(table.columns)


def _sizes(each: float, *, largest: int = 512, seconds: float = 60.0, waiting: int = 100_000) -> list[int]:
    """Sizes of the first two chunks of images that take so many seconds."""
    record = ImageRecord(image_id="one", image=Path("one"), row=2)
    queue = ChunkQueue([record] * waiting, run_id="", largest=largest, seconds=seconds)
    sizes = []
    for _ in range(2):
        chunk = queue.pop(workers=2)
        assert chunk is not None
        sizes.append(len(chunk.records))
        queue.learn(len(chunk.records), each * len(chunk.records))
    return sizes


@pytest.mark.parametrize(
    ("each", "images"), [(0.001, 512), (0.01, 100), (0.1, 64), (1.0, 60), (20.0, 3), (100.0, 1)]
)
def test_chunks_are_fewer_images_when_these_are_slow_and_more_when_they_are_quick(
    each: float, images: int
) -> None:
    assert _sizes(each) == [8, images]


def test_no_chunk_is_larger_than_asked_for_or_than_a_workers_share() -> None:
    assert _sizes(0.001, largest=4) == [4, 4]
    assert _sizes(0.001, waiting=100) == [8, 23]


@pytest.mark.slow
def test_a_million_images(tmp_path: Path) -> None:
    many = Case(folder=tmp_path, images=1_000_000)
    make_files(many.folder, many.images)
    found = carry_out(many)
    assert sum(found["plan"]["cpu"].values()) <= 60
    ran = found["run"]
    assert ran["faults"] == 0
    assert ran["driver_ms_an_image"] + ran["workers_ms_an_image"] <= 2
    assert ran["driver_ms_an_image"] <= 1
    assert max(each["memory_mib"] for each in found.values()) <= 2048
    assert ran["driver_mib"]["last chunk"] - ran["driver_mib"]["half"] < 50
    assert ran["parts"] < 100
    assert found["resume"]["kept"] == many.images
    assert found["load"]["cpu"]["load"] <= 2


@pytest.mark.slow
def test_a_hundred_thousand_done_images_are_resumed_in_seconds(tmp_path: Path) -> None:
    many = Case(folder=tmp_path, images=100_000)
    make_files(many.folder, many.images)
    found = carry_out(many, ("run", "resume"))["resume"]
    assert found["kept"] == many.images
    assert sum(found["cpu"].values()) <= 5
