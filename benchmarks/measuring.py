"""Seconds and memory from masks to a row of biomarkers, by stage: a digital eye of 1024 px, and drawn masks of HRF.

    python benchmarks/measuring.py [--data DIR] [--repeats N] [--json FILE] [--markdown FILE]

Each case runs in a process of its own. Seconds are processor time, the median over the repeats after one pass that
compiles; memory is the peak above what was taken once everything was imported and compiled.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

STAGES = ("read masks", "graphs", "measure", "all")


def digital_eye() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Coverage of arteries, veins, both and the disc as 8 bits, and the field of view."""
    from retquant.phantoms import simple_eye

    shape = simple_eye(3, size=(1024, 1024)).shape
    names = ("artery", "vein", "vessel", "disc")
    return {name: np.rint(shape.coverage(name) * 255).astype(np.uint8) for name in names}, shape.coverage(
        "fov"
    ) >= 0.5


def hrf(data: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Masks of the first full-size HRF eye: A/V drawing, the vessels being their union, and the field of view."""
    from PIL import Image

    folder = data / "fundus" / "HRF_full"
    av = np.asarray(Image.open(sorted(folder.glob("av/*"))[0]))
    fov = np.asarray(Image.open(sorted(folder.glob("fov/*"))[0]).convert("L")) > 0
    masks = {"artery": np.isin(av, (1, 3)), "vein": np.isin(av, (2, 3)), "vessel": av > 0}
    return {name: mask.astype(np.uint8) * np.uint8(255) for name, mask in masks.items()}, fov


def one_pass(masks: dict[str, np.ndarray], fov: np.ndarray) -> dict[str, float]:
    """Processor seconds of each stage of one image."""
    from retquant.anatomy import Anatomy, Scale, find_disc
    from retquant.biomarkers import MeasureInputs, measure
    from retquant.config import VesselSettings
    from retquant.images import fit_field
    from retquant.segmentation.segmentation import Segmentation, TargetMask
    from retquant.vessels import build_graphs

    seconds: dict[str, float] = {}
    begun = time.process_time()

    def lap(stage: str) -> None:
        seconds[stage] = time.process_time() - begun - sum(seconds.values())

    hard = "disc" not in masks
    targets = {
        name: TargetMask(probability=map_, source="manifest", is_hard=hard) for name, map_ in masks.items()
    }
    field = fit_field(fov)
    disc = find_disc(targets["disc"]) if "disc" in targets else None
    lap("read masks")
    graphs = build_graphs(
        {name: targets[name] for name in ("vessel", "artery", "vein")},
        fov=fov,
        settings=VesselSettings(),
        disc_center=disc.center if disc else None,
    )
    lap("graphs")
    measure(
        MeasureInputs(
            modality="cfp",
            fov=fov,
            field=field,
            segmentation=Segmentation(targets=targets),
            anatomy=Anatomy(disc=disc, fovea=None, scale=Scale(um_per_px=5.0, source="um_per_px"), eye="OD"),
            graphs=graphs,
        )
    )
    lap("measure")
    return {**seconds, "all": sum(seconds.values())}


def report(case: Callable[[], tuple[dict[str, np.ndarray], np.ndarray]], repeats: int) -> dict[str, float]:
    """Medians over the repeats, and the peak of memory above imports."""
    masks, fov = case()
    one_pass(masks, fov)
    before = resident_mib()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    passes = [one_pass(masks, fov) for _ in range(repeats)]
    peak = resident_mib("VmHWM") - before
    return {stage: statistics.median(row[stage] for row in passes) for stage in STAGES} | {"peak MiB": peak}


def resident_mib(key: str = "VmRSS") -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder that holds fundus/HRF_full")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    cases: dict[str, Callable[[], tuple[dict[str, np.ndarray], np.ndarray]]] = {"1024 x 1024": digital_eye}
    if options.data:
        cases["3504 x 2336"] = lambda: hrf(options.data)
    if options.case:
        print(json.dumps(report(cases[options.case], options.repeats)))
        return
    table = {}
    for name in cases:
        command = [sys.executable, __file__, "--case", name, "--repeats", str(options.repeats)]
        command += ["--data", str(options.data)] if options.data else []
        one_core = os.environ | {
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "NUMBA_NUM_THREADS": "1",
        }
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=one_core)
        table[name] = json.loads(done.stdout.splitlines()[-1])
    lines = ["| stage | " + " | ".join(table) + " |", "|---" * (len(table) + 1) + "|"]
    for stage in (*STAGES, "peak MiB"):
        digits = 0 if stage == "peak MiB" else 3
        lines.append(
            f"| {stage} | " + " | ".join(f"{row[stage]:.{digits}f}" for row in table.values()) + " |"
        )
    print("\n".join(lines))
    if options.json:
        options.json.write_text(json.dumps(table, indent=2), encoding="utf-8")
    if options.markdown:
        text = (__doc__ or "").splitlines()
        options.markdown.write_text(
            "\n".join([f"## {text[0]}", "", *text[4:], "", *lines, ""]), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
