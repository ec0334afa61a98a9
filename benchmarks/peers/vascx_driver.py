"""Runs VascX, in VascX's own environment, on masks: `python vascx_driver.py JOBS.json RESULTS.json`.

Masks go into the layers that its `Retina` is made of, with the disc's mask, the fovea and the field, and the measuring
is `Retina.calc_features` with the feature set that its README recommends. The few features of the older sets that have
a closed-form answer are measured beside it on the shapes. Lengths are left in pixels, as by default.
"""

from __future__ import annotations

import json
import math
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
from PIL import Image
from rtnls_enface.disc import OpticDisc
from vascx.fundus.feature_sets.full_v3 import fs_full_v3
from vascx.fundus.features.bifurcation_angles import BifurcationAngles
from vascx.fundus.features.bifurcation_counts import BifurcationCount
from vascx.fundus.features.vascular_densities import VascularDensity
from vascx.fundus.layer import VesselTreeLayer
from vascx.fundus.retina import Retina
from vascx.fundus.vessels_layer import FundusVesselsLayer
from vascx.shared.aggregators import median
from vascx.shared.features import FeatureSet

OLDER = FeatureSet(
    "older", [VascularDensity(), BifurcationCount(), BifurcationAngles(aggregator=median, min_bifurcations=1)]
)
DISC_SIZE = 1024  # that a disc's mask is resized to unless told otherwise; at other sizes nothing would match
LAYERS = {"artery": "arteries", "vein": "veins"}


def main() -> None:
    warnings.simplefilter("ignore")
    jobs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    results = [run(job) for job in jobs]
    answer = {"versions": {"retinalysis-vascx": version("retinalysis-vascx")}, "results": results}
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


def run(job: dict) -> dict:
    values: dict[str, float | None] = {}
    errors: dict[str, str] = {}
    spent = []
    for _ in range(job["repeats"]):
        start = time.process_time()
        try:
            retina = make_retina(job)
            values.update(measure(retina, fs_full_v3, errors))
        except Exception as error:
            errors["retina"] = f"{type(error).__name__}: {error}"[:200]
        spent.append(time.process_time() - start)
    asked = len(values)
    if "shapes" in job["parts"] and "retina" not in errors:
        values.update(measure(retina, OLDER, errors))
    clean = {name: float(v) for name, v in values.items() if v is not None and math.isfinite(float(v))}
    return {"name": job["name"], "values": clean, "asked": asked, "errors": errors, "seconds": {"all": spent}}


def measure(retina: Retina, features: FeatureSet, errors: dict[str, str]) -> dict[str, float | None]:
    """The features by VascX's canonical names; what it catches and warns of is kept."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = retina.calc_features(features, naming="canonical")
    for warning in caught:
        text = str(warning.message)
        if text.startswith("Error computing"):
            errors[text.split(":")[0]] = text[:200]
    return found


def make_retina(job: dict) -> Retina:
    masks = {
        structure: np.array(Image.open(job[structure])) > 0 for structure in LAYERS if job.get(structure)
    }
    layers = {
        LAYERS[structure]: VesselTreeLayer(LAYERS[structure], mask) for structure, mask in masks.items()
    }
    union = np.logical_or.reduce(list(masks.values()))
    layers["vessels"] = FundusVesselsLayer(name="vessels", mask=union)
    row, col = job["fovea"]
    disc = np.array(Image.open(job["disc"])) > 0
    retina = Retina(
        disc_path_or_mask=disc,
        fundus_path_or_mask=None,
        layers=layers,
        fovea_location=(col, row),
        roi_mask=np.array(Image.open(job["fov"])) > 0,
        resolution=union.shape,
        id=job["name"],
    )
    if len(union) != DISC_SIZE:
        retina.disc = OpticDisc(disc.astype(np.uint8), fundus=retina, size=len(union))
    return retina


if __name__ == "__main__":
    main()
