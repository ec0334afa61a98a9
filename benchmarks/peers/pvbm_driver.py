"""Runs PVBM, in PVBM's own environment, on masks: `python pvbm_driver.py JOBS.json RESULTS.json`.

It follows the package's README step by step: zones from the disc's mask, regions applied, geometry, equivalents and,
for whole eyes, fractals with the README's settings. Two things differ. The modules that its disc segmenter imports for
a network that is not used here are replaced by empty ones. And the recursion limit is raised, as PVBM's own scripts do
and its README does not: the walk along a vessel calls itself once a pixel.
"""

from __future__ import annotations

import json
import math
import sys
import time
import types
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.morphology import skeletonize

for name in ("onnxruntime", "torchvision", "requests"):
    try:
        __import__(name)
    except ImportError:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].transforms = None  # type: ignore[attr-defined]

from PVBM.CentralRetinalAnalysis import CREVBMs  # noqa: E402
from PVBM.DiscSegmenter import DiscSegmenter  # noqa: E402
from PVBM.FractalAnalysis import MultifractalVBMs  # noqa: E402
from PVBM.GeometryAnalysis import GeometricalVBMs  # noqa: E402

RECURSION = 1_000_000
GEOMETRY = ("area", "TI", "medTor", "ovlen", "medianba", "startp", "endp", "interp")
FRACTALS = ("D0", "D1", "D2", "SL")


def main() -> None:
    warnings.simplefilter("ignore")
    jobs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    results = [run(job) for job in jobs]
    answer = {"versions": {"pvbm": version("pvbm")}, "results": results}
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


def run(job: dict) -> dict:
    sys.setrecursionlimit(RECURSION)
    values: dict[str, float] = {}
    seconds: dict[str, list[float]] = {}
    errors: dict[str, str] = {}
    for _ in range(job["repeats"]):
        spent = dict.fromkeys(("geometry", "equivalents", "fractals"), 0.0)
        for structure in ("artery", "vein"):
            if job.get(structure) is None:
                continue
            measure(job, structure, values, spent, errors)
        for part, value in spent.items():
            seconds.setdefault(part, []).append(value)
        seconds.setdefault("all", []).append(sum(spent.values()))
    clean = {name: float(value) for name, value in values.items() if math.isfinite(float(value))}
    return {"name": job["name"], "values": clean, "asked": len(values), "errors": errors, "seconds": seconds}


def measure(job: dict, structure: str, values: dict, spent: dict, errors: dict) -> None:
    start = time.process_time()
    segmentation = np.array(Image.open(job[structure])) / 255
    skeleton = skeletonize(segmentation > 0) * 1
    disc = np.array(Image.open(job["disc"]))
    zones_of = DiscSegmenter.__new__(DiscSegmenter)  # without its network
    center, radius, roi, zones = zones_of.post_processing(disc, max_roi_size=2 * max(disc.shape))
    about = {"xc": center[0], "yc": center[1], "radius": radius}

    def geometry() -> None:
        found = GeometricalVBMs()
        part, line = found.apply_roi(segmentation=segmentation, skeleton=skeleton, zones_ABC=zones, roi=roi)
        measured, _ = found.compute_geomVBMs(blood_vessel=part, skeleton=line, **about)
        values.update({f"{structure}_{name}": v for name, v in zip(GEOMETRY, measured, strict=True)})

    def equivalents() -> None:
        found = CREVBMs()
        part, line = found.apply_roi(segmentation=segmentation, skeleton=skeleton, zones_ABC=zones)
        measured, _ = found.compute_central_retinal_equivalents(
            blood_vessel=part.copy(),
            skeleton=line.copy(),
            artery=structure == "artery",
            Toplot=False,
            **about,
        )
        values.update({name: v for name, v in measured.items() if v != -1})

    def fractals() -> None:
        found = MultifractalVBMs(n_rotations=25, optimize=True, min_proba=0.0001, maxproba=0.9999)
        part = segmentation * (1 - zones[:, :, 1] / 255)
        measured = found.compute_multifractals(part)
        values.update({f"{structure}_{name}": v for name, v in zip(FRACTALS, measured, strict=True)})

    for part in (geometry, equivalents, fractals):
        if part.__name__ in job["parts"]:
            try:
                part()
            except Exception as error:
                errors[f"{structure} {part.__name__}"] = f"{type(error).__name__}: {error}"[:200]
        now = time.process_time()
        spent[part.__name__] += now - start
        start = now


if __name__ == "__main__":
    main()
