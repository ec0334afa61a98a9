"""Fits profiles across vessels: each by itself, and what the vessels of one picture share from the widest of them.

Width and blur of a single thin vessel cannot be told apart, nor a deep narrow vessel from a shallow wide one. Yet blur
and the roundness of vessels belong to the picture: they are taken from its widest vessels, all fitted at once (each
vessel's own parameters are eliminated by a Schur complement), and held for the thin ones. How deep a vessel of a given
width is follows the same way, as a weak belief with a spread of its own.
Shapes: S stretches, K samples of a profile.
"""

from __future__ import annotations

import math

import numpy as np

from retquant.kernels import kernel
from retquant.vessels.profile_shape import (
    CENTER,
    DEPTH,
    DOME,
    LEVEL,
    LOG_BLUR,
    LOG_WIDTH,
    NEIGHBOURS,
    OWN,
    REFLEX,
    SHARED,
    fill_profile,
)

NOISE_FACTOR = 3.0
"""By how much the scatter of a profile about its fit is less than its error: neighbouring samples share their noise."""

LEAST_NOISE, MOST_NOISE = 0.3, 12.0  # grey levels
CENTER_SPREAD = (0.5, 0.1)  # pixels, and widths, that a mask's centre line may be off
DEPTH_SPREAD = 0.3  # of a vessel's contrast about what its width leads to expect

MOST_TURNS, SETTLED = 25, 5e-4  # steps of a fit; change of log width at which it ends


@kernel
def _solve(matrix, right, count):  # type: ignore[no-untyped-def]
    """Solve in place, by Cholesky from the lower triangle; False where the matrix is not positive definite."""
    for i in range(count):
        for j in range(i + 1):
            rest = matrix[i, j]
            for k in range(j):
                rest -= matrix[i, k] * matrix[j, k]
            if i != j:
                matrix[i, j] = rest / matrix[j, j]
            elif rest <= 0:
                return False
            else:
                matrix[i, i] = math.sqrt(rest)
    _substitute(matrix, right, count)
    return True


@kernel
def _substitute(factor, right, count):  # type: ignore[no-untyped-def]
    for i in range(count):
        for k in range(i):
            right[i] -= factor[i, k] * right[k]
        right[i] /= factor[i, i]
    for i in range(count - 1, -1, -1):
        for k in range(i + 1, count):
            right[i] -= factor[k, i] * right[k]
        right[i] /= factor[i, i]


@kernel(error_model="numpy")
def _believe(own, edges, noise, contrast, matrix, right):  # type: ignore[no-untyped-def]
    """Cost of what is believed of a profile beforehand, added to its normal equations.

    `contrast` (3,): log of depth over background at a width of one pixel, how it grows with log width, and 1 where
    that is known.
    """
    width, depth = math.exp(own[LOG_WIDTH]), max(abs(own[DEPTH]), 2.0)
    weight = (noise / (CENTER_SPREAD[0] + CENTER_SPREAD[1] * width)) ** 2
    cost = weight * own[CENTER] ** 2
    matrix[CENTER, CENTER] += weight
    right[CENTER] -= weight * own[CENTER]
    if contrast[2] > 0:
        expected = max(own[LEVEL], 1.0) * math.exp(contrast[0] + contrast[1] * own[LOG_WIDTH])
        weight = (noise / (DEPTH_SPREAD * expected)) ** 2
        off, slope = expected - own[DEPTH], -contrast[1] * expected
        cost += weight * off * off
        matrix[DEPTH, DEPTH] += weight
        matrix[LOG_WIDTH, DEPTH] += weight * slope
        matrix[LOG_WIDTH, LOG_WIDTH] += weight * slope * slope
        right[DEPTH] += weight * off
        right[LOG_WIDTH] += weight * off * slope
    for n in range(2):
        at = NEIGHBOURS + 2 * n
        if not math.isnan(edges[n]):
            # a neighbour is about as deep as the vessel, and its edge off by a blur or so
            like, near = (noise / (3 * depth)) ** 2, (noise / depth) ** 2
            cost += like * (depth - own[at]) ** 2 + near * own[at + 1] ** 2
            matrix[at, at] += like
            matrix[at + 1, at + 1] += near
            right[at] += like * (depth - own[at])
            right[at + 1] -= near * own[at + 1]
        else:
            matrix[at, at] += 1.0
            matrix[at + 1, at + 1] += 1.0
    return cost


