"""The figures of one image: what was found against what was drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from retquant.training.metrics import (
    Confusion,
    calibre_ratio,
    centerline_dice,
    connectivity,
    kind_rates,
    line_accuracy,
    thin_sensitivity,
    vertical_ratio,
)

LINES = frozenset({"vessel", "artery", "vein", "large_vessel", "capillary"})
"""Targets with a centre line."""

AREAS = frozenset({"disc", "cup", "faz"})
"""Targets of which an eye has one, and whose area is what is measured."""

KINDS = ("artery", "vein")
TELLING_APART = "artery_vein"
"""The `target` of rows on how well arteries are told from veins, whatever of either is found."""

THIN_PX = 3.0  # calibre, at the scale of DRIVE
DRIVE_FIELD_PX = 540.0  # width of its field of view

_UNKNOWN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageScore:
    """Agreement on one image at probability one half; NaN where a figure has no meaning for the target."""

    dataset: str
    image: str
    target: str
    dice: float = _UNKNOWN
    jaccard: float = _UNKNOWN
    precision: float = _UNKNOWN
    sensitivity: float = _UNKNOWN
    specificity: float = _UNKNOWN
    accuracy: float = _UNKNOWN
    auc: float = _UNKNOWN  # of the receiver operating characteristic
    average_precision: float = _UNKNOWN  # area under the precision-recall curve
    centerline_dice: float = _UNKNOWN
    connectivity: float = _UNKNOWN
    thin_sensitivity: float = _UNKNOWN  # of vessels below 3 px at DRIVE's scale
    calibre_ratio: float = _UNKNOWN  # found width over drawn width on the same centre lines
    dice_at_chosen: float = _UNKNOWN  # at the threshold chosen on the validation persons
    line_accuracy: float = _UNKNOWN  # of arteries or veins found, labelled right on the drawn centre line
    cdr_error: float = _UNKNOWN  # of a cup: vertical cup-to-disc ratio found minus drawn
    area_error: float = _UNKNOWN  # of a disc, cup or avascular zone: found area over drawn area, less 1
    error_radii: float = _UNKNOWN  # of a point, in radii of the disc; infinite where none was found


FIGURES = tuple(
    name for name in ImageScore.__dataclass_fields__ if name not in ("dataset", "image", "target")
)
"""The names of the figures, in the order of columns."""


def score_map(
    probability: np.ndarray,
    drawn: np.ndarray,
    valid: np.ndarray,
    *,
    field_px: float,
    chosen: float | None = None,
    exact: np.ndarray | None = None,
    about: tuple[str, str, str],
) -> tuple[ImageScore, Confusion]:
    """Judge a map of one target.

    Parameters
    ----------
    probability : (H, W) uint8
    drawn : (H, W) bool
    valid : (H, W) bool, where the truth is known inside the field of view
    field_px : width of the field of view, for what counts as thin
    chosen : threshold to report beside one half
    exact : (H, W) float, the probability before it was rounded to 8 bits, which ties what is nearly certain
    about : data set, image, target
    """
    truth, mask = drawn & valid, (probability >= 128) & valid
    counts = Confusion.count(probability if exact is None else exact, drawn, valid)
    dataset, image, target = about
    special: dict[str, float] = {}
    if target in LINES:
        special = {
            "centerline_dice": centerline_dice(mask, truth),
            "connectivity": connectivity(mask, truth),
            "thin_sensitivity": thin_sensitivity(mask, truth, widest_px=THIN_PX * field_px / DRIVE_FIELD_PX),
            "calibre_ratio": calibre_ratio(mask, truth),
        }
    if target in AREAS:
        special = {"area_error": area_error(mask, truth)}
    score = ImageScore(
        dataset=dataset,
        image=image,
        target=target,
        auc=counts.auc(),
        average_precision=counts.average_precision(),
        dice_at_chosen=_UNKNOWN if chosen is None else counts.at(chosen)["dice"],
        **counts.at(0.5),
        **special,
    )
    return score, counts


def score_kinds(
    found: Mapping[str, np.ndarray],
    drawn: Mapping[str, np.ndarray],
    valid: np.ndarray,
    *,
    about: tuple[str, str],
) -> tuple[ImageScore, dict[str, float]]:
    """How well arteries are told from veins, and the accuracy of each kind on its drawn centre line.

    The row's `line_accuracy` is balanced, the mean of both kinds; its sensitivity (arteries), specificity (veins) and
    accuracy are those of the pixels found as either.

    Parameters
    ----------
    found, drawn : `artery` and `vein` -> (H, W) bool
    valid : (H, W) bool, where the truth is known inside the field of view
    about : data set, image
    """
    lines = {
        kind: line_accuracy(found[kind], found[other], drawn[kind], drawn[other], valid)
        for kind, other in (KINDS, KINDS[::-1])
    }
    rates = kind_rates(found["artery"], found["vein"], (drawn["artery"], drawn["vein"]), valid)
    score = ImageScore(
        dataset=about[0],
        image=about[1],
        target=TELLING_APART,
        line_accuracy=(lines["artery"] + lines["vein"]) / 2,
        **rates,
    )
    return score, lines


def cdr_error(found: Mapping[str, np.ndarray], drawn: Mapping[str, np.ndarray]) -> float:
    """Vertical cup-to-disc ratio found minus drawn, of `cup` and `disc` -> (H, W) bool; NaN where a disc is missing."""
    return vertical_ratio(found["cup"], found["disc"]) - vertical_ratio(drawn["cup"], drawn["disc"])


def area_error(found: np.ndarray, drawn: np.ndarray) -> float:
    """Area of one (H, W) bool mask over another's, less 1; -1 where none was found, NaN where none is drawn."""
    area = np.count_nonzero(drawn)
    return np.count_nonzero(found) / area - 1 if area else _UNKNOWN
