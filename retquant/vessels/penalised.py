"""Curves of least squares under a penalty on their third differences, solved one after another without overhead.

Each curve's normal equations have seven bands; they are factored as L D L' and the solution is refined, since
the penalty spans twelve orders of magnitude.

Reference: P. H. C. Eilers, Analytical Chemistry 75 (2003) 3631-3636.
"""

from __future__ import annotations

import numpy as np

from retquant.kernels import kernel

_MOST_TURNS = 6
_SETTLED_PX = 1e-5  # a last step of this size leaves an error below 1e-8


def solve_penalised(
    data: np.ndarray, weight: np.ndarray, penalty: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """(P, 2) curves that minimise weight |curve - data|^2 + penalty |third difference|^2, each by itself.

    `weight` (P,) > 0; `penalty` (P,) belongs to the third difference that begins at its point.
    """
    curve = np.empty((len(data), 2))
    if len(data):
        longest = int(np.diff(starts).max())
        _solve_all(
            np.ascontiguousarray(data, dtype=np.float64),
            weight.astype(float),
            penalty,
            starts,
            longest,
            curve,
        )
    return curve


@kernel
def _solve_all(data, weight, penalty, starts, longest, curve):  # type: ignore[no-untyped-def]
    room = room_for(longest)
    for b in range(len(starts) - 1):
        first, last = starts[b], starts[b + 1]
        solve_one(data[first:last], weight[first:last], penalty[first:last], room, curve[first:last])


@kernel
def room_for(longest):  # type: ignore[no-untyped-def]
    """What `solve_one` works in, for curves of up to so many points."""
    return np.zeros((4, longest + 3)), np.empty((2, longest)), np.zeros(longest + 6)


@kernel
def solve_one(data, weight, penalty, room, curve):  # type: ignore[no-untyped-def]
    """Fill `curve` (K, 2), as `solve_penalised` does for each of its curves.

    Solved for what departs from the chord, and refined until nothing moves: at the strongest penalties an unrefined
    solution lies tenths of a pixel off, even under residuals of the summed matrix; those of differences keep digits.
    """
    factor, rest, pull = room
    count = len(weight)
    _factorise(weight, penalty, factor, count)
    for axis in range(2):
        step = (data[count - 1, axis] - data[0, axis]) / max(count - 1, 1)
        for i in range(count):
            curve[i, axis] = data[0, axis] + step * i
            rest[axis, i] = weight[i] * (data[i, axis] - curve[i, axis])
    for turn in range(_MOST_TURNS):
        _substitute(factor, rest, count)
        most = 0.0
        for i in range(count):
            curve[i, 0] += rest[0, i]
            curve[i, 1] += rest[1, i]
            most = max(most, abs(rest[0, i]), abs(rest[1, i]))
        if turn and most < _SETTLED_PX:
            break
        for axis in range(2):
            _find_rest(data[:, axis], weight, penalty, curve[:, axis], pull, rest[axis])


@kernel
def _factorise(weight, penalty, factor, count):  # type: ignore[no-untyped-def]
    """`factor`: one over D, and the coefficients of each row of L for the points one, two and three before it."""
    inverse, one, two, three = factor[0], factor[1], factor[2], factor[3]
    p1 = p2 = p3 = 0.0  # penalties of the differences that begin one, two and three points before
    inverse1 = inverse2 = inverse3 = 0.0
    one1 = one2 = two1 = 0.0  # `one` and `two` of the rows one and two before
    for i in range(count):
        p0 = penalty[i] if i < count - 3 else 0.0
        u3 = -p3  # the third difference -1, 3, -3, 1
        u2 = 3.0 * (p2 + p3) - u3 * one2
        u1 = -3.0 * (p1 + 3.0 * p2 + p3) - u3 * two1 - u2 * one1
        l1, l2, l3 = u1 * inverse1, u2 * inverse2, u3 * inverse3
        inverse0 = 1.0 / (weight[i] + p0 + 9.0 * (p1 + p2) + p3 - u3 * l3 - u2 * l2 - u1 * l1)
        inverse[i], one[i], two[i], three[i] = inverse0, l1, l2, l3
        p1, p2, p3 = p0, p1, p2
        inverse1, inverse2, inverse3 = inverse0, inverse1, inverse2
        one1, one2, two1 = l1, one1, l2
    for i in range(count, count + 3):
        one[i] = two[i] = three[i] = 0.0


@kernel
def _substitute(factor, x, count):  # type: ignore[no-untyped-def]
    """Solve both rows of `x` in place; what waits longest is taken off last, so that both keep the processor busy."""
    inverse, one, two, three = factor[0], factor[1], factor[2], factor[3]
    a1 = a2 = a3 = b1 = b2 = b3 = 0.0
    for i in range(count):
        a = x[0, i] - three[i] * a3 - two[i] * a2 - one[i] * a1
        b = x[1, i] - three[i] * b3 - two[i] * b2 - one[i] * b1
        x[0, i], x[1, i] = a, b
        a1, a2, a3, b1, b2, b3 = a, a1, a2, b, b1, b2
    a1 = a2 = a3 = b1 = b2 = b3 = 0.0
    for i in range(count - 1, -1, -1):
        a = x[0, i] * inverse[i] - three[i + 3] * a3 - two[i + 2] * a2 - one[i + 1] * a1
        b = x[1, i] * inverse[i] - three[i + 3] * b3 - two[i + 2] * b2 - one[i + 1] * b1
        x[0, i], x[1, i] = a, b
        a1, a2, a3, b1, b2, b3 = a, a1, a2, b, b1, b2


@kernel
def _find_rest(data, weight, penalty, x, pull, rest):  # type: ignore[no-untyped-def]
    """`rest` (K,): by how much `x` (K,) misses each of the equations. `pull` begins and ends with three zeros."""
    count = len(weight)
    for i in range(count - 3):
        pull[i + 3] = penalty[i] * (x[i + 3] - x[i] - 3.0 * (x[i + 2] - x[i + 1]))
    for i in range(max(count, 3), count + 3):
        pull[i] = 0.0
    for i in range(count):
        drawn = pull[i] - pull[i + 3] - 3.0 * (pull[i + 1] - pull[i + 2])
        rest[i] = weight[i] * (data[i] - x[i]) - drawn
