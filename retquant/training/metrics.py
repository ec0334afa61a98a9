"""How well probabilities agree with drawn masks: Dice, area under the ROC curve, clDice, sensitivity.

Sums over images are kept as histograms of 8-bit probabilities, so that a pooled curve costs no memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """Counts of vessel and background pixels at each 8-bit probability."""

    positive: np.ndarray  # (256,) int
    negative: np.ndarray  # (256,) int

    @classmethod
    def count(cls, probability: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> Confusion:
        """Count (H, W) uint8 probabilities against (H, W) bool truth where `valid`."""
        return cls(
            np.bincount(probability[valid & truth], minlength=256),
            np.bincount(probability[valid & ~truth], minlength=256),
        )

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.positive + other.positive, self.negative + other.negative)

    def auc(self) -> float:
        """Area under the receiver operating characteristic; pixels of equal probability count one half."""
        below = np.cumsum(self.negative) - self.negative
        wins = (self.positive * (below + 0.5 * self.negative)).sum()
        pairs = float(self.positive.sum()) * float(self.negative.sum())
        return float(wins / pairs) if pairs else float("nan")

    def at(self, threshold: float = 0.5) -> dict[str, float]:
        """Dice, sensitivity, specificity and accuracy of the mask `probability >= threshold`."""
        level = int(np.ceil(threshold * 255))
        true_positive, false_positive = int(self.positive[level:].sum()), int(self.negative[level:].sum())
        positives, negatives = int(self.positive.sum()), int(self.negative.sum())
        missed, rejected = positives - true_positive, negatives - false_positive
        return {
            "dice": _ratio(2 * true_positive, 2 * true_positive + false_positive + missed),
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


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
