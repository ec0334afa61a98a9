"""How a bundle does on images with drawn truth: one row an image, and their means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from retquant.config import ImageSettings
from retquant.images import read_image
from retquant.images.retinal_image import RetinalImage
from retquant.resources import resource_folder
from retquant.segmentation.bundles import HeldOutResult
from retquant.segmentation.landmark import landmark_of
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.segmentation.segmenter import Segmenter, rounded
from retquant.training.datasets import Example, find_examples
from retquant.training.metrics import Confusion, bootstrap_interval
from retquant.training.recipe import DatasetRecipe
from retquant.training.scores import KINDS, ImageScore, cdr_error, score_kinds, score_map
from retquant.training.truth import DISC_RADII_TO_FOVEA, artery_and_vein, read_codes, read_truth

SECOND_OBSERVER = "second observer"
"""The `hand` of rows that judge another person's drawing as if a model had made it."""

MEANS = (
    "jaccard",
    "precision",
    "sensitivity",
    "specificity",
    "accuracy",
    "centerline_dice",
    "connectivity",
    "thin_sensitivity",
    "calibre_ratio",
    "line_accuracy",
)
"""Figures of which the summary is the mean over images."""

Refine = Callable[[RetinalImage, Segmentation], Segmentation]
"""What is done to a segmentation before it is measured, and so before it is judged."""

Scored = tuple[str, ImageScore, Confusion | None]  # hand, figures, counts


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Judged:
    """A mask beside its truth, for a picture of the errors."""

    image: str
    target: str
    found: np.ndarray  # (H, W) bool
    drawn: np.ndarray  # (H, W) bool
    valid: np.ndarray  # (H, W) bool


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Evaluation:
    """Scores by image and their summary, one a target (and one more where a second observer drew it)."""

    scores: tuple[ImageScore, ...]
    results: tuple[HeldOutResult, ...]
    second: tuple[ImageScore, ...] = ()
    pooled: Mapping[str, Confusion] = field(default_factory=dict)  # target -> counts of all images

    def as_dict(self) -> dict[str, list[dict[str, object]]]:
        """Plain values, for JSON."""
        return {
            "images": [asdict(score) for score in self.scores],
            "second_observer": [asdict(score) for score in self.second],
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
    refine: Refine | None = None,
    report: Callable[[ImageScore], None] | None = None,
    show: Callable[[Judged], None] | None = None,
) -> Evaluation:
    """Judge a segmenter on a data set, at the images' own resolution inside their field of view.

    In the role `validation` just the recipe's validation persons are scored, and the threshold of greatest pooled Dice
    is found; in any other, the threshold that the bundle's card has from there is reported beside one half. `refine`
    is what the pipeline does to a segmentation before measuring; without it the network's own maps are judged.
    """
    if not set(recipe.targets) & set(segmenter.bundle.targets):
        return Evaluation(scores=(), results=())  # nothing to compare: the images are not even read
    examples = find_examples(recipe, root)
    if role == "validation":
        examples = [e for e in examples if e.person in set(recipe.validation)]
    scored: list[Scored] = []
    for example in examples:
        for row in _score(segmenter, example, refine, show):
            scored.append(row)
            if report is not None and row[0] != SECOND_OBSERVER:
                report(row[1])
    groups = dict.fromkeys((hand, score.target) for hand, score, _ in scored)
    results, pooled = [], {}
    for hand, target in groups:
        rows = [(s, c) for h, s, c in scored if (h, s.target) == (hand, target)]
        counts = [c for _, c in rows if c is not None]
        whole = sum(counts[1:], counts[0]) if counts else None
        if whole is not None and hand != SECOND_OBSERVER:
            pooled[target] = whole
        result = _summarize([s for s, _ in rows], whole, name=recipe.name, role=role, hand=hand)
        mirrors = segmenter.mirrors and hand != SECOND_OBSERVER
        results.append(result.model_copy(update={"mirrors": mirrors}))
    return Evaluation(
        scores=tuple(s for h, s, _ in scored if h != SECOND_OBSERVER),
        second=tuple(s for h, s, _ in scored if h == SECOND_OBSERVER),
        results=tuple(results),
        pooled=pooled,
    )


def _score(
    segmenter: Segmenter,
    example: Example,
    refine: Refine | None,
    show: Callable[[Judged], None] | None,
) -> Iterator[Scored]:
    image = read_image(
        example.image, modality=example.modality, fov_mask=example.fov, settings=ImageSettings()
    )
    if example.field_mm is not None:
        image = replace(image, pitch_um=1000.0 * example.field_mm / image.field.diameter_px)
    maps = dict(segmenter.probabilities(image))
    found = as_given = rounded(maps.items(), model=segmenter.bundle.name)
    if refine is not None:
        found = refine(image, found)
    exact = {t: _before_rounding(found.targets[t], as_given.targets[t], maps[t]) for t in found.targets}
    truth = {
        target: (drawn, known & image.fov)
        for target, drawn, known in _drawn(example.truth, image.shape)
        if target in found.targets
    }
    second = {target: mask for target, mask, _ in _drawn(example.second, image.shape)}
    masks = {target: found.targets[target].mask for target in truth}
    told, extra = _of_pairs(masks, truth, about=(example.dataset, example.stem))
    for target, (drawn, valid) in truth.items():
        probability = found.targets[target].probability
        about = (example.dataset, example.stem, target)
        chosen = _chosen_threshold(segmenter, target)
        width = image.field.diameter_px
        score, counts = score_map(
            probability, drawn, valid, field_px=width, chosen=chosen, exact=exact[target], about=about
        )
        yield segmenter.hand, replace(score, **extra.get(target, {})), counts
        if target in second:
            other = np.where(second[target], np.uint8(255), np.uint8(0))
            score, counts = score_map(other, drawn, valid, field_px=width, about=about)
            yield SECOND_OBSERVER, score, counts
        if show is not None:
            show(Judged(image=example.stem, target=target, found=masks[target], drawn=drawn, valid=valid))
    if told is not None:
        yield segmenter.hand, told, None
    yield from ((segmenter.hand, score, None) for score in _score_points(found, example))


