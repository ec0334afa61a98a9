"""Runs a stand-in cohort as a program that tests can kill: driver.py FOLDER IMAGES WORKERS [PAUSE [SHARD]]."""

from __future__ import annotations

import sys
from pathlib import Path

from stand_ins import Cohort, Measure, values

from retquant.cohort import ClusterSettings, CohortSettings, Progress, Shard, run


def report(progress: Progress) -> None:
    print(progress.done, progress.ending, flush=True)


if __name__ == "__main__":
    folder, images, workers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    # long enough that a test on a busy machine is sure to interrupt it before the end
    pause = float(sys.argv[4]) if len(sys.argv) > 4 else 1.5
    cohort = Cohort(folder, values(images))
    settings = CohortSettings(
        cluster=ClusterSettings(workers=workers),
        chunk_images=2,
        compact_from=4,
        shard=Shard.parse(sys.argv[5]) if len(sys.argv) > 5 else None,
    )
    study = cohort.study(process=Measure(pause, folder / "diary.txt"))
    run(study, cohort.out, settings=settings, progress=report)
