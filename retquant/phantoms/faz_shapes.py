"""OCTA shapes whose answers are known: foveal avascular zones of any outline, and grids of capillaries."""

from __future__ import annotations

from dataclasses import replace

from retquant.phantoms.areas import parallel_vessels
from retquant.phantoms.curves import FRAME, frame_center
from retquant.phantoms.faz_outline import HarmonicOutline, Polygon
from retquant.phantoms.geometry import Tube
from retquant.phantoms.shape import Shape

_POINTS = 1440  # of an outline: its polygon falls short of the curve by parts in a million
_UNITS = {"area": "_px2"} | dict.fromkeys(
    ("perimeter", "equivalent_diameter", "max_inscribed_diameter"), "_px"
)


def harmonic_zone(
    *,
    radius: float = 250.0,
    amplitudes: tuple[float, ...] = (0.10, 0.06, 0.04, 0.03, 0.02),
    phases: tuple[float, ...] = (0.3, 1.7, 4.0, 2.2, 5.1),
    size: tuple[int, int] = FRAME,
) -> Shape:
    """A foveal avascular zone r(t) = radius (1 + sum of amplitude_k cos(k t + phase_k)), k = 2, 3, ...

    Area and perimeter are those of the polygon drawn, by the shoelace formula; without amplitudes it is a circle.
    """
    middle = frame_center(size)
    outline = HarmonicOutline(
        center=(float(middle[0]), float(middle[1])),
        radius=radius,
        amplitudes=amplitudes,
        phases=phases[: len(amplitudes)],
    )
    return polygonal_zone(outline.polygon(_POINTS), size=size, name="harmonic_zone")


def polygonal_zone(polygon: Polygon, *, size: tuple[int, int] = FRAME, name: str = "polygonal_zone") -> Shape:
    """A foveal avascular zone of any simple polygon, with the exact figures of that polygon."""
    truth = {f"faz_{key}{_UNITS.get(key, '')}": value for key, value in polygon.figures().items()}
    return Shape(name=name, size=size, faz=polygon, truth=truth)


def capillary_grid(
    *,
    width: float = 4.0,
    pitch: float = 32.0,
    is_crossed: bool = False,
    structure: str = "capillary",
    size: tuple[int, int] = FRAME,
) -> Shape:
    """Parallel capillaries `pitch` px apart over the whole frame, or two such sets at right angles.

    Area density width/pitch, length density 1/pitch and intercapillary distance pitch - width; crossed, area density
    1 - (1 - width/pitch)^2 and length density 2/pitch. For frames of a whole number of pitches, at quarter turns.
    """
    grid = parallel_vessels(width=width, pitch=pitch, structure=structure, circular_field=False, size=size)
    if not is_crossed:
        truth = {**grid.truth, "intercapillary_distance_px": pitch - width}
        return replace(grid, name="capillary_grid", truth=truth)
    middle = frame_center(size)
    across = tuple(
        Tube(points=middle + (tube.points - middle)[:, ::-1], diameter=width)
        for tube in grid.tubes[structure]
    )
    truth = {
        "area_density": 1 - (1 - width / pitch) ** 2,
        "length_density_per_px": 2 / pitch,
        "pitch_px": pitch,
        "calibre_px": width,
        "tortuosity_hart1": 1.0,
    }
    tubes = {structure: (*grid.tubes[structure], *across)}
    return replace(grid, name="crossed_grid", tubes=tubes, truth=truth)
