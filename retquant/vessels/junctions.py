"""Where vessels divide: the parent and its daughters, and their angles and calibres.

Shapes: B segments, P points summed over segments, J junctions of three arms; an arm is one end of a segment.
"""

from __future__ import annotations

import math

import networkx as nx
import numpy as np

from retquant.kernels import kernel
from retquant.vessels.graph import BRANCH, Bifurcations, Nodes

_TIE_DEG = 20.0  # parents whose daughters' turns differ by less than this are told apart by their calibre
_NEAR_CALIBRES = 6.0  # of an arm, over which its calibre at the junction is read
_FEWEST_SAMPLES = 5
_TAPER_CALIBRES = 30  # of an arm, over which its taper is read, a stretch of one calibre at a time
_FEWEST_STRETCHES = 6
_USUAL_TAPER = 0.002  # of a calibre along a calibre, or a taper's error for its half to be believed
_MOST_LED_BACK = (
    0.5  # of a sample: in a blob that passes for a vessel a calibre of nothing, or below, might come out
)
_OF_A_DEVIATION = 1.4826  # standard deviation over median absolute deviation, of a normal distribution


def find_bifurcations(
    points: np.ndarray,
    starts: np.ndarray,
    *,
    arc: np.ndarray,
    calibre: np.ndarray,
    blind: np.ndarray,
    nodes: Nodes,
    ends: np.ndarray,
    disc_center: tuple[float, float] | None,
) -> Bifurcations:
    """One entry for each junction of three different segments, given as `points` (P, 2) and `starts` (B + 1,).

    The parent is, with a disc, the segment that leads to the disc along the tree. Without one it is the segment from
    which the other two go on with the least turning in sum; of those within 20 degrees of the least, the widest. An
    arm's calibre is that at the junction: the median over the six calibres next to it from where the arm is clear of
    it, each led back to it along the arm's taper, so far as the samples over thirty calibres tell one. Its direction
    is that of the line fitted from one to three of the parent's calibres, at least half of which must exist.

    Parameters
    ----------
    arc, calibre, blind : (P,)
        Pixels along the segment; pixels across it, NaN where dropped; whether the point is inside a junction.
    ends : (B, 2)
        The segments' nodes.
    """
    arms = _arms_of_three(nodes, ends)
    toward = np.full(len(arms), -1, dtype=np.intp)
    if disc_center is not None:
        upstream = _upstream(nodes, ends, arc[starts[1:] - 1], disc_center)
        toward = np.array([upstream.get(node, -1) for node in ends.reshape(-1)[arms[:, 0]].tolist()], np.intp)
    order = np.zeros((len(arms), 3), dtype=np.intp)
    angle, width = np.full((len(arms), 2), np.nan), np.full((len(arms), 3), np.nan)
    _divide_all(points, starts, arc, calibre, blind, arms, toward, order, angle, width)
    chosen = np.take_along_axis(arms, order, axis=1)
    at = ends.reshape(-1)[arms[:, 0]]
    return Bifurcations(
        position=nodes.position[at],
        node=at,
        parent=chosen[:, 0] // 2,
        daughters=chosen[:, 1:] // 2,
        angle=angle[:, 0],
        asymmetry=angle[:, 1],
        parent_calibre=width[:, 0],
        daughter_calibre=width[:, 1:],
    )


def _arms_of_three(nodes: Nodes, ends: np.ndarray) -> np.ndarray:
    """(J, 3) the arms of each junction of three different segments; an arm is twice its segment, plus its end."""
    node = ends.reshape(-1)
    order = np.argsort(node, kind="stable")
    first = np.flatnonzero(np.diff(node[order], prepend=-1))
    count = np.diff(first, append=len(node))
    arms = order[first[count == 3][:, None] + np.arange(3)]
    segments = arms // 2
    is_simple = (segments[:, 0] != segments[:, 1]) & (segments[:, 1] != segments[:, 2])
    arms = arms[is_simple & (nodes.kind[node[arms[:, 0]]] == BRANCH)]
    return np.asarray(arms[np.argsort(arms[:, 0])])


