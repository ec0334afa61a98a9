"""Which way up a mask is: a choice that goes with what is drawn, so that a mirrored image gives the mirrored graph.

Thinning and the order in which strands are visited break ties by the order of pixels. A picture that has been flipped
or turned by a quarter would have them broken otherwise, and counts and medians would differ by a per cent or so. So
each mask is brought to an orientation of its own first, and its graph is turned back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from retquant.vessels.graph import VesselGraph


@dataclass(frozen=True, slots=True)
class Turn:
    """One of the eight ways to lay a picture on its own frame: flips first, then the axes exchanged."""

    shape: tuple[int, int]  # (H, W) before
    is_upside_down: bool = False
    is_mirrored: bool = False
    is_transposed: bool = False

    def picture(self, picture: np.ndarray) -> np.ndarray:
        """The picture (H, W) so laid, contiguous."""
        if picture.itemsize != 1:
            rows, columns = (slice(None, None, -1 if is_back else 1) for is_back in self._is_back)
            turned = picture[rows, columns]
            return np.ascontiguousarray(turned.T if self.is_transposed else turned)
        pixels = np.ascontiguousarray(picture).view(np.uint8)  # bytes go many at a time: five times as fast
        if any(self._is_back):
            pixels = np.asarray(cv2.flip(pixels, -1 if all(self._is_back) else int(self.is_mirrored)))
        if self.is_transposed:
            pixels = np.asarray(cv2.transpose(pixels))
        return pixels.view(picture.dtype)

    @property
    def _is_back(self) -> tuple[bool, bool]:
        return self.is_upside_down, self.is_mirrored

    def mirrored(self, axis: int | None) -> Turn:
        """This turn, and a flip along `axis` (0: up and down, 1: left and right) of the picture itself before it."""
        if axis is None:
            return self
        return replace(
            self,
            is_upside_down=self.is_upside_down ^ (axis == 0),
            is_mirrored=self.is_mirrored ^ (axis == 1),
        )

    def points(self, points: np.ndarray) -> np.ndarray:
        """Where points (..., 2) row, col of the picture come to lie."""
        turned = self._flipped(np.array(points, dtype=float))
        return turned[..., ::-1] if self.is_transposed else turned

    def points_back(self, points: np.ndarray) -> np.ndarray:
        """Where points of the picture so laid lie in the picture itself."""
        return self._flipped(np.array(points[..., ::-1] if self.is_transposed else points, dtype=float))

    def graph_back(self, graph: VesselGraph) -> VesselGraph:
        """The graph of the picture so laid, as a graph of the picture itself."""
        if not (self.is_upside_down or self.is_mirrored or self.is_transposed):
            return graph
        tangent = graph.tangent[:, ::-1] if self.is_transposed else graph.tangent
        sign = np.where([self.is_upside_down, self.is_mirrored], -1.0, 1.0)
        is_odd = self.is_upside_down ^ self.is_mirrored ^ self.is_transposed  # left and right are exchanged
        return replace(
            graph,
            shape=self.shape,
            points=self.points_back(graph.points),
            tangent=tangent * sign,
            curvature=-graph.curvature if is_odd else graph.curvature,
            nodes=replace(graph.nodes, position=self.points_back(graph.nodes.position)),
            bifurcations=replace(graph.bifurcations, position=self.points_back(graph.bifurcations.position)),
            crossings=self.points_back(graph.crossings),
        )

    def _flipped(self, points: np.ndarray) -> np.ndarray:
        for axis, is_back in enumerate(self._is_back):
            if is_back:
                points[..., axis] = self.shape[axis] - 1 - points[..., axis]
        return points


def own_turn(mask: np.ndarray) -> Turn:
    """The turn that brings a mask (H, W) bool to its own orientation: wide, its weight low and to the right.

    The first moments of its pixels decide, the second where the frame is square, and the counts by row and by column
    where moments are equal. Masks that are flips or quarter turns of each other end up alike, but for those whose
    counts are symmetric though they themselves are not.
    """
    pixels = np.ascontiguousarray(mask).view(np.uint8)
    rows, columns = (cv2.reduce(pixels, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() for axis in (1, 0))
    is_upside_down, is_mirrored = (_is_ahead(counts[::-1], counts, power=1) for counts in (rows, columns))
    rows, columns = rows[:: -1 if is_upside_down else 1], columns[:: -1 if is_mirrored else 1]
    is_tall = _is_ahead(rows, columns, power=2) if len(rows) == len(columns) else len(rows) > len(columns)
    return Turn(
        shape=(int(mask.shape[0]), int(mask.shape[1])),
        is_upside_down=is_upside_down,
        is_mirrored=is_mirrored,
        is_transposed=is_tall,
    )


def _is_ahead(counts: np.ndarray, others: np.ndarray, *, power: int) -> bool:
    """Whether the first list has the larger moment about its middle, or is larger where the two first differ."""
    place = (2 * np.arange(len(counts)) - (len(counts) - 1)) ** power  # whole numbers: equal means equal
    moment, other = int(counts @ place), int(others @ place)
    differ = np.flatnonzero(counts != others)
    if moment != other or not len(differ):
        return moment > other
    return bool(counts[differ[0]] > others[differ[0]])
