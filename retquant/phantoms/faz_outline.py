"""Outlines of foveal avascular zones: polygons with exact area and perimeter, drawn with exact coverage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from retquant.phantoms.geometry import Move


@dataclass(frozen=True, eq=False, kw_only=True)
class Polygon:
    """A filled simple polygon; the last point joins the first."""

    points: np.ndarray  # (P, 2) float, (row, col) pixels or mm, P >= 3

    def moved(self, move: Move, *, factor: float = 1.0, turn_deg: float = 0.0) -> Polygon:
        """The polygon with its points sent through `move`, which holds any scale and turn already."""
        return Polygon(points=move(self.points))

    @cached_property
    def area(self) -> float:
        """Square of the unit of `points`, by the shoelace formula."""
        return abs(_shoelace(self.points))

    @cached_property
    def perimeter(self) -> float:
        """Unit of `points`."""
        return float(np.hypot(*(np.roll(self.points, -1, axis=0) - self.points).T).sum())

    @cached_property
    def center(self) -> tuple[float, float]:
        """(row, col) of the centre of area."""
        here = self.points - self.points[0]
        after = np.roll(here, -1, axis=0)
        cross = here[:, 0] * after[:, 1] - here[:, 1] * after[:, 0]
        row, col = self.points[0] + ((here + after) * cross[:, None]).sum(axis=0) / (3 * cross.sum())
        return float(row), float(col)

    @property
    def radius(self) -> float:
        """Radius of the circle of equal area."""
        return float(np.sqrt(self.area / np.pi))

    @cached_property
    def axis_ratio(self) -> float:
        """Minor by major axis of the ellipse of equal second moments of area."""
        here = self.points - np.array(self.center)
        after = np.roll(here, -1, axis=0)
        cross = here[:, 0] * after[:, 1] - here[:, 1] * after[:, 0]

        def moment(i: int, j: int) -> float:
            terms = 2 * (here[:, i] * here[:, j] + after[:, i] * after[:, j])
            return float(((terms + here[:, i] * after[:, j] + after[:, i] * here[:, j]) * cross).sum()) / 24

        spread = np.array([[moment(0, 0), moment(0, 1)], [moment(0, 1), moment(1, 1)]])
        low, high = np.linalg.eigvalsh(spread * np.sign(cross.sum()))
        return float(np.sqrt(low / high))

    @cached_property
    def feret(self) -> float:
        """Largest distance between two points."""
        from scipy.spatial import ConvexHull
        from scipy.spatial.distance import pdist

        return float(pdist(self.points[ConvexHull(self.points).vertices]).max())

    @cached_property
    def solidity(self) -> float:
        """Area by that of the convex hull."""
        from scipy.spatial import ConvexHull

        return float(self.area / ConvexHull(self.points).volume)

    @cached_property
    def max_inscribed_diameter(self) -> float:
        """Diameter of the largest circle inside, to a millionth of the polygon's size."""
        from scipy.spatial import Voronoi, cKDTree

        low, high = self.points.min(axis=0), self.points.max(axis=0)
        corners = self.points
        while len(corners) < 200:
            corners = np.stack([corners, (corners + np.roll(corners, -1, axis=0)) / 2], axis=1).reshape(-1, 2)
        # The best centre is near a point as far from three corners; a search about it does the rest.
        tried = np.unique(Voronoi(corners).vertices, axis=0)
        tried = tried[((tried > low) & (tried < high)).all(axis=1)]
        tried = tried[np.argsort(cKDTree(corners).query(tried)[0])[-200:]]
        depth = self._depth(tried)
        best, middle, reach = float(depth.max()), tried[depth.argmax()], (high - low) / 50
        share = np.linspace(-1, 1, 7)
        grid = np.stack(np.meshgrid(share, share, indexing="ij"), axis=-1).reshape(-1, 2)
        while reach.max() > 1e-7 * (high - low).max():
            tried = middle + grid * reach
            depth = self._depth(tried)
            at = int(depth.argmax())
            if depth[at] > best * (1 + 1e-9):  # look as widely about a better point
                best, middle = float(depth[at]), tried[at]
            else:
                reach = reach / 3
        return 2 * best

    def _depth(self, points: np.ndarray) -> np.ndarray:
        """(M,) distance of each of (M, 2) points from the nearest side, negative outside."""
        start, stop = self.points, np.roll(self.points, -1, axis=0)
        run = stop - start
        off = points[:, None] - start
        along = np.clip((off * run).sum(axis=2) / np.maximum((run**2).sum(axis=1), 1e-300), 0, 1)
        away = np.hypot(*np.moveaxis(off - along[..., None] * run, 2, 0)).min(axis=1)
        rises = (start[:, 0] > points[:, :1]) != (stop[:, 0] > points[:, :1])
        safe = np.where(run[:, 0] == 0, 1.0, run[:, 0])
        is_right = points[:, 1:] < start[:, 1] + off[..., 0] / safe * run[:, 1]
        return np.where((rises & is_right).sum(axis=1) % 2 == 1, away, -away)

    def figures(self) -> Mapping[str, float]:
        """Size and shape by quantity; lengths and areas in the unit of `points` and its square."""
        circularity = 4 * np.pi * self.area / self.perimeter**2
        return {
            "area": self.area,
            "perimeter": self.perimeter,
            "circularity": float(circularity),
            "acircularity": float(circularity**-0.5),
            "axis_ratio": self.axis_ratio,
            "roundness": float(4 * self.area / (np.pi * self.feret**2)),
            "solidity": self.solidity,
            "equivalent_diameter": 2 * self.radius,
            "max_inscribed_diameter": self.max_inscribed_diameter,
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class HarmonicOutline:
    """A closed curve r(t) = radius (1 + sum over k from 2 of amplitude_k cos(k t + phase_k)) about a centre.

    t runs from the row axis towards the column axis. Lengths in any one unit.
    """

    center: tuple[float, float]  # (row, col)
    radius: float
    amplitudes: tuple[float, ...]  # of k = 2, 3, ...; their sizes add up to less than 1
    phases: tuple[float, ...]  # radians

    def radius_at(self, turn: np.ndarray) -> np.ndarray:
        """Distance of the curve from the centre in direction `turn`, radians."""
        order = np.arange(2, 2 + len(self.amplitudes))
        waves = np.cos(np.multiply.outer(turn, order) + np.array(self.phases))
        return self.radius * (1 + waves @ np.array(self.amplitudes))

    def contains(self, points: np.ndarray, *, margin: float = 0.0) -> np.ndarray:
        """(P,) whether each point is inside the curve, or within about `margin` outside it."""
        away = points - np.array(self.center)
        distance = np.hypot(*away.T)
        inside = np.zeros(len(points), dtype=bool)
        near = np.flatnonzero(distance < self.radius * (1 + np.abs(self.amplitudes).sum()) + margin)
        turn = np.arctan2(away[near, 1], away[near, 0])
        inside[near] = distance[near] < self.radius_at(turn) + margin
        return inside

    def polygon(self, count: int = 720, *, margin: float | np.ndarray = 0.0) -> Polygon:
        """The curve at `count` equal steps of t, each point `margin` farther out."""
        turn = np.arange(count) * (2 * np.pi / count)
        reach = self.radius_at(turn) + margin
        points = np.array(self.center) + reach[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
        return Polygon(points=points)


def polygon_coverage(polygon: Polygon, size: tuple[int, int]) -> np.ndarray:
    """(H, W) float32 share of each pixel inside `polygon`, exact.

    Each edge is cut at the pixels' borders; a piece adds the area between itself and the right-hand border of its row
    (the signed-area accumulation of font renderers), and a running sum along the rows fills the inside.
    """
    height, width = size
    start = polygon.points + 0.5  # pixel (i, j) covers [i, i + 1) x [j, j + 1)
    sign = np.sign(_shoelace(start))
    cut_start, cut_stop = _cut_at_borders(start, np.roll(start, -1, axis=0))
    drop = (cut_stop[:, 0] - cut_start[:, 0]) * sign
    middle = (cut_start + cut_stop) / 2
    row, col = np.floor(middle[:, 0]).astype(int), np.floor(middle[:, 1]).astype(int)
    is_left = col < 0
    inside = (row >= 0) & (row < height) & (col < width)
    col = np.where(is_left, 0, col)
    to_right = np.where(is_left, 1.0, 1 - (middle[:, 1] - col))  # share of the pixel right of the piece
    image = np.zeros((height, width + 1))
    np.add.at(image, (row[inside], col[inside]), (drop * to_right)[inside])
    np.add.at(image, (row[inside], col[inside] + 1), (drop * (1 - to_right))[inside])
    return np.clip(image.cumsum(axis=1)[:, :width], 0, 1).astype(np.float32)


def _cut_at_borders(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The edges from `start` to `stop`, cut where they cross whole rows and columns."""
    for axis in (0, 1):
        low, high = (edge(start[:, axis], stop[:, axis]) for edge in (np.minimum, np.maximum))
        first, last = np.floor(low).astype(int) + 1, np.ceil(high).astype(int) - 1  # whole numbers between
        pieces = np.maximum(last - first + 1, 0) + 1
        edge = np.repeat(np.arange(len(start)), pieces)
        number = np.arange(len(edge)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        run = stop - start
        length = np.where(run[:, axis] == 0, 1.0, run[:, axis])
        forward = run[:, axis] >= 0

        def share(
            index: np.ndarray,
            *,
            edge: np.ndarray = edge,
            first: np.ndarray = first,
            last: np.ndarray = last,
            pieces: np.ndarray = pieces,
            forward: np.ndarray = forward,
            length: np.ndarray = length,
            begin: np.ndarray = start[:, axis],
        ) -> np.ndarray:
            """Position along the edge of its cut number `index`: 0 at the start, 1 at the stop."""
            border = np.where(forward[edge], first[edge] + index - 1, last[edge] - index + 1)
            at = (border - begin[edge]) / length[edge]
            at = np.where(index == 0, 0.0, at)
            return np.where(index == pieces[edge], 1.0, at)

        begin, end = share(number), share(number + 1)
        start, stop = start[edge] + begin[:, None] * run[edge], start[edge] + end[:, None] * run[edge]
    return start, stop


def _shoelace(points: np.ndarray) -> float:
    here = points - points[0]
    after = np.roll(here, -1, axis=0)
    return float((here[:, 0] * after[:, 1] - here[:, 1] * after[:, 0]).sum() / 2)
