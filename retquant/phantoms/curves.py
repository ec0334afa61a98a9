"""Single vessels whose length, curvature and calibre have closed forms.

Each builder draws an artery; `structure="vein"` draws a vein, 24 px wide unless told. Shapes are centred in
the frame, so that turns about its centre keep them inside.
"""

from __future__ import annotations

import numpy as np

from retquant.phantoms.geometry import Tube
from retquant.phantoms.shape import Shape

ARTERY_PX = 16.0
VEIN_PX = 24.0
FRAME = (2048, 2048)


def calibre_of(structure: str, width: float | None) -> float:
    """Pixels; `width` where it is given, else the usual calibre of the structure."""
    if width is not None:
        return float(width)
    return VEIN_PX if structure == "vein" else ARTERY_PX


def straight_vessel(
    *,
    length: float = 1200.0,
    width: float | None = None,
    structure: str = "artery",
    size: tuple[int, int] = FRAME,
) -> Shape:
    """A straight vessel of `length` px along the columns: tortuosity 1, no curvature."""
    middle = frame_center(size)
    points = middle + np.array([[0.0, -length / 2], [0.0, length / 2]])
    truth = _curve_truth(length, length, turning=0.0, squared=0.0) | {"inflections": 0.0, "grisan": 0.0}
    return _one_vessel("straight_vessel", points, calibre_of(structure, width), structure, size, truth)


def quarter_circle(
    *,
    radius: float = 450.56,
    angle_deg: float = 90.0,
    width: float | None = None,
    structure: str = "artery",
    size: tuple[int, int] = FRAME,
) -> Shape:
    """A circular arc of `radius` px through `angle_deg`, a quarter circle unless told."""
    angle = np.deg2rad(angle_deg)
    count = max(int(np.ceil(radius * angle)), 16) + 1  # 1 px steps: the chord falls short by 1/(8 radius) px
    theta = np.linspace(0.0, angle, count)
    points = radius * np.column_stack([np.sin(theta), np.cos(theta)])
    points += frame_center(size) - (points.min(axis=0) + points.max(axis=0)) / 2
    arc, chord = radius * angle, 2 * radius * np.sin(angle / 2)
    truth = _curve_truth(arc, chord, turning=angle, squared=angle / radius)
    truth |= {"inflections": 0.0, "grisan": 0.0}
    return _one_vessel("quarter_circle", points, calibre_of(structure, width), structure, size, truth)


def sine_vessel(
    *,
    amplitude: float = 60.0,
    period: float = 400.0,
    periods: int = 3,
    width: float | None = None,
    structure: str = "artery",
    size: tuple[int, int] = FRAME,
) -> Shape:
    """A sine wave of whole periods that begins and ends on its axis."""
    from scipy.special import ellipe

    length = period * periods
    x = np.linspace(0.0, length, int(np.ceil(length)) * 2 + 1)
    wave = 2 * np.pi / period
    points = np.column_stack([amplitude * np.sin(wave * x), x - length / 2]) + frame_center(size)
    steepness = amplitude * wave
    arc = length * 2 / np.pi * np.sqrt(1 + steepness**2) * ellipe(steepness**2 / (1 + steepness**2))
    # A quarter wave turns by the arctangent of the steepest slope.
    turning = 4 * periods * np.arctan(steepness)
    squared = _sine_squared_curvature(amplitude, wave, length)
    pieces = 2 * periods  # half waves, each of one sign of curvature
    truth = _curve_truth(arc, length, turning=turning, squared=squared)
    truth |= {
        "inflections": float(pieces - 1),
        "grisan": float((pieces - 1) / arc * pieces * (arc / length - 1)),
    }
    return _one_vessel("sine_vessel", points, calibre_of(structure, width), structure, size, truth)


def koch_curve(
    *,
    generations: int = 2,
    length: float = 1458.0,
    width: float | None = None,
    structure: str = "artery",
    size: tuple[int, int] = FRAME,
) -> Shape:
    """A Koch curve over `length` px: tortuosity (4/3)^generations, dimension log 4 / log 3 in the limit.

    `fractal_d0` is stated from six generations on, and needs a thin line (`width` of 1 to 3 px).
    """
    line = np.array([0j, 1 + 0j])
    for _ in range(generations):
        start, run = line[:-1], np.diff(line)
        peak = start + run / 3 * (1 + np.exp(1j * np.pi / 3))
        corners = np.stack([start, start + run / 3, peak, start + run * 2 / 3], axis=1)
        line = np.append(corners.ravel(), line[-1])
    points = length * np.column_stack([-line.imag, line.real])
    points += frame_center(size) - (points.min(axis=0) + points.max(axis=0)) / 2
    arc = length * (4 / 3) ** generations
    truth = {
        "tortuosity_hart1": (4 / 3) ** generations,
        "arc_length_px": arc,
        "chord_length_px": length,
        "branch_points": 0.0,
        "end_points": 2.0,
    }
    if generations >= 6:
        truth["fractal_d0"] = float(np.log(4) / np.log(3))
    return _one_vessel("koch_curve", points, calibre_of(structure, width), structure, size, truth)


def frame_center(size: tuple[int, int]) -> np.ndarray:
    """(2,) pixels, the middle of the frame."""
    return np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])


def _sine_squared_curvature(amplitude: float, wave: float, length: float) -> float:
    """1/px; the integral of curvature squared along a sine wave (equal steps converge fast on a period)."""
    phase = np.linspace(0.0, 2 * np.pi, 4096, endpoint=False)
    slope = amplitude * wave * np.cos(phase)
    return float(length * np.mean((amplitude * wave**2 * np.sin(phase)) ** 2 / (1 + slope**2) ** 2.5))


def _curve_truth(arc: float, chord: float, *, turning: float, squared: float) -> dict[str, float]:
    """Hart's measures from arc, chord, the integral of |curvature| and the integral of its square."""
    return {
        "tortuosity_hart1": float(arc / chord),
        "hart2": float(turning),
        "hart3": float(squared),
        "hart4": float(turning / arc),
        "hart5": float(squared / arc),
        "hart6": float(turning / chord),
        "hart7": float(squared / chord),
        "soam": float(turning / arc),
        "arc_length_px": float(arc),
        "chord_length_px": float(chord),
        "branch_points": 0.0,
        "end_points": 2.0,
    }


def _one_vessel(
    name: str,
    points: np.ndarray,
    width: float,
    structure: str,
    size: tuple[int, int],
    truth: dict[str, float],
) -> Shape:
    return Shape(
        name=name,
        size=size,
        tubes={structure: (Tube(points=points, diameter=width),)},
        truth=truth | {"calibre_px": width, "components": 1.0, "total_length_px": truth["arc_length_px"]},
    )
