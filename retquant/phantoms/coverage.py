"""Anti-aliased rendering of phantoms: each pixel holds the share of its area that the shape covers.

The share of a unit square on one side of a straight line has a closed form, so that edges are exact at every
direction and sub-pixel offset; a curved edge is straight to within 1/(8 radius) of a pixel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from retquant.phantoms.geometry import Block, Ellipse, Tube

_MARGIN_PX = 1.5  # a pixel's corner lies 0.71 px from its centre; beyond that an edge cannot touch it
_PIECE_PX = 64.0  # long straight runs are cut, or their bounding boxes would cover the frame


def render_coverage(tubes: Iterable[Tube], size: tuple[int, int]) -> np.ndarray:
    """(H, W) float32 share of each pixel that the union of `tubes` covers."""
    image = np.zeros(size, dtype=np.float32)
    for tube in tubes:
        for points, radii in _stretches(tube):
            reach = float(radii.max()) + _MARGIN_PX
            window = _window(points.min(axis=0) - reach, points.max(axis=0) + reach, size)
            if window is not None:
                part = image[window]
                corner = np.array([window[0].start, window[1].start], dtype=float)
                np.maximum(part, _tube_coverage(points - corner, radii, part.shape), out=part)
    return image


def ellipse_coverage(ellipse: Ellipse, size: tuple[int, int]) -> np.ndarray:
    """(H, W) float32 share of each pixel that `ellipse` covers."""
    image = np.zeros(size, dtype=np.float32)
    center, reach = np.array(ellipse.center), max(ellipse.semi_axes) + _MARGIN_PX
    window = _window(center - reach, center + reach, size)
    if window is None:
        return image
    local = (ellipse.center[0] - window[0].start, ellipse.center[1] - window[1].start)
    along, across, turn = _local_axes(local, ellipse.angle_deg, image[window].shape)
    first, second = ellipse.semi_axes
    level = np.hypot(along / first, across / second)
    # First-order distance to the edge, from the level function and its gradient.
    slope_along, slope_across = along / first**2, across / second**2
    steepness = np.maximum(np.hypot(slope_along, slope_across), 1e-12)
    inside = np.where(level < 0.5, first + second, level * (1 - level) / steepness)
    slope_along, slope_across = slope_along / steepness, slope_across / steepness
    normal_row = turn[0] * slope_along - turn[1] * slope_across
    normal_col = turn[1] * slope_along + turn[0] * slope_across
    image[window] = half_plane_share(inside, normal_row, normal_col)
    return image


def block_coverage(blocks: Iterable[Block], size: tuple[int, int]) -> np.ndarray:
    """(H, W) float32 share of each pixel that the disjoint `blocks` cover, holes taken away.

    Exact where the sides lie along the axes; elsewhere exact but for the corners' own pixels.
    """
    image = np.zeros(size, dtype=np.float32)
    for block in blocks:
        center, reach = np.array(block.center), float(np.hypot(*block.sides)) / 2 + _MARGIN_PX
        window = _window(center - reach, center + reach, size)
        if window is None:
            continue
        local = (block.center[0] - window[0].start, block.center[1] - window[1].start)
        along, across, (cosine, sine) = _local_axes(local, block.angle_deg, image[window].shape)
        share = _strip(along, block.sides[0] / 2, cosine, sine)
        share *= _strip(across, block.sides[1] / 2, sine, cosine)
        image[window] += -share if block.is_hole else share
    return np.clip(image, 0, 1, out=image)


def _window(first: np.ndarray, last: np.ndarray, size: tuple[int, ...]) -> tuple[slice, slice] | None:
    """The frame's pixels whose centres lie between the corners `first` and `last`, or None."""
    top, left = np.maximum(np.ceil(first).astype(int), 0).tolist()
    bottom, right = np.minimum(np.floor(last).astype(int) + 1, size).tolist()
    return (slice(top, bottom), slice(left, right)) if top < bottom and left < right else None