def _before_rounding(found: TargetMask, as_given: TargetMask, exact: np.ndarray) -> np.ndarray:
    """(H, W) float probability, to the last digit where nothing was refined."""
    same = found.probability == as_given.probability
    precise: np.ndarray = np.where(same, exact, found.probability / np.float32(255))
    return precise


def _of_pairs(
    found: Mapping[str, np.ndarray],
    truth: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    about: tuple[str, str],
) -> tuple[ImageScore | None, dict[str, dict[str, Any]]]:
    """The row on telling arteries from veins, and figures of a target (artery, vein, cup) that take another, too."""
    told: ImageScore | None = None
    extra: dict[str, dict[str, Any]] = {}
    drawn = {target: mask for target, (mask, _) in truth.items()}
    if set(KINDS) <= set(truth):
        told, lines = score_kinds(found, drawn, truth["artery"][1], about=about)
        extra = {kind: {"line_accuracy": share} for kind, share in lines.items()}
    if {"cup", "disc"} <= set(truth):
        extra["cup"] = {"cdr_error": cdr_error(found, drawn)}
    return told, extra


def _drawn(files: Mapping[str, Path], shape: tuple[int, int]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Each drawn target with its (H, W) bool mask and where that is known."""
    for target, path in files.items():
        if target == "av":
            vessel = None if "vessel" not in files else read_truth(files["vessel"], shape)
            artery, vein, known = artery_and_vein(read_codes(path, shape), vessel)
            yield "artery", artery, known
            yield "vein", vein, known
        else:
            yield target, read_truth(path, shape), np.ones(shape, bool)


def _score_points(found: Segmentation, example: Example) -> Iterator[ImageScore]:
    """The distance of the fovea from where it was marked, if the disc is marked too and gives the measure."""
    if not {"fovea", "disc"} <= set(example.points) or "fovea" not in found.targets:
        return
    drawn = np.array(example.points["fovea"])
    radius = np.hypot(*(drawn - np.array(example.points["disc"]))) / DISC_RADII_TO_FOVEA
    spot = landmark_of(found.targets["fovea"].probability)
    error = np.inf if spot is None else np.hypot(*(drawn - np.array([spot.x, spot.y]))) / radius
    yield ImageScore(dataset=example.dataset, image=example.stem, target="fovea", error_radii=float(error))


def _chosen_threshold(segmenter: Segmenter, target: str) -> float | None:
    """The threshold that the validation persons gave for this target and hand; the mean where there are several."""
    known = [
        r.threshold
        for r in segmenter.bundle.results
        if (r.role, r.target, r.hand) == ("validation", target, segmenter.hand) and r.threshold is not None
    ]
    return float(np.mean(known)) if known else None


def _summarize(
    scores: Sequence[ImageScore], counts: Confusion | None, *, name: str, role: str, hand: str
) -> HeldOutResult:
    def values(figure: str) -> np.ndarray:
        found = np.array([getattr(s, figure) for s in scores])
        return found[~np.isnan(found)]

    def summary(figure: str, of: Callable[[np.ndarray], float] = np.mean) -> float | None:
        known = values(figure)
        return float(of(known)) if len(known) else None

    means: dict[str, Any] = {figure: summary(figure) for figure in MEANS}
    low, high = bootstrap_interval(values("dice"))
    is_judged = counts is not None and hand != SECOND_OBSERVER
    return HeldOutResult(
        dataset=name,
        role=role,
        target=scores[0].target,
        hand=hand,
        images=len(scores),
        dice=summary("dice"),
        dice_sd=summary("dice", lambda v: float(v.std(ddof=1)) if len(v) > 1 else 0.0),
        dice_low=None if np.isnan(low) else low,
        dice_high=None if np.isnan(high) else high,
        auc=counts.auc() if counts is not None and is_judged else None,
        average_precision=counts.average_precision() if counts is not None and is_judged else None,
        threshold=counts.best_threshold()
        if counts is not None and role == "validation" and is_judged
        else None,
        dice_at_chosen=summary("dice_at_chosen"),
        error_radii=summary("error_radii", np.median),
        cdr_error=summary("cdr_error", lambda v: np.abs(v).mean()),
        cdr_bias=summary("cdr_error"),
        area_error=summary("area_error", lambda v: np.abs(v).mean()),
        area_bias=summary("area_error"),
        **means,
    )
