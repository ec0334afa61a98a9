"""Smooth sub-pixel centre lines: skeleton paths led to the middle between a vessel's edges, then smoothed.

Three rounds: the skeleton is smoothed enough to give normals; the middle of the edges along each normal
replaces the skeleton, junctions are set where their arms meet and free ends are prolonged; the middle is
measured again and the smoothest line within its error is kept. Rules for ends: a vessel is the trace of a
disc along its centre line, so the line stops one radius before a free tip, and runs to the very edge where
the field's border cuts the vessel.

Shapes: B lines, P points summed over lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from retquant.vessels.edges import EdgeMap, at_field_edge, edges
from retquant.vessels.local_average import local_mean
from retquant.vessels.packing import arc_positions, middle, owner, pack, resample, segment_median
from retquant.vessels.smoothing import frame, scatter, smooth, smooth_within_error, strength
from retquant.vessels.stairs import stair_errors
from retquant.vessels.trace import Strand

FEWEST_POINTS = 13  # a segment of any length has some samples of its calibre
_LEAST_STEP = 0.05  # pixels; a line whose ends fall together has no spacing of its own
_COARSE = 4.0  # calibres: waves of the skeleton shorter than this are pixel noise
_LONGEST = 60.0  # calibres: the stiffest line, straight to 1e-3 rad over a whole field
_SHORTEST = 2.0  # calibres: bends tighter than this are the edge's, not the vessel's
_SKELETON = 0.3  # weight of a point whose edges were not found: the line as it was
_CAP_PX = 1.6  # twice the blur
_CORNER = 3.0  # calibres from a tip, within which the field's edge bends what thinning gave
_GUESS = 1e-3  # weight of a point inside a junction or beyond a tip
_PIN = 1e4  # weight of a line's end at a junction
_BRIEF = 3.0  # points, half a calibre, over which what stairs leave of themselves in the width is averaged
_FINEST = 1.5  # pixels between points: closer ones would only repeat the same pixels
_STAIRS = (2.0, 2.0, 0.8)  # of a one-bit mask's error, allowed in turn while its stairs are made out
_STAIRS_PX = 10.0  # waves of stairs that are told from bends of the vessel
_SMOOTH_PX = 0.0175  # scatter that is no stairs, and how much error each pixel of it beyond that stands for
_PER_SCATTER = 12.0
_MOST_PX = 0.175  # of error
_DOUBTS_PX = (0.1, 0.05)  # about an edge, when stairs are made out first and last


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Lines:
    """Centre lines in the making."""

    points: np.ndarray  # (P, 2)
    starts: np.ndarray  # (B + 1,)
    radius: np.ndarray  # (P,) pixels, from the distance map
    step: np.ndarray  # (B,) pixels between points
    calibre: np.ndarray  # (B,) pixels, typical of the line
    blind: np.ndarray  # (P,) bool: inside a junction or crossing, where edges are not this vessel's
    beyond: np.ndarray  # (P,) bool: prolonged past what thinning gave, in search of the tip
    is_free: np.ndarray  # (B, 2) bool: the first, last end is a tip


def typical_calibre(strand: Strand) -> float:
    """Pixels across the strand, from the distance map; at least one."""
    return max(2 * middle(strand.radius), 1.0)


def skeleton_lines(
    strands: Sequence[Strand], nodes: np.ndarray, radii: np.ndarray, is_free: np.ndarray
) -> Lines:
    """Evenly spaced lines along the strands, free tips cut back by a radius (thinning may hook them).

    `nodes` (B, 2, 2) and `radii` (B, 2) are the positions and radii at both ends of each strand.
    """
    calibre = np.array([typical_calibre(strand) for strand in strands])
    cut = [_without_tips(strand, free) for strand, free in zip(strands, is_free, strict=True)]
    points, starts = pack([path for path, _ in cut])
    radius = np.concatenate([radius for _, radius in cut])
    step = np.clip(calibre / 6, _FINEST, 3.0)
    points, starts, channel = resample(points, starts, radius[:, None], step=step, fewest=FEWEST_POINTS)
    step = spacing(points, starts)
    blind = near_nodes(points, starts, nodes, np.where(is_free, -1.0, radii))
    blind |= near_crossings(points, starts, strands)
    lines = Lines(
        points=points,
        starts=starts,
        radius=channel[:, 0],
        step=step,
        calibre=calibre,
        blind=blind,
        beyond=np.zeros(len(points), dtype=bool),
        is_free=is_free,
    )
    weight = np.where(blind, _SKELETON, 1.0)
    return replace(lines, points=_stiff(lines, points, weight))


def near_nodes(points: np.ndarray, starts: np.ndarray, nodes: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """(P,) bool: within 1.2 radii and a pixel of the node at either end; a negative radius is no node.

    The middle of a branch parts from its axis only up to one radius from the junction of the medial axes,
    whatever the angle between the branches.
    """
    reach = np.where(radii >= 0, 1.2 * radii + 1.0, 0.0)[owner(starts)]
    blind = np.zeros(len(points), dtype=bool)
    for end in (0, 1):
        away = points - nodes[:, end].repeat(np.diff(starts), axis=0)
        blind |= np.einsum("ij,ij->i", away, away) < reach[:, end] ** 2
    return blind


def near_crossings(points: np.ndarray, starts: np.ndarray, strands: Sequence[Strand]) -> np.ndarray:
    """(P,) bool: where another vessel crosses."""
    blind = np.zeros(len(points), dtype=bool)
    for b, strand in enumerate(strands):
        run = slice(starts[b], starts[b + 1])
        for row, col, radius in strand.blind:
            blind[run] |= np.hypot(points[run, 0] - row, points[run, 1] - col) <= 1.2 * radius + 1.0
    return blind


@dataclass(frozen=True, eq=False, slots=True)
class Profiles:
    """What was read across each point of the lines."""

    offset: np.ndarray  # (P,) pixels along `normal` from the point to the middle between the edges
    width: np.ndarray  # (P,) pixels from edge to edge, NaN where not measured
    normal: np.ndarray  # (P, 2)
    weight: np.ndarray  # (P,) of the middle: 1 measured, next to 0 guessed


def centred(lines: Lines, target: EdgeMap) -> Profiles:
    """The middle between the edges at each point."""
    tangent, _ = frame(lines.points, lines.starts)
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
    sides = edges(target, lines.points, normal, limit=1.5 * lines.radius + 2.0, is_width_exact=False)
    width = sides[:, 2]
    typical = segment_median(np.where(lines.blind, np.nan, width), lines.starts)[owner(lines.starts)]
    with np.errstate(invalid="ignore"):
        good = ~lines.blind & (width < 1.5 * typical + 0.5) & (width > 0.6 * typical - 0.5)
    offset = np.where(good, (sides[:, 0] - sides[:, 1]) / 2, 0.0)
    # Where the field cuts a vessel, thinning runs into the corner of the cut: straight on is the better guess. A line
    # that goes on along the field's edge must not swing beyond it.
    is_near_tip = _to_tip(lines) < _CORNER * lines.calibre[owner(lines.starts)] + 4.0
    cut = ~good & is_near_tip & at_field_edge(target, lines.points, normal, reach=lines.radius + 2.0)
    weight = np.where(good, 1.0, np.where(lines.blind | lines.beyond | cut, _GUESS, _SKELETON))
    return Profiles(offset, np.where(good, width, np.nan), normal, weight)


def calibre_along(lines: Lines, target: EdgeMap, tangent: np.ndarray) -> np.ndarray:
    """(P,) pixels from edge to edge across each line.

    NaN within a pixel and a half of a free tip, inside junctions and crossings, where the normal runs into
    another vessel (more than 1.6 times the line's median), and where the edge is the field's.
    """
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
    width = edges(target, lines.points, normal, limit=1.5 * lines.radius + 2.0)[:, 2]
    width[lines.blind | (_to_tip(lines) < _CAP_PX)] = (
        np.nan
    )  # the map's blur takes some of a round cap's width
    typical = segment_median(width, lines.starts)[owner(lines.starts)]
    with np.errstate(invalid="ignore"):
        width = np.where(width <= 1.6 * typical + 0.5, width, np.nan)
    if not target.is_hard:
        return width
    known = np.isfinite(width)
    half = smooth_width(width, lines.starts) / 2
    width = width - np.sum(stairs_across(lines.points, normal, half, _DOUBTS_PX[-1]), axis=0)
    mean = local_mean(np.where(known, width, 0.0), known.astype(float), lines.starts, sigma=_BRIEF)
    return np.where(known, mean, np.nan)


def _to_tip(lines: Lines) -> np.ndarray:
    """(P,) pixels along the line to its nearest free end; infinite where it has none."""
    arc = arc_positions(lines.points, lines.starts)
    which = owner(lines.starts)
    left = arc[lines.starts[1:] - 1][which] - arc
    first, last = (lines.is_free[which, end] for end in (0, 1))
    return np.minimum(np.where(first, arc, np.inf), np.where(last, left, np.inf))


def stiff_middle(lines: Lines, target: EdgeMap) -> Lines:
    """The lines moved to the middle of the vessel, waves below a few calibres smoothed away.

    It is not yet known where the arms of a junction meet: the ends are free to move.
    """
    found = centred(lines, target)
    data = lines.points + found.offset[:, None] * found.normal
    return replace(lines, points=_stiff(lines, data, found.weight))


def centred_to_tips(lines: Lines, target: EdgeMap) -> Lines:
    """The lines with a free end moved to the middle of the vessel once more.

    The first time they stopped short of their tips, and what leads on from there was a guess.
    """
    chosen = lines.is_free[:, 0] | lines.is_free[:, 1]
    here = chosen[owner(lines.starts)]
    part = replace(
        lines,
        **{name: getattr(lines, name)[here] for name in ("points", "radius", "blind", "beyond")},
        **{name: getattr(lines, name)[chosen] for name in ("step", "calibre", "is_free")},
        starts=np.concatenate([[0], np.cumsum(np.diff(lines.starts)[chosen])]).astype(np.intp),
    )
    found = centred(part, target)
    points = lines.points.copy()
    points[here] = _stiff(
        part, part.points + found.offset[:, None] * found.normal, _pinned(part, found.weight)
    )
    return replace(lines, points=points)


def final_middle(lines: Lines, target: EdgeMap, *, error_px: float) -> tuple[Lines, np.ndarray]:
    """The lines moved to the middle of the vessel, as smooth as its error of about `error_px` allows, and widths.

    The widths (P,) are those from edge to edge that were measured before, NaN where there was none.

    Of a one-bit mask the first line is a stiff one. What the stairs of its two edges would make of it is taken off
    what was measured, and the next line may keep closer to that. Of any other map the error is at least what the
    scatter of the measured middle tells of stairs that are left in it, see `_stairs_left`.
    """
    found = centred(lines, target)
    weight = _pinned(lines, found.weight)
    wavelength = lines.calibre / lines.step
    if not target.is_hard:
        error_px = max(error_px, _stairs_left(lines, found, weight))

    def fitted(offset: np.ndarray, error: float) -> np.ndarray:
        return smooth_within_error(
            lines.points + offset[:, None] * found.normal,
            weight,
            lines.starts,
            longest=_LONGEST * wavelength,
            shortest=_SHORTEST * wavelength,
            error_px=error,
            pace=2**0.5 if error <= error_px else 2.0,
        )

    if not target.is_hard:
        return replace(lines, points=fitted(found.offset, error_px)), found.width
    curve = fitted(found.offset, _STAIRS[0] * error_px)
    half = smooth_width(found.width, lines.starts) / 2
    for share, doubt in zip(_STAIRS[1:], _DOUBTS_PX, strict=True):
        left, right = stairs_across(curve, found.normal, half, doubt)
        offset = np.where(np.isfinite(found.width), found.offset - (left - right) / 2, 0.0)
        curve = fitted(offset, share * error_px)
    return replace(lines, points=curve), found.width


def _stairs_left(lines: Lines, found: Profiles, weight: np.ndarray) -> float:
    """Pixels of error that stairs leave in the middle of a map that is not one bit; 0 or less where there are none.

    A mask drawn with one bit and then turned or resampled is a map of coverage, but of stairs. Its middle scatters by
    0.017 to 0.036 px about curves without waves of less than 10 px; that of vessels drawn anti-aliased by 0.008 px
    at most, corners and all. On one eye of each data set of
    `benchmarks.real_masks`, what is so allowed took the median change of tortuosity from 25 to 7 % at a turn by 30
    degrees, from 74 to 9 % at 1.4 times the size and from 8 to 9 % at 0.7 times. More than `_MOST_PX`
    would flatten arcs.
    """
    counted = np.diff(lines.starts) * lines.step > 2 * _STAIRS_PX
    wavelength = np.maximum(_STAIRS_PX, 2 * lines.calibre) / lines.step
    data = lines.points + found.offset[:, None] * found.normal
    rough = scatter(data, weight, lines.starts, wavelength=wavelength, counted=counted)
    return min(_PER_SCATTER * (rough - _SMOOTH_PX), _MOST_PX)


def smooth_width(width: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(P,) local mean of the widths along each line, over about a calibre and a half."""
    known = np.isfinite(width)
    mean = local_mean(np.where(known, width, 0.0), known.astype(float), starts, sigma=9.0)
    return np.where(mean > 0, mean, segment_median(width, starts)[owner(starts)])


def stairs_across(
    curve: np.ndarray, normal: np.ndarray, half: np.ndarray, doubt_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """(P,) pixels each by which stairs move the edges `half` (P,) to the left and right of a curve."""
    away = np.nan_to_num(half)[:, None] * normal
    return (
        stair_errors(curve + away, normal, doubt_px=doubt_px),
        stair_errors(curve - away, -normal, doubt_px=doubt_px),
    )


def _stiff(lines: Lines, data: np.ndarray, weight: np.ndarray) -> np.ndarray:
    penalty = strength(_COARSE * lines.calibre / lines.step)[owner(lines.starts)]
    return smooth(data, weight, lines.starts, penalty=penalty)


def _pinned(lines: Lines, weight: np.ndarray) -> np.ndarray:
    weight = weight.copy()
    weight[lines.starts[:-1][~lines.is_free[:, 0]]] = _PIN
    weight[(lines.starts[1:] - 1)[~lines.is_free[:, 1]]] = _PIN
    return weight


def spacing(points: np.ndarray, starts: np.ndarray) -> np.ndarray:
    arc = arc_positions(points, starts)
    return np.maximum(arc[starts[1:] - 1] / (np.diff(starts) - 1), _LEAST_STEP)


def _without_tips(strand: Strand, is_free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    path, radius = strand.path, strand.radius
    if not is_free.any():
        return path, radius
    back = middle(radius)
    steps = strand.arc
    low = back if is_free[0] else 0.0
    high = steps[-1] - (back if is_free[1] else 0.0)
    if high - low < 2 * back + 1:
        return path, radius
    keep = (steps >= low) & (steps <= high)
    return path[keep], radius[keep]
