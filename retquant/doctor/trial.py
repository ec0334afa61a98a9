"""One drawn eye, segmented and measured, against what is true of it: the whole of an installation at work."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from retquant.config import BiomarkerSettings, RunConfig
from retquant.doctor.finding import Finding, fault, fine
from retquant.manifest.records import ImageRecord
from retquant.pipeline import analyse

SEED, SIDE_PX = 11, 640
COLUMN = "vessel_length_density_fov"
LARGEST_ERROR = 0.02  # of the column, from the true mask
LEAST_DICE = 0.6  # of the model's vessels, which has 0.8 on this eye
INSTALL_AGAIN = "pip install --force-reinstall retquant, in a new environment"


def check_trial(config: RunConfig, *, device: str = "auto") -> Iterator[Finding]:
    """Measures a drawn eye twice: of its true mask, which tries the measuring, and through the model."""
    from PIL import Image

    from retquant.phantoms import photograph, simple_eye

    eye = simple_eye(SEED, size=(SIDE_PX, SIDE_PX))
    true = eye.shape.coverage("vessel") >= 0.5
    few = config.model_copy(update={"biomarkers": BiomarkerSettings(include=(COLUMN,))})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Image.fromarray(photograph(eye, SEED)).save(folder / "eye.png")
        Image.fromarray(true).save(folder / "vessel.png")
        scale = eye.shape.um_per_px
        record = ImageRecord(image_id="eye", image=folder / "eye.png", row=1, um_per_px=scale)
        given = ImageRecord(
            image_id="eye",
            image=folder / "eye.png",
            row=1,
            um_per_px=scale,
            masks={"vessel": folder / "vessel.png"},
        )
        measured = analyse(given, few, device=device).biomarkers[COLUMN].value
        began = time.perf_counter()
        found = analyse(record, few, device=device)
        took = time.perf_counter() - began
    truth = eye.truth[COLUMN]
    if not abs(measured / truth - 1) <= LARGEST_ERROR:
        said = f"{COLUMN} of a drawn eye is {measured:.4g}, and should be {truth:.4g}"
        yield fault("measuring", said, INSTALL_AGAIN)
    else:
        yield fine("measuring", f"a drawn eye reads {measured / truth - 1:+.2%} of its true length density")
    dice = _dice(found.segmentation.targets["vessel"].mask, true)
    if not dice >= LEAST_DICE:
        said = f"the vessels that the model finds in a drawn eye overlap the true ones by {dice:.2f} (Dice)"
        yield fault("segmenting", said, INSTALL_AGAIN)
    else:
        yield fine("segmenting", f"Dice {dice:.2f} on that eye, all in {took:.1f} s the first time")


def _dice(found: np.ndarray, true: np.ndarray) -> float:
    return 2 * float((found & true).sum()) / max(1.0, float(found.sum() + true.sum()))
