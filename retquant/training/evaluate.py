"""How a bundle does on images with drawn truth: one row an image, and their means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from retquant.config import ImageSettings
from retquant.images import read_image
from retquant.resources import resource_folder
from retquant.segmentation.bundles import HeldOutResult
from retquant.segmentation.landmark import landmark_of
from retquant.segmentation.segmentation import Segmentation
from retquant.segmentation.segmenter import Segmenter
from retquant.training.datasets import Example, find_examples
from retquant.training.metrics import Confusion, centerline_dice
from retquant.training.recipe import DatasetRecipe
from retquant.training.truth import DISC_RADII_TO_FOVEA, artery_and_vein, read_codes, read_truth

LINES = frozenset({"vessel", "artery", "vein"})
"""Targets with a centre line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageScore:
    """Agreement on one image; NaN where a figure has no meaning for the target."""

    dataset: str
    image: str
    target: str
    dice: float = float("nan")
    auc: float = float("nan")
    centerline_dice: float = float("nan")
    sensitivity: float = float("nan")
    specificity: float = float("nan")
    accuracy: float = float("nan")
    calibre_ratio: float = float("nan")  # predicted vessel pixels over drawn ones on the same centre lines
    error_radii: float = float("nan")  # of a point, in radii of the disc; infinite where none was found


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
    pooled: dict[str, Confusion | None] = {}
    for example in examples:
        for score, counts in _score(segmenter, example):
            scores.append(score)
            known = pooled.get(score.target)
            pooled[score.target] = counts if known is None or counts is None else known + counts
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


def _score(segmenter: Segmenter, example: Example) -> list[tuple[ImageScore, Confusion | None]]:
    image = read_image(example.image, fov_mask=example.fov, settings=ImageSettings())
    found = segmenter(image)
    rows: list[tuple[ImageScore, Confusion | None]] = []
    for target, drawn, known in _drawn(example, image.shape):
        if target not in found.targets:
            continue
        prediction, valid = found.targets[target], known & image.fov
        truth, mask = drawn & valid, prediction.mask & valid
        counts = Confusion.count(prediction.probability, truth, valid)
        is_line = target in LINES
        score = ImageScore(
            dataset=example.dataset,
            image=example.stem,
            target=target,
            auc=counts.auc(),
            centerline_dice=centerline_dice(mask, truth) if is_line else float("nan"),
            calibre_ratio=_calibre_ratio(mask, truth) if is_line else float("nan"),
            **counts.at(128 / 255),
        )
        rows.append((score, counts))
    return rows + _score_points(found, example)


def _score_points(found: Segmentation, example: Example) -> list[tuple[ImageScore, Confusion | None]]:
    """The distance of the fovea from where it was marked, if the disc is marked too and gives the measure."""
    if not {"fovea", "disc"} <= set(example.points) or "fovea" not in found.targets:
        return []
    drawn = np.array(example.points["fovea"])
    radius = np.hypot(*(drawn - np.array(example.points["disc"]))) / DISC_RADII_TO_FOVEA
    spot = landmark_of(found.targets["fovea"].probability)
    error = np.inf if spot is None else np.hypot(*(drawn - np.array([spot.x, spot.y]))) / radius
    score = ImageScore(dataset=example.dataset, image=example.stem, target="fovea", error_radii=float(error))
    return [(score, None)]


def _drawn(example: Example, shape: tuple[int, int]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Each drawn target with its (H, W) bool mask and where that is known."""
    everywhere = np.ones(shape, bool)
    for target, path in example.truth.items():
        if target == "av":
            vessel = example.truth.get("vessel")
            artery, vein, known = artery_and_vein(
                read_codes(path, shape), None if vessel is None else read_truth(vessel, shape)
            )
            yield "artery", artery, known
            yield "vein", vein, known
        else:
            yield target, read_truth(path, shape), everywhere


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
    scores: Sequence[ImageScore], counts: Confusion | None, *, recipe: DatasetRecipe, role: str, hand: str
) -> HeldOutResult:
    def summary(name: str, of: Callable[[np.ndarray], float]) -> float | None:
        values = np.array([getattr(s, name) for s in scores])
        known = values[~np.isnan(values)]
        return float(of(known)) if len(known) else None

    return HeldOutResult(
        dataset=recipe.name,
        role=role,
        target=scores[0].target,
        hand=hand,
        images=len(scores),
        dice=summary("dice", np.mean),
        dice_sd=summary("dice", lambda v: float(v.std(ddof=1)) if len(v) > 1 else 0.0),
        auc=None if counts is None else counts.auc(),
        centerline_dice=summary("centerline_dice", np.mean),
        sensitivity=summary("sensitivity", np.mean),
        specificity=summary("specificity", np.mean),
        accuracy=summary("accuracy", np.mean),
        error_radii=summary("error_radii", np.median),
    )
