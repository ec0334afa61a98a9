"""Branching and crossing vessels whose counts, angles and calibres are known."""

from __future__ import annotations

import numpy as np

from retquant.phantoms.curves import FRAME, calibre_of, frame_center
from retquant.phantoms.geometry import Tube
from retquant.phantoms.shape import Shape

_MURRAY = 2 ** (-1 / 3)  # calibre of each of two equal daughters, parents being 1, under Murray's cube law


def y_junction(
    *,
    angle_deg: float = 60.0,
    length: float = 500.0,
    width: float | None = None,
    structure: str = "artery",
    size: tuple[int, int] = FRAME,
) -> Shape:
    """A vessel that divides into two of its own calibre, `angle_deg` apart; each arm is `length` px."""
    calibre = calibre_of(structure, width)
    shape = _junction("y_junction", angle_deg, length, (calibre, calibre, calibre), structure, size)
    return shape


def murray_junction(
    *,
    angle_deg: float = 75.0,  # about what least work gives for equal daughters (Murray 1926: 74.9)
    length: float = 500.0,
    width: float | None = None,
    structure: str = "artery",
    size: tuple[int, int] = FRAME,
) -> Shape:
    """A vessel that divides into two of 2^(-1/3) its calibre: junctional exponent 3."""
    calibre = calibre_of(structure, width)
    widths = (calibre, calibre * _MURRAY, calibre * _MURRAY)
    return _junction("murray_junction", angle_deg, length, widths, structure, size)


def binary_tree(
    *,
    angle_deg: float = 50.0,
    lengths: tuple[float, ...] = (420.0, 330.0, 240.0, 170.0),
    width: float | None = None,
    ratio: float = _MURRAY,
    structure: str = "artery",
    size: tuple[int, int] = FRAME,
) -> Shape:
    """A stem that divides again and again, one level for each further entry of `lengths` (px, stem first).

    With L levels of branching there are 2^L - 1 branch points, and 2^L + 1 ends counting the stem's; each
    daughter has `ratio` times its parent's calibre.
    """
    calibre = calibre_of(structure, width)
    segments: list[tuple[np.ndarray, float]] = []
    growing = [(np.zeros(2), 0.0)]
    for level, length in enumerate(lengths):
        nxt = []
        for start, heading in growing:
            stop = start + length * _unit(heading)
            segments.append((np.stack([start, stop]), calibre * ratio**level))
            nxt += [(stop, heading - angle_deg / 2), (stop, heading + angle_deg / 2)]
        growing = nxt
    everything = np.concatenate([points for points, _ in segments])
    offset = frame_center(size) - (everything.min(axis=0) + everything.max(axis=0)) / 2
    levels = len(lengths) - 1
    return Shape(
        name="binary_tree",
        size=size,
        tubes={structure: tuple(Tube(points=points + offset, diameter=w) for points, w in segments)},
        truth={
            "branch_points": float(2**levels - 1),
            "end_points": float(2**levels + 1),
            "components": 1.0,
            "branching_angle_deg": angle_deg,
            "total_length_px": float(sum(length * 2**level for level, length in enumerate(lengths))),
            "strahler_order_max": float(levels + 1),
        }
        | _ratios(1.0, ratio, ratio),
    )


def crossing(
    *,
    angle_deg: float = 60.0,
    length: float = 1200.0,
    artery_width: float = 16.0,
    vein_width: float = 24.0,
    size: tuple[int, int] = FRAME,
) -> Shape:
    """A straight artery over a straight vein at `angle_deg`: no bifurcation, four ends, one crossing.

    `branch_points` and `end_points` are those of both together (`vessel`); each alone has two ends.
    """
    middle, half = frame_center(size), length / 2
    lines = [
        np.stack([middle - half * _unit(turn), middle + half * _unit(turn)]) for turn in (0.0, angle_deg)
    ]
    return Shape(
        name="crossing",
        size=size,
        tubes={
            "artery": (Tube(points=lines[0], diameter=artery_width),),
            "vein": (Tube(points=lines[1], diameter=vein_width),),
        },
        truth={
            "branch_points": 0.0,
            "end_points": 4.0,
            "crossings": 1.0,
            "tortuosity_hart1": 1.0,
            "calibre_px": artery_width,
            "vein_calibre_px": vein_width,
            "total_length_px": 2 * length,
        },
    )


def _junction(
    name: str,
    angle_deg: float,
    length: float,
    widths: tuple[float, float, float],
    structure: str,
    size: tuple[int, int],
) -> Shape:
    middle = frame_center(size)
    headings = (180.0, -angle_deg / 2, angle_deg / 2)
    tubes = tuple(
        Tube(points=np.stack([middle, middle + length * _unit(heading)]), diameter=width)
        for heading, width in zip(headings, widths, strict=True)
    )
    truth = {
        "branch_points": 1.0,
        "end_points": 3.0,
        "components": 1.0,
        "branching_angle_deg": angle_deg,
        "angle_asymmetry_deg": 0.0,
        "total_length_px": 3 * length,
        "tortuosity_hart1": 1.0,
    }
    if widths[0] == widths[1]:
        truth["calibre_px"] = widths[0]
    return Shape(name=name, size=size, tubes={structure: tubes}, truth=truth | _ratios(*widths))


def _ratios(parent: float, first: float, second: float) -> dict[str, float]:
    """Truths of one junction; the exponent only where it has a closed form (equal, thinner daughters)."""
    truth = {
        "asymmetry_ratio": second / first,
        "area_ratio": (first**2 + second**2) / parent**2,
        "optimality_ratio": float(np.cbrt((first**3 + second**3) / (2 * parent**3))),
        "junctional_deviation": float(np.cbrt(parent**3 - first**3 - second**3)) / parent,
    }
    if abs(truth["junctional_deviation"]) < 1e-4:  # the cube root of rounding noise
        truth["junctional_deviation"] = 0.0
    if first == second and first < parent:
        truth["junctional_exponent"] = float(np.log(2) / np.log(parent / first))
    return truth


def _unit(heading_deg: float) -> np.ndarray:
    """(2,) direction; 0 is up in the picture, 90 to the right."""
    heading = np.deg2rad(heading_deg)
    return np.array([-np.cos(heading), np.sin(heading)])
