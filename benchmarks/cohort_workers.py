"""Images a second of the whole pipeline against the number of workers, with what the driver and each stage take."""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cohort_phases import resident, top

CHUNK = 4  # images: small, so that the rate can be told from a few dozen of them


def make_copies(examples: Sequence[Path], folder: Path, images: int) -> Path:
    """A manifest of so many links to the given photographs, in turn; without masks, so that the model segments."""
    place = folder / "copies"
    place.mkdir(parents=True, exist_ok=True)
    lines = ["image,participant_id,fov_deg"]
    for number in range(images):
        source = examples[number % len(examples)].resolve()
        link = place / f"eye-{number:05d}{source.suffix}"
        if not link.exists():
            shutil.copyfile(source, link)
        lines.append(f"copies/{link.name},P{number // 2:05d},45")
    manifest = folder / f"copies-{images}.csv"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


def against_workers(
    manifest: Path, folder: Path, counts: Sequence[int], repeats: int
) -> list[dict[str, Any]]:
    """Medians over rounds in which the numbers of workers take turns, so that another load slows all of them."""
    rounds: dict[int, list[dict[str, Any]]] = {count: [] for count in counts}
    for _ in range(repeats):
        for count in counts:
            rounds[count].append(_apart(manifest, folder / f"workers-{count}", count, "cpu"))
    first = counts[0]
    return [
        _medians(rows)
        | {
            "workers": count,
            "ratio": statistics.median(
                row["images_per_second"] / one["images_per_second"]
                for row, one in zip(rows, rounds[first], strict=True)
            ),
        }
        for count, rows in rounds.items()
    ]


def on_device(manifest: Path, folder: Path, examples: Sequence[Path]) -> dict[str, Any]:
    """End to end on a CUDA device, the network alone, and the share that the first is of the second; {} without one."""
    import torch

    if not torch.cuda.is_available():
        return {}
    whole = _apart(manifest, folder / "device", None, "cuda")
    alone = network_rate(examples, device="cuda")
    return whole | {
        "device": torch.cuda.get_device_name(0),
        "network_images_per_second": alone,
        "share": whole["images_per_second"] / alone,
    }


def network_rate(examples: Sequence[Path], *, device: str, batch: int = 8, passes: int = 9) -> float:
    """Images a second that the network alone does, frames ready in memory: the median pass, after one that warms up."""
    import torch

    from retquant.config import ImageSettings, RunConfig
    from retquant.images import read_image
    from retquant.segmentation.models import models_in_use
    from retquant.segmentation.predict import frames_logits, prepared
    from retquant.segmentation.segmenter import load_segmenter

    (bundle,) = models_in_use(RunConfig().segmentation, {"cfp"})
    segmenter = load_segmenter(bundle.name, device=device)
    images = [read_image(path, settings=ImageSettings()) for path in examples[:batch]]
    frames = [
        field
        for image in images
        for field in prepared(
            segmenter.network, image.pixels, image.fov, working_px=bundle.working_px
        ).turned(mirrors=False)
    ]
    fields = [frames[number % len(frames)] for number in range(batch)]
    seconds = []
    for turn in range(passes + 1):
        begun = time.perf_counter()
        list(
            frames_logits(
                segmenter.network,
                fields,
                hand=segmenter.bundle.hands.index(segmenter.hand),
                precision=segmenter.precision,
                session=segmenter.session,
            )
        )
        if device == "cuda":
            torch.cuda.synchronize()
        if turn:
            seconds.append(time.perf_counter() - begun)
    return batch / statistics.median(seconds)


def one_run(manifest: Path, out: Path, workers: int | None, device: str) -> dict[str, Any]:
    """Measure the manifest once from nothing."""
    import psutil

    from retquant.cohort import ClusterSettings, CohortSettings, Progress
    from retquant.pipeline import run_cohort

    seen: list[tuple[int, float, float, float]] = []  # images, wall, processor time of driver and workers
    me = psutil.Process()

    def look(progress: Progress) -> None:
        workers_cpu = sum(sum(child.cpu_times()[:2]) for child in me.children(recursive=True))
        seen.append((progress.done + progress.failed, time.perf_counter(), time.process_time(), workers_cpu))

    shutil.rmtree(out, ignore_errors=True)
    settings = CohortSettings(cluster=ClusterSettings(workers=workers), chunk_images=CHUNK)
    summary = run_cohort(manifest, out, settings=settings, device=device, progress=look)
    # by when models are loaded and kernels compiled: each worker has had a chunk
    begun = next(row for row in seen if row[0] >= 2 * CHUNK * (workers or 1))
    images, wall, driver, busy = (b - a for a, b in zip(begun, seen[-1], strict=True))
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    stages = {stage: seconds / summary.done for stage, seconds in summary.seconds_by_stage.items()}
    return {
        "images": summary.done,
        "failed": summary.failed,
        "images_per_second": images / wall,
        "cpu_s_an_image": busy / images,
        "driver_ms_an_image": 1000 * driver / images,
        "driver_mib": resident("VmHWM"),
        "worker_mib": children.ru_maxrss / 1024,
        "stages": stages,
        "load": os.getloadavg()[0],
    }


def _apart(manifest: Path, out: Path, workers: int | None, device: str) -> dict[str, Any]:
    told = json.dumps([str(manifest), str(out), workers, device])
    command = [sys.executable, "-m", "benchmarks.cohort_workers", told]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=top())
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _medians(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    plain = {name: statistics.median(row[name] for row in rows) for name in rows[0] if name != "stages"}
    stages = {s: statistics.median(row["stages"][s] for row in rows) for s in rows[0]["stages"]}
    return plain | {"stages": stages, "rounds": len(rows)}


if __name__ == "__main__":
    manifest, out, workers, device = json.loads(sys.argv[1])
    print(json.dumps(one_run(Path(manifest), Path(out), workers, device)))
