"""What a vessel's cross-section looks like in a photograph: the curve that is fitted, with its derivatives.

The sharp profile is that of blood between two edges a width w apart: a plateau of depth A, deeper towards the middle
where the vessel is thicker (a dome, A beta (1 - u^2)^2 at u half widths from the middle), less the light that the
vessel's crest sends back (a Gaussian of height A gamma whose standard deviation is a tenth of w), on a sloping
background. A neighbour is a step down at its near edge. All of it lies under one Gaussian blur, in closed form, so that
blur is told apart from width and not added to it: the half height of a blurred profile lies outside a vessel thinner
than three standard deviations of the blur, and a difference of two Gaussians [Araujo 2018] fits any blurred profile
but has no edge of its own. As the dome is no higher than the plateau, the sharp profile passes half its height at its
edges.
"""

from __future__ import annotations

import math

from retquant.kernels import kernel

LEVEL, SLOPE, DEPTH, LOG_WIDTH, CENTER, NEIGHBOURS = range(6)
"""A profile's own parameters; each neighbour adds two from `NEIGHBOURS` on, its depth and its edge's shift times it."""

LOG_BLUR, DOME, REFLEX = range(3)
"""Parameters that the vessels of a picture share: log of the blur in pixels, beta and gamma."""

OWN, SHARED = NEIGHBOURS + 4, 3

REFLEX_WIDTH = 0.1
"""Standard deviation of the light reflex over the width: a stripe of a third of the vessel, as is seen."""

_ROOT_HALF, _ROOT_2PI = math.sqrt(0.5), math.sqrt(2 * math.pi)


@kernel
def _below(z, bell):  # type: ignore[no-untyped-def]
    """Share of a standard normal below z, to 1e-7, from exp(-z^2 / 2) [Abramowitz and Stegun 7.1.26]."""
    t = 1.0 / (1.0 + 0.3275911 * abs(z) * _ROOT_HALF)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    tail = 0.5 * poly * bell
    return 1.0 - tail if z > 0 else tail


@kernel(error_model="numpy")
def fill_profile(x, shared, own, edges, value, by_own, by_shared):  # type: ignore[no-untyped-def]
    """Fill `value` (K,) at `x` (K,) pixels from the middle, and its derivatives `by_own` (9, K), `by_shared` (3, K).

    `edges` (2,) holds where each neighbour begins, before the centre or behind it; NaN where there is none.
    """
    count = len(x)
    width, center, depth = math.exp(own[LOG_WIDTH]), own[CENTER], own[DEPTH]
    blur, dome, reflex = math.exp(shared[LOG_BLUR]), shared[DOME], shared[REFLEX]
    half, variance = width / 2, blur * blur
    per_half2 = 1.0 / (half * half)
    crest = REFLEX_WIDTH * width
    spread2 = variance + crest * crest
    spread = math.sqrt(spread2)
    scale = x[count - 1]
    for k in range(count):
        d = x[k] - center
        a, b = (d + half) / blur, (d - half) / blur
        bell_a, bell_b = math.exp(-a * a / 2), math.exp(-b * b / 2)
        at_a, at_b = bell_a / (_ROOT_2PI * blur), bell_b / (_ROOT_2PI * blur)
        # moments of the blur's Gaussian about x between the edges: m0 is the blurred plateau
        m0 = _below(a, bell_a) - _below(b, bell_b)
        m1 = d * m0 - variance * (at_b - at_a)
        m2 = d * m1 - variance * (half * (at_b + at_a) - m0)
        m3 = d * m2 - variance * (half * half * (at_b - at_a) - 2 * m1)
        m4 = d * m3 - variance * (half * half * half * (at_b + at_a) - 3 * m2)
        q2, q4 = m2 * per_half2, m4 * per_half2 * per_half2
        bulge = m0 - 2 * q2 + q4
        z = d / spread
        bell = math.exp(-z * z / 2) / spread
        stripe = crest * bell
        shape = m0 + dome * bulge - reflex * stripe
        by_width = (
            0.5 * (at_a + at_b)
            + dome * 2 * (q2 - q4) / half
            - reflex * REFLEX_WIDTH * bell * (1 + crest * crest * (z * z - 1) / spread2)
        )
        by_d = at_a - at_b + dome * 4 * per_half2 * (m3 * per_half2 - m1) + reflex * stripe * d / spread2
        by_blur = (
            ((d - half) * at_b - (d + half) * at_a) / variance
            + dome * 4 * per_half2 * (3 * q2 - m0)
            - reflex * stripe * (z * z - 1) / spread2
        )  # over the blur: the heat equation's second derivative
        value[k] = own[LEVEL] + own[SLOPE] * x[k] / scale - depth * shape
        by_own[LEVEL, k] = 1.0
        by_own[SLOPE, k] = x[k] / scale
        by_own[DEPTH, k] = -shape
        by_own[LOG_WIDTH, k] = -depth * width * by_width
        by_own[CENTER, k] = depth * by_d
        by_shared[LOG_BLUR, k] = -depth * variance * by_blur
        by_shared[DOME, k] = -depth * bulge
        by_shared[REFLEX, k] = depth * stripe
    for n in range(2):
        if math.isnan(edges[n]):
            continue
        side, at = (-1.0, NEIGHBOURS) if n == 0 else (1.0, NEIGHBOURS + 2)
        for k in range(count):
            z = side * (x[k] - edges[n]) / blur
            bell = math.exp(-z * z / 2)
            by_own[at, k], by_own[at + 1, k] = -_below(z, bell), -bell
            value[k] += own[at] * by_own[at, k] + own[at + 1] * by_own[at + 1, k]
            by_shared[LOG_BLUR, k] += bell * z * (own[at] / _ROOT_2PI - own[at + 1] * z)
