"""What is defined on a raster only, by brute force on one twice as fine as the picture usual for a fundus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retquant.phantoms.shape import Shape

_FIELD_PX = 2048  # the field's diameter on the fine raster: two pixels a unit of the definition's boxes
BOXES = (2, 4, 8, 16, 32, 64, 128)  # pixels of a field 1,024 across, up to an eighth of it


def raster_truth(shape: Shape, structures: Sequence[str] = ("vessel", "artery", "vein")) -> dict[str, float]:
    """Lacunarity and sparsity of the whole field by column; takes seconds."""
    from scipy.ndimage import distance_transform_edt

    assert shape.fov is not None
    fine = shape.scaled(_FIELD_PX / (2 * shape.fov.radius))
    field = fine.coverage("fov")
    inside = field > 0.5
    fits = [_box_sums(_running_sums(inside), 2 * box) == (2 * box) ** 2 for box in BOXES]
    drawn = {name: fine.coverage(name) * field for name in ("artery", "vein")}
    drawn["vessel"] = np.maximum(drawn["artery"], drawn["vein"])
    figures: dict[str, float] = {}
    for structure in structures:
        sums = _running_sums(drawn[structure])
        values = [lacunarity(_box_sums(sums, 2 * box)[whole]) for box, whole in zip(BOXES, fits, strict=True)]
        slope = np.polyfit(np.log(BOXES), np.log(values), 1)[0]
        figures |= {
            f"{structure}_lacunarity_mean_fov": float(np.mean(values)),
            f"{structure}_lacunarity_slope_fov": float(slope),
        }
        if fine.disc is not None and fine.fovea is not None:
            gap = np.maximum(distance_transform_edt(drawn[structure] < 0.5) - 0.5, 0)[inside]
            unit = float(np.hypot(*np.subtract(fine.fovea, fine.disc.center)))
            figures |= {
                f"{structure}_sparsity_mean_fov": float(gap.mean() / unit),
                f"{structure}_sparsity_max_fov": float(gap.max() / unit),
            }
    return figures


def lacunarity(mass: np.ndarray) -> float:
    """E[m^2] / E[m]^2 of the vessel areas m in the boxes that lie wholly in the field."""
    mean = mass.mean()
    return float((mass**2).mean() / mean**2) if mean > 0 else float("nan")


def _running_sums(values: np.ndarray) -> np.ndarray:
    total = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    np.cumsum(np.cumsum(values, axis=0, dtype=np.float64), axis=1, out=total[1:, 1:])
    return total


def _box_sums(total: np.ndarray, box: int) -> np.ndarray:
    return np.asarray(total[box:, box:] - total[:-box, box:] - total[box:, :-box] + total[:-box, :-box])
