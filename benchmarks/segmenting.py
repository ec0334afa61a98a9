"""Seconds to segment one image, by network, library and precision, and how far the answers differ.

    python benchmarks/segmenting.py IMAGE... [--models NAME...] [--threads N] [--repeats N] [--biomarkers] [--json FILE]

A model is a bundle, or `compact` or `litemedsam` for a network that is not trained, which takes as long. The ways take
turns, so that another load on the machine slows all of them: ratios to torch in float32 hold better than seconds.
Differences are to that way, too: the mean of |dp|, the share of the field's pixels that change sides at one half, and
with --biomarkers the share of biomarkers that move by more than 1 % and the median and 95th percentile of their moves.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from retquant.images import RetinalImage
    from retquant.segmentation.segmenter import Segmenter

FRESH = {"compact": 768, "litemedsam": 640}  # working pixels
REFERENCE = "torch float32"
TARGETS = ("vessel", "artery", "vein", "disc", "fovea")


def fresh(name: str) -> Segmenter:
    """A network that no data have changed, ready for inference."""
    import torch

    from retquant.segmentation.build import build_network
    from retquant.segmentation.bundles import Bundle
    from retquant.segmentation.segmenter import segmenter_of
    from retquant.segmentation.spec import NetworkSpec

    torch.manual_seed(0)
    spec = NetworkSpec(foundation=name, targets=TARGETS, hands=("none",))
    card = Bundle(
        name=f"fresh-{name}", title="", modality="cfp", intended_use="", foundation=name, foundation_sha256="",
        targets=TARGETS, hands=spec.hands, default_hand="none", working_px=FRESH[name], lora_rank=spec.lora_rank,
        lora_alpha=spec.lora_alpha, lora_targets=spec.lora_targets, recipe_digest="", steps=0, seed=0,
        retquant_version="", training_data=(), weights_sha256=f"seed 0, torch {torch.__version__}",
    )  # fmt: skip
    return segmenter_of(
        card, build_network(spec), device="cpu", precision="float32", hand="none", runtime="torch"
    )


def ways(name: str) -> dict[str, Segmenter]:
    """The same network in each library and precision that this machine has."""
    from retquant.segmentation.openvino_session import open_session
    from retquant.segmentation.segmenter import load_segmenter

    plain = fresh(name) if name in FRESH else load_segmenter(name, device="cpu", precision="float32")
    found = {REFERENCE: plain, "torch bfloat16": replace(plain, precision="bfloat16")}
    if find_spec("openvino"):
        for precision in ("float32", "bfloat16"):
            session = open_session(plain.network, plain.bundle, precision)
            found[f"openvino {precision}"] = replace(plain, precision=precision, session=session)
    return found


def timed(
    segmenters: Mapping[str, Segmenter], image: RetinalImage, repeats: int
) -> dict[str, dict[str, float]]:
    """Wall and processor seconds of each way: medians over the rounds, and of the ratios within a round."""
    wall: dict[str, list[float]] = {way: [] for way in segmenters}
    cpu: dict[str, list[float]] = {way: [] for way in segmenters}
    for turn in range(repeats + 1):
        for way, segment in segmenters.items():
            begun = time.perf_counter(), time.process_time()
            segment(image)
            if turn:  # the first pass makes room
                wall[way].append(time.perf_counter() - begun[0])
                cpu[way].append(time.process_time() - begun[1])
    return {
        way: {
            "seconds": statistics.median(wall[way]),
            "processor": statistics.median(cpu[way]),
            "ratio": statistics.median(
                mine / reference for mine, reference in zip(cpu[way], cpu[REFERENCE], strict=True)
            ),
        }
        for way in segmenters
    }


def differences(
    segmenters: Mapping[str, Segmenter], images: Sequence[RetinalImage]
) -> dict[str, dict[str, float]]:
    """Mean |dp| and share of pixels that change sides, over the field and all targets, against the reference."""
    sums = {way: np.zeros(3) for way in segmenters}
    for image in images:
        wanted = segmenters[REFERENCE](image).targets
        for way, segment in segmenters.items():
            for target, found in segment(image).targets.items():
                p, q = found.probability[image.fov], wanted[target].probability[image.fov]
                moved = np.abs(p.astype(int) - q.astype(int)).sum() / 255
                sums[way] += moved, ((p >= 128) != (q >= 128)).sum(), p.size
    return {way: {"mean dp": s[0] / s[2], "flipped": s[1] / s[2]} for way, s in sums.items()}


def moves(
    name: str, paths: Sequence[Path], segmenters: Mapping[str, Segmenter]
) -> dict[str, dict[str, float]]:
    """How far biomarkers move from their values by the reference."""
    from retquant.config import RunConfig, SegmentationSettings
    from retquant.manifest.records import ImageRecord
    from retquant.pipeline import analyse

    values: dict[str, list[dict[str, float | None]]] = {}
    for way in segmenters:
        runtime, precision = way.split()
        config = RunConfig(
            segmentation=SegmentationSettings.model_validate(
                {"model": name, "runtime": runtime, "precision": precision}
            )
        )
        values[way] = [
            {
                column: m.value
                for column, m in analyse(
                    ImageRecord(image_id=path.stem, image=path.resolve(), row=1), config, device="cpu"
                ).biomarkers.items()
            }
            for path in paths
        ]
    moved = {}
    for way, rows in values.items():
        pairs = np.array(
            [
                (row[column], value)
                for row, other in zip(values[REFERENCE], rows, strict=True)
                for column, value in other.items()
            ],
            dtype=float,
        )
        wanted, found = pairs[np.isfinite(pairs).all(axis=1) & (pairs[:, 0] != 0)].T
        shifts = np.abs(found - wanted) / np.abs(wanted)
        moved[way] = {
            "moved": float((shifts > 0.01).mean()),
            "median move": float(np.median(shifts)),
            "95 % move": float(np.quantile(shifts, 0.95)),
        }
    return moved


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--models", nargs="+", default=list(FRESH))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--biomarkers", action="store_true", help="of bundles only")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    import cv2
    import torch

    from retquant.config import ImageSettings
    from retquant.images import read_image
    from retquant.segmentation.runtime import keep_large_blocks

    keep_large_blocks()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    images = [read_image(path, settings=ImageSettings()) for path in options.images]
    results = {}
    for name in options.models:
        segmenters = ways(name)
        rows = timed(segmenters, images[0], options.repeats)
        parts = [differences(segmenters, images)]
        if options.biomarkers and name not in FRESH:
            parts.append(moves(name, options.images, segmenters))
        results[name] = {
            way: row | {k: v for p in parts for k, v in p[way].items()} for way, row in rows.items()
        }
        columns = list(next(iter(results[name].values())))
        print(f"\n{name}, {images[0].shape[1]} x {images[0].shape[0]}, {options.threads} threads\n")
        print(f"| way | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
        for way, row in results[name].items():
            print(f"| {way} | {' | '.join(f'{row[column]:.3g}' for column in columns)} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
