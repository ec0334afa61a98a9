"""What is defined on a raster only, by brute force on one finer than any picture of the field.

Areas, lacunarity, the gaps between capillaries and the flow deficits follow from the drawn vessels pixel by pixel; none
of the toolkit's measuring code is used. F is the number of pixels a side: pixels of 1.5 um in 3 mm, 2 um in 6 mm.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from retquant.phantoms.octa_truth import Regions

_BOXES = (2, 4, 8, 16, 32, 64, 128)  # of a field 1,024 pixels across, up to an eighth of it
_BOX_FIELD_PX = 1024
_DEFICIT_UM = 24.0  # equivalent diameter of the smallest flow deficit
_NONPERFUSED_UM = 100.0  # farther than this from any vessel
_RING_UM = 300.0  # width of the ring round the avascular zone
_OPPOSITE = np.sqrt(2.0)  # a ridge's two nearest vessel points are seen at 90 degrees or more


def fine_side(field_mm: float) -> int:
    """Pixels a side of the raster for a field."""
    return 2048 if field_mm <= 4 else 3072


def area_truth(drawn: Mapping[str, np.ndarray], regions: Regions) -> dict[str, float]:
    """Area densities and diameter indices of each region from (F, F) coverages by structure.

    Also the ratio of artery to vein areas.
    """
    side = len(next(iter(drawn.values())))
    at = (np.arange(side) + 0.5) / side * regions.field_mm
    grid = np.stack(np.meshgrid(at, at, indexing="ij"), axis=-1)
    figures: dict[str, float] = {}
    for name in regions.names():
        if np.isnan(regions.area(name)):
            continue
        inside = regions.contains(name, grid)
        for structure, coverage in drawn.items():
            figures[f"{structure}_area_density_{name}"] = float(coverage[inside].mean(dtype=float))
        vein = figures.get(f"vein_area_density_{name}", 0.0)
        if vein > 0:
            figures[f"avr_area_density_{name}"] = figures[f"artery_area_density_{name}"] / vein
    return figures


def lacunarity_truth(coverage: np.ndarray) -> dict[str, float]:
    """Mean over boxes of E[m^2] / E[m]^2 of the vessel area m in a gliding box, and its log-log slope."""
    from scipy.ndimage import uniform_filter

    values = []
    for box in _BOXES:
        side = box * len(coverage) // _BOX_FIELD_PX
        mass = uniform_filter(coverage.astype(np.float64), size=side, mode="constant")
        first, last = side // 2, len(coverage) - (side - side // 2) + 1
        mass = mass[first:last, first:last]
        mean = mass.mean()
        values.append((mass**2).mean() / mean**2 if mean > 0 else np.nan)
    slope = np.polyfit(np.log(_BOXES), np.log(values), 1)[0]
    return {"lacunarity_mean": float(np.mean(values)), "lacunarity_slope": float(slope)}


def gap_truth(coverage: np.ndarray, faz: np.ndarray, field_mm: float) -> dict[str, float]:
    """Gaps between the vessels of (F, F) `coverage`, the avascular zone (`faz`, a coverage) left out.

    Intercapillary distances are twice the distance to the nearest vessel along the ridges of that distance: pixels
    whose nearest vessel point and their neighbour's lie on opposite sides. Flow deficits are connected gaps (by sides)
    of at least 24 um equivalent diameter; their share is of the field less the avascular zone.
    """
    from scipy.ndimage import distance_transform_edt, label

    um = 1000 * field_mm / len(coverage)
    vessel = coverage >= 0.5
    gap, nearest = distance_transform_edt(~vessel, return_indices=True)
    outside = faz < 0.5
    ridge = _ridges(gap, nearest) & outside
    distance = (
        2 * um * (gap[ridge] - 0.5)
    )  # from the middle of a pixel to the edge of the nearest vessel pixel
    parts, count = label(~vessel & outside)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:] * um**2
    deficits = sizes[sizes >= np.pi * _DEFICIT_UM**2 / 4]
    region = float(outside.sum()) * um**2
    figures = {
        "flow_deficit_fraction": float(deficits.sum() / region),
        "flow_deficit_count": float(len(deficits)),
        "nonperfusion_area": float(np.count_nonzero(((gap - 0.5) * um > _NONPERFUSED_UM) & outside))
        * um**2
        / 1e6,
    }
    if len(deficits):
        figures["flow_deficit_mean_area"] = float(deficits.mean() / 1e6)  # mm2
    if len(distance):
        figures["intercapillary_distance_mean"] = float(distance.mean())
        figures["intercapillary_distance_p95"] = float(np.percentile(distance, 95))
    return figures


def ring_density(coverage: np.ndarray, faz: np.ndarray, field_mm: float) -> float:
    """Area density in the ring of 300 um round the avascular zone (`faz`, a coverage)."""
    from scipy.ndimage import distance_transform_edt

    um = 1000 * field_mm / len(coverage)
    away = (distance_transform_edt(faz < 0.5) - 0.5) * um
    return float(coverage[(away > 0) & (away <= _RING_UM)].mean(dtype=float))


def _ridges(gap: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """(F, F) pixels between vessel points that face each other, on either side of a pixel's border."""
    ridge = np.zeros(gap.shape, dtype=bool)
    for axis in (0, 1):
        here = tuple(slice(None, -1) if a == axis else slice(None) for a in (0, 1))
        there = tuple(slice(1, None) if a == axis else slice(None) for a in (0, 1))
        apart = np.hypot(*(nearest[(slice(None), *there)] - nearest[(slice(None), *here)]))
        is_ridge = (apart >= np.maximum(_OPPOSITE * np.maximum(gap[here], gap[there]), 3.0)) & (gap[here] > 0)
        first = gap[here] >= gap[there]
        ridge[here] |= is_ridge & first
        ridge[there] |= is_ridge & ~first & (gap[there] > 0)
    return ridge
