"""How well the photograph shows its vessels: sharpness of their edges, and contrast over noise.

Both come from the green channel's profiles across the centre lines, so they see what the biomarkers rest on: a
picture may be evenly lit and well exposed, and its vessels a blur.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View, Workspace

# Profiles reach a given way beyond the vessel, in calibres plus a share of the field: a blurred vessel spreads beyond
# its mask by the width of the blur, whatever its calibre.
REACH = 1.5
FIELD_SHARE = 0.01
STEPS = 49  # samples of a profile, odd, so that one lies on the centre line
EVERY = 2  # centre-line points from one profile to the next
FEWEST_PROFILES = 8  # of a segment, whose mean profile is taken
APART = 4  # profiles between two whose difference is noise: about a calibre, so that light changes little
NARROWEST_PX = 1.0  # a calibre below a pixel gives its profile no width
MIDDLE_WITHIN = 0.1  # of the unit: the vessel's own level
BACKGROUND_FROM = 1.0  # of the unit: from here on it is not this vessel


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """Mean profile and noise of each segment that has enough of them (K segments)."""

    mean: np.ndarray  # (K, STEPS) grey levels of green, at `POSITIONS` units from the centre line
    noise: np.ndarray  # (K,) grey levels, SD of the background beside the vessel
    unit: np.ndarray  # (K,) hundredths of the field's diameter to a unit of `POSITIONS`


POSITIONS = np.linspace(-REACH, REACH, STEPS)


@biomarker(
    unit="1",
    reference="retquant",
    structures=("quality",),
    over="image",
    id="quality_vessel_sharpness",
    direction="higher_is_better",
)
def vessel_sharpness(workspace: Workspace) -> Measurement:
    """Steepness of vessel edges in green, share of their depth gained over 1 % of the field; median over segments.

    The steepest slope of a segment's mean profile, over the depth of its middle below the background on both sides.
    An edge blurred by a Gaussian of s hundredths of the field's diameter reads 0.40/s; it does not depend on where a
    mask draws the edge.
    """
    profiles = _profiles(workspace)
    if profiles is None:
        return missing("no_photograph")
    depth = _depth(profiles.mean)
    step = (POSITIONS[1] - POSITIONS[0]) * profiles.unit  # hundredths of the field
    slope = np.abs(np.diff(profiles.mean, axis=1)) / step[:, None]
    on_edge = np.abs((POSITIONS[1:] + POSITIONS[:-1]) / 2) <= BACKGROUND_FROM
    seen = depth > 0  # a segment that is no darker than its surroundings has no edge
    if not seen.any():
        return missing("too_few_vessels")
    values = slope[seen][:, on_edge].max(axis=1) / depth[seen]
    return Measurement(value=float(np.median(values)), n=int(seen.sum()))


@biomarker(
    unit="1",
    reference="retquant",
    structures=("quality",),
    over="image",
    id="quality_vessel_contrast_to_noise",
    direction="higher_is_better",
)
def vessel_contrast_to_noise(workspace: Workspace) -> Measurement:
    """Depth of vessels in green over the standard deviation of the background beside them; median over segments.

    The deviation is that between places about a calibre apart along the vessel, so that uneven light is no noise.
    """
    profiles = _profiles(workspace)
    if profiles is None:
        return missing("no_photograph")
    if not len(profiles.mean):
        return missing("too_few_vessels")
    values = _depth(profiles.mean) / np.maximum(profiles.noise, 0.5)  # half a grey level: that of rounding
    return Measurement(value=float(np.median(values)), n=len(values))


def _depth(mean: np.ndarray) -> np.ndarray:
    """(K,) grey levels by which the middle of a profile is darker than the background on both sides."""
    background = mean[:, np.abs(POSITIONS) >= BACKGROUND_FROM].mean(axis=1)
    return np.asarray(background - mean[:, np.abs(POSITIONS) <= MIDDLE_WITHIN].mean(axis=1))


def _profiles(workspace: Workspace) -> Profiles | None:
    """Profiles of all vessels, or of arteries and veins where all vessels are not known; None without a picture."""
    inputs = workspace.inputs
    structures = ("vessel",) if "vessel" in inputs.graphs else ("artery", "vein")
    known = [name for name in structures if name in inputs.graphs]
    if inputs.photograph is None:
        return None
    found = [workspace.view(name, "fov").shared("profiles", _of_graph) for name in known]
    if not found:
        return _none()
    return Profiles(
        *(np.concatenate([getattr(p, name) for p in found]) for name in ("mean", "noise", "unit"))
    )


def _none() -> Profiles:
    return Profiles(np.zeros((0, STEPS)), np.zeros(0), np.zeros(0))


def _of_graph(view: View) -> Profiles:
    import cv2

    graph, inputs = view.graph, view.inputs
    assert inputs.photograph is not None  # asked before
    point = np.arange(0, len(graph.points), EVERY)
    point = point[np.isfinite(graph.calibre[point]) & (graph.calibre[point] >= NARROWEST_PX)]
    segment = np.searchsorted(graph.starts, point, side="right") - 1
    normal = np.column_stack([-graph.tangent[point, 1], graph.tangent[point, 0]])
    unit = graph.calibre[point] + FIELD_SHARE * inputs.field.diameter_px
    away = unit[:, None] * POSITIONS[None, :]
    where = graph.points[point, None, :] + away[..., None] * normal[:, None, :]
    ends = np.rint(where[:, [0, -1]]).astype(int)
    height, width = inputs.fov.shape
    inside = ((ends >= 0) & (ends < (height, width))).all(axis=(1, 2))
    inside[inside] = inputs.fov[ends[inside, :, 0], ends[inside, :, 1]].all(axis=1)
    where, segment = where[inside].astype(np.float32), segment[inside]
    size = unit[inside] / (0.01 * inputs.field.diameter_px)
    if not len(segment):
        return _none()
    green = np.ascontiguousarray(inputs.photograph[..., 1])
    levels = np.concatenate(  # in slices: OpenCV maps at most 32,767 rows
        [
            cv2.remap(green, part[..., 1].copy(), part[..., 0].copy(), cv2.INTER_LINEAR)
            for part in np.array_split(where, 1 + len(where) // 30_000)
        ]
    ).astype(float)
    first = np.flatnonzero(np.append(True, np.diff(segment) != 0))
    count = np.diff(np.append(first, len(segment)))
    total = np.add.reduceat(levels, first)
    mean = total / count[:, None]
    change = np.zeros_like(levels)
    change[APART:] = (levels[APART:] - levels[:-APART]) ** 2 / 2
    is_pair = np.zeros(len(segment), bool)
    is_pair[APART:] = segment[APART:] == segment[:-APART]
    change[~is_pair] = 0.0
    pairs = np.maximum(np.add.reduceat(is_pair.astype(int), first), 1)
    variance = np.add.reduceat(change, first) / pairs[:, None]
    beside = np.abs(POSITIONS) >= BACKGROUND_FROM
    # the median over the positions: another vessel alongside takes up less than half of them
    noise = np.sqrt(np.median(variance[:, beside], axis=1))
    enough = count >= FEWEST_PROFILES
    size = np.add.reduceat(size, first) / count
    return Profiles(mean[enough], noise[enough], size[enough])
