"""A closed outline as a polygon of sub-pixel points: its size and shape, exact for that polygon."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

INSCRIBED_ERROR_PX = 0.01  # of the radius of the largest circle inside


@dataclass(frozen=True, eq=False, kw_only=True)
class Outline:
    """A simple polygon in pixels; the last of its P points joins the first."""

    points: np.ndarray  # (P, 2) float, row and column, P >= 3

    @cached_property
    def _cross(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(P,) twice the signed area of each side's triangle with the first point, and its two corners (P, 2)."""
        here = self.points - self.points[0]
        after = np.roll(here, -1, axis=0)
        return here[:, 0] * after[:, 1] - here[:, 1] * after[:, 0], here, after

    @cached_property
    def area_px(self) -> float:
        """Square pixels, by the shoelace formula."""
        return abs(float(self._cross[0].sum())) / 2

    @property
    def turn(self) -> float:
        """1 where the points run from the row axis towards the column axis, else -1."""
        return float(np.sign(self._cross[0].sum()))

    @cached_property
    def perimeter_px(self) -> float:
        """Pixels round the polygon."""
        return float(np.hypot(*self._runs.T).sum())

    @cached_property
    def _runs(self) -> np.ndarray:
        return np.asarray(np.roll(self.points, -1, axis=0) - self.points)

    @cached_property
    def center(self) -> tuple[float, float]:
        """(row, col) of the centre of area."""
        cross, here, after = self._cross
        row, col = self.points[0] + ((here + after) * cross[:, None]).sum(axis=0) / (3 * cross.sum())
        return float(row), float(col)

    @cached_property
    def radius_px(self) -> float:
        """Radius of the circle of equal area."""
        return math.sqrt(self.area_px / math.pi)

    @property
    def circularity(self) -> float:
        """4 pi area / perimeter squared."""
        return 4 * math.pi * self.area_px / self.perimeter_px**2

    @cached_property
    def axis_ratio(self) -> float:
        """Short by long axis of the ellipse of equal second moments of area."""
        here = self.points - np.array(self.center)
        after = np.roll(here, -1, axis=0)
        cross = here[:, 0] * after[:, 1] - here[:, 1] * after[:, 0]
        # of each triangle with the centre: outer products of its two corners and of their sum
        corners = np.concatenate([here, after, here + after])
        spread = (corners * np.tile(cross, 3)[:, None]).T @ corners
        low, high = np.linalg.eigvalsh(spread * np.sign(cross.sum()))
        return math.sqrt(max(low, 0.0) / high)

    @cached_property
    def _hull(self) -> np.ndarray:
        from scipy.spatial import ConvexHull

        return np.asarray(self.points[ConvexHull(self.points).vertices])

    @cached_property
    def feret_px(self) -> float:
        """Largest distance between two points."""
        from scipy.spatial.distance import pdist

        return float(pdist(self._hull).max())

    @property
    def roundness(self) -> float:
        """4 area / (pi Feret^2): area over that of the circle with the largest diameter."""
        return 4 * self.area_px / (math.pi * self.feret_px**2)

    @cached_property
    def solidity(self) -> float:
        """Area over that of the convex hull."""
        return self.area_px / Outline(points=self._hull).area_px

    @cached_property
    def max_inscribed_radius_px(self) -> float:
        """Radius of the largest circle inside, to `INSCRIBED_ERROR_PX`.

        By branch and bound over squares: none holds a centre deeper than its own by more than half its diagonal.
        """
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        half = float((high - low).max()) / 16
        steps = (np.arange(8) * 2 + 1) * half
        middles = low + np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
        deepest = 0.0
        quarters = np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)])
        while len(middles):
            depth = self.depth(middles)
            deepest = max(deepest, float(depth.max()))
            worth = depth + half * math.sqrt(2) > deepest + INSCRIBED_ERROR_PX
            half /= 2
            middles = (middles[worth, None] + quarters * half).reshape(-1, 2)
        return deepest

    def depth(self, points: np.ndarray) -> np.ndarray:
        """(M,) pixels from each of (M, 2) points to the nearest side, negative outside."""
        row, col = (points[:, None, axis] - self.points[:, axis] for axis in (0, 1))
        run_row, run_col = self._runs.T
        squared = np.maximum(run_row**2 + run_col**2, 1e-300)
        along = row * (run_row / squared) + col * (run_col / squared)
        np.clip(along, 0, 1, out=along)
        row -= along * run_row
        col -= along * run_col
        away = np.sqrt((row * row + col * col).min(axis=1))
        return np.where(self.contains(points), away, -away)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """(M,) whether each of (M, 2) points lies inside, by the number of sides to its left."""
        start, stop = self.points, np.roll(self.points, -1, axis=0)
        rises = (start[:, 0] > points[:, :1]) != (stop[:, 0] > points[:, :1])
        fall = np.where(self._runs[:, 0] == 0, 1.0, self._runs[:, 0])
        side = start[:, 1] + (points[:, :1] - start[:, 0]) / fall * self._runs[:, 1]
        return np.asarray((rises & (points[:, 1:] < side)).sum(axis=1) % 2 == 1)
