"""How well a click finds the one vessel or zone that is meant: a bundle's local mode on drawn masks.

    python -m benchmarks.clicks MODEL... --data DIR [--recipe NAME...] [--clicks 2] [--images 40] [--markdown FILE]

In each image of an evaluation recipe points are drawn on parts of each target, at random with a seed of the image, with
one point to avoid on another part where there is one. What the model answers is judged in the square of two thirds of
the field about the point, which every bundle sees, against the part that holds the point there.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from retquant.config import ImageSettings
from retquant.images import read_image
from retquant.images.retinal_image import RetinalImage
from retquant.segmentation.local import segment_at
from retquant.segmentation.segmenter import Segmenter, load_segmenter
from retquant.training.datasets import Example, find_examples
from retquant.training.evaluate import ready_recipe
from retquant.training.recipe import load_datasets
from retquant.training.truth import read_truth

RECIPES = ("rossa-validation", "octa-layers")
SQUARE = 2 / 3  # of the field: a tile of 256 in a frame of 384
LEAST_SHARE = 2e-4  # of the image, that a part must cover to be clicked

HEAD = """# What a click finds

Written by `python -m benchmarks.clicks {models} --data DIR --clicks {clicks} --images {images} --markdown FILE`.
A point on a part of a drawn target, at random, and one to avoid on another part where there is one; Dice of what
`segment_at` answers and that part, in the square of two thirds of the field about the point. {note}

| model | images | target | clicks | Dice, mean ± SD | found (Dice over one half) |
|---|---|---|---|---|---|
"""
NOTE = "A bundle that learned no clicks answers with the part of its own mask that is connected to the point."


@dataclass(frozen=True, slots=True, eq=False)
class Click:
    """A point on a part, a point beside it, and what is meant. Points are x, y; masks (H, W) bool."""

    point: tuple[float, float]
    avoid: tuple[tuple[float, float], ...]
    meant: np.ndarray
    square: np.ndarray


def clicks_on(drawn: np.ndarray, *, count: int, seed: int) -> Iterator[Click]:
    """Clicks on an (H, W) drawn mask, at random."""
    rng = np.random.default_rng(seed)
    _, parts = cv2.connectedComponents(drawn.astype(np.uint8), connectivity=8)
    sizes = np.bincount(parts.ravel())
    large = [part for part in range(1, len(sizes)) if sizes[part] >= LEAST_SHARE * drawn.size]
    if not large:
        return
    for part in rng.choice(large, size=count):
        point = _on(parts == part, rng)
        square = square_about(point, drawn.shape[:2])
        _, here = cv2.connectedComponents((drawn & square).astype(np.uint8), connectivity=8)
        meant = here == here[int(point[1]), int(point[0])]
        others = (here > 0) & ~meant
        yield Click(point, (_on(others, rng),) if others.any() else (), meant, square)


def _on(mask: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """A point in a mask, not in the outer half of its width."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    near = cv2.dilate(depth, np.ones((5, 5), np.uint8))
    rows, cols = np.nonzero(mask & (depth >= 0.75 * near))
    chosen = int(rng.integers(len(rows)))
    return float(cols[chosen]), float(rows[chosen])


def square_about(point: tuple[float, float], shape: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: the square that is judged, inside the image."""
    side = round(SQUARE * max(shape))
    found = np.zeros(shape, bool)
    corner = [
        int(np.clip(round(at) - side // 2, 0, max(0, length - side)))
        for at, length in zip(point[::-1], shape, strict=True)
    ]
    found[corner[0] : corner[0] + side, corner[1] : corner[1] + side] = True
    return found


def dice(found: np.ndarray, drawn: np.ndarray) -> float:
    """Dice of two masks, at least one of which is not empty."""
    return float(2 * (found & drawn).sum() / (found.sum() + drawn.sum()))


def judge(
    segmenter: Segmenter, examples: Sequence[Example], *, clicks: int
) -> dict[tuple[str, str], list[float]]:
    """Data set and target -> Dice of each click."""
    found: dict[tuple[str, str], list[float]] = {}
    for example in examples:
        image = read_image(example.image, modality=example.modality, settings=ImageSettings())
        for target, path in example.truth.items():
            if target not in segmenter.bundle.targets:
                continue
            seed = zlib.crc32(f"{example.stem} {target}".encode())
            for click in clicks_on(read_truth(path, image.shape), count=clicks, seed=seed):
                found.setdefault((example.dataset, target), []).append(
                    _answered(segmenter, image, click, target)
                )
    return found


def _answered(segmenter: Segmenter, image: RetinalImage, click: Click, target: str) -> float:
    mask = segment_at(segmenter, image, [click.point], avoid=click.avoid, target=target).mask
    return dice(mask & click.square, click.meant)


def _row(model: str, dataset: str, target: str, scores: np.ndarray) -> str:
    spread = scores.std(ddof=1) if len(scores) > 1 else 0.0
    figures = f"{len(scores)} | {scores.mean():.3f} ± {spread:.3f} | {(scores > 0.5).mean():.2f}"
    return f"| `{model}` | {dataset} | {target} | {figures} |"


def main() -> None:
    """Read the arguments, judge and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", help="bundles by name or folder")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", nargs="+", default=RECIPES)
    parser.add_argument("--clicks", type=int, default=2, help="a target and image")
    parser.add_argument("--images", type=int, default=40, help="of a data set at most, evenly chosen")
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()
    lines = []
    for model in args.models:
        for recipe in args.recipe:
            for dataset in load_datasets(ready_recipe(recipe)):
                examples = find_examples(dataset, args.data)
                every = max(1, -(-len(examples) // args.images))
                segmenter = load_segmenter(model)
                hand = dataset.hand if dataset.hand in segmenter.bundle.hands else None
                found = judge(load_segmenter(model, hand=hand), examples[::every], clicks=args.clicks)
                for (name, target), scores in found.items():
                    lines.append(_row(segmenter.bundle.name, name, target, np.array(scores)))
                    print(lines[-1], flush=True)
    if args.markdown:
        head = HEAD.format(models=" ".join(args.models), clicks=args.clicks, images=args.images, note=NOTE)
        args.markdown.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
