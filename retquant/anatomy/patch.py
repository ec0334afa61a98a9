"""A filled area such as disc or cup at sub-pixel precision: each pixel's share, and the outline at half of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from retquant.anatomy.coverage import soft_edge

if TYPE_CHECKING:  # types only: the stages' packages bring heavy libraries along
    from retquant.segmentation.segmentation import TargetMask

EDGE_PX = 1  # an outline nearer than this to the field's edge runs along it
MARGIN_PX = 2  # empty pixels kept about the area, so that its outline closes


@dataclass(frozen=True, eq=False, kw_only=True)
class Patch:
    """One connected area without holes, in a window of the image that may reach beyond its frame."""

    share: np.ndarray  # (h, w) float32, of each pixel that the area covers; 0 along the window's edge
    corner: tuple[int, int]  # row, col of the window's first pixel

    @cached_property
    def area_px(self) -> float:
        """Square pixels."""
        return float(self.share.sum(dtype=np.float64))

    @cached_property
    def center(self) -> tuple[float, float]:
        """(row, col) of the centroid."""
        row, col = self._moments[0]
        return float(row), float(col)

    @cached_property
    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Centroid (2,) and covariance (2, 2) of the area, in pixels."""
        rows, cols = np.nonzero(self.share)
        weights = self.share[rows, cols].astype(np.float64)
        points = np.column_stack([rows, cols]) + np.array(self.corner, float)
        middle = weights @ points / weights.sum()
        offset = points - middle
        spread = (offset * weights[:, None]).T @ offset / weights.sum()
        return middle, spread - np.eye(2) / 12  # a pixel's own extent, which sampling adds

    @cached_property
    def axes(self) -> tuple[float, float, float]:
        """Long and short semi-axis in pixels of the ellipse with the same second moments, and the long one's angle.

        The angle runs from the row axis towards the column axis, in degrees from -90 to 90.
        """
        size, direction = np.linalg.eigh(self._moments[1])
        row, col = direction[:, 1]
        angle = math.degrees(math.atan2(col, row))
        short, long = 2 * np.sqrt(np.maximum(size, 0))
        return float(long), float(short), (angle + 90) % 180 - 90

    @cached_property
    def outline(self) -> np.ndarray:
        """(P, 2) row, col in the image: the closed line at half coverage, its first point not repeated."""
        from skimage.measure import find_contours

        lines = find_contours(self.share, 0.5)
        longest = max(lines, key=lambda line: abs(_signed_area(line)))
        return np.asarray(longest[:-1] + np.array(self.corner, float))

    def extent(self, axis: int) -> float:
        """Pixels from one side of the outline to the other, down the rows (0) or along the columns (1)."""
        return float(np.ptp(self.outline[:, axis]))

    def reach(self, origin: tuple[float, float], angles: np.ndarray) -> np.ndarray:
        """(A,) pixels from `origin` to where rays last leave the outline; 0 for rays that miss it.

        `angles` (A,) are in radians from the row axis (down) towards the column axis (right).
        """
        start = self.outline - origin
        run = np.roll(start, -1, axis=0) - start
        direction = np.column_stack([np.cos(angles), np.sin(angles)])
        # origin + t d = start + s run, for every ray and every piece of the outline
        cross = direction[:, :1] * run[:, 1] - direction[:, 1:] * run[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            along = (start[:, 0] * run[:, 1] - start[:, 1] * run[:, 0]) / cross
            share = (start[:, 0] * direction[:, 1:] - start[:, 1] * direction[:, :1]) / cross
        hit = (cross != 0) & (along >= 0) & (share >= 0) & (share <= 1)
        return np.asarray(np.max(np.where(hit, along, 0.0), axis=1, initial=0.0))

    def within(self, other: Patch) -> Patch | None:
        """The part of this area that lies inside another; None where there is none."""
        top, left = np.maximum(self.corner, other.corner)
        bottom, right = np.minimum(
            np.add(self.corner, self.share.shape), np.add(other.corner, other.share.shape)
        )
        if top >= bottom or left >= right:
            return None
        own, bound = (
            patch.share[top - patch.corner[0] : bottom - patch.corner[0]][
                :, left - patch.corner[1] : right - patch.corner[1]
            ]
            for patch in (self, other)
        )
        common = np.pad(np.minimum(own, bound), MARGIN_PX)
        if common.max() <= 0.5:
            return None
        return Patch(share=common, corner=(int(top) - MARGIN_PX, int(left) - MARGIN_PX))

    def is_free(self, fov: np.ndarray) -> np.ndarray:
        """(P,) bool: points of the outline that do not run along the edge of the field of view (H, W)."""
        import cv2

        margin = EDGE_PX + MARGIN_PX
        top, left = np.floor(self.outline.min(axis=0)).astype(int) - margin
        bottom, right = np.ceil(self.outline.max(axis=0)).astype(int) + margin + 1
        window = np.zeros((bottom - top, right - left), np.uint8)
        seen = fov[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        row, col = max(top, 0) - top, max(left, 0) - left
        window[row : row + seen.shape[0], col : col + seen.shape[1]] = seen
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * EDGE_PX + 1, 2 * EDGE_PX + 1))
        inner = cv2.erode(window, disc, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        at = np.rint(self.outline).astype(int) - (top, left)
        return np.asarray(inner[at[:, 0], at[:, 1]] > 0)


def largest_patch(target: TargetMask) -> Patch | None:
    """The largest part of a mask, its holes filled; None where the mask is empty.

    Pixels that touch the part's edge keep the share that the mask gives them; inside it is 1.
    """
    import cv2

    mask = target.mask
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    top, left = int(rows[0]) - MARGIN_PX, int(cols[0]) - MARGIN_PX
    box = np.s_[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    outlines, _ = cv2.findContours(mask[box].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(outlines, key=lambda outline: (cv2.contourArea(outline), len(outline)))
    filled = np.zeros((rows[-1] - rows[0] + 1, cols[-1] - cols[0] + 1), np.uint8)
    cv2.drawContours(filled, [largest], -1, 1, cv2.FILLED)
    filled = np.pad(filled, MARGIN_PX)
    if target.is_hard:
        return Patch(share=filled.astype(np.float32), corner=(top, left))
    given = _window(target.probability, top, left, filled.shape)
    return Patch(share=soft_edge(filled, given), corner=(top, left))


def _window(image: np.ndarray, top: int, left: int, shape: tuple[int, ...]) -> np.ndarray:
    """A window of an image, 0 beyond its frame."""
    out = np.zeros(shape, image.dtype)
    rows, cols = slice(max(top, 0), top + shape[0]), slice(max(left, 0), left + shape[1])
    part = image[rows, cols]
    row, col = max(top, 0) - top, max(left, 0) - left
    out[row : row + part.shape[0], col : col + part.shape[1]] = part
    return out


def _signed_area(line: np.ndarray) -> float:
    row, col = line.T
    return float(np.dot(row, np.roll(col, -1)) - np.dot(col, np.roll(row, -1))) / 2
