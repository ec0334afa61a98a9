"""Free ends of centre lines: where a vessel's tip lies, and how far the line runs towards it.

A vessel is the trace of a disc along its centre line, so the line stops one radius before a free tip (a round
cap's centre). Where the field's border cuts the vessel there is no cap, and the line runs to the edge.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from retquant.vessels.centerline import Lines
from retquant.vessels.edges import EdgeMap, at_field_edge, heights
from retquant.vessels.packing import arc_positions, middle, owner, segment_median
from retquant.vessels.smoothing import frame

_COURSE_CALIBRES = 2.0  # that tell where a vessel is heading
LAST = 6  # points, a calibre or more, before an end that tell its vessel's height
_RADII_PX = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 8.0, 1e3)
_SHORT_PX = (0.0, 0.10, 0.14, 0.17, 0.185, 0.19, 0.175, 0.125, 0.09, 0.045, 0.0)
"""By how much the map's blur, with that of whole pixels, draws a round cap of such a radius in: worked out on drawings.

A straight edge's half height stays where it is; a round one's moves to its centre, by half the blur's variance over
the radius where that is large.
"""


def prolonged(lines: Lines) -> Lines:
    """The lines with both free ends led on straight for three radii: room in which to find the tip."""
    tangent, _ = frame(lines.points, lines.starts)
    more = np.ceil((1.5 * lines.calibre + 2) / lines.step).astype(np.intp)[:, None] * lines.is_free
    count = np.diff(lines.starts)
    starts = np.concatenate([[0], np.cumsum(count + more.sum(axis=1))]).astype(np.intp)
    which = owner(starts)
    place = (
        np.arange(starts[-1]) - (starts[:-1] + more[:, 0])[which]
    )  # along the line as it was: below 0 is new
    known = np.clip(place, 0, count[which] - 1)
    source, further = lines.starts[which] + known, place - known
    beyond = further != 0
    typical = segment_median(lines.radius, lines.starts)
    return replace(
        lines,
        points=lines.points[source] + (further * lines.step[which])[:, None] * tangent[source],
        starts=starts,
        radius=np.where(beyond, typical[which], np.maximum(lines.radius[source], 0.0)),
        blind=lines.blind[source] & ~beyond,
        beyond=beyond,
    )


def straight_on(lines: Lines, tail: np.ndarray) -> Lines:
    """The lines led straight on over their `tail` (B, 2) points at either end, as they run before it."""
    points = lines.points.copy()
    for b, end in np.argwhere(tail > 0):
        run = slice(lines.starts[b], lines.starts[b + 1])
        line = points[run] if end else points[run][::-1]  # a view
        last = len(line) - 1 - tail[b, end]
        before = max(last - int(np.ceil(_COURSE_CALIBRES * lines.calibre[b] / lines.step[b])), 0)
        way = line[last] - line[before]
        way *= lines.step[b] / max(float(np.hypot(*way)), 1e-9)
        line[last + 1 :] = line[last] + np.arange(1, tail[b, end] + 1)[:, None] * way
    return replace(lines, points=points)


def grazing_tails(lines: Lines, width: np.ndarray, target: EdgeMap) -> np.ndarray:
    """(B, 2) points at the free ends over which the field's edge cuts a vessel lengthwise; 0 for a calibre or less.

    There the middle of what is left of the vessel runs into the corner of the cut, and is not the vessel's own.
    """
    tail = np.zeros((len(lines.calibre), 2), dtype=np.intp)
    tangent, _ = frame(lines.points, lines.starts)
    for b, end in np.argwhere(lines.is_free):
        run = slice(lines.starts[b], lines.starts[b + 1])
        order = slice(None, None, -1) if end else slice(None)
        measured = np.flatnonzero(np.isfinite(width[run][order]))
        if not len(measured) or 2 * measured[0] > len(width[run]):
            continue
        unseen = np.arange(run.start, run.stop)[order][: measured[0]]
        unseen = unseen[~lines.beyond[unseen]]
        if len(unseen) * lines.step[b] > lines.calibre[b]:
            normal = np.column_stack([-tangent[unseen, 1], tangent[unseen, 0]])
            reach = lines.radius[unseen] + 2.0
            if np.mean(at_field_edge(target, lines.points[unseen], normal, reach=reach)) > 0.5:
                tail[b, end] = measured[0]
    return tail


def tip_positions(lines: Lines, target: EdgeMap, tail: np.ndarray) -> np.ndarray:
    """(B, 2) pixels along each line at which its first and last tip leave the vessel; NaN if unfound.

    A tip is looked for where it may be, or over the line's `tail` (B, 2) points if they are more.
    """
    tips = np.full((len(lines.starts) - 1, 2), np.nan)
    level = heights(target, lines.points)
    arc = arc_positions(lines.points, lines.starts)
    for b in np.flatnonzero(lines.is_free.any(axis=1)):
        run = slice(lines.starts[b], lines.starts[b + 1])
        along = arc[run]
        place = np.arange(len(along))
        led = (place < tail[b, 0]) | (place >= len(along) - tail[b, 1])
        own = level[run][~(lines.beyond[run] | led)]
        margin = int(np.ceil((2.5 * lines.calibre[b] + 2) / lines.step[b]))
        for end in np.flatnonzero(lines.is_free[b]):
            # As for edges half of the vessel's own height, which falls as a thin one narrows.
            above = level[run] - middle(own[-LAST:] if end else own[:LAST]) / 2
            h, s = (above, along) if end else (above[::-1], along[::-1])
            first = max(len(h) - 1 - max(margin, tail[b, end]), len(h) // 2)
            outside = np.flatnonzero(h[first:] < 0)
            if len(outside) and outside[0] + first > 0:
                k = int(outside[0] + first)
                if h[k - 1] >= 0:
                    tips[b, end] = s[k - 1] + (s[k] - s[k - 1]) * h[k - 1] / (h[k - 1] - h[k])
    return tips


def settled(lines: Lines, tips: np.ndarray, *, end_radius: np.ndarray, is_border: np.ndarray) -> np.ndarray:
    """(B, 2) pixels along each line from and to which it is kept.

    A free end lies `end_radius` (B, 2) before its tip, which the blur has drawn in, or at the tip where `is_border`
    (B, 2). Where no tip was found the line is kept up to where it was before it was prolonged.
    """
    arc = arc_positions(lines.points, lines.starts)
    length = arc[lines.starts[1:] - 1]
    back = np.where(is_border, 0.0, end_radius - np.interp(end_radius, _RADII_PX, _SHORT_PX))
    room = (np.ceil((1.5 * lines.calibre + 2) / lines.step) * lines.step)[:, None] * lines.is_free
    low = np.where(np.isfinite(tips[:, 0]), tips[:, 0] + back[:, 0], room[:, 0])
    high = np.where(np.isfinite(tips[:, 1]), tips[:, 1] - back[:, 1], length - room[:, 1])
    low = np.where(lines.is_free[:, 0], low, 0.0)
    high = np.where(lines.is_free[:, 1], high, length)
    crossed = high - low < 1e-3  # nothing would be left: keep what thinning gave
    low, high = np.where(crossed, room[:, 0], low), np.where(crossed, length - room[:, 1], high)
    return np.column_stack([low, np.maximum(high, low + 1e-3)])
