"""How well probabilities agree with drawn masks: overlap, curves, centre lines, thin vessels, connectivity.

Sums over images are kept as histograms over the logit of the probability, so that a pooled curve costs no memory and
pixels that are all but certain keep their order: rounded to 8 bits, three quarters of the background are tied at 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVELS = 4096  # of the logit, from -LARGEST to LARGEST; one half begins the upper half of them
LARGEST = 16.0


def level_of(probability: np.ndarray | float) -> np.ndarray:
    """The levels, 0 to `LEVELS` - 1, of probabilities: 8-bit ones (255 is 1), or floating-point numbers in [0, 1]."""
    share = np.asarray(probability)
    if share.dtype == np.uint8:
        table: np.ndarray = level_of(np.arange(256) / 255)
        return table[share]
    with np.errstate(divide="ignore"):
        logit = np.log(share, dtype=np.float64) - np.log1p(-share, dtype=np.float64)
    place = (logit + LARGEST) * (LEVELS / (2 * LARGEST)) + 1e-6  # where a level begins is of that level
    levels: np.ndarray = np.clip(place, 0, LEVELS - 1).astype(np.int64)
    return levels


def thresholds() -> np.ndarray:
    """(LEVELS,) the probability at which each level begins."""
    logits = np.arange(LEVELS) * (2 * LARGEST / LEVELS) - LARGEST
    started: np.ndarray = 1 / (1 + np.exp(-logits))
    return started


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """Counts of vessel and background pixels at each level of probability."""

    positive: np.ndarray  # (LEVELS,) int
    negative: np.ndarray  # (LEVELS,) int

    @classmethod
    def nothing(cls) -> Confusion:
        """No pixels."""
        return cls(np.zeros(LEVELS, np.int64), np.zeros(LEVELS, np.int64))

    @classmethod
    def count(cls, probability: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> Confusion:
        """Count (H, W) probabilities, uint8 or float, against (H, W) bool truth where `valid`."""
        return cls(
            np.bincount(level_of(probability[valid & truth]), minlength=LEVELS),
            np.bincount(level_of(probability[valid & ~truth]), minlength=LEVELS),
        )

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.positive + other.positive, self.negative + other.negative)

    def auc(self) -> float:
        """Area under the receiver operating characteristic; pixels of equal probability count one half."""
        below = np.cumsum(self.negative) - self.negative
        wins = (self.positive * (below + 0.5 * self.negative)).sum()
        pairs = float(self.positive.sum()) * float(self.negative.sum())
        return float(wins / pairs) if pairs else float("nan")

    def average_precision(self) -> float:
        """Area under the precision-recall curve, by steps: mean precision over the positives, most probable first."""
        hits, misses = np.cumsum(self.positive[::-1]), np.cumsum(self.negative[::-1])
        taken = np.maximum(hits + misses, 1)
        return _ratio(float((self.positive[::-1] * (hits / taken)).sum()), float(self.positive.sum()))

    def curves(self) -> dict[str, np.ndarray]:
        """(LEVELS,) recall, precision and false positive rate of the masks that each of `thresholds` gives."""
        hits, misses = np.cumsum(self.positive[::-1])[::-1], np.cumsum(self.negative[::-1])[::-1]
        taken = hits + misses
        return {
            "recall": hits / max(1, int(self.positive.sum())),
            "precision": np.where(taken > 0, hits / np.maximum(taken, 1), 1.0),
            "false_positive_rate": misses / max(1, int(self.negative.sum())),
        }

    def best_threshold(self) -> float:
        """The threshold in (0, 1) of the mask of greatest Dice; the middle of those that tie."""
        hits, misses = np.cumsum(self.positive[::-1])[::-1], np.cumsum(self.negative[::-1])[::-1]
        dice = 2 * hits / np.maximum(1, hits + misses + self.positive.sum())
        best = np.flatnonzero(dice[1:] >= dice[1:].max() - 1e-12) + 1
        return float(thresholds()[best[len(best) // 2]])

    def at(self, threshold: float = 0.5) -> dict[str, float]:
        """Dice, Jaccard, precision, sensitivity, specificity and accuracy of the mask `probability >= threshold`."""
        level = int(level_of(threshold))
        true_positive, false_positive = int(self.positive[level:].sum()), int(self.negative[level:].sum())
        positives, negatives = int(self.positive.sum()), int(self.negative.sum())
        missed, rejected = positives - true_positive, negatives - false_positive
        return {
            "dice": _ratio(2 * true_positive, 2 * true_positive + false_positive + missed),
            "jaccard": _ratio(true_positive, true_positive + false_positive + missed),
            "precision": _ratio(true_positive, true_positive + false_positive),
            "sensitivity": _ratio(true_positive, positives),
            "specificity": _ratio(rejected, negatives),
            "accuracy": _ratio(true_positive + rejected, positives + negatives),
        }


def centerline_dice(found: np.ndarray, truth: np.ndarray) -> float:
    """ClDice (Shit et al. 2021) of two (H, W) bool masks: harmonic mean of each skeleton's share in the other."""
    from skimage.morphology import skeletonize

    found_line, truth_line = skeletonize(found), skeletonize(truth)
    precision = _ratio(int((found_line & truth).sum()), int(found_line.sum()))
    recall = _ratio(int((truth_line & found).sum()), int(truth_line.sum()))
    return _ratio(2 * precision * recall, precision + recall)


