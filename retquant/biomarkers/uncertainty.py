"""Standard errors by perturbing the segmentation: what a biomarker owes to where a mask's edge was drawn.

Two things about a mask are doubtful and cost nothing to ask again. Its *edge*: the image is measured with all vessels
(and disc and cup) a little wider and a little narrower. And its *handedness*: a model that sees the image in a mirror
draws other vessels, and whatever in a graph depends on the order of pixels shows (little: of given masks the error is
nearly all the edge's). With m+
and m- measured at the two edges, and m0 and the m of the mirrors (up and down, left and right) at the edge as it is,

    standard error^2 = ((m+ - m-) / 2)^2 + variance of the m0 and mirrored m (n - 1 in the denominator).

The edge's step is one standard deviation of its doubt, so that half the difference is one of the biomarker's. Both
terms are differences between measurements that are made alike, so that what a perturbation does to all of them (a hard
mask becomes a soft one) drops out. What two people see or overlook, and what another photograph of the eye would show,
is not in it: it is a lower bound of the within-eye error.

Cost: four measurements beside the one, graphs included, and two more runs of the model where a model segments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from retquant.biomarkers.measurement import Biomarkers, Measurement
from retquant.biomarkers.registry import BIOMARKERS
from retquant.segmentation.segmentation import Segmentation, TargetMask

EDGE_DOUBT_LOGITS = 0.5
"""Step of a soft map's edge: the threshold at 0.38 and 0.62 instead of 0.5.

The threshold at which the shipped model draws as much vessel as an annotator did scatters between images by 0.5 (DRIVE)
and 0.4 (CHASE_DB1) in logits, which moves its edge by 0.2 to 0.3 px.
"""

EDGE_DOUBT_PX = 0.25
"""Step of a hard mask's edge, which shows no doubt of its own: a quarter pixel, half a pixel of calibre.

Where two annotators drew the same vessels, their edges differ by 0.15 px (DRIVE) and 0.44 px (CHASE_DB1), root mean
square over 20 images each; of one annotator that is 0.11 and 0.31 px.
"""

MIRRORS = (0, 1)
"""Axes along which an image is mirrored: up and down, left and right."""


def with_edges_moved(segmentation: Segmentation, *, outwards: bool) -> Segmentation:
    """All targets with their edges one step of doubt further out, or in, as maps with their edge at one half."""
    sign = 1.0 if outwards else -1.0
    return Segmentation(
        targets=MappingProxyType(
            {name: _moved(target, sign) for name, target in segmentation.targets.items()}
        )
    )


def _moved(target: TargetMask, sign: float) -> TargetMask:
    if target.is_hard:
        return replace(target, probability=_grown(target.mask, sign * EDGE_DOUBT_PX), is_hard=False)
    return replace(target, probability=_shifted_logits(sign * EDGE_DOUBT_LOGITS)[target.probability])


def _shifted_logits(step: float) -> np.ndarray:
    """(256,) uint8: each 8-bit probability with `step` added to its logit; 0 and 1 stay certain."""
    odds = math.exp(step)
    share = np.arange(256) / 255
    return np.rint(255 * odds * share / (1 - share + odds * share)).astype(np.uint8)


def _grown(mask: np.ndarray, distance: float) -> np.ndarray:
    """(H, W) uint8 coverage by the mask with its edge `distance` px further out (in, where negative)."""
    import cv2

    padded = np.pad(mask, 1, mode="edge").view(np.uint8)  # a mask cut by the frame goes on beyond it
    outside = cv2.distanceTransform(1 - padded, cv2.DIST_L2, cv2.DIST_MASK_3)[1:-1, 1:-1]
    inside = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_3)[1:-1, 1:-1]
    # distances run between pixel centres, and the edge lies half a pixel before the first of the other kind
    beyond = np.where(mask, 0.5 - inside, outside - 0.5)
    return np.rint(np.clip(0.5 + distance - beyond, 0, 1) * 255).astype(np.uint8)


def with_standard_errors(
    found: Biomarkers,
    segmentation: Segmentation,
    *,
    again: Callable[[Segmentation, int | None], Biomarkers],
    mirrored: Callable[[int], Segmentation],
) -> Biomarkers:
    """The measurements with the standard errors of this module in place of any other.

    Where one of the two edges gives no value, the difference to the value itself stands for half the difference; where
    neither does, or a mirror gives none, there is no standard error. Nor is there of what no mask enters (`quality_*`).

    Parameters
    ----------
    again : callable
        Measures a segmentation as the image was, from graphs built in a mirror where an axis is given.
    mirrored : callable
        The segmentation of the image in the mirror of an axis, in the image's own pixels.
    """
    edges = [again(with_edges_moved(segmentation, outwards=outwards), None) for outwards in (True, False)]
    mirrors = [again(mirrored(axis), axis) for axis in MIRRORS]
    return {name: _with_error(value, name, edges, mirrors) for name, value in found.items()}


def _with_error(
    value: Measurement, name: str, edges: Sequence[Biomarkers], mirrors: Sequence[Biomarkers]
) -> Measurement:
    if value.reason is not None or not BIOMARKERS[name].targets:
        return value
    out, back = (measured[name].value for measured in edges)
    if math.isnan(out) or math.isnan(back):  # one step too far: the other is taken from the edge as it is
        edge = abs((back if math.isnan(out) else out) - value.value)
    else:
        edge = abs(out - back) / 2
    alike = [value.value, *(measured[name].value for measured in mirrors)]
    error = math.hypot(edge, float(np.std(alike, ddof=1)))
    return replace(value, standard_error=error if math.isfinite(error) else None)
