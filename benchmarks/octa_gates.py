"""Finds which quality of an angiogram each biomarker needs: scans are spoilt step by step, and the columns watched.

    python -m benchmarks.octa_gates --work DIR [--data DIR] [--model NAME] [--write] [--markdown FILE]

Digital and real scans of 3 and 6 mm are blurred, weakened until noise fills the dark, torn and striped as by a moving
eye, and shaded as by floaters, then go through the whole pipeline; `gate_fitting` says how gates are found from that.
Each leaves a line in `DIR/results.jsonl` and is not done again. About 3 s a line on a quiet core.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.foundation_worth import read_lines
from benchmarks.gate_fitting import UNSPOILT, Row, fit_gates
from benchmarks.octa_retinas import SCANS, measured_scan, retina_of
from retquant.biomarkers import select_columns
from retquant.config import RunConfig
from retquant.phantoms import angiogram
from retquant.segmentation.bundles import read_bundle

STRUCTURES = ("large_vessel", "capillary", "artery", "vein", "avr", "faz")
DIGITAL = range(500, 503)  # retinas of each field that no recipe and no other benchmark draws
REAL = {  # training parts only: no test or validation part chooses anything
    "OCTA-500 3M": ("octa/OCTA500_3M/train/image/*.png", 4, 3.0),
    "OCTA-500 6M": ("octa/OCTA500_6M/train/image/*.png", 4, 6.0),
    "ROSSA": ("octa/ROSSA/train_manual/image/*.png", 4, 3.0),  # its field is not stated; errors have no unit
}

Spoiler = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scan:
    """One unspoilt angiogram."""

    name: str
    group: str  # scans that are compared with one another
    pixels: np.ndarray  # (H, W) uint8
    field_mm: float


def blurred(share: float) -> Spoiler:
    """Out of focus; sigma as a share of the side."""
    return lambda pixels, rng: cv2.GaussianBlur(pixels, (0, 0), share * max(pixels.shape))


def weakened(left: float) -> Spoiler:
    """A share of the flow's contrast is left, about the same mean, under the noise of a decorrelating background."""

    def spoil(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        mean = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), max(pixels.shape) / 16)
        noise = 60 * (1 - left) * (rng.gamma(2.0, 0.5, pixels.shape) - 1)
        return np.clip(mean + left * (pixels - mean) + noise, 0, 255).astype(np.uint8)

    return spoil


def moved(times: int) -> Spoiler:
    """The eye jumps to one side `times` times, and leaves a bright or dark line each time."""

    def spoil(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        torn = pixels.copy()
        for row in np.sort(rng.choice(np.arange(5, len(pixels) - 5), size=times, replace=False)):
            shift = int(rng.integers(2, 7)) * int(rng.choice([-1, 1]))
            torn[row:] = np.roll(torn[row:], shift, axis=1)
            lines = slice(row, row + int(rng.integers(1, 4)))
            torn[lines] = np.clip(torn[lines] * rng.choice([0.4, 1.0]) + rng.choice([0, 60]), 0, 255)
        return torn

    return spoil


def shadowed(share: float) -> Spoiler:
    """Floaters take three quarters of the light from about that share of the field."""

    def spoil(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = pixels.shape
        light = np.ones(pixels.shape, np.float32)
        for _ in range(3):
            radius = math.sqrt(share * height * width / 3 / math.pi)
            squeeze = rng.uniform(0.7, 1.4)
            axes = (round(radius * squeeze), round(radius / squeeze))
            middle = (int(rng.uniform(0.1, 0.9) * width), int(rng.uniform(0.1, 0.9) * height))
            cv2.ellipse(light, middle, axes, float(rng.uniform(0, 180)), 0, 360, 0.25, -1)
        light = cv2.GaussianBlur(light, (0, 0), width / 50)
        return (pixels * light).astype(np.uint8)

    return spoil


SPOILERS: dict[str, Spoiler] = {
    **{f"blur {s:.1%}": blurred(s) for s in (0.002, 0.004, 0.007)},
    **{f"weak {left:g}": weakened(left) for left in (0.7, 0.5, 0.3)},
    **{f"moved {times}": moved(times) for times in (3, 8, 20)},
    **{f"shadow {share:.0%}": shadowed(share) for share in (0.06, 0.15, 0.3)},
}


def scans(data: Path | None) -> Iterator[Scan]:
    """Digital ones of both fields, and real ones where there is a data folder."""
    for field, scan in SCANS.items():
        for number in DIGITAL:
            retina = retina_of(field, number)
            yield Scan(
                name=f"digital {field} mm {number}",
                group=f"digital {field} mm",
                pixels=angiogram(retina, retina.seed),
                field_mm=scan.field_mm,
            )
    for group, (pattern, count, field_mm) in REAL.items() if data else ():
        files = sorted((data or Path()).glob(pattern))
        for path in files[:: max(1, len(files) // count)][:count]:
            pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            yield Scan(name=f"{group} {path.stem}", group=group, pixels=pixels, field_mm=field_mm)


def measured(data: Path | None, work: Path, model: str) -> list[Row]:
    """One row a scan and variant, each kept in a file of the work folder as soon as it is measured."""
    results, weights = work / "results.jsonl", read_bundle(model).weights_sha256[:12]
    columns = [
        name
        for name in select_columns(("*",), modality="octa")
        if name.startswith(("faz_", "quality_")) or name.endswith(("_field", "_fd300"))
    ]
    done = {(row["picture"], row["variant"], row["weights"]): row for row in read_lines(results)}
    rows: list[Row] = []
    for scan in scans(data):
        for variant, spoil in {UNSPOILT: lambda pixels, rng: pixels, **SPOILERS}.items():
            key = (scan.name, variant, weights)
            if key not in done:
                pixels = spoil(scan.pixels, np.random.default_rng(len(variant)))
                found = measured_scan(model, pixels, columns, field_mm=scan.field_mm)
                done[key] = dict(zip(("picture", "variant", "weights"), key, strict=True))
                done[key] |= {"group": scan.group, **{name: one.value for name, one in found.items()}}
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(done[key]) + "\n")
            rows.append(done[key])
        print(f"{scan.name} done", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder that holds octa/; digital scans alone without it")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--model", default=RunConfig().segmentation.octa_model)
    parser.add_argument("--write", action="store_true", help="put the gates into the package")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    rows = measured(options.data, options.work, options.model)
    fitted = fit_gates(rows, modality="octa", structures=STRUCTURES, lent={})
    if options.write:
        fitted.write()
    if options.markdown:
        page = fitted.page("The quality of an angiogram that each biomarker needs")
        options.markdown.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