def _stretches(tube: Tube) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The tube as stretches that share their end points, each short enough for a small bounding box."""
    points, radii = _cut_long_runs(tube.points, tube.radii)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    reach = float(np.clip(16 * along[-1] / (len(points) - 1), 24, _PIECE_PX))  # some 16 runs at once
    first = 0
    while first < len(points) - 1:
        last = int(np.searchsorted(along, along[first] + reach, side="right")) - 1
        last = max(last, first + 1)
        yield points[first : last + 1], radii[first : last + 1]
        first = last


def _tube_coverage(points: np.ndarray, radii: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Coverage of one stretch of a tube in a window of `shape`, positions from the window's first pixel.

    S straight runs are measured at once for all (h, w) pixels; each pixel takes the run whose edge is nearest.
    """
    starts, runs = points[:-1, :, None, None], np.diff(points, axis=0)[:, :, None, None]  # (S, 2, 1, 1)
    lengths = np.hypot(runs[:, 0], runs[:, 1])
    units = runs / np.maximum(lengths, 1e-12)[:, None]
    rows = np.arange(shape[0])[:, None] - starts[:, 0]
    cols = np.arange(shape[1])[None, :] - starts[:, 1]
    along = np.clip(rows * units[:, 0] + cols * units[:, 1], 0, lengths)  # (S, h, w)
    off_row, off_col = rows - along * units[:, 0], cols - along * units[:, 1]
    away = np.sqrt(off_row**2 + off_col**2)
    taper = np.diff(radii)[:, None, None] / np.maximum(lengths, 1e-12)
    local_radius = radii[:-1, None, None] + taper * along
    gap = (away - local_radius).reshape(len(runs), -1)
    nearest = gap.argmin(axis=0)
    distance = gap[nearest, np.arange(gap.shape[1])]  # to the tube's edge, negative inside
    coverage = (distance < 0).astype(np.float32)
    thin = radii.min() < _MARGIN_PX  # both edges of a thin tube may cross one pixel
    at = np.flatnonzero((distance < _MARGIN_PX) & (thin | (distance > -_MARGIN_PX)))
    run = nearest[at]
    off, radius = (stack.reshape(gap.shape)[run, at] for stack in (away, local_radius))
    is_on_axis = off < 1e-9  # there the normal is the run's own
    length = np.where(is_on_axis, 1.0, off)
    normal_row = np.where(is_on_axis, units[run, 1, 0, 0], off_row.reshape(gap.shape)[run, at] / length)
    normal_col = np.where(is_on_axis, -units[run, 0, 0, 0], off_col.reshape(gap.shape)[run, at] / length)
    coverage[at] = _strip(off, radius, normal_row, normal_col)
    return coverage.reshape(shape)


def _cut_long_runs(points: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same centre line with no run longer than `_PIECE_PX`."""
    lengths = np.hypot(*np.diff(points, axis=0).T)
    if lengths.max() <= _PIECE_PX:
        return points, radii
    pieces = np.maximum(np.ceil(lengths / _PIECE_PX).astype(int), 1)
    at = np.concatenate([i + np.arange(n) / n for i, n in enumerate(pieces)] + [[len(points) - 1.0]])
    index = np.arange(len(points))
    cut = np.column_stack([np.interp(at, index, points[:, 0]), np.interp(at, index, points[:, 1])])
    return cut, np.interp(at, index, radii)


def _local_axes(
    center: tuple[float, float], angle_deg: float, size: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Coordinates along and across `angle_deg` from `center`, and (cos, sin) of the angle."""
    cosine, sine = float(np.cos(np.deg2rad(angle_deg))), float(np.sin(np.deg2rad(angle_deg)))
    rows = np.arange(size[0])[:, None] - center[0]
    cols = np.arange(size[1])[None, :] - center[1]
    return rows * cosine + cols * sine, cols * cosine - rows * sine, (cosine, sine)


def _strip(
    offset: np.ndarray,
    half_width: float | np.ndarray,
    normal_row: float | np.ndarray,
    normal_col: float | np.ndarray,
) -> np.ndarray:
    """Share of a pixel within `half_width` of a line `offset` from its centre; exact for thin strips too."""
    near = half_plane_share(half_width - offset, normal_row, normal_col)
    return near - half_plane_share(-half_width - offset, normal_row, normal_col)


def half_plane_share(
    inside: np.ndarray, normal_row: float | np.ndarray, normal_col: float | np.ndarray
) -> np.ndarray:
    """Share of a unit square in a half-plane whose edge lies `inside` beyond the square's centre.

    The share is the distribution function of the sum of two uniform variables of widths |normal_row| and
    |normal_col|.
    """
    # the middle of an ellipse has no normal; there `inside` is large and any direction gives 1
    wide = np.maximum(np.maximum(np.abs(normal_row), np.abs(normal_col)), 1e-6)
    narrow = np.minimum(np.abs(normal_row), np.abs(normal_col))
    is_aligned = narrow < 1e-6  # the quotient below would be noise over noise
    narrow = np.where(is_aligned, 1e-6, narrow)
    reach = inside + (wide + narrow) / 2
    total = np.zeros(np.broadcast(inside, wide).shape)
    for sign, step in ((1, 0.0), (-1, wide), (-1, narrow)):
        total += sign * np.clip(reach - step, 0, 2.0) ** 2  # beyond 2 the share is set to 1
    share = np.clip(total / (2 * wide * narrow), 0, 1)
    share = np.where(is_aligned, np.clip(inside + 0.5, 0, 1), share)
    return np.where(reach >= wide + narrow, 1.0, share)
