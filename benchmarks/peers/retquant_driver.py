"""Runs retquant on the same masks: `python retquant_driver.py JOBS.json RESULTS.json`."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from retquant import __version__
from retquant.anatomy import Anatomy, Scale, find_disc
from retquant.biomarkers import MeasureInputs, measure
from retquant.config import VesselSettings
from retquant.images.retinal_image import Field
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.vessels import build_graph


def main() -> None:
    jobs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    results = [run(job) for job in jobs]
    answer = {"versions": {"retquant": __version__}, "results": results}
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


def run(job: dict) -> dict:
    found, errors, spent = {}, {}, []
    for _ in range(job["repeats"]):
        start = time.process_time()
        try:
            found = measure(make_inputs(job))
        except Exception as error:
            errors["eye"] = f"{type(error).__name__}: {error}"[:200]
        spent.append(time.process_time() - start)
    values = {name: float(m.value) for name, m in found.items() if math.isfinite(m.value)}
    return {
        "name": job["name"],
        "values": values,
        "asked": len(found),
        "errors": errors,
        "seconds": {"all": spent},
    }


def make_inputs(job: dict) -> MeasureInputs:
    """Masks in, all that `measure` needs out: artery, vein and their union."""
    drawn = {name: np.array(Image.open(job[name])) for name in ("artery", "vein") if job.get(name)}
    if len(drawn) > 1:
        drawn["vessel"] = np.maximum(drawn["artery"], drawn["vein"])
    fov = np.array(Image.open(job["fov"])) > 0
    targets = {
        name: TargetMask(probability=mask, source="manifest", is_hard=not job["is_soft"])
        for name, mask in drawn.items()
    }
    disc = find_disc(TargetMask(probability=np.array(Image.open(job["disc"])), source="manifest"))
    graphs = {
        name: build_graph(
            target,
            structure=name,
            fov=fov,
            settings=VesselSettings(),
            disc_center=disc.center if disc else None,
        )
        for name, target in targets.items()
    }
    rows, cols = fov.shape
    return MeasureInputs(
        modality="cfp",
        fov=fov,
        field=Field(center=(rows / 2, cols / 2), diameter_px=float(min(rows, cols))),
        segmentation=Segmentation(targets=targets),
        anatomy=Anatomy(
            disc=disc,
            fovea=(job["fovea"][0], job["fovea"][1]),
            scale=Scale(um_per_px=job["um_per_px"], source="um_per_px"),
            eye="OD",
        ),
        graphs=graphs,
    )


if __name__ == "__main__":
    main()
