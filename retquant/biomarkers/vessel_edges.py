"""The edge of a structure as sub-pixel lines: where it runs, and how much of it lies in a region."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from retquant.biomarkers.workspace import CUTS, View

SMOOTHING = {False: 0.7, True: 1.5}  # points of a line, about 0.8 px apart: soft maps (False) and hard masks


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """All edges of one structure, in N straight steps, in pixels."""

    start: np.ndarray  # (N, 2) row, col
    run: np.ndarray  # (N, 2)
    points: np.ndarray  # (M, 2) all points of the lines

    def length_in(self, contains: Callable[[np.ndarray], np.ndarray]) -> float:
        """Pixels of edge in a region; a step that the region's edge cuts counts by the part inside."""
        if not len(self.start):
            return 0.0
        first, last = contains(self.start), contains(self.start + self.run)
        length = np.hypot(*self.run.T)
        cut = np.flatnonzero(first != last)
        between = ((np.arange(CUTS) + 0.5) / CUTS)[:, None]
        share = contains(self.start[cut, None] + between * self.run[cut, None]).mean(axis=1)
        return float(length[first & last].sum() + (length[cut] * share).sum())


def edges_of(view: View) -> Edges:
    """The edges of a view's structure in the whole image, found once an image.

    Lines at half coverage, smoothed along themselves as the outline of the foveal avascular zone is. Where the frame
    or the field of view cuts a vessel there is no edge.
    """
    found: Edges = view.workspace.view(view.structure, "field").shared("edges", _find)
    return found


def _find(view: View) -> Edges:
    from scipy.ndimage import gaussian_filter1d
    from skimage.measure import find_contours

    share = np.pad(view.workspace.coverage(view.structure), 1, mode="edge")  # vessels go on beyond the frame
    sigma = SMOOTHING[view.inputs.segmentation.targets[view.structure].is_hard]
    starts, runs, points = [np.zeros((0, 2))], [np.zeros((0, 2))], [np.zeros((0, 2))]
    for line in find_contours(share, 0.5):
        is_closed = len(line) > 2 and (line[0] == line[-1]).all()
        if is_closed:
            smooth = gaussian_filter1d(line[:-1], sigma, axis=0, mode="wrap")
            smooth = np.concatenate([smooth, smooth[:1]])
        else:
            smooth = gaussian_filter1d(line, sigma, axis=0, mode="nearest")
        starts.append(smooth[:-1] - 1)
        runs.append(np.diff(smooth, axis=0))
        points.append(smooth - 1)
    return Edges(np.concatenate(starts), np.concatenate(runs), np.concatenate(points))


def edge_length_px(view: View) -> float:
    """Pixels of the structure's edge in the view's region and in the field."""
    whole, region = view.workspace.region("field").region, view.extent.region
    length: float = view.shared(
        "edge_length",
        lambda view: edges_of(view).length_in(lambda at: region.contains(at) & whole.contains(at)),
    )
    return length