@kernel
def _divide_all(points, starts, arc, calibre, blind, arms, toward, order, angle, width):  # type: ignore[no-untyped-def]
    """Fill, for each junction, the `order` of its arms (parent, wider, narrower), `angle` and asymmetry, `width`."""
    spare = np.empty(len(points))
    own, leaving = np.empty(3), np.empty((3, 2))
    for j in range(len(arms)):
        for k in range(3):
            own[k] = _near_calibre(starts, arc, calibre, blind, arms[j, k], spare)
        parent = -1
        for k in range(3):
            if arms[j, k] // 2 == toward[j]:
                parent = k
        if parent < 0:
            for k in range(3):
                unit = own[k] if np.isfinite(own[k]) else 1.0
                if not _direction(points, starts, arc, blind, arms[j, k], unit, leaving[k]):
                    first, way, size = _run(starts, arms[j, k])
                    last = first + way * (size - 1)  # a short arm: its chord
                    leaving[k, 0] = points[last, 0] - points[first, 0]
                    leaving[k, 1] = points[last, 1] - points[first, 1]
            parent = _straightest(leaving, own)
        wider, narrower = (parent + 1) % 3, (parent + 2) % 3
        if wider > narrower:
            wider, narrower = narrower, wider
        if not own[wider] >= own[narrower]:  # NaN goes last
            wider, narrower = narrower, wider
        order[j, 0], order[j, 1], order[j, 2] = parent, wider, narrower
        unit = own[parent]
        if not np.isfinite(unit):
            unit = 1.0
            for k in range(3):
                unit = own[k] if own[k] > unit else unit
        for k in range(3):
            _direction(points, starts, arc, blind, arms[j, k], unit, leaving[k])
            width[j, k] = own[order[j, k]]
        turns = _degrees(leaving, parent, wider, -1), _degrees(leaving, parent, narrower, -1)
        angle[j, 0], angle[j, 1] = _degrees(leaving, wider, narrower, 1), abs(turns[0] - turns[1])


@kernel
def _run(starts, arm):  # type: ignore[no-untyped-def]
    """First point of an arm, the step to the next one, and how many there are."""
    b = arm // 2
    size = starts[b + 1] - starts[b]
    return (starts[b], 1, size) if arm % 2 == 0 else (starts[b + 1] - 1, -1, size)


@kernel
def _clear(starts, arc, blind, arm):  # type: ignore[no-untyped-def]
    """Pixels from the junction to where the arm is by itself; its whole length if nowhere."""
    first, way, size = _run(starts, arm)
    for k in range(size):
        if not blind[first + way * k]:
            return abs(arc[first + way * k] - arc[first])
    return abs(arc[first + way * (size - 1)] - arc[first])


@kernel
def _near_calibre(starts, arc, calibre, blind, arm, spare):  # type: ignore[no-untyped-def]
    """Pixels at the junction: median of the samples next to it, or of all where those are too few, along the taper."""
    first, way, size = _run(starts, arm)
    count = 0
    for k in range(size):
        if np.isfinite(calibre[first + way * k]):
            spare[count] = calibre[first + way * k]
            count += 1
    if not count:
        return np.nan
    typical = _median(spare, count)
    clear = _clear(starts, arc, blind, arm)
    taper = _taper(starts, arc, calibre, arm, typical, clear + _TAPER_CALIBRES * typical)
    for reach in (clear + _NEAR_CALIBRES * typical, np.inf):
        count = 0
        for k in range(size):
            i = first + way * k
            away = abs(arc[i] - arc[first])
            if np.isfinite(calibre[i]) and away <= reach:
                most = _MOST_LED_BACK * calibre[i]
                spare[count] = calibre[i] - min(max(taper * away, -most), most)
                count += 1
        if count >= _FEWEST_SAMPLES:
            break
    return _median(spare, count)


