"""Which centre line each pixel lies nearest to, and what of two kinds lies to the left and right of it.

Shapes: S stretches, P points of all stretches, K pixels of the vessels' mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from retquant.vessels.stretches import Stretches

_REACH = 3  # points to either side over which a line's direction is read
_LEAST_SHARE = 0.2  # of a stretch's pixels that either kind has where two vessels lie side by side
_LEAST_APART = 0.6  # of the radius, between the middles of both kinds: half a vessel each is one radius apart


@dataclass(frozen=True, eq=False, kw_only=True)
class Territory:
    """The pixels of a frame by the point of a centre line that is nearest."""

    point: np.ndarray  # (H, W) int, index among the points of all stretches
    distance: np.ndarray  # (H, W) float32 pixels

    @classmethod
    def around(cls, vessels: Stretches, shape: tuple[int, ...]) -> Territory:
        """Of a frame of (H, W) pixels."""
        pixel = np.clip(np.rint(vessels.points).astype(np.intp), 0, np.array(shape) - 1)
        at = pixel[:, 0], pixel[:, 1]
        away = np.ones(shape, np.uint8)
        away[at] = 0
        distance, seed = cv2.distanceTransformWithLabels(
            away, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
        )
        point = np.zeros(int(seed.max()) + 1, np.int32)
        point[seed[at]] = np.arange(len(pixel))
        return cls(point=point[seed], distance=distance)

    def is_pair(
        self, vessels: Stretches, artery: np.ndarray, vein: np.ndarray, mask: np.ndarray
    ) -> np.ndarray:
        """(S,) bool: an artery and a vein side by side share this stretch's line, one kind to each side of it.

        `artery` and `vein` are maps (H, W) uint8, `mask` (H, W) bool is of all vessels.
        """
        rows, columns = np.nonzero(mask)
        point = self.point[rows, columns]
        stretch = vessels.owner[point]
        along = _directions(vessels)[point]
        offset = np.column_stack([rows, columns]) - vessels.points[point]
        aside = along[:, 0] * offset[:, 1] - along[:, 1] * offset[:, 0]
        count = len(vessels)
        share, middle = [], []
        for own, other in ((artery, vein), (vein, artery)):
            weight = (own[rows, columns] > other[rows, columns]).astype(float)
            pixels = np.bincount(stretch, weight, minlength=count)
            share.append(pixels / np.maximum(np.bincount(stretch, minlength=count), 1))
            middle.append(np.bincount(stretch, weight * aside, minlength=count) / np.maximum(pixels, 1))
        radius = np.add.reduceat(vessels.radius, vessels.starts[:-1]) / np.diff(vessels.starts)
        apart = np.abs(middle[0] - middle[1])
        found: np.ndarray = (np.minimum(*share) >= _LEAST_SHARE) & (apart >= _LEAST_APART * (radius + 0.5))
        return found


def _directions(vessels: Stretches) -> np.ndarray:
    """(P, 2) unit vectors along the lines; zero for a lone point."""
    index = np.arange(len(vessels.points))
    first, last = (
        np.repeat(end, np.diff(vessels.starts)) for end in (vessels.starts[:-1], vessels.starts[1:])
    )
    run = (
        vessels.points[np.minimum(index + _REACH, last - 1)]
        - vessels.points[np.maximum(index - _REACH, first)]
    )
    length = np.hypot(*run.T)
    found: np.ndarray = run / np.where(length > 0, length, 1.0)[:, None]
    return found
