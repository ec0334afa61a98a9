"""How a bundle does on images with drawn truth: one row an image, and their means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from retquant.config import ImageSettings
from retquant.images import read_image
from retquant.resources import resource_folder
from retquant.segmentation.bundles import HeldOutResult
from retquant.segmentation.segmenter import Segmenter
from retquant.training.datasets import Example, find_examples, read_truth
from retquant.training.metrics import Confusion, centerline_dice
from retquant.training.recipe import DatasetRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageScore:
    """Agreement on one image."""

    dataset: str
    image: str
    target: str
    dice: float
    auc: float
    centerline_dice: float
    sensitivity: float
    specificity: float
    accuracy: float
    calibre_ratio: float  # predicted vessel pixels over drawn ones on the same centre lines


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Evaluation:
    """Scores by image and their summary, one a target."""

    scores: tuple[ImageScore, ...]
    results: tuple[HeldOutResult, ...]

    def as_dict(self) -> dict[str, list[dict[str, object]]]:
        """Plain values, for JSON."""
        return {
            "images": [asdict(score) for score in self.scores],
            "summary": [result.model_dump() for result in self.results],
        }


def ready_recipe(name: str) -> Path:
    """The file of an evaluation recipe: a path, or the name of one that ships."""
    shipped = resource_folder("pipelines") / "datasets" / f"{name}.toml"
    return shipped if shipped.is_file() else Path(name)


def evaluate(
    segmenter: Segmenter,
    recipe: DatasetRecipe,
    *,
    root: Path,
    role: str = "test",
    only_validation: bool = False,
    report: Callable[[ImageScore], None] | None = None,
) -> Evaluation:
    """Judge a segmenter on a data set, at the images' own resolution inside their field of view.

    With `only_validation` just the recipe's validation persons are scored.
    """
    examples = find_examples(recipe, root)
    if only_validation:
        examples = [e for e in examples if e.person in set(recipe.validation)]
    scores: list[ImageScore] = []
    pooled: dict[str, Confusion] = {}
    for example in examples:
        for score, counts in _score(segmenter, example):
            scores.append(score)
            known = pooled.get(score.target)
            pooled[score.target] = counts if known is None else known + counts
            if report is not None:
                report(score)
    results = tuple(
        _summarize(
            [s for s in scores if s.target == target],
            counts,
            recipe=recipe,
            role=role,
            hand=segmenter.hand,
        )
        for target, counts in pooled.items()
    )
    return Evaluation(scores=tuple(scores), results=results)


def _score(segmenter: Segmenter, example: Example) -> list[tuple[ImageScore, Confusion]]:
    image = read_image(example.image, fov_mask=example.fov, settings=ImageSettings())
    found = segmenter(image)
    rows = []
    for target, path in example.truth.items():
        prediction = found.targets[target]
        truth = read_truth(path, image.shape) & image.fov
        counts = Confusion.count(prediction.probability, truth, image.fov)
        at_half = counts.at(128 / 255)
        score = ImageScore(
            dataset=example.dataset,
            image=example.stem,
            target=target,
            auc=counts.auc(),
            centerline_dice=centerline_dice(prediction.mask, truth),
            calibre_ratio=_calibre_ratio(prediction.mask, truth),
            **at_half,
        )
        rows.append((score, counts))
    return rows


def _calibre_ratio(found: np.ndarray, truth: np.ndarray) -> float:
    """Mean width of the found mask over that of the drawn one, both on the drawn centre line where both have one."""
    import cv2
    from skimage.morphology import skeletonize

    line = skeletonize(truth) & found
    if not line.any():
        return float("nan")
    radius_found, radius_truth = (
        cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[line]
        for mask in (found, truth)
    )
    return float(radius_found.mean() / radius_truth.mean())


def _summarize(
    scores: Sequence[ImageScore], counts: Confusion, *, recipe: DatasetRecipe, role: str, hand: str
) -> HeldOutResult:
    def mean(name: str) -> float:
        return float(np.mean([getattr(s, name) for s in scores]))

    return HeldOutResult(
        dataset=recipe.name,
        role=role,
        target=scores[0].target,
        hand=hand,
        images=len(scores),
        dice=mean("dice"),
        dice_sd=float(np.std([s.dice for s in scores], ddof=1)) if len(scores) > 1 else 0.0,
        auc=counts.auc(),
        centerline_dice=mean("centerline_dice"),
        sensitivity=mean("sensitivity"),
        specificity=mean("specificity"),
        accuracy=mean("accuracy"),
    )
