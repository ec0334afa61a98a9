"""Finds which picture quality each biomarker needs: pictures are spoilt step by step, and the columns watched.

    python -m benchmarks.quality_gates [--data DIR] [--work DIR] [--write] [--markdown FILE]

Digital eyes and real photographs are blurred, made noisy, compressed, dimmed, lit from one side and cropped, segmented
by the shipped model and measured; `gate_fitting` says how gates are found from that. `--write` puts the
gates into the package; run it again when segmentation changes. What is done is kept in `--work` and not done again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.gate_fitting import UNSPOILT, Row, fit_gates
from retquant.anatomy import Anatomy, Scale, locate
from retquant.biomarkers import MeasureInputs, measure, select_columns
from retquant.config import ImageSettings, RunConfig, VesselSettings
from retquant.images import RetinalImage, find_field_of_view, fit_field, read_image
from retquant.manifest.records import ImageRecord
from retquant.phantoms import photograph, simple_eye
from retquant.quality import assess
from retquant.segmentation.models import segmenter_for
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.vessels import build_graph

# pictures are reduced to this across the field, so that a step of blur means the same everywhere
WORKING_PX = 800
PHANTOM_SEEDS = range(1, 7)
REAL = {  # validation and training parts only; no test part chooses anything
    "drive": ("fundus/DRIVE/training/images/*.tif", 4),
    "chase": ("fundus/CHASE_DB1/*.jpg", 3),
    "idrid": ("fundus/IDRiD_cohort/images/*.jpg", 3),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One unspoilt picture."""

    name: str
    source: str
    pixels: np.ndarray  # (H, W, 3) uint8, field `WORKING_PX` across
    fov: np.ndarray


def blurred(sigma: float) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    return lambda pixels, rng: cv2.GaussianBlur(pixels, (0, 0), sigma)


def noisy(level: float) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    def spoil(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.clip(pixels + rng.normal(0, level, pixels.shape), 0, 255).astype(np.uint8)

    return spoil


def compressed(quality: int) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    def spoil(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))

    return spoil


def dimmed(factor: float) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    return lambda pixels, rng: np.clip(pixels * factor, 0, 255).astype(np.uint8)