@kernel(fastmath={"reassoc", "contract"})
def _equations(by_own, rest, matrix, right):  # type: ignore[no-untyped-def]
    """Normal equations of the weighted residuals `rest` (K,)."""
    for i in range(OWN):
        total = 0.0
        for k in range(len(rest)):
            total += by_own[i, k] * rest[k]
        right[i] = total
        for j in range(i + 1):
            total = 0.0
            for k in range(len(rest)):
                total += by_own[i, k] * by_own[j, k]
            matrix[i, j] = total


@kernel(error_model="numpy")
def _weigh(level, weight, value, by_own, by_shared, rest):  # type: ignore[no-untyped-def]
    """Sum of squares of the residuals; samples without weight are taken out of the derivatives."""
    total = 0.0
    for k in range(len(level)):
        rest[k] = weight[k] * (level[k] - value[k])
        total += rest[k] * rest[k]
        if weight[k] == 0.0:
            by_own[:, k] = 0.0
            by_shared[:, k] = 0.0
    return total


@kernel(error_model="numpy")
def _noise(squares, weight):  # type: ignore[no-untyped-def]
    free = max(weight.sum() - 7.0, 4.0)
    return min(max(NOISE_FACTOR * math.sqrt(squares / free), LEAST_NOISE), MOST_NOISE)


@kernel(error_model="numpy")
def _begin(x, level, weight, width, own):  # type: ignore[no-untyped-def]
    """A first guess from a width; False where too little of the profile is known."""
    middle = beside = 0.0
    in_middle = in_beside = 0
    for k in range(len(x)):
        if weight[k] == 0.0:
            continue
        if abs(x[k]) < 0.35 * width:
            middle += level[k]
            in_middle += 1
        elif abs(x[k]) > 0.8 * width:
            beside += level[k]
            in_beside += 1
    if in_middle == 0 or in_beside < 4:
        return False
    own[:] = 0.0
    own[LEVEL] = beside / in_beside
    own[DEPTH] = max(own[LEVEL] - middle / in_middle, 2.0)
    own[LOG_WIDTH] = math.log(width)
    own[NEIGHBOURS] = own[NEIGHBOURS + 2] = own[DEPTH]
    return True


@kernel(error_model="numpy")
def fit_each(grid, reach, levels, weights, edges, width, shared, contrast, fitted, noise):  # type: ignore[no-untyped-def]
    """Fill `fitted` (S, 9), each profile's own parameters under the shared ones, and `noise` (S,) grey levels; or NaN.

    `grid` (K,) positions from -1 to 1 in parts of `reach` (S,) pixels; `levels` and `weights` (S, K); `edges` (S, 2) as
    in `fill_profile`; `width` (S,) a first guess. Levenberg-Marquardt.
    """
    count = len(grid)
    x, value, rest = np.empty(count), np.empty(count), np.empty(count)
    by_own, by_shared = np.zeros((OWN, count)), np.empty((SHARED, count))
    whole, matrix, scrap = np.zeros((OWN, OWN)), np.zeros((OWN, OWN)), np.zeros((OWN, OWN))
    slope, step, trial, own = np.zeros(OWN), np.zeros(OWN), np.zeros(OWN), np.zeros(OWN)
    for s in range(len(reach)):
        fitted[s] = np.nan
        noise[s] = np.nan
        x[:] = grid * reach[s]
        if not _begin(x, levels[s], weights[s], width[s], own):
            continue
        by_own[NEIGHBOURS:] = 0.0
        fill_profile(x, shared, own, edges[s], value, by_own, by_shared)
        squares = _weigh(levels[s], weights[s], value, by_own, by_shared, rest)
        damping = 1e-3
        for _ in range(MOST_TURNS):
            error = _noise(squares, weights[s])
            _equations(by_own, rest, whole, slope)
            cost = squares + _believe(own, edges[s], error, contrast, whole, slope)
            is_better = False
            for _attempt in range(6):
                matrix[:] = whole
                step[:] = slope
                for i in range(OWN):
                    matrix[i, i] = whole[i, i] * (1 + damping) + 1e-9
                if _solve(matrix, step, OWN):
                    part = min(1.0, 0.5 / max(abs(step[LOG_WIDTH]), 1e-9))
                    trial[:] = own + part * step
                    fill_profile(x, shared, trial, edges[s], value, by_own, by_shared)
                    squares = _weigh(levels[s], weights[s], value, by_own, by_shared, rest)
                    scrap[:] = 0.0
                    after = squares + _believe(trial, edges[s], error, contrast, scrap, step)
                    if after <= cost * (1 + 1e-9):
                        is_better = True
                        break
                damping *= 8
            if not is_better:
                break
            moved = max(abs(trial[LOG_WIDTH] - own[LOG_WIDTH]), abs(trial[CENTER] - own[CENTER]))
            own[:] = trial
            damping = max(damping / 10, 1e-6)
            if moved < SETTLED:
                break
        fitted[s] = own
        noise[s] = error


