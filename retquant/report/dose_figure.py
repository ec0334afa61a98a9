"""The curve of an outcome over a biomarker, with its band, and the distribution of the biomarker below it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from retquant.association.dose_response import DoseResponse
from retquant.report.axes import Axis, axis_over

WIDTH, HEIGHT = 360, 276
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 348.0, 12.0, 206.0
_BARS = (250.0, 216.0)  # feet and highest top of the bars


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseFigure:
    """Everything the template draws, in pixels."""

    biomarker: str
    unit: str
    people: int
    p_nonlinear: float
    across: Axis
    up: Axis
    curve: str  # path
    band: str  # path
    straight: str  # path of the straight line
    bars: str  # path
    null_y: float
    reference_x: float
    told: str  # effect at both ends, for who cannot see the curve
    width: int = WIDTH
    height: int = HEIGHT
    feet: float = _BARS[0]


def dose_figure(curve: DoseResponse, *, is_ratio: bool) -> DoseFigure | None:
    """The plot of a curve; None where there is none."""
    if curve.reason:
        return None
    shown = [
        np.exp(np.clip(one, -50, 50)) if is_ratio else one for one in (curve.effect, curve.low, curve.high)
    ]
    effect, low, high = shown
    null = 1.0 if is_ratio else 0.0
    across = axis_over(curve.values.tolist(), start=_LEFT, end=_RIGHT, include=curve.reference)
    up = axis_over(
        [*effect.tolist(), *_bounded(low, is_ratio, effect), *_bounded(high, is_ratio, effect)],
        start=_BOTTOM,
        end=_TOP,
        include=null,
        is_log=is_ratio,
    )
    x = [across.position(value) for value in curve.values.tolist()]
    line = curve.slope * (curve.values - curve.reference)
    straight = np.exp(np.clip(line, -50, 50)) if is_ratio else line
    tops = _BARS[0] - (_BARS[0] - _BARS[1]) * curve.counts / max(int(curve.counts.max()), 1)
    edges = [across.position(edge) for edge in curve.edges.tolist()]
    bars = "".join(
        f"M{left:g} {_BARS[0]:g}V{top:.1f}H{right:g}V{_BARS[0]:g}z"
        for left, right, top in zip(edges, edges[1:], tops.tolist(), strict=False)
    )
    return DoseFigure(
        biomarker=curve.biomarker,
        unit="" if curve.unit == "1" else curve.unit,
        people=curve.people,
        p_nonlinear=curve.p_nonlinear,
        across=across,
        up=up,
        curve=_path(x, effect, up),
        band=_path(x, high, up) + _path(x[::-1], low[::-1], up).replace("M", "L", 1) + "z",
        straight=_path(x, straight, up),
        bars=bars,
        null_y=up.position(null),
        reference_x=across.position(curve.reference),
        told=f"{effect[0]:.3g} at {curve.values[0]:.4g}, {effect[-1]:.3g} at {curve.values[-1]:.4g}",
    )


def _bounded(ends: np.ndarray, is_ratio: bool, effect: np.ndarray) -> list[float]:
    """Ends of the band, held to where they do not flatten the curve; beyond, the band leaves the frame."""
    if is_ratio:
        span = max(float(np.abs(np.log(effect)).max()), math.log(1.5))
        return np.exp(np.clip(np.log(ends), -4 * span, 4 * span)).tolist()
    span = max(float(np.abs(effect).max()), 1e-12)
    return np.clip(ends, -4 * span, 4 * span).tolist()


def _path(x: list[float], values: np.ndarray, up: Axis) -> str:
    points = [f"{left:g} {up.position(value):g}" for left, value in zip(x, values.tolist(), strict=True)]
    return "M" + "L".join(points)