@kernel
def _taper(starts, arc, calibre, arm, unit, reach):  # type: ignore[no-untyped-def]
    """Pixels by which an arm widens for each pixel from its junction, as far as its samples up to `reach` vouch for it.

    The slope is the median over pairs of stretches of one `unit` at least half of them apart (Theil 1950, Sen 1968):
    stairs and strokes of a pen make neighbouring samples err together, but hardly those of different stretches. It is
    shrunk towards none by its error against `_USUAL_TAPER`, as the mean of a normal distribution about none would be:
    an uncertain slope, led back to the junction, would add more noise than it takes off bias.
    """
    first, way, size = _run(starts, arm)
    place, level = np.empty(_TAPER_CALIBRES + 2), np.empty(_TAPER_CALIBRES + 2)
    stretches, k, begin = 0, 0, -1.0
    while k < size and stretches < len(place):
        if not np.isfinite(calibre[first + way * k]):
            k += 1
            continue
        away = abs(arc[first + way * k] - arc[first])
        if away > reach:
            break
        begin = away if begin < 0 else begin
        number, count = int((away - begin) / unit), 0
        place[stretches], level[stretches] = 0.0, 0.0
        while k < size and away <= reach and int((away - begin) / unit) == number:
            if np.isfinite(calibre[first + way * k]):
                place[stretches] += away
                level[stretches] += calibre[first + way * k]
                count += 1
            k += 1
            if k < size:
                away = abs(arc[first + way * k] - arc[first])
        place[stretches] /= count
        level[stretches] /= count
        stretches += 1
    if stretches < _FEWEST_STRETCHES:
        return 0.0
    slopes, rest, count = np.empty(stretches * (stretches - 1) // 2), np.empty(stretches), 0
    for i in range(stretches):
        for j in range(i - stretches // 2 + 1):
            slopes[count] = (level[i] - level[j]) / (place[i] - place[j])
            count += 1
    slope, middle, squares, spread = _median(slopes, count), 0.0, 0.0, 0.0
    for i in range(stretches):
        rest[i] = level[i] - slope * place[i]
        middle += place[i] / stretches
    typical = _median(rest, stretches)
    for i in range(stretches):
        rest[i] = abs(rest[i] - typical)
        squares += rest[i] ** 2
        spread += (place[i] - middle) ** 2
    scatter = max(squares / stretches, (_OF_A_DEVIATION * _median(rest, stretches)) ** 2)
    error = scatter * stretches / (stretches - 2) / spread
    return slope * _USUAL_TAPER**2 / (_USUAL_TAPER**2 + error)


@kernel
def _direction(points, starts, arc, blind, arm, unit, leaving):  # type: ignore[no-untyped-def]
    """Fill `leaving` with the unit vector away from the junction, NaN and False where the arm is short.

    The stretch begins at one `unit` from the junction, or where the arm is by itself if that is farther out, and is two
    long.
    """
    leaving[0] = leaving[1] = np.nan
    first, way, size = _run(starts, arm)
    low = max(unit, _clear(starts, arc, blind, arm))
    begin, count = -1, 0
    for k in range(size):
        away = abs(arc[first + way * k] - arc[first])
        if low <= away <= low + 2 * unit:
            begin = k if begin < 0 else begin
            count += 1
    if count < 3 or abs(arc[first + way * (size - 1)] - arc[first]) < low + unit:
        return False
    row, column = 0.0, 0.0
    for k in range(count):
        place = 2 * k / (count - 1) - 1  # from -1 to 1: these add up to nothing: the points need no centring
        row += place * points[first + way * (begin + k), 0]
        column += place * points[first + way * (begin + k), 1]
    norm = math.hypot(row, column)
    if norm > 0:
        leaving[0], leaving[1] = row / norm, column / norm
    return norm > 0


@kernel
def _degrees(leaving, i, j, sign):  # type: ignore[no-untyped-def]
    """Between two of the directions, the first taken `sign` times."""
    row, column = sign * leaving[i, 0], sign * leaving[i, 1]
    across = abs(row * leaving[j, 1] - column * leaving[j, 0])
    return math.degrees(math.atan2(across, row * leaving[j, 0] + column * leaving[j, 1]))


@kernel
def _median(values, count):  # type: ignore[no-untyped-def]
    """Of the first `count` values, which are put in order (D. Shell 1959); numpy's takes a second to compile."""
    gap = count // 2
    while gap:
        for i in range(gap, count):
            value, k = values[i], i
            while k >= gap and values[k - gap] > value:
                values[k] = values[k - gap]
                k -= gap
            values[k] = value
        gap //= 2
    return (values[(count - 1) // 2] + values[count // 2]) / 2


@kernel
def _straightest(leaving, own):  # type: ignore[no-untyped-def]
    """The arm from which the other two turn the least in sum; of those within the tie, the widest."""
    turning, least = np.zeros(3), np.inf
    for i in range(3):
        for j in range(3):
            if j != i:
                turning[i] += _degrees(leaving, i, j, -1)
        least = min(least, turning[i])
    best, widest = -1, -np.inf
    for i in range(3):
        width = own[i] if np.isfinite(own[i]) else -np.inf
        if turning[i] <= least + _TIE_DEG and (best < 0 or width > widest):
            best, widest = i, width
    return best


def _upstream(
    nodes: Nodes, ends: np.ndarray, arc_length: np.ndarray, disc_center: tuple[float, float]
) -> dict[int, int]:
    """Node to the segment that leads from it towards the disc, by the shortest way to its root."""
    network = nx.MultiGraph()
    for segment, (u, v) in enumerate(ends.tolist()):
        network.add_edge(u, v, key=segment, weight=float(arc_length[segment]))
    to_disc = np.hypot(*(nodes.position - np.asarray(disc_center)).T)
    # Of equals the end of a vessel, so that a tree is entered by its stem.
    roots = [
        min(part, key=lambda n: (to_disc[n], network.degree(n))) for part in nx.connected_components(network)
    ]
    distance = nx.multi_source_dijkstra_path_length(network, set(roots)) if roots else {}
    toward: dict[int, int] = {}
    for node in network:
        steps = [
            (distance[far] + data["weight"], key)
            for _, far, key, data in network.edges(node, keys=True, data=True)
            if far != node
        ]
        if steps and node not in roots:
            toward[node] = min(steps)[1]
    return toward
