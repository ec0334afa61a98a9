"""What becomes of a run whose disk is full, read-only or gone: a program, run where mounting concerns nobody else.

mounted.py SCENARIO FOLDER, under `unshare --user --map-root-user --mount`.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest
from stand_ins import Cohort, Measure, in_process, values

from retquant.cohort import ClusterSettings, CohortSettings, Progress, read_status, run
from retquant.errors import OutputError
from retquant.manifest.records import ImageRecord
from retquant.tables.rows import ImageRows

IMAGES = 16


def mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


def refused(cohort: Cohort, settings: CohortSettings, number: int | None, **options: object) -> None:
    """The run ends with one clear error, which the system gave for that reason."""
    with pytest.raises(OutputError) as stop:
        run(cohort.study(process=Pictures()), cohort.out, settings=settings, **options)  # type: ignore[arg-type]
    assert number is None or os.strerror(number) in stop.value.problem
    assert str(cohort.out) in stop.value.where
    assert "what is done stays" in stop.value.remedy
    print(stop.value)


def resumed(cohort: Cohort, kept: int) -> None:
    """The same command does the rest, and every image is there once."""
    assert read_status(cohort.out).done == kept
    summary = run(cohort.study(process=Pictures()), cohort.out, settings=in_process())
    assert (summary.kept, summary.done) == (kept, IMAGES - kept), summary
    for table in ("biomarkers", "quality"):
        assert sorted(pd.read_parquet(cohort.out / table)["image_id"]) == sorted(values(IMAGES))


def after_four(act: Callable[[], object]) -> Callable[[Progress], None]:
    done = []

    def report(progress: Progress) -> None:
        if progress.done == 4 and not done:
            done.append(act())

    return report


@dataclass(frozen=True)
class Pictures:
    """Measures, and has a picture of 100 kB an image."""

    def __call__(self, record: ImageRecord) -> ImageRows:
        return replace(Measure()(record), artifacts={f"overlays/{record.image_id}.png": bytes(100_000)})


def full(cohort: Cohort, workers: int) -> None:
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", cohort.out)
    settings = CohortSettings(cluster=ClusterSettings(workers=workers), chunk_images=2)
    refused(cohort, settings, errno.ENOSPC)
    status = read_status(cohort.out)
    assert status.failed == 0
    assert 0 < status.done < IMAGES
    mount("-o", "remount,size=64m", cohort.out)
    resumed(cohort, status.done)


def read_only(cohort: Cohort) -> None:
    mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", cohort.out)
    change = after_four(lambda: mount("-o", "remount,ro", cohort.out))
    refused(cohort, in_process(chunk_images=2), errno.EROFS, progress=change)
    refused(cohort, in_process(), errno.EROFS)  # and does not begin
    mount("-o", "remount,rw", cohort.out)
    resumed(cohort, 4)


def gone(cohort: Cohort) -> None:
    disk = cohort.folder / "disk"
    disk.mkdir()
    mount("--bind", disk, cohort.out)
    change = after_four(lambda: subprocess.run(["umount", "-l", str(cohort.out)], check=True))
    refused(cohort, in_process(chunk_images=2), None, progress=change)
    assert not list(cohort.out.iterdir()), "the run went on beside its disk"
    mount("--bind", disk, cohort.out)
    resumed(cohort, 4)


if __name__ == "__main__":
    place = Cohort(Path(sys.argv[2]), values(IMAGES))
    place.out.mkdir()
    {
        "full": lambda: full(place, workers=0),
        "full for workers": lambda: full(place, workers=1),
        "read-only": lambda: read_only(place),
        "gone": lambda: gone(place),
    }[sys.argv[1]]()
