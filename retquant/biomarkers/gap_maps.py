"""Maps of what lies between vessels: distance to the nearest edge, its ridges, connected gaps, foveal rings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from retquant.anatomy.outline import Outline
from retquant.anatomy.regions import Window
from retquant.biomarkers.vessel_edges import edges_of
from retquant.biomarkers.workspace import View

DEFICIT_UM = 24.0  # equivalent diameter of the smallest flow deficit
OPPOSITE = math.sqrt(2.0)  # a ridge's two nearest edges are seen at 90 degrees or more
NARROWEST_PX = (
    2.5  # between the edges of a gap: what lies closer is one edge, whose points are up to 1.4 px apart
)


@dataclass(frozen=True, slots=True, eq=False)
class Deficits:
    """The flow deficits of a region."""

    areas_px: np.ndarray  # (K,) square pixels
    region_px: float  # square pixels of the region in the field, the avascular zone left out


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """How far each pixel lies from the nearest edge of a vessel."""

    far: np.ndarray  # (H, W) pixels, 0 inside vessels, inf where there is no vessel
    nearest: np.ndarray  # (H, W) int, index of the nearest of the edges' points, -1 inside vessels


def distances(view: View) -> Distances:
    """Distances to the structure's edges at sub-pixel precision, found once an image."""
    found: Distances = view.workspace.view(view.structure, "field").shared("distances_to_edges", _distances)
    return found


def _distances(view: View) -> Distances:
    from scipy.spatial import cKDTree

    outside = ~view.inputs.segmentation.targets[view.structure].mask
    far, nearest = np.zeros(outside.shape), np.full(outside.shape, -1)
    points = edges_of(view).points
    if len(points):
        far[outside], nearest[outside] = cKDTree(points).query(np.argwhere(outside))
    else:
        far[outside] = np.inf
    return Distances(far, nearest)


def ridge(view: View) -> tuple[np.ndarray, np.ndarray]:
    """(R, 2) points and (R,) pixels: where the nearest edge changes for one that faces it, and how far both are."""
    found: tuple[np.ndarray, np.ndarray] = view.workspace.view(view.structure, "field").shared(
        "ridge", _ridge
    )
    return found


def _ridge(view: View) -> tuple[np.ndarray, np.ndarray]:
    found, points = distances(view), edges_of(view).points
    places, reaches = [np.zeros((0, 2))], [np.zeros(0)]
    for step in ((1, 0), (0, 1)):
        rows, cols = (slice(None, size - move) for size, move in zip(found.far.shape, step, strict=True))
        there = found.nearest[step[0] :, step[1] :]
        here = found.nearest[rows, cols]
        at = np.argwhere((here >= 0) & (there >= 0) & (here != there))
        if not len(at):
            continue
        first, second = points[here[tuple(at.T)]], points[there[tuple(at.T)]]
        apart = np.hypot(*(second - first).T)
        # from `at` along `step` to where both are equally far
        toward = (second - first) @ np.array(step, float)
        lead = ((at - second) ** 2).sum(axis=1) - ((at - first) ** 2).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            along = np.clip(np.where(toward != 0, lead / (2 * toward), 0.5), 0, 1)
        place = at + along[:, None] * np.array(step)
        reach = (np.hypot(*(place - first).T) + np.hypot(*(place - second).T)) / 2
        faces = (apart >= OPPOSITE * reach) & (apart >= NARROWEST_PX)
        places.append(place[faces])
        reaches.append(reach[faces])
    return np.concatenate(places), np.concatenate(reaches)


def region_weight(view: View, faz: View) -> tuple[Window, np.ndarray]:
    """The region's window, and each pixel's share in region and field and outside the avascular zone's mask."""

    def weigh(view: View) -> tuple[Window, np.ndarray]:
        height, width = view.inputs.fov.shape
        window, share = view.extent.region.coverage((height, width))
        share = share * view.inputs.fov[window]
        share *= 1 - faz.workspace.coverage("faz")[window]
        return window, share

    found: tuple[Window, np.ndarray] = view.shared("weight_without_zone", weigh)
    return found


def deficits(view: View, faz: View) -> Deficits:
    """The connected gaps of a region whose circle of equal area is `DEFICIT_UM` or more across."""
    found: Deficits = view.shared("deficits", lambda view: _deficits(view, faz))
    return found


def _deficits(view: View, faz: View) -> Deficits:
    from scipy.ndimage import grey_dilation, label

    um_per_px = view.inputs.anatomy.scale.um_per_px
    assert um_per_px is not None  # asked for
    window, weight = region_weight(view, faz)
    vessel = view.inputs.segmentation.targets[view.structure].mask[window]
    gap = ~vessel & (weight >= 0.5)
    parts, count = label(gap)
    # pixels along an edge count for the gap beside them, by the share of them that no vessel covers
    own = np.where(gap, parts, grey_dilation(parts, size=3))
    bare = weight * (1 - view.workspace.coverage(view.structure)[window])
    areas = np.bincount(own.ravel(), weights=bare.ravel(), minlength=count + 1)[1:]
    least = math.pi * (DEFICIT_UM / um_per_px) ** 2 / 4
    return Deficits(areas[areas >= least], float(weight.sum(dtype=float)))


def far_share(view: View, faz: View, farther_px: float) -> float:
    """Square pixels of the region, without the avascular zone, that are farther than that from any vessel."""
    window, weight = region_weight(view, faz)
    beyond = np.clip(distances(view).far[window] - farther_px + 0.5, 0, 1)
    return float((beyond * weight).sum(dtype=float))


def visible_ring(faz: View, zone: Outline, width_px: float) -> tuple[float, Window, np.ndarray]:
    """The ring round the zone: its share in the field, a window of the image, and its pixels' share in the ring."""
    from scipy.spatial import cKDTree

    low = np.floor(zone.points.min(axis=0) - width_px).astype(int) - 1
    high = np.ceil(zone.points.max(axis=0) + width_px).astype(int) + 2
    rows, cols = (np.arange(first, last) for first, last in zip(low, high, strict=True))
    at = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1)
    far = cKDTree(zone.points).query(at.reshape(-1, 2))[0].reshape(at.shape[:2])
    share = faz.workspace.coverage("faz")
    height, width = share.shape
    in_rows, in_cols = (rows >= 0) & (rows < height), (cols >= 0) & (cols < width)
    seen = np.ix_(in_rows, in_cols)
    window = (slice(rows[in_rows][0], rows[in_rows][-1] + 1), slice(cols[in_cols][0], cols[in_cols][-1] + 1))
    inner = np.zeros(far.shape, np.float32)
    inner[seen] = share[window]
    ring = np.where(inner >= 0.5, 1 - inner, np.clip(width_px - far + 0.5, 0, 1) * (1 - inner))
    weight = ring[seen] * faz.inputs.fov[window]
    return float(weight.sum() / ring.sum()), window, weight
