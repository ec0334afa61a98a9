"""Shapes whose densities, dimensions and calibre summaries are known: spokes, stripes, squares, carpets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retquant.phantoms.curves import FRAME, frame_center
from retquant.phantoms.geometry import Block, Ellipse, Tube
from retquant.phantoms.shape import Shape


def spokes(
    *,
    artery_widths: float | Sequence[float] = 16.0,
    vein_widths: float | Sequence[float] = 24.0,
    disc_radius: float = 180.0,
    um_per_px: float = 5.0,
    size: tuple[int, int] = FRAME,
) -> Shape:
    """A disc with straight arteries and veins, six each unless told, that cross zones B and C.

    Arteries and veins alternate at equal angles where there are as many of each. They run from the disc's
    margin to 5.3 disc radii. With a disc radius of 180 px the frame holds zone C. CRAE and CRVE follow
    Knudtson 2003 and Hubbard 1999 (narrower vessel first) over the six widest.
    """
    arteries, veins = _six_or_given(artery_widths), _six_or_given(vein_widths)
    count = max(len(arteries), len(veins))
    middle = frame_center(size)
    truth = {"disc_radius_px": disc_radius, "tortuosity_hart1": 1.0, "branch_points": 0.0}
    tubes = {}
    for name, prefix, widths, phase in (("artery", "crae", arteries, 0.0), ("vein", "crve", veins, 0.5)):
        turns = (np.arange(len(widths)) + phase) * 2 * np.pi / count
        tubes[name] = tuple(
            Tube(
                points=middle + np.outer([disc_radius, 5.3 * disc_radius], [-np.cos(turn), np.sin(turn)]),
                diameter=width,
            )
            for turn, width in zip(turns, widths, strict=True)
        )
        if len(widths) >= 6:
            truth[f"{prefix}_knudtson_px"] = central_equivalent(widths, name, "knudtson")
            truth[f"{prefix}_knudtson_um"] = truth[f"{prefix}_knudtson_px"] * um_per_px
            truth[f"{prefix}_hubbard_um"] = central_equivalent(
                [w * um_per_px for w in widths], name, "hubbard"
            )
    if {"crae_knudtson_px", "crve_knudtson_px"} <= truth.keys():
        truth["avr_knudtson"] = truth["crae_knudtson_px"] / truth["crve_knudtson_px"]
        truth["avr_hubbard"] = truth["crae_hubbard_um"] / truth["crve_hubbard_um"]
    if len(set(arteries)) == 1:
        truth["calibre_px"] = arteries[0]
    if len(set(veins)) == 1:
        truth["vein_calibre_px"] = veins[0]
    disc = Ellipse(center=(middle[0], middle[1]), semi_axes=(disc_radius, disc_radius))
    return Shape(name="spokes", size=size, tubes=tubes, disc=disc, um_per_px=um_per_px, truth=truth)


def parallel_vessels(
    *,
    width: float = 16.0,
    pitch: float = 64.0,
    structure: str = "artery",
    circular_field: bool = True,
    size: tuple[int, int] = FRAME,
) -> Shape:
    """Straight vessels `pitch` px apart across the field: area density width/pitch, length density 1/pitch.

    In a circular field the truth is the exact sum over the chords, which differs from width/pitch by some
    parts in a thousand and holds at every turn. Without one (the whole frame) the truth is width/pitch and
    1/pitch, for frames of a whole number of pitches at quarter turns.
    """
    middle = frame_center(size)
    reach = float(np.hypot(*size))
    number = int(np.ceil(reach / pitch / 2))
    offsets = (np.arange(-number, number) + 0.5) * pitch
    tubes = tuple(
        Tube(points=middle + np.array([[offset, -reach], [offset, reach]]), diameter=width)
        for offset in offsets
    )
    truth = {"area_density": width / pitch, "length_density_per_px": 1 / pitch}
    fov = None
    if circular_field:
        radius = 0.48 * min(size)
        fov = Ellipse(center=(middle[0], middle[1]), semi_axes=(radius, radius))
        chords = 2 * np.sqrt(np.maximum(radius**2 - offsets**2, 0))
        covered = _segment_area(offsets + width / 2, radius) - _segment_area(offsets - width / 2, radius)
        truth = {
            "area_density": float(covered.sum() / fov.area),
            "length_density_per_px": float(chords.sum() / fov.area),
        }
    truth |= {"pitch_px": pitch, "calibre_px": width, "tortuosity_hart1": 1.0, "branch_points": 0.0}
    return Shape(name="parallel_vessels", size=size, tubes={structure: tubes}, fov=fov, truth=truth)


def filled_square(*, side: float = 1024.0, structure: str = "vessel", size: tuple[int, int] = FRAME) -> Shape:
    """A filled square with whole-pixel edges: fractal dimension 2."""
    truth = {"fractal_d0": 2.0, "area_density": side**2 / (size[0] * size[1])}
    block = Block(center=_aligned_center(side, size), sides=(side, side))
    return Shape(name="filled_square", size=size, blocks={structure: (block,)}, truth=truth)


def full_image(*, structure: str = "vessel", size: tuple[int, int] = FRAME) -> Shape:
    """A frame filled to its corners at any turn: density 1, lacunarity 1 at each scale, dimension 2."""
    middle, side = frame_center(size), 2.0 * float(np.hypot(*size))
    block = Block(center=(middle[0], middle[1]), sides=(side, side))
    truth = {"area_density": 1.0, "lacunarity_mean": 1.0, "lacunarity_slope": 0.0, "fractal_d0": 2.0}
    return Shape(name="full_image", size=size, blocks={structure: (block,)}, truth=truth)


def sierpinski_carpet(
    *,
    generations: int = 5,
    side: int = 729,  # pixels, 3^6
    structure: str = "vessel",
    size: tuple[int, int] = FRAME,
) -> Shape:
    """A Sierpinski carpet: fractal dimension log 8 / log 3, by boxes in powers of three.

    `side` is best a multiple of 3^generations, so that all edges fall between pixels; the smallest cell is
    then side/3^generations px.
    """
    row, col = _aligned_center(side, size)
    blocks = [Block(center=(row, col), sides=(side, side))]
    corners = np.array([[row, col]]) - side / 2
    for generation in range(1, generations + 1):
        cell = side / 3**generation
        ninths = np.array([(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)])
        blocks += [
            Block(center=(r + 1.5 * cell, c + 1.5 * cell), sides=(cell, cell), is_hole=True)
            for r, c in corners.tolist()
        ]
        corners = (corners[:, None, :] + ninths[None, :, :] * cell).reshape(-1, 2)
    truth = {
        "fractal_d0": float(np.log(8) / np.log(3)),
        "area_density": side**2 * (8 / 9) ** generations / (size[0] * size[1]),
    }
    return Shape(name="sierpinski_carpet", size=size, blocks={structure: tuple(blocks)}, truth=truth)


def foveal_zone(
    *, semi_axes: tuple[float, float] = (300.0, 150.0), angle_deg: float = 0.0, size: tuple[int, int] = FRAME
) -> Shape:
    """An elliptical foveal avascular zone: area, perimeter, circularity and axis ratio are closed forms."""
    from scipy.special import ellipe

    middle = frame_center(size)
    faz = Ellipse(center=(middle[0], middle[1]), semi_axes=semi_axes, angle_deg=angle_deg)
    long, short = max(semi_axes), min(semi_axes)
    perimeter = float(4 * long * ellipe(1 - (short / long) ** 2))
    circularity = 4 * np.pi * faz.area / perimeter**2
    truth = {
        "faz_area_px2": faz.area,
        "faz_perimeter_px": perimeter,
        "faz_circularity": circularity,
        "faz_acircularity": circularity**-0.5,
        "faz_axis_ratio": short / long,
        "faz_roundness": short / long,
        "faz_solidity": 1.0,
        "faz_equivalent_diameter_px": 2 * faz.radius,
        "faz_max_inscribed_diameter_px": 2 * short,
    }
    return Shape(name="foveal_zone", size=size, faz=faz, truth=truth)


def _aligned_center(side: float, size: tuple[int, int]) -> tuple[float, float]:
    """Centre of a square about the middle of the frame whose edges fall between pixels."""
    row, col = (np.floor((n - side) / 2) - 0.5 + side / 2 for n in size)
    return float(row), float(col)


def _segment_area(height: np.ndarray, radius: float) -> np.ndarray:
    """Area of a disc of `radius` below the line at `height` from its centre."""
    h = np.clip(height, -radius, radius)
    return h * np.sqrt(radius**2 - h**2) + radius**2 * (np.arcsin(h / radius) + np.pi / 2)


def _six_or_given(widths: float | Sequence[float]) -> list[float]:
    return [float(widths)] * 6 if isinstance(widths, int | float) else [float(w) for w in widths]


def central_equivalent(widths: Sequence[float], structure: str, formula: str) -> float:
    """The six widest, paired widest with narrowest, an odd middle one carried, until one is left (`knudtson` or
    `hubbard`)."""
    left = sorted(widths)[-6:]
    while len(left) > 1:
        pairs = [_pair(left[i], left[-1 - i], structure, formula) for i in range(len(left) // 2)]
        left = sorted(pairs + ([left[len(left) // 2]] if len(left) % 2 else []))
    return left[0]


def _pair(narrow: float, wide: float, structure: str, formula: str) -> float:
    if formula == "knudtson":
        return (0.88 if structure == "artery" else 0.95) * float(np.hypot(narrow, wide))
    if structure == "artery":
        return float(np.sqrt(0.87 * narrow**2 + 1.01 * wide**2 - 0.22 * narrow * wide - 10.76))
    return float(np.sqrt(0.72 * narrow**2 + 0.91 * wide**2 + 450.05))
