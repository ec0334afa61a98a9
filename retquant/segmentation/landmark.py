"""From the heat map of a landmark to its place and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmark:
    """A point of the image with the heat map's peak, 0 to 1, as its confidence."""

    x: float
    y: float
    confidence: float


def landmark_of(probability: np.ndarray) -> Landmark | None:
    """The centre of mass of the hottest spot of an (H, W) uint8 map: what is connected to its peak above half of it.

    None where the map is empty.
    """
    peak = int(probability.max(initial=0))
    if peak == 0:
        return None
    _, labels = cv2.connectedComponents((probability >= (peak + 1) // 2).astype(np.uint8), connectivity=8)
    row, col = np.unravel_index(int(np.argmax(probability)), probability.shape)
    rows, cols = np.nonzero(labels == labels[row, col])
    weight = probability[rows, cols].astype(float)
    return Landmark(
        x=float(np.average(cols, weights=weight)),
        y=float(np.average(rows, weights=weight)),
        confidence=peak / 255,
    )
