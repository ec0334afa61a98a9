"""Runs a stand-in cohort as a program that tests can kill: driver.py FOLDER IMAGES WORKERS."""

from __future__ import annotations

import sys
from pathlib import Path

from stand_ins import Cohort, values

from retquant.cohort import ClusterSettings, CohortSettings, Progress, run


def report(progress: Progress) -> None:
    print(progress.done, flush=True)


if __name__ == "__main__":
    cohort = Cohort(Path(sys.argv[1]), values(int(sys.argv[2])))
    settings = CohortSettings(cluster=ClusterSettings(workers=int(sys.argv[3])), chunk_images=2)
    # long enough that a test on a busy machine is sure to interrupt it before the end
    run(cohort.study(pause=1.5), cohort.out, settings=settings, progress=report)