def shaded(least: float) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    def spoil(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        ramp = np.linspace(1.0, least, pixels.shape[1])[None, :, None]
        return np.clip(pixels * ramp, 0, 255).astype(np.uint8)

    return spoil


# What needs a disc, or arteries apart from veins, cannot be measured here: it takes the gate of what it is made of.
BORROWED = {
    "calibre": (
        *(f"{s}_{w}" for s in ("crae", "crve", "avr") for w in ("knudtson", "knudtson_n4", "hubbard")),
        "av_nicking",
    ),
    "calibre_profile": tuple(
        f"{s}_{w}_profile" for s in ("crae", "crve", "avr") for w in ("knudtson", "knudtson_n4", "hubbard")
    ),
    "calibre_cv": ("focal_narrowing",),
    "branch_points": ("strahler_order", "horton_branching_ratio", "horton_length_ratio", "tree_asymmetry"),
    "crossings": ("av_crossings",),
    "area_density": ("sparsity_mean", "sparsity_max"),
    "tortuosity_hart3": ("tortuosity_trucco",),
}

SPOILERS = {
    **{f"blur {s:g}": blurred(s) for s in (1.0, 2.0, 3.0, 4.5)},
    **{f"noise {s:g}": noisy(s) for s in (8, 16, 32)},
    **{f"jpeg {q}": compressed(q) for q in (40, 15, 6)},
    **{f"dim {f:g}": dimmed(f) for f in (0.5, 0.25, 0.12)},
    **{f"shade {f:g}": shaded(f) for f in (0.4, 0.12)},
}
CROPS = {"crop 0.8": 0.8, "crop 0.6": 0.6}  # share of the field's diameter that is left, centred


def variants(picture: Picture) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, pixels and field of view of the picture as it is and of each spoilt one."""
    yield UNSPOILT, picture.pixels, picture.fov
    for name, spoil in SPOILERS.items():
        rng = np.random.default_rng(len(name))
        yield (
            name,
            np.where(picture.fov[..., None], spoil(picture.pixels, rng), 0).astype(np.uint8),
            picture.fov,
        )
    field = fit_field(picture.fov)
    rows, cols = np.ogrid[: picture.fov.shape[0], : picture.fov.shape[1]]
    away = np.hypot(rows - field.center[0], cols - field.center[1])
    for name, share in CROPS.items():
        left = picture.fov & (away <= share * field.diameter_px / 2)
        yield name, np.where(left[..., None], picture.pixels, 0).astype(np.uint8), left


def pictures(data: Path | None) -> Iterator[Picture]:
    for seed in PHANTOM_SEEDS:
        eye = simple_eye(seed, size=(WORKING_PX, WORKING_PX))
        yield Picture(
            name=f"phantom-{seed}",
            source="phantom",
            pixels=photograph(eye, seed),
            fov=eye.shape.coverage("fov") >= 0.5,
        )
    for source, (pattern, count) in REAL.items() if data else ():
        files = sorted((data or Path()).glob(pattern))
        for path in files[:: max(1, len(files) // count)][:count]:
            image = read_image(path, settings=ImageSettings())
            zoom = WORKING_PX / image.field.diameter_px
            size = (round(image.shape[1] * zoom), round(image.shape[0] * zoom))
            pixels = cv2.resize(
                image.pixels, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
            )
            yield Picture(
                name=f"{source}-{path.stem}", source=source, pixels=pixels, fov=find_field_of_view(pixels)
            )


def image_of(pixels: np.ndarray, fov: np.ndarray) -> RetinalImage:
    return RetinalImage(pixels=pixels, fov=fov, field=fit_field(fov), modality="cfp", eye=None)


def probability(image: RetinalImage, at: Path) -> np.ndarray:
    """The model's vessel probability of a picture, kept in a file."""
    if at.exists():
        return np.asarray(cv2.imread(str(at), cv2.IMREAD_GRAYSCALE))
    found = segmenter_for("cfp", RunConfig().segmentation)(image).targets["vessel"].probability
    cv2.imwrite(str(at.with_suffix(".part.png")), found)
    at.with_suffix(".part.png").replace(at)
    return found


def columns_of(image: RetinalImage, vessel: np.ndarray) -> dict[str, float]:
    """Every column of the whole field; a pixel counts as 10 um, so that lengths are there."""
    segmentation = Segmentation(targets={"vessel": TargetMask(probability=vessel, source="model:benchmark")})
    record = ImageRecord(image_id="picture", image=Path("picture"), row=1, um_per_px=10.0)
    anatomy: Anatomy = replace(
        locate(segmentation, record, field=image.field), scale=Scale(um_per_px=10.0, source="um_per_px")
    )
    graphs = {
        "vessel": build_graph(
            segmentation.targets["vessel"], structure="vessel", fov=image.fov, settings=VesselSettings()
        )
    }
    inputs = MeasureInputs(
        modality="cfp",
        fov=image.fov,
        field=image.field,
        segmentation=segmentation,
        anatomy=anatomy,
        graphs=graphs,
        quality=assess(image).measures,
        photograph=image.pixels,
    )
    wanted = [
        n for n in select_columns(("vessel_*_fov", "quality_*"), modality="cfp") if not n.endswith("visible")
    ]
    return {name: value.value for name, value in measure(inputs, wanted).items()}


def measured(data: Path | None, work: Path) -> list[Row]:
    """One row a picture and variant; probabilities are kept in `work`."""
    rows: list[Row] = []
    for picture in pictures(data):
        for name, pixels, fov in variants(picture):
            image = image_of(pixels, fov)
            vessel = probability(image, work / f"{picture.name} {name}.png")
            rows.append(
                {"picture": picture.name, "group": "photographs", "variant": name} | columns_of(image, vessel)
            )
        print(f"{picture.name} done", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder that holds fundus/; digital eyes alone without it")
    parser.add_argument("--work", type=Path, default=Path("benchmarks/.quality_gates"))
    parser.add_argument("--write", action="store_true", help="put the gates into the package")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    rows = measured(options.data, options.work)
    (options.work / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    fitted = fit_gates(rows, modality="cfp", structures=("vessel",), lent=BORROWED)
    if options.write:
        fitted.write()
    if options.markdown:
        options.markdown.write_text(fitted.page("The picture quality each biomarker needs"), encoding="utf-8")


if __name__ == "__main__":
    main()