def thin_sensitivity(found: np.ndarray, truth: np.ndarray, *, widest_px: float) -> float:
    """Share of the drawn centre line of thin vessels (calibre below `widest_px`) that the found mask covers."""
    import cv2
    from skimage.morphology import skeletonize

    line = skeletonize(truth)
    radius = cv2.distanceTransform(truth.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # a pixel's centre is half a pixel inside the edge that the transform measures to
    thin = line & (2 * radius - 1 < widest_px)
    return _ratio(int((thin & found).sum()), int(thin.sum()))


def connectivity(found: np.ndarray, truth: np.ndarray) -> float:
    """1 - |parts found - parts drawn| / pixels drawn, at least 0 (Gegundez-Arias et al. 2012); 8-connected parts."""
    import cv2

    parts = [cv2.connectedComponents(m.astype(np.uint8), connectivity=8)[0] - 1 for m in (found, truth)]
    drawn = int(truth.sum())
    return 1 - min(1.0, abs(parts[0] - parts[1]) / drawn) if drawn else float("nan")


def line_accuracy(
    own: np.ndarray, other: np.ndarray, drawn: np.ndarray, drawn_other: np.ndarray, valid: np.ndarray
) -> float:
    """Share of the drawn centre line of one kind of vessel that is labelled right, of what is found as either kind.

    Right is found as this kind and not as the other, too. All are (H, W) bool: masks found and drawn of this kind and
    of the other, and where the drawing is known. What is drawn as both, a crossing, is left out.
    """
    from skimage.morphology import skeletonize

    line = skeletonize(drawn & valid) & ~drawn_other & (own | other)
    return _ratio(int((line & own & ~other).sum()), int(line.sum()))


def kind_rates(
    artery: np.ndarray, vein: np.ndarray, drawn: tuple[np.ndarray, np.ndarray], valid: np.ndarray
) -> dict[str, float]:
    """Sensitivity, specificity and accuracy of telling arteries (positive) from veins, pixel by pixel.

    Of pixels drawn as one kind and found as one kind alone; all are (H, W) bool, `drawn` artery and vein.
    """
    judged = valid & (drawn[0] ^ drawn[1]) & (artery ^ vein)
    positive = judged & drawn[0]
    right = judged & (artery == drawn[0])
    positives, all_ = int(positive.sum()), int(judged.sum())
    hits, rights = int((right & positive).sum()), int(right.sum())
    return {
        "sensitivity": _ratio(hits, positives),
        "specificity": _ratio(rights - hits, all_ - positives),
        "accuracy": _ratio(rights, all_),
    }


def vertical_ratio(cup: np.ndarray, disc: np.ndarray) -> float:
    """Vertical cup-to-disc ratio of two (H, W) bool masks: extents of their largest parts along the image's vertical.

    NaN without a disc; 0 without a cup.
    """
    heights = [_height(mask) for mask in (cup, disc)]
    return _ratio(*heights)


def _height(mask: np.ndarray) -> int:
    """Pixels from top to bottom of a mask's largest 8-connected part."""
    import cv2

    parts = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)[2][1:]
    return int(parts[parts[:, cv2.CC_STAT_AREA].argmax(), cv2.CC_STAT_HEIGHT]) if len(parts) else 0


def calibre_ratio(found: np.ndarray, truth: np.ndarray) -> float:
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


def bootstrap_interval(values: np.ndarray, *, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the mean of (n,) values, by drawing images with replacement."""
    if not len(values):
        return float("nan"), float("nan")
    picks = np.random.default_rng(seed).integers(len(values), size=(draws, len(values)))
    low, high = np.percentile(values[picks].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
