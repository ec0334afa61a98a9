"""Where a vessel is narrower than itself: focal narrowing, and length in calibres between branchings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import MINIMUM_SAMPLES, View
from retquant.vessels.clip import segment_calibre
from retquant.vessels.graph import BRANCH, VesselGraph
from retquant.vessels.packing import arc_positions, owner

SMOOTHED_CALIBRES = 1.0
"""Length over which calibre is averaged, in calibres: a sample's error is halved or better, and a notch as long as the
vessel is wide (Gaussian, this standard deviation) keeps 96 % of its depth."""

END_CALIBRES = 1.0
"""What is left out at each end of a segment, in calibres: tips taper, and vessels flare where they join."""

SMALLEST_PX = 3.0
"""Thinner vessels are measured by their area, which a raster blurs along them."""


@biomarker(
    unit="1",
    reference="Witt2006",
    structures=("vessel", "artery", "vein"),
    regions=("fov", "zone_c"),
    over="segments",
    statistics=("median",),
    direction="higher_is_worse",
    aliases=("length to diameter ratio", "LDR"),
)
def length_diameter_ratio(view: View) -> np.ndarray:
    """Length of a vessel segment between two consecutive branchings divided by its calibre.

    Segments that begin and end at a branching, both inside the region; the calibre is the segment's own, which is the
    parent's at the second branching. A segment needs ten samples of it.
    """
    graph = view.graph
    kind = graph.nodes.kind
    is_between = (kind[graph.source] == BRANCH) & (kind[graph.target] == BRANCH) & ~graph.is_loop
    return np.where(is_between, graph.arc_length / view.segment_calibre, np.nan)


@biomarker(
    unit="1",
    reference="Hubbard1999",
    structures=("artery",),
    regions=("fov", "zone_b", "zone_c"),
    over="segments",
    statistics=("p90",),
    direction="higher_is_worse",
    aliases=("focal arteriolar narrowing",),
)
def focal_narrowing(view: View) -> np.ndarray:
    """Share of its calibre that an artery segment loses at its narrowest place, 1 - least / median.

    Calibre is averaged over a length of one calibre before, and the last calibre at each end is left out. The least is
    sought between the first and the last place as wide as the median: a vessel that tapers off is narrow, not narrowed.
    Segments enter as for tortuosity (long enough for four calibres and 0.3 disc radii) with ten samples and three
    pixels of calibre: thinner ones vary by the raster alone.
    """
    graph = view.graph
    if not len(graph):
        return np.zeros(0)
    starts, which = graph.starts[:-1], owner(graph.starts)
    smooth = smoothed_calibre(graph, view.segment_calibre)
    median = segment_calibre(replace(graph, calibre=smooth))
    index = np.arange(len(which))
    is_wide = smooth >= median[which]  # False where either is NaN
    first = np.minimum.reduceat(np.where(is_wide, index, len(index)), starts)
    last = np.maximum.reduceat(np.where(is_wide, index, -1), starts)
    is_between = (index >= first[which]) & (index <= last[which])
    least = np.fmin.reduceat(np.where(is_between, smooth, np.nan), starts)
    samples = np.add.reduceat(np.isfinite(smooth), starts)
    enters = view.is_long_enough & (samples >= MINIMUM_SAMPLES) & (median >= SMALLEST_PX)
    return np.where(enters, np.maximum(1 - least / median, 0.0), np.nan)


def smoothed_calibre(graph: VesselGraph, width: np.ndarray) -> np.ndarray:
    """(P,) pixels, calibre averaged over `SMOOTHED_CALIBRES` of the segment's `width` (B,) along each segment.

    NaN near the ends, where most samples of the length were dropped, and where the width is unknown.
    """
    starts, which = graph.starts, owner(graph.starts)
    spacing = np.maximum(graph.arc_length / np.maximum(np.diff(starts) - 1, 1), 1e-9)
    reach = np.where(np.isfinite(width), np.rint(SMOOTHED_CALIBRES * width / spacing / 2), 0).astype(np.intp)
    index = np.arange(len(which))
    low = np.maximum(index - reach[which], starts[:-1][which])
    high = np.minimum(index + reach[which] + 1, starts[1:][which])
    known = np.isfinite(graph.calibre)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, graph.calibre, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    entered = count[high] - count[low]
    along = arc_positions(graph.points, starts)
    from_end = np.minimum(along, graph.arc_length[which] - along)
    kept = (2 * entered > high - low) & (from_end >= END_CALIBRES * width[which])
    return np.where(kept, (total[high] - total[low]) / np.maximum(entered, 1), np.nan)
