"""Probabilities of artery and vein rewritten where the vessels' labels are known, without moving an edge.

Each pixel follows the stretch whose centre line is nearest. The kind of that stretch takes what the model gave to
both kinds, as far as it is vessel at all; the other kind keeps at most the rest, since a pixel is one vessel's. So a
wrong label is exchanged and the edge stays. Where two vessels cross, what lies within both of them belongs to both.

Shapes: S stretches.
"""

from __future__ import annotations

import cv2
import numpy as np

from retquant.vessels.stretches import Stretches
from retquant.vessels.territory import Territory

_BEYOND_RADII, _BEYOND_PX = (
    1.5,
    3.0,
)  # from the centre line, out to which the foot of an edge belongs to a vessel
_CROSSING_RADII = (
    8.0  # of the wider vessel, to each side of a crossing: vessels that cross at 20 degrees part by then
)
_MEETING_RADII = 1.5  # of a junction

AS_IT_IS = 2
"""The label of a stretch whose pixels keep what the model gave them."""


def relabel(
    artery: np.ndarray,
    vein: np.ndarray,
    whole: np.ndarray,
    vessels: Stretches,
    label: np.ndarray,
    *,
    territory: Territory,
    disc: tuple[tuple[float, float], float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The maps (H, W) uint8 of `artery` and `vein` under `label` (S,): 1 artery, -1 vein, 0 neither.

    `whole` is the map of all vessels. Nothing changes inside the `disc`, where both kinds lie on top of each other, far
    from every stretch, nor along a stretch labelled `AS_IT_IS`. Where both kinds meet and do not cross, what the model
    gave to both stays with both.
    """
    new = {1: artery.copy(), -1: vein.copy()}
    touched = np.flatnonzero(cv2.bitwise_or(artery, vein))
    point = territory.point.ravel()[touched]
    reach = (_BEYOND_RADII * vessels.radius + _BEYOND_PX).astype(np.float32)
    kind = label[vessels.owner][point]
    is_held = (territory.distance.ravel()[touched] <= reach[point]) & (kind != AS_IT_IS)
    touched, kind = touched[is_held], kind[is_held]
    given = {side: map_.ravel()[touched] for side, map_ in new.items()}
    less, own = np.minimum(*given.values()), _own(artery, vein, whole, touched)
    other = np.minimum(less, 255 - own)
    is_shared = _meeting_places(vessels, label, artery.shape).ravel()[touched] & (less >= 128)
    for side, map_ in new.items():
        changed = np.where(kind == side, own, np.where(kind == -side, other, np.minimum(given[side], 127)))
        map_.ravel()[touched] = np.where(is_shared, given[side], changed)
    _share_crossings(new, (artery, vein, whole), vessels, label)
    if disc is not None:
        inside = np.zeros(artery.shape, np.uint8)
        _fill(inside, np.array(disc[0]), disc[1])
        at = np.nonzero(inside)
        new[1][at], new[-1][at] = artery[at], vein[at]
    return new[1], new[-1]


def without(
    whole: np.ndarray, vessels: Stretches, is_gone: np.ndarray, *, territory: Territory
) -> np.ndarray:
    """The map (H, W) uint8 of all vessels without the stretches that `is_gone` (S,) marks."""
    left = whole.copy()
    reach = (_BEYOND_RADII * vessels.radius + _BEYOND_PX).astype(np.float32)
    is_near = territory.distance <= reach[territory.point]
    left[is_near & is_gone[vessels.owner][territory.point]] = 0
    return left


def _own(
    artery: np.ndarray, vein: np.ndarray, whole: np.ndarray, at: np.ndarray | tuple[slice, slice]
) -> np.ndarray:
    """What the kind of a pixel takes: what the model gave to both, as far as it is vessel at all."""
    maps = [map_.ravel()[at] if isinstance(at, np.ndarray) else map_[at] for map_ in (artery, vein, whole)]
    both = np.minimum(maps[0].astype(np.uint16) + maps[1], maps[2])
    return np.maximum.reduce([both, *maps[:2]]).astype(np.uint8)


def _meeting_places(vessels: Stretches, label: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool: junctions and crossings at which both kinds meet."""
    found = np.zeros(shape, np.uint8)
    for place, radius, stretches in vessels.meetings:
        if _differ(label[list(stretches)]):
            _fill(found, place, _MEETING_RADII * radius + 1)
    for place, pair in zip(vessels.crossing_at, vessels.crossings, strict=True):
        if _differ(label[pair]):
            widths = [vessels.radius[vessels.starts[s] : vessels.starts[s + 1]].max() for s in pair]
            _fill(found, place, _MEETING_RADII * float(max(widths)) + 1)
    return found > 0


def _differ(labels: np.ndarray) -> bool:
    """Whether stretches that meet may be of both kinds."""
    return {-1, 1} <= set(labels.tolist()) or AS_IT_IS in labels


def _share_crossings(
    new: dict[int, np.ndarray],
    maps: tuple[np.ndarray, np.ndarray, np.ndarray],
    vessels: Stretches,
    label: np.ndarray,
) -> None:
    """Lead in place each vessel of known kind through its crossings, its edges as smooth as a pixel allows."""
    line_of = vessels.vessel[vessels.owner]
    for place, pair in zip(vessels.crossing_at, vessels.crossings, strict=True):
        if label[pair[0]] * label[pair[1]] != -1:
            continue
        widths = [
            float(np.median(vessels.radius[vessels.starts[s] : vessels.starts[s + 1]])) + 0.5 for s in pair
        ]
        reach = int(_CROSSING_RADII * max(widths)) + 2
        corner = np.maximum(np.rint(place).astype(np.intp) - reach, 0)
        row, col = corner.tolist()
        window = slice(row, row + 2 * reach + 1), slice(col, col + 2 * reach + 1)
        own = _own(*maps, window)
        cover = []
        for stretch, width in zip(pair.tolist(), widths, strict=True):
            # the line through the crossing, of which the stretch may be cut short
            line = vessels.points[line_of == vessels.vessel[stretch]]
            away = np.ones(own.shape, np.uint8)
            pixel = np.rint(line).astype(np.intp) - corner
            pixel = pixel[((pixel >= 0) & (pixel < away.shape)).all(axis=1)]
            away[pixel[:, 0], pixel[:, 1]] = 0
            distance = cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_5)
            cover.append(np.clip(width + 0.5 - distance, 0, 1))
        inside_both = np.minimum(*cover)
        for stretch in pair.tolist():
            part = new[int(label[stretch])][window]
            np.maximum(part, np.rint(own * inside_both).astype(np.uint8), out=part)


def _fill(picture: np.ndarray, place: np.ndarray, radius: float) -> None:
    """Set in place the pixels (H, W) uint8 of a disc."""
    row, col = np.rint(place).astype(int).tolist()
    cv2.circle(picture, (col, row), int(np.ceil(radius)), 1, cv2.FILLED)
