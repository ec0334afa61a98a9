"""Disc, cup, rim and fovea of a digital eye, in closed form from the ellipses that were drawn."""

from __future__ import annotations

import numpy as np

from retquant.phantoms.geometry import Ellipse
from retquant.phantoms.shape import Shape

SECTORS = ("superior", "nasal", "inferior", "temporal")
_RAYS = 3601  # per sector of 90 degrees, for the means of rim width


def disc_figures(shape: Shape, eye: str, *, mm_per_px: float) -> dict[str, float]:
    """Column -> value: areas in mm2, diameters and widths in um, angles in degrees."""
    disc, cup, fovea = shape.disc, shape.cup, shape.fovea
    assert disc is not None
    um, mm2 = 1000 * mm_per_px, mm_per_px**2
    high, wide = _extent(disc, 0), _extent(disc, 1)
    figures = {
        "disc_area": disc.area * mm2,
        "disc_diameter_vertical": high * um,
        "disc_diameter_horizontal": wide * um,
        "disc_ovality": min(disc.semi_axes) / max(disc.semi_axes),
        "disc_torsion": _torsion(disc, eye),
    }
    if cup is not None:
        figures |= {
            "cup_area": cup.area * mm2,
            "cdr_vertical": _extent(cup, 0) / high,
            "cdr_horizontal": _extent(cup, 1) / wide,
            "cdr_area": cup.area / disc.area,
            "rim_area": (disc.area - cup.area) * mm2,
            "rim_disc_area_ratio": 1 - cup.area / disc.area,
        }
        widths = {sector: float(np.mean(rim_width(disc, cup, _rays(sector, eye)))) * um for sector in SECTORS}
        figures |= {f"rim_width_{sector}": width for sector, width in widths.items()}
        everywhere = rim_width(disc, cup, np.linspace(0, 2 * np.pi, 4 * _RAYS, endpoint=False))
        figures["rim_width_min"] = float(everywhere.min()) * um
        figures["rim_width_min_clock_hour"] = float(narrowest_clock_hour(disc, cup, eye))
    if fovea is not None:
        down, right = np.subtract(fovea, disc.center)
        figures["disc_fovea_distance"] = float(np.hypot(down, right)) * mm_per_px
        figures["disc_fovea_angle"] = float(np.degrees(np.arctan2(down, abs(right))))
    return figures


def rim_width(disc: Ellipse, cup: Ellipse, angle: np.ndarray) -> np.ndarray:
    """Pixels from cup to disc along rays from the disc's centre, at angles from down towards the right.

    A ray that misses a cup off the centre counts whole.
    """
    return _reach(disc, disc.center, angle) - _reach(cup, disc.center, angle)


def _reach(ellipse: Ellipse, origin: tuple[float, float], angle: np.ndarray) -> np.ndarray:
    """Pixels from `origin` to where each ray last leaves the ellipse, 0 where it misses it."""
    turn = np.deg2rad(ellipse.angle_deg)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    # in units of the semi-axes the ellipse is the unit circle
    start = axes @ np.subtract(origin, ellipse.center) / ellipse.semi_axes
    step = (axes @ [np.cos(angle), np.sin(angle)]).T / ellipse.semi_axes
    half, square = step @ start, (step**2).sum(axis=1)
    inside = half**2 - square * (start @ start - 1)
    return np.where(inside > 0, np.maximum(0, (np.sqrt(np.maximum(inside, 0)) - half) / square), 0)


def narrowest_clock_hour(disc: Ellipse, cup: Ellipse, eye: str) -> int:
    """Hour, 12 up and 9 at the temple, at which the rim is narrowest."""
    angle = np.linspace(0, 2 * np.pi, 4 * _RAYS, endpoint=False)
    narrowest = float(angle[np.argmin(rim_width(disc, cup, angle))])
    toward_nose = np.sin(narrowest) if eye == "OD" else -np.sin(narrowest)
    return round(np.degrees(np.arctan2(toward_nose, -np.cos(narrowest))) / 30) % 12 or 12


def _rays(sector: str, eye: str) -> np.ndarray:
    """Angles of a sector's rays, from down (row axis) towards the right (column axis)."""
    nasal_is_right = eye == "OD"  # the disc lies nasal of the fovea, on the right of a right eye's picture
    middle = {
        "inferior": 0.0,
        "superior": np.pi,
        "nasal": np.pi / 2 if nasal_is_right else -np.pi / 2,
        "temporal": -np.pi / 2 if nasal_is_right else np.pi / 2,
    }[sector]
    return np.asarray(middle + np.linspace(-np.pi / 4, np.pi / 4, _RAYS))


def _extent(ellipse: Ellipse, axis: int) -> float:
    """Pixels from one side of the ellipse to the other along the rows (0) or columns (1)."""
    turn = np.deg2rad(ellipse.angle_deg)
    along, across = (np.cos(turn), np.sin(turn)) if axis == 0 else (np.sin(turn), np.cos(turn))
    return 2 * float(np.hypot(ellipse.semi_axes[0] * along, ellipse.semi_axes[1] * across))


def _torsion(disc: Ellipse, eye: str) -> float:
    """Degrees of the long axis from the vertical, positive where its upper end leans towards the nose."""
    turn = disc.angle_deg if disc.semi_axes[0] >= disc.semi_axes[1] else disc.angle_deg + 90
    turn = (turn + 90) % 180 - 90  # the axis that points down and `turn` to the right points up and left
    return float(-turn if eye == "OD" else turn)