@kernel(error_model="numpy")
def fit_shared(grid, reach, levels, weights, edges, fitted, noise, shared, belief, turns):  # type: ignore[no-untyped-def]
    """Improve `shared` (3,) together with `fitted` (S, 9) of all stretches, whose `noise` (S,) is filled, too.

    `belief` (3, 2): what each shared parameter is expected to be, and its standard deviation.
    """
    count, many = len(grid), len(reach)
    x, value, rest = np.empty(count), np.empty(count), np.empty(count)
    by_own, by_shared = np.zeros((OWN, count)), np.empty((SHARED, count))
    matrix, cross = np.zeros((OWN, OWN)), np.zeros((OWN, SHARED))
    step, column, unknown = np.zeros(OWN), np.zeros(OWN), np.zeros(3)
    steps, follow = np.zeros((many, OWN)), np.zeros((many, OWN, SHARED))
    for turn in range(turns):
        pull = np.zeros(SHARED)
        stiff = np.zeros((SHARED, SHARED))
        for a in range(SHARED):
            stiff[a, a] = 1.0 / belief[a, 1] ** 2
            pull[a] = stiff[a, a] * (belief[a, 0] - shared[a])
        for s in range(many):
            x[:] = grid * reach[s]
            by_own[NEIGHBOURS:] = 0.0
            fill_profile(x, shared, fitted[s], edges[s], value, by_own, by_shared)
            squares = _weigh(levels[s], weights[s], value, by_own, by_shared, rest)
            noise[s] = _noise(squares, weights[s])
            _equations(by_own, rest, matrix, step)
            _believe(fitted[s], edges[s], noise[s], unknown, matrix, step)
            for i in range(OWN):
                matrix[i, i] = 1.0005 * matrix[i, i] + 1e-9
                for a in range(SHARED):
                    cross[i, a] = (by_own[i] * by_shared[a]).sum()
            steps[s] = 0.0
            follow[s] = 0.0
            if not _solve(matrix, step, OWN):
                continue
            steps[s] = step
            weight = 1.0 / noise[s] ** 2
            for a in range(SHARED):
                column[:] = cross[:, a]
                _substitute(matrix, column, OWN)
                follow[s, :, a] = column
            for a in range(SHARED):
                pull[a] += weight * ((by_shared[a] * rest).sum() - (cross[:, a] * step).sum())
                for b in range(SHARED):
                    both = (by_shared[a] * by_shared[b]).sum() - (cross[:, a] * follow[s, :, b]).sum()
                    stiff[a, b] += weight * both
        move = np.linalg.solve(stiff, pull)
        if not np.isfinite(move).all():
            break
        part = min(1.0, 0.3 / max(np.abs(move).max(), 1e-12))
        move *= part
        for s in range(many):
            for i in range(OWN):
                column[i] = steps[s, i] - (follow[s, i] * move).sum()
            own_part = min(1.0, 0.4 / max(abs(column[LOG_WIDTH]), 1e-9))
            fitted[s] += min(own_part, 3.0 / max(abs(column[CENTER]), 1e-9)) * column
        shared += move
        shared[LOG_BLUR] = min(max(shared[LOG_BLUR], math.log(0.3)), math.log(30.0))
        shared[DOME] = min(max(shared[DOME], -0.3), 0.8)
        shared[REFLEX] = min(max(shared[REFLEX], -0.2), 1.0)
        if np.abs(move).max() < 2e-3 and turn > 3:
            break
