"""What a cohort run costs its driver, phase by phase, with a stub in place of the pipeline; each in its own process."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PHASES = ("plan", "run", "resume", "load")
LOADED = 3  # columns that are loaded


@dataclass(frozen=True, kw_only=True)
class Case:
    """A simulated cohort, and how it is run."""

    folder: Path
    images: int
    workers: int = 2
    columns: str = "narrow"  # or "full"
    segments: bool = False
    chunk_images: int = 512

    @property
    def name(self) -> str:
        """Of its results."""
        return f"{self.images}-{self.columns}{'-segments' if self.segments else ''}"

    @property
    def out(self) -> Path:
        """The run's folder."""
        return self.folder / f"run-{self.name}"

    @property
    def manifest(self) -> Path:
        """The manifest's file."""
        return self.folder / f"manifest-{self.images}.csv"


def carry_out(case: Case, phases: Sequence[str] = PHASES) -> dict[str, dict[str, Any]]:
    """Measure the phases one after another, each in a fresh process; the files have to be there."""
    told = {"folder": str(case.folder)} | {
        name: getattr(case, name) for name in ("images", "workers", "columns", "segments", "chunk_images")
    }
    found = {}
    for phase in phases:
        command = [sys.executable, "-m", "benchmarks.cohort_phases", phase, json.dumps(told)]
        loads = os.getloadavg()[0]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=top())
        if done.returncode:
            raise RuntimeError(f"{phase} failed:\n{done.stderr}")
        found[phase] = json.loads(done.stdout.splitlines()[-1])
        found[phase] |= {"load before": round(loads, 1), "load after": round(os.getloadavg()[0], 1)}
    return found


def plan(case: Case) -> dict[str, Any]:
    """Read and check the manifest, and plan against an empty folder."""
    from benchmarks.simulated_cohort import columns_of, study_of
    from retquant.biomarkers.slabs import slabs_in_use
    from retquant.cohort.contents import ContentCache
    from retquant.cohort.ledger import Ledger
    from retquant.cohort.plan import make_plan
    from retquant.manifest import read_manifest

    laps = Laps()
    with laps.lap("manifest"):
        manifest = read_manifest(case.manifest)
        slabs_in_use(manifest.records)
    with laps.lap("plan"):
        study = study_of(manifest, columns_of(case.columns), segments=case.segments)
        nothing = Ledger(results={}, failures={})
        made = make_plan(study.records, nothing, method="", contents=ContentCache(case.out / "none"))
    return laps.told() | {"images": len(made.todo), "memory_mib": resident("VmHWM")}


def run(case: Case) -> dict[str, Any]:
    """Measure all images with the stub, to compacted tables."""
    from benchmarks.simulated_cohort import columns_of, study_of
    from retquant.cohort import ClusterSettings, CohortSettings, Progress
    from retquant.cohort import run as carry_out_run
    from retquant.manifest import read_manifest

    study = study_of(read_manifest(case.manifest), columns_of(case.columns), segments=case.segments)
    seen: list[tuple[int, float, float, float]] = []  # images, wall, driver's processor time, MiB

    def look(progress: Progress) -> None:
        seen.append((progress.done, time.perf_counter(), time.process_time(), resident()))

    settings = CohortSettings(cluster=ClusterSettings(workers=case.workers), chunk_images=case.chunk_images)
    begun = time.perf_counter(), time.process_time()
    carry_out_run(study, case.out, settings=settings, progress=look)
    ended = time.perf_counter(), time.process_time()
    first, last = seen[0], seen[-1]
    half = next(row for row in seen if row[0] >= last[0] / 2)
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    images = last[0]
    return {
        "images": images,
        "images_per_second": images / (last[1] - first[1]),
        "wall": {
            "before the first chunk": first[1] - begun[0],
            "measuring": last[1] - first[1],
            "checking and compacting": ended[0] - last[1],
        },
        "driver_cpu": {
            "before the first chunk": first[2] - begun[1],
            "measuring": last[2] - first[2],
            "checking and compacting": ended[1] - last[2],
        },
        "driver_ms_an_image": 1000 * (last[2] - first[2]) / images,
        "workers_cpu": workers.ru_utime + workers.ru_stime,
        "workers_ms_an_image": 1000 * (workers.ru_utime + workers.ru_stime) / images,
        "chunks": len(seen) - 1,
        "parts": len(list((case.out / "biomarkers").glob("part-*.parquet"))),
        "memory_mib": resident("VmHWM"),
        "driver_mib": {"first chunk": first[3], "half": half[3], "last chunk": last[3]},
        "faults": wrong_rows(case, study.records),
    }


def resume(case: Case) -> dict[str, Any]:
    """Give the same command again when all is done: manifest, files and ledger are compared, nothing is measured."""
    from benchmarks.simulated_cohort import columns_of, study_of
    from retquant.cohort import ClusterSettings, CohortSettings
    from retquant.cohort import run as carry_out_run
    from retquant.manifest import read_manifest

    laps = Laps()
    with laps.lap("manifest"):
        manifest = read_manifest(case.manifest)
    study = study_of(manifest, columns_of(case.columns), segments=case.segments)
    with laps.lap("run"):
        settings = CohortSettings(cluster=ClusterSettings(workers=case.workers))
        summary = carry_out_run(study, case.out, settings=settings)
    return laps.told() | {"kept": summary.kept, "done": summary.done, "memory_mib": resident("VmHWM")}


def load(case: Case) -> dict[str, Any]:
    """Load three columns of all images, with the labels of the manifest."""
    from benchmarks.simulated_cohort import PROOF, columns_of
    from retquant.tables import load_biomarkers

    names = [column.name for column in columns_of(case.columns)]
    chosen = [PROOF, *[name for name in names if name != PROOF][: LOADED - 1]]
    times = []
    for _ in range(3):
        laps = Laps()
        with laps.lap("load"):
            table = load_biomarkers(case.out, chosen)
        times.append(laps.told())
    return {
        "wall": {"load": statistics.median(each["wall"]["load"] for each in times)},
        "cpu": {"load": statistics.median(each["cpu"]["load"] for each in times)},
        "rows": len(table),
        "memory_mib": resident("VmHWM"),
    }


def wrong_rows(case: Case, records: Sequence[Any]) -> int:
    """Images without exactly one row of their own."""
    import numpy as np

    from benchmarks.simulated_cohort import PROOF, proof
    from retquant.tables import read_table

    table = read_table(case.out, "biomarkers", ["image_id", PROOF])
    found = dict(zip(table["image_id"].to_pylist(), table[PROOF].to_pylist(), strict=True))
    missing = sum(found.get(record.image_id) != np.float32(proof(record.image_id)) for record in records)
    return int(missing) + len(table) - len(found)


@dataclass
class Laps:
    """Wall and processor seconds of named stretches."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def lap(self, name: str) -> Iterator[None]:
        """Time what is done within."""
        begun = time.perf_counter(), time.process_time()
        yield
        self.wall[name] = time.perf_counter() - begun[0]
        self.cpu[name] = time.process_time() - begun[1]

    def told(self) -> dict[str, Any]:
        """For JSON."""
        return {"wall": self.wall, "cpu": self.cpu}


def resident(key: str = "VmRSS") -> float:
    """MiB of this process alone."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def top() -> Path:
    return Path(__file__).resolve().parents[1]


if __name__ == "__main__":
    told = json.loads(sys.argv[2])
    case = Case(**{**told, "folder": Path(told["folder"])})
    print(json.dumps({"plan": plan, "run": run, "resume": resume, "load": load}[sys.argv[1]](case)))
